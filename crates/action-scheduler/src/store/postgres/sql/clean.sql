-- Looks at a batch of what has ended, from where the last one came to, in the order of actions_by_phase, and deletes what
-- changed last before a date: how many, how many it looked at, and where it came to. What is too young is not looked at.
CREATE FUNCTION {schema}.clean_actions(
    p_status int, p_before bigint, p_hooks int[], p_only boolean, p_most bigint, p_after_date bigint, p_after_id bigint,
    p_delete boolean, p_writer bigint, p_n bigint
) RETURNS TABLE (o_deleted bigint, o_looked bigint, o_date bigint, o_id bigint) LANGUAGE plpgsql {settings} AS $body$
DECLARE
    v_ids bigint[];
    v_held bigint[];
BEGIN
    WITH seen AS (
        SELECT id, scheduled_at, hook, coalesce(finished_at, started_at, created_at) AS modified_at
        FROM {schema}.actions a
        WHERE phase = p_status AND (scheduled_at, id) > (p_after_date, p_after_id) AND scheduled_at < p_before
          AND NOT EXISTS (SELECT 1 FROM {schema}.imports i WHERE i.kind = 0 AND i.target = a.id AND i.state = 1)
        ORDER BY phase, scheduled_at, id LIMIT p_most
    )
    SELECT count(*), max(scheduled_at),
        array_agg(id ORDER BY id) FILTER (WHERE modified_at < p_before AND (hook = ANY (p_hooks)) = p_only),
        (array_agg(id ORDER BY scheduled_at DESC, id DESC))[1]
    INTO o_looked, o_date, v_ids, o_id FROM seen;
    o_deleted := coalesce(cardinality(v_ids), 0);
    IF p_delete AND o_deleted > 0 THEN
        -- One that was put back into the queue meanwhile stays, and one that a move holds.
        v_ids := ARRAY(
            SELECT id FROM {schema}.actions WHERE id = ANY (v_ids) AND phase = p_status ORDER BY id FOR UPDATE);
        v_held := {schema}.held_actions(v_ids);
        IF cardinality(v_held) > 0 THEN
            v_ids := ARRAY(SELECT id FROM unnest(v_ids) AS id WHERE id <> ALL (v_held));
        END IF;
        DELETE FROM {schema}.logs WHERE action = ANY (v_ids);
        DELETE FROM {schema}.actions WHERE id = ANY (v_ids);
        o_deleted := cardinality(v_ids);
        INSERT INTO {schema}.ledger (writer, n, complete, failed, canceled)
        VALUES (p_writer, p_n, CASE p_status WHEN 2 THEN -o_deleted ELSE 0 END,
            CASE p_status WHEN 3 THEN -o_deleted ELSE 0 END, CASE p_status WHEN 4 THEN -o_deleted ELSE 0 END);
    END IF;
    RETURN NEXT;
END $body$;

-- Deletes what belongs to nothing, so many of each kind at most. The first walks the log from action to action, by primary
-- key; with the last go the marks of connections that ended long ago.
CREATE FUNCTION {schema}.clean_orphans(p_most bigint, p_writer bigint, p_n bigint) RETURNS bigint
LANGUAGE plpgsql {settings} AS $body$
DECLARE
    v_deleted bigint := 0;
    v_some bigint;
    v_ids bigint[];
