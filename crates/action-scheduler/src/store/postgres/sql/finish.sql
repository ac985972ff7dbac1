-- Stores the next instance of a chain at a date. The caller counts it and makes it the head.
CREATE FUNCTION {schema}.insert_next(p_chain bigint, p_at bigint, p_now bigint, p_log boolean) RETURNS bigint
LANGUAGE plpgsql {settings} AS $body$
DECLARE
    v_id bigint := nextval(pg_get_serial_sequence('{schema_text}.actions', 'id'));
BEGIN
    WITH new AS (
        INSERT INTO {schema}.actions
            (id, hook, grp, priority, kind, scheduled_at, created_at, unique_key, args, args_hash, logged, trail, chain)
        SELECT v_id, hook, grp, priority, 2, p_at, p_now, unique_key, args, args_hash, p_log::int,
            CASE WHEN p_log THEN {schema}.trail_entry(p_now, 1, 0, NULL, NULL) ELSE '' END, id
        FROM {schema}.chains WHERE id = p_chain
        RETURNING id, hook, grp, priority, scheduled_at
    )
    INSERT INTO {schema}.waiting (priority, attempts, scheduled_at, id, hook, grp)
    SELECT priority, 0, scheduled_at, id, hook, grp FROM new;
    RETURN v_id;
END $body$;

-- Records results of any kind, one after the other; no action and no chain twice. Outcomes: 0 complete, 1 failed,
-- 2 timed out, 3 retry, 4 not called, 5 crashed, 6 crashed and retry. Entries of the log name their result by its place,
-- and have a place of their own among its entries. All rows are found by primary key.
CREATE FUNCTION {schema}.finish_actions(
    p_ids bigint[], p_claims bigint[], p_attempts int[], p_outcomes smallint[], p_dates bigint[], p_counts int[],
    p_late text[], p_chains bigint[], p_nexts bigint[], p_thresholds bigint[],
    p_places int[], p_orders int[], p_ats bigint[], p_steps smallint[], p_messages text[],
    p_now bigint, p_context text, p_writer bigint, p_n bigint
) RETURNS TABLE (o_id bigint, o_recorded boolean, o_next bigint, o_paused bigint)
LANGUAGE plpgsql {settings} AS $body$
DECLARE
    r record;
    c record;
    d record;
    v_old int;
    v_new int;
    v_failures int;
    v_reason text;
    -- where the log of each action goes on; -1 when nothing is to be told
    v_bases int[] := array_fill(-1, ARRAY[cardinality(p_ids)]);
    v_left bigint[] := '{}';
    v_moves int[] := ARRAY[0, 0, 0, 0, 0];
