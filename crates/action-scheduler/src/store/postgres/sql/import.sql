-- Taking in what another store exported. An import is several calls in one transaction: this one, then the chains, the
-- actions, and the heads of the chains. Imports and admissions take turns (`p_lock`), up to their commit.
CREATE FUNCTION {schema}.begin_import(
    p_lock bigint, p_identity text, p_above bigint, p_writer bigint, p_n bigint
) RETURNS void LANGUAGE plpgsql {settings} AS $body$
BEGIN
    PERFORM pg_advisory_xact_lock(p_lock);
    INSERT INTO {schema}.origins (identity) SELECT p_identity
    WHERE NOT EXISTS (SELECT 1 FROM {schema}.origins WHERE identity = p_identity);
    PERFORM {schema}.raise_ids(p_above);
    INSERT INTO {schema}.ledger (writer, n) VALUES (p_writer, p_n);
END $body$;

-- Sees to it that new actions get higher ids than this. A sequence can be set back by who sets it while others draw from it:
-- so the ids up to there are drawn, or, when those are many, all others are kept out. Whoever has drawn one and not ended
-- their transaction is waited for, but not for long: others queue up behind.
CREATE FUNCTION {schema}.raise_ids(p_above bigint) RETURNS void
LANGUAGE plpgsql SET lock_timeout = '2s' AS $body$
DECLARE
    v_sequence text := pg_get_serial_sequence('{schema_text}.actions', 'id');
    v_last bigint;
BEGIN
    EXECUTE 'SELECT last_value - (NOT is_called)::int FROM ' || v_sequence INTO v_last;
    IF p_above - v_last > 100000 THEN
        -- Changes nothing but takes the lock.
        EXECUTE 'ALTER SEQUENCE ' || v_sequence || ' NO CYCLE';
        EXECUTE 'SELECT last_value - (NOT is_called)::int FROM ' || v_sequence INTO v_last;
        IF p_above > v_last THEN
            PERFORM setval(v_sequence, p_above);
        END IF;
    ELSE
        PERFORM nextval(v_sequence) FROM generate_series(v_last + 1, p_above);
    END IF;
END $body$;

-- Takes in chains, no id twice, but for their heads; `p_given` are the actions of the batch. What becomes of each is decided
-- first, by its place: 0 it is left as it is, 1 it is new, 2 it becomes what is given now.
CREATE FUNCTION {schema}.import_chains(
    p_identity text, p_given bigint[], p_sources bigint[], p_states smallint[], p_hooks int[], p_groups int[],
    p_priorities smallint[], p_keys text[], p_args text[], p_hashes bigint[], p_firsts bigint[], p_everies bigint[],
    p_crons text[], p_dialects text[], p_zones text[], p_rates boolean[], p_caps bigint[], p_reasons text[],
    p_failures int[], p_owed bigint[], p_created bigint[], p_writer bigint, p_n bigint
) RETURNS TABLE (o_source bigint, o_target bigint, o_state smallint) LANGUAGE plpgsql {settings} AS $body$
DECLARE
    v_origin int := (SELECT id FROM {schema}.origins WHERE identity = p_identity);
    v_targets bigint[];
    v_states smallint[];
    v_does int[];
    v_stored bigint;