BEGIN
    DELETE FROM {schema}.logs WHERE action = ANY (ARRAY(
        WITH RECURSIVE told (id) AS (
            (SELECT action FROM {schema}.logs ORDER BY action LIMIT 1)
            UNION ALL
            SELECT (SELECT l.action FROM {schema}.logs l WHERE l.action > told.id ORDER BY l.action LIMIT 1)
            FROM told WHERE told.id IS NOT NULL
        )
        SELECT id FROM told
        WHERE id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {schema}.actions a WHERE a.id = told.id) LIMIT p_most));
    GET DIAGNOSTICS v_some = ROW_COUNT;
    v_deleted := v_deleted + v_some;
    DELETE FROM {schema}.claims WHERE id = ANY (ARRAY(
        SELECT c.id FROM {schema}.claims c WHERE NOT EXISTS (
            SELECT 1 FROM unnest(c.actions) AS held (id) JOIN {schema}.actions a ON a.id = held.id
            WHERE a.claim = c.id AND a.phase = 0)
        LIMIT p_most FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_some = ROW_COUNT;
    v_deleted := v_deleted + v_some;
    DELETE FROM {schema}.unstarted u WHERE NOT EXISTS (SELECT 1 FROM {schema}.claims c WHERE c.id = u.claim);
    -- What a move holds shows as ended, too. Those that are locked are looked at again: a move may have come first.
    v_ids := ARRAY(
        SELECT c.id FROM {schema}.chains c WHERE c.state = 2
          AND NOT EXISTS (SELECT 1 FROM {schema}.actions a WHERE a.chain = c.id)
          AND NOT EXISTS (SELECT 1 FROM {schema}.imports i WHERE i.kind = 1 AND i.target = c.id AND i.state = 1)
        LIMIT p_most FOR UPDATE SKIP LOCKED);
    DELETE FROM {schema}.chains c WHERE c.id = ANY (v_ids)
      AND NOT EXISTS (SELECT 1 FROM {schema}.actions a WHERE a.chain = c.id)
      AND NOT EXISTS (SELECT 1 FROM {schema}.imports i WHERE i.kind = 1 AND i.target = c.id AND i.state = 1);
    GET DIAGNOSTICS v_some = ROW_COUNT;
    v_deleted := v_deleted + v_some;
    INSERT INTO {schema}.ledger (writer, n) VALUES (p_writer, p_n);
    RETURN v_deleted;
END $body$;

-- Folds the ledger into the counts, but for the latest row of each writer; those of writers that have not written for a
-- day go too. One at a time; who comes second has nothing to do. Every so many transactions of a process.
CREATE FUNCTION {schema}.fold_ledger(p_lock bigint) RETURNS void LANGUAGE plpgsql {settings} AS $body$
BEGIN
    IF NOT pg_try_advisory_xact_lock(p_lock) THEN RETURN; END IF;
    WITH gone AS (
        DELETE FROM {schema}.ledger l
        WHERE EXISTS (SELECT 1 FROM {schema}.ledger later WHERE later.writer = l.writer AND later.n > l.n)
        RETURNING *
    ), sums AS (
        SELECT 0 AS status, sum(pending) AS n FROM gone UNION ALL SELECT 1, sum(running) FROM gone
        UNION ALL SELECT 2, sum(complete) FROM gone UNION ALL SELECT 3, sum(failed) FROM gone
        UNION ALL SELECT 4, sum(canceled) FROM gone
    )
    UPDATE {schema}.counts c SET n = c.n + sums.n FROM sums WHERE sums.status = c.status AND sums.n <> 0;
END $body$;

-- How many actions have each status, in the order of their numbers.
CREATE FUNCTION {schema}.status_counts() RETURNS bigint[] LANGUAGE sql STABLE AS $body$
    SELECT ARRAY[sum(a) , sum(b), sum(c), sum(d), sum(e)]::bigint[] FROM (
        SELECT coalesce(sum(pending), 0) AS a, coalesce(sum(running), 0) AS b, coalesce(sum(complete), 0) AS c,
            coalesce(sum(failed), 0) AS d, coalesce(sum(canceled), 0) AS e FROM {schema}.ledger
        UNION ALL
        SELECT sum(n) FILTER (WHERE status = 0), sum(n) FILTER (WHERE status = 1), sum(n) FILTER (WHERE status = 2),
            sum(n) FILTER (WHERE status = 3), sum(n) FILTER (WHERE status = 4) FROM {schema}.counts
    ) AS kept
$body$;
