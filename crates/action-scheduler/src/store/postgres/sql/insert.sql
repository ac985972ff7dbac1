-- Stores actions, in order; their ids by place, NULL for those that were refused. Once for each call of the scheduler.
-- `p_locks` are the keys of what has to be unique, and stand in order: two that would be in each other's way take turns.
CREATE FUNCTION {schema}.insert_actions(
    p_now bigint, p_hooks int[], p_groups int[], p_priorities smallint[], p_kinds smallint[], p_dates bigint[],
    p_keys text[], p_args text[], p_hashes bigint[], p_logs boolean[], p_rules smallint[], p_locks bigint[],
    p_firsts bigint[], p_everies bigint[], p_crons text[], p_dialects text[], p_zones text[], p_rates boolean[],
    p_caps bigint[], p_channel text, p_sender text, p_writer bigint, p_n bigint
) RETURNS bigint[] LANGUAGE plpgsql {settings} AS $body$
DECLARE
    v_ids bigint[];
    v_id bigint;
    v_stored int := 0;
    v_created bytea := {schema}.trail_entry(p_now, 1, 0, NULL, NULL);
BEGIN
    IF cardinality(p_rules) = 0 THEN
        -- Nothing is unique and nothing recurs: all at once.
        WITH new AS (
            INSERT INTO {schema}.actions
                (hook, grp, priority, kind, scheduled_at, created_at, args, args_hash, logged, trail)
            SELECT n.hook, n.grp, n.priority, n.kind, n.date, p_now, n.args, n.hash, n.log::int,
                CASE WHEN n.log THEN v_created ELSE '' END
            FROM unnest(p_hooks, p_groups, p_priorities, p_kinds, p_dates, p_args, p_hashes, p_logs)
                AS n (hook, grp, priority, kind, date, args, hash, log)
            RETURNING id, hook, grp, priority, scheduled_at
        ), queued AS (
            INSERT INTO {schema}.waiting (priority, attempts, scheduled_at, id, hook, grp)
            SELECT priority, 0, scheduled_at, id, hook, grp FROM new
        )
        SELECT array_agg(id ORDER BY id) INTO v_ids FROM new;
        v_stored := cardinality(v_ids);
    ELSE
        PERFORM pg_advisory_xact_lock(key) FROM unnest(p_locks) AS key;
        FOR i IN 1 .. cardinality(p_hooks) LOOP
            -- By actions_live_args, actions_by_hook, actions_live_key.
            IF (p_rules[i] = 1 AND EXISTS (
                    SELECT 1 FROM {schema}.actions
                    WHERE hook = p_hooks[i] AND args_hash = p_hashes[i] AND phase = 0
                      AND grp = p_groups[i] AND args = p_args[i]))
                OR (p_rules[i] = 2 AND EXISTS (
                    SELECT 1 FROM {schema}.actions WHERE hook = p_hooks[i] AND phase = 0 AND grp = p_groups[i]))
                OR (p_rules[i] = 3 AND EXISTS (
                    SELECT 1 FROM {schema}.actions WHERE unique_key = p_keys[i] AND phase = 0))
            THEN
                v_ids := v_ids || NULL::bigint;
                CONTINUE;
            END IF;
            v_id := nextval(pg_get_serial_sequence('{schema_text}.actions', 'id'));
            INSERT INTO {schema}.actions
                (id, hook, grp, priority, kind, scheduled_at, created_at, unique_key, args, args_hash, logged, trail, chain)
            VALUES
                (v_id, p_hooks[i], p_groups[i], p_priorities[i], p_kinds[i], p_dates[i], p_now, p_keys[i], p_args[i],
                 p_hashes[i], p_logs[i]::int, CASE WHEN p_logs[i] THEN v_created ELSE '' END,
                 CASE p_kinds[i] WHEN 2 THEN v_id END);
            INSERT INTO {schema}.waiting (priority, attempts, scheduled_at, id, hook, grp)
            VALUES (p_priorities[i], 0, p_dates[i], v_id, p_hooks[i], p_groups[i]);
            IF p_kinds[i] = 2 THEN
                INSERT INTO {schema}.chains
                    (id, hook, grp, priority, unique_key, args, args_hash, head, created_at,
                     first_at, every, cron, dialect, zone, fixed_rate, catch_up)
                VALUES
                    (v_id, p_hooks[i], p_groups[i], p_priorities[i], p_keys[i], p_args[i], p_hashes[i], v_id, p_now,
                     p_firsts[i], p_everies[i], p_crons[i], p_dialects[i], p_zones[i], p_rates[i], p_caps[i]);
            END IF;
            v_ids := v_ids || v_id;
            v_stored := v_stored + 1;
        END LOOP;
    END IF;
    INSERT INTO {schema}.ledger (writer, n, pending) VALUES (p_writer, p_n, v_stored);
    IF p_channel IS NOT NULL AND v_stored > 0 THEN
        PERFORM pg_notify(p_channel, p_sender);
    END IF;
    RETURN v_ids;
END $body$;

-- Stores one action within a transaction of a caller's own: one row with its id, or none when it was refused.
CREATE FUNCTION {schema}.insert_action(
    p_now bigint, p_hook text, p_group text, p_priority bigint, p_kind bigint, p_date bigint, p_key text, p_args text,
    p_hash bigint, p_log bigint, p_rule bigint, p_lock bigint, p_other_lock bigint,
    p_first bigint, p_every bigint, p_cron text, p_dialect text, p_zone text, p_rate bigint, p_cap bigint, p_channel text
) RETURNS SETOF bigint LANGUAGE plpgsql {settings} AS $body$
DECLARE
    v_hook int;
    v_group int;
    v_id bigint;
    v_locks bigint[];
BEGIN
    INSERT INTO {schema}.hooks (name) SELECT p_hook
    WHERE NOT EXISTS (SELECT 1 FROM {schema}.hooks WHERE name = p_hook) ON CONFLICT DO NOTHING;
    INSERT INTO {schema}.groups (name) SELECT p_group
    WHERE NOT EXISTS (SELECT 1 FROM {schema}.groups WHERE name = p_group) ON CONFLICT DO NOTHING;
    SELECT id INTO STRICT v_hook FROM {schema}.hooks WHERE name = p_hook;
    SELECT id INTO STRICT v_group FROM {schema}.groups WHERE name = p_group;
    SELECT coalesce(array_agg(key ORDER BY key), '{}') INTO v_locks
    FROM unnest(ARRAY[p_lock, p_other_lock]) AS key WHERE key IS NOT NULL;
    v_id := ({schema}.insert_actions(
        p_now, ARRAY[v_hook], ARRAY[v_group], ARRAY[p_priority::smallint], ARRAY[p_kind::smallint], ARRAY[p_date],
        ARRAY[p_key], ARRAY[p_args], ARRAY[p_hash], ARRAY[p_log = 1], ARRAY[p_rule::smallint], v_locks,
        ARRAY[p_first], ARRAY[p_every], ARRAY[p_cron], ARRAY[p_dialect], ARRAY[p_zone], ARRAY[p_rate = 1],
        ARRAY[p_cap], p_channel, '', 0, nextval('{schema_text}.entries')))[1];
    IF v_id IS NOT NULL THEN
        RETURN NEXT v_id;
    END IF;
END $body$;