BEGIN
    -- By primary key, as is all below.
    PERFORM 1 FROM {schema}.chains WHERE id = ANY (ARRAY(
        SELECT i.target FROM unnest(p_sources) AS r (source)
        JOIN {schema}.imports i ON i.origin = v_origin AND i.kind = 1 AND i.source = r.source))
    ORDER BY id FOR UPDATE;
    WITH known AS (
        SELECT r.*, i.target, i.state, CASE
                WHEN i.target IS NULL THEN 1
                WHEN i.state = 2 THEN 0
                -- It waits for its head, which is held too.
                WHEN i.state = 1 AND EXISTS (
                    SELECT 1 FROM {schema}.chains c
                    JOIN {schema}.imports h ON h.kind = 0 AND h.target = c.head AND h.state = 1
                    WHERE c.id = i.target AND h.source <> ALL (p_given)) THEN 0
                ELSE 2
            END AS does
        FROM unnest(p_sources, p_states) WITH ORDINALITY AS r (source, becomes, place)
        LEFT JOIN {schema}.imports i ON i.origin = v_origin AND i.kind = 1 AND i.source = r.source
    ), decided AS (
        SELECT k.place, k.does, CASE
                WHEN k.target IS NOT NULL THEN k.target
                WHEN NOT EXISTS (SELECT 1 FROM {schema}.chains c WHERE c.id = k.source) THEN k.source
                ELSE nextval(pg_get_serial_sequence('{schema_text}.actions', 'id'))
            END AS target,
            CASE WHEN k.does = 0 THEN k.state WHEN k.becomes = 2 THEN 0 ELSE 1 END::smallint AS state
        FROM known k
    )
    SELECT array_agg(target ORDER BY place), array_agg(state ORDER BY place), array_agg(does ORDER BY place)
    INTO v_targets, v_states, v_does FROM decided;

    DELETE FROM {schema}.chains WHERE id = ANY (ARRAY(
        SELECT d.target FROM unnest(v_targets, v_does) AS d (target, does) WHERE d.does = 2));
    -- All show as ended; what is held is given its state when it is admitted.
    INSERT INTO {schema}.chains
        (id, hook, grp, priority, unique_key, args, args_hash, first_at, every, cron, dialect, zone, fixed_rate,
         catch_up, state, reason, failures, owed_at, created_at)
    SELECT v_targets[r.place], r.hook, r.grp, r.priority, r.key, r.args, r.hash, r.first, r.every, r.cron, r.dialect,
        r.zone, r.rate, r.cap, 2, r.reason, r.failures, r.owed, r.created
    FROM unnest(p_hooks, p_groups, p_priorities, p_keys, p_args, p_hashes, p_firsts, p_everies, p_crons, p_dialects,
            p_zones, p_rates, p_caps, p_reasons, p_failures, p_owed, p_created) WITH ORDINALITY
        AS r (hook, grp, priority, key, args, hash, first, every, cron, dialect, zone, rate, cap, reason, failures,
              owed, created, place)
    WHERE v_does[r.place] > 0 ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS v_stored = ROW_COUNT;
    PERFORM {schema}.check_imported(v_stored, v_does);

    INSERT INTO {schema}.imports (origin, kind, source, target, state, becomes)
    SELECT v_origin, 1, r.source, r.target, r.state, CASE r.state WHEN 1 THEN r.becomes END
    FROM unnest(p_sources, v_targets, v_states, p_states, v_does) AS r (source, target, state, becomes, does)
    WHERE r.does > 0
    ON CONFLICT (origin, kind, source) DO UPDATE SET state = excluded.state, becomes = excluded.becomes;
    INSERT INTO {schema}.ledger (writer, n) VALUES (p_writer, p_n);
    RETURN QUERY SELECT r.source, r.target, r.state
        FROM unnest(p_sources, v_targets, v_states) WITH ORDINALITY AS r (source, target, state, place) ORDER BY r.place;
END $body$;

-- An id that was free may have been drawn by someone who has stored it only now: then all is done again.
CREATE FUNCTION {schema}.check_imported(p_stored bigint, p_does int[]) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    IF p_stored < (SELECT count(*) FROM unnest(p_does) AS does WHERE does > 0) THEN
        RAISE EXCEPTION 'an id was taken meanwhile' USING ERRCODE = 'serialization_failure';
    END IF;
END $body$;