BEGIN
    PERFORM 1 FROM {schema}.actions WHERE id = ANY (p_ids) ORDER BY id FOR UPDATE;
    FOR r IN
        SELECT f.*, a.status, a.timed_out, a.claim AS held_by, a.attempts AS attempts, a.id AS found, a.chain AS own_chain
        FROM unnest(p_ids, p_claims, p_attempts, p_outcomes, p_dates, p_counts, p_late, p_chains, p_nexts, p_thresholds)
            WITH ORDINALITY
            AS f (id, claim, attempt, outcome, at, entries, late, chain, next, threshold, place)
        LEFT JOIN {schema}.actions a ON a.id = f.id
        -- What follows gets its ids in the order of the results.
        ORDER BY f.place
    LOOP
        o_id := r.id;
        o_next := NULL;
        o_paused := NULL;
        o_recorded := r.held_by = r.claim AND r.attempts = r.attempt
            AND (r.status = 1 OR (r.status = 3 AND r.timed_out AND r.outcome IN (0, 3)));
        IF o_recorded IS NOT TRUE THEN
            o_recorded := false;
            IF r.found IS NOT NULL THEN
                PERFORM {schema}.log_each(ARRAY[r.id], 12::smallint, p_now, r.attempt, p_context, r.late);
            END IF;
            RETURN NEXT;
            CONTINUE;
        END IF;
        v_old := r.status;
        v_new := CASE WHEN r.outcome = 0 THEN 2 WHEN r.outcome IN (1, 2, 5) THEN 3 ELSE 0 END;
        UPDATE {schema}.actions a
        SET status = v_new, phase = v_new, finished_at = CASE v_new WHEN 0 THEN NULL ELSE p_now END,
            timed_out = r.outcome = 2, claim = CASE WHEN r.outcome IN (0, 1, 2) THEN a.claim END,
            scheduled_at = coalesce(r.at, a.scheduled_at), attempts = a.attempts - (r.outcome = 4)::int,
            logged = a.logged + r.entries
        WHERE a.id = r.id
        RETURNING a.priority, a.attempts, a.scheduled_at, a.hook, a.grp, a.logged - r.entries AS base INTO d;
        v_bases[r.place] := d.base;
        v_moves[v_old + 1] := v_moves[v_old + 1] - 1;
        v_moves[v_new + 1] := v_moves[v_new + 1] + 1;
        IF v_old = 1 THEN
            v_left := v_left || r.claim;
        END IF;
        IF v_new = 0 THEN
            INSERT INTO {schema}.waiting (priority, attempts, scheduled_at, id, hook, grp)
            VALUES (d.priority, d.attempts, d.scheduled_at, r.id, d.hook, d.grp);
        ELSIF r.chain IS NOT NULL AND r.own_chain = r.chain THEN
            -- Only the head can continue its chain, and it stops being the head thereby: that is why a chain neither
            -- doubles nor breaks.
            SELECT * INTO c FROM {schema}.chains WHERE id = r.chain AND state = 0 FOR UPDATE;
            IF FOUND AND c.head = r.id THEN
                v_failures := CASE r.outcome WHEN 0 THEN 0 ELSE c.failures + 1 END;
                IF v_failures > 0 AND v_failures >= greatest(r.threshold, 1) AND r.threshold IS NOT NULL THEN
                    v_reason := v_failures || ' failures in a row';
                    UPDATE {schema}.chains SET state = 1, reason = v_reason, failures = v_failures WHERE id = c.id;
                    PERFORM {schema}.log_each(ARRAY[r.id], 13::smallint, p_now, r.attempt, p_context, v_reason);
                    o_paused := c.id;
                ELSIF r.next IS NULL THEN
                    UPDATE {schema}.chains SET state = 2, reason = NULL, failures = v_failures WHERE id = c.id;
                ELSE
                    o_next := {schema}.insert_next(c.id, r.next, p_now, r.entries > 0);
                    UPDATE {schema}.chains SET head = o_next, failures = v_failures, owed_at = NULL WHERE id = c.id;
                    v_moves[1] := v_moves[1] + 1;
                END IF;
            ELSIF FOUND AND v_old = 3 AND r.outcome = 0 THEN
                -- It was followed when it timed out, and has succeeded since.
                UPDATE {schema}.chains SET failures = 0 WHERE id = c.id;
            END IF;
        END IF;
        RETURN NEXT;
    END LOOP;
    INSERT INTO {schema}.logs (action, seq, at, step, attempt, context, message)
    SELECT p_ids[e.place], v_bases[e.place] + e.ord, coalesce(e.at, p_now), e.step, p_attempts[e.place], p_context,
        e.message
    FROM unnest(p_places, p_orders, p_ats, p_steps, p_messages) AS e (place, ord, at, step, message)
    WHERE v_bases[e.place] >= 0;
    PERFORM {schema}.settle_claims(v_left, '{}');
    INSERT INTO {schema}.ledger (writer, n, pending, running, complete, failed, canceled)
    VALUES (p_writer, p_n, v_moves[1], v_moves[2], v_moves[3], v_moves[4], v_moves[5]);
END $body$;