-- Takes in actions, no id twice, with their logs, whose entries name their action by its place. As above; an action that was
-- put back into the queue here (-1) is left as it is from now on.
CREATE FUNCTION {schema}.import_actions(
    p_identity text, p_sources bigint[], p_statuses smallint[], p_hooks int[], p_groups int[], p_priorities smallint[],
    p_attempts int[], p_kinds smallint[], p_dates bigint[], p_created bigint[], p_started bigint[], p_finished bigint[],
    p_chains bigint[], p_keys text[], p_args text[], p_hashes bigint[], p_logged int[],
    p_places int[], p_seqs int[], p_ats bigint[], p_steps smallint[], p_of_attempts int[], p_contexts text[],
    p_messages text[], p_now bigint, p_writer bigint, p_n bigint
) RETURNS TABLE (o_source bigint, o_target bigint, o_state smallint) LANGUAGE plpgsql {settings} AS $body$
DECLARE
    v_origin int := (SELECT id FROM {schema}.origins WHERE identity = p_identity);
    v_targets bigint[];
    v_states smallint[];
    v_does int[];
    v_moves bigint[];
    v_stored bigint;
BEGIN
    -- By primary key, as is all below.
    PERFORM 1 FROM {schema}.actions WHERE id = ANY (ARRAY(
        SELECT i.target FROM unnest(p_sources) AS r (source)
        JOIN {schema}.imports i ON i.origin = v_origin AND i.kind = 0 AND i.source = r.source))
    ORDER BY id FOR UPDATE;
    WITH known AS (
        SELECT r.*, i.target, i.state, a.id AS found, a.status AS was, CASE
                WHEN i.target IS NULL THEN 1
                WHEN i.state = 2 THEN 0
                WHEN i.state = 0 AND a.status IN (0, 1) THEN -1
                WHEN a.id IS NOT NULL THEN 2
                -- It was deleted here, and comes back only to run.
                WHEN i.state = 0 AND r.status <> 0 THEN 0
                ELSE 1
            END AS does
        FROM unnest(p_sources, p_statuses) WITH ORDINALITY AS r (source, status, place)
        LEFT JOIN {schema}.imports i ON i.origin = v_origin AND i.kind = 0 AND i.source = r.source
        LEFT JOIN {schema}.actions a ON a.id = coalesce(i.target, r.source)
    ), decided AS (
        SELECT k.place, k.does, CASE
                WHEN k.target IS NOT NULL THEN k.target
                WHEN k.found IS NULL THEN k.source
                ELSE nextval(pg_get_serial_sequence('{schema_text}.actions', 'id'))
            END AS target,
            CASE k.does
                WHEN -1 THEN 2 WHEN 0 THEN k.state ELSE CASE k.status WHEN 0 THEN 1 ELSE 0 END
            END::smallint AS state,
            CASE k.does WHEN 2 THEN k.was END AS was,
            -- What is held shows as canceled.
            CASE WHEN k.does > 0 THEN CASE k.status WHEN 0 THEN 4 ELSE k.status END END AS becomes
        FROM known k
    )
    SELECT array_agg(target ORDER BY place), array_agg(state ORDER BY place), array_agg(does ORDER BY place), ARRAY[
            count(*) FILTER (WHERE becomes = 2) - count(*) FILTER (WHERE was = 2),
            count(*) FILTER (WHERE becomes = 3) - count(*) FILTER (WHERE was = 3),
            count(*) FILTER (WHERE becomes = 4) - count(*) FILTER (WHERE was = 4)]
    INTO v_targets, v_states, v_does, v_moves FROM decided;

    WITH given AS MATERIALIZED (
        SELECT v_targets[r.place] AS id, v_does[r.place] AS does, r.*, c.target AS chain_here,
            CASE r.status WHEN 0 THEN 4 ELSE r.status END::smallint AS becomes,
            CASE r.status WHEN 0 THEN p_now ELSE r.finished END AS ended,
            -- An instance whose chain is no more will not recur.
            CASE WHEN r.kind = 2 AND c.target IS NULL THEN 1 ELSE r.kind END::smallint AS kind_here
        FROM unnest(p_statuses, p_hooks, p_groups, p_priorities, p_attempts, p_kinds, p_dates, p_created, p_started,
                p_finished, p_chains, p_keys, p_args, p_hashes, p_logged) WITH ORDINALITY
            AS r (status, hook, grp, priority, attempts, kind, date, created, started, finished, chain, key, args, hash,
                  logged, place)
        LEFT JOIN {schema}.imports c ON c.origin = v_origin AND c.kind = 1 AND c.source = r.chain
        WHERE v_does[r.place] > 0
    ), new AS (
        INSERT INTO {schema}.actions
            (id, hook, grp, priority, attempts, kind, scheduled_at, created_at, started_at, chain, unique_key, args,
             args_hash, logged, status, phase, finished_at)
        SELECT id, hook, grp, priority, attempts, kind_here, date, created, started, chain_here, key, args, hash, logged,
            becomes, becomes, ended
        FROM given WHERE does = 1 ON CONFLICT DO NOTHING RETURNING 1
    ), known AS (
        UPDATE {schema}.actions a
        SET hook = g.hook, grp = g.grp, priority = g.priority, attempts = g.attempts, kind = g.kind_here,
            scheduled_at = g.date, created_at = g.created, started_at = g.started, chain = g.chain_here,
            unique_key = g.key, args = g.args, args_hash = g.hash, logged = g.logged, trail = '',
            status = g.becomes, phase = g.becomes, finished_at = g.ended, claim = NULL, timed_out = false
        FROM given g WHERE g.does = 2 AND a.id = g.id RETURNING 1
    )
    SELECT (SELECT count(*) FROM new) + (SELECT count(*) FROM known) INTO v_stored;
    PERFORM {schema}.check_imported(v_stored, v_does);

    DELETE FROM {schema}.logs WHERE action = ANY (ARRAY(
        SELECT d.target FROM unnest(v_targets, v_does) AS d (target, does) WHERE d.does > 0));
    INSERT INTO {schema}.logs (action, seq, at, step, attempt, context, message)
    SELECT v_targets[e.place], e.seq, e.at, e.step, e.attempt, e.context, e.message
    FROM unnest(p_places, p_seqs, p_ats, p_steps, p_of_attempts, p_contexts, p_messages)
        AS e (place, seq, at, step, attempt, context, message)
    WHERE v_does[e.place] > 0;

    INSERT INTO {schema}.imports (origin, kind, source, target, state)
    SELECT v_origin, 0, r.source, r.target, r.state
    FROM unnest(p_sources, v_targets, v_states, v_does) AS r (source, target, state, does) WHERE r.does <> 0
    ON CONFLICT (origin, kind, source) DO UPDATE SET state = excluded.state WHERE imports.state <> excluded.state;
    INSERT INTO {schema}.ledger (writer, n, complete, failed, canceled)
    VALUES (p_writer, p_n, v_moves[1], v_moves[2], v_moves[3]);
    RETURN QUERY SELECT r.source, r.target, r.state
        FROM unnest(p_sources, v_targets, v_states) WITH ORDINALITY AS r (source, target, state, place) ORDER BY r.place;
END $body$;

-- Gives chains their heads, which may have been in the same batch: those that were taken in just now, and have none.
CREATE FUNCTION {schema}.import_heads(
    p_identity text, p_chains bigint[], p_heads bigint[], p_writer bigint, p_n bigint
) RETURNS void LANGUAGE plpgsql {settings} AS $body$
DECLARE
    v_origin int := (SELECT id FROM {schema}.origins WHERE identity = p_identity);
BEGIN
    UPDATE {schema}.chains c SET head = h.target
    FROM unnest(p_chains, p_heads) AS r (chain, head)
    JOIN {schema}.imports i ON i.origin = v_origin AND i.kind = 1 AND i.source = r.chain AND i.state <> 2
    JOIN {schema}.imports h ON h.origin = v_origin AND h.kind = 0 AND h.source = r.head
    WHERE c.id = i.target AND c.head IS NULL;
    INSERT INTO {schema}.ledger (writer, n) VALUES (p_writer, p_n);
END $body$;