-- Records what nearly all results are, all at once: a success of which nothing follows and nothing is told but that. No id
-- twice. Gives those that were recorded.
CREATE FUNCTION {schema}.complete_actions(
    p_ids bigint[], p_claims bigint[], p_attempts int[], p_logs boolean[], p_late text[], p_now bigint, p_context text,
    p_writer bigint, p_n bigint
) RETURNS bigint[] LANGUAGE plpgsql {settings} AS $body$
DECLARE
    v_ids bigint[];
    v_claims bigint[];
    v_late record;
    v_context int := {schema}.context_number(p_context);
    v_room int := {schema}.trail_room(v_context);
BEGIN
    WITH done AS (
        -- By primary key.
        UPDATE {schema}.actions a
        SET status = 2, phase = 2, finished_at = p_now, timed_out = false, logged = a.logged + f.log::int,
            trail = CASE WHEN f.log AND a.logged < v_room
                THEN a.trail || {schema}.trail_entry(p_now, a.logged + 1, 2, a.attempts, v_context)
                ELSE a.trail END
        FROM unnest(p_ids, p_claims, p_attempts, p_logs) AS f (id, claim, attempt, log)
        WHERE a.id = f.id AND a.claim = f.claim AND a.attempts = f.attempt AND a.status = 1
        RETURNING a.id, a.claim, a.attempts, a.logged, f.log
    ), told AS (
        INSERT INTO {schema}.logs (action, seq, at, step, attempt, context)
        SELECT id, logged, p_now, 2, attempts, p_context FROM done WHERE log AND logged > v_room
    ), counted AS (
        UPDATE {schema}.claims c SET live = c.live - (SELECT count(*) FROM done WHERE done.claim = c.id)
        WHERE c.id = ANY (ARRAY(SELECT DISTINCT claim FROM done))
    ), kept AS (
        INSERT INTO {schema}.ledger (writer, n, running, complete) SELECT p_writer, p_n, -count(*), count(*) FROM done
    )
    SELECT coalesce(array_agg(id), '{}') INTO v_ids FROM done;
    DELETE FROM {schema}.claims
    WHERE id = ANY (ARRAY(SELECT DISTINCT claim FROM unnest(p_claims) AS claim)) AND live <= 0;
    IF cardinality(v_ids) < cardinality(p_ids) THEN
        -- Those that were marked as timed out, or are not their own any more: as any other result.
        SELECT array_agg(id) AS ids, array_agg(claim) AS claims, array_agg(attempt) AS attempts,
            array_agg(0::smallint) AS outcomes, array_agg(NULL::bigint) AS none, array_agg(log::int) AS counts,
            array_agg(late) AS late
        INTO v_late
        FROM unnest(p_ids, p_claims, p_attempts, p_logs, p_late) AS f (id, claim, attempt, log, late)
        WHERE id <> ALL (v_ids);
        v_ids := v_ids || ARRAY(
            SELECT o_id FROM {schema}.finish_actions(
                v_late.ids, v_late.claims, v_late.attempts, v_late.outcomes, v_late.none, v_late.counts, v_late.late,
                v_late.none, v_late.none, v_late.none,
                ARRAY(SELECT place::int FROM unnest(v_late.counts) WITH ORDINALITY AS e (n, place) WHERE n = 1),
                ARRAY(SELECT 1 FROM unnest(v_late.counts) AS n WHERE n = 1),
                ARRAY(SELECT NULL::bigint FROM unnest(v_late.counts) AS n WHERE n = 1),
                ARRAY(SELECT 2::smallint FROM unnest(v_late.counts) AS n WHERE n = 1),
                ARRAY(SELECT NULL::text FROM unnest(v_late.counts) AS n WHERE n = 1),
                p_now, p_context, 0, nextval('{schema_text}.entries'))
            WHERE o_recorded);
    END IF;
    RETURN v_ids;
END $body$;
