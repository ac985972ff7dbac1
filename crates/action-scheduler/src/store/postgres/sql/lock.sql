-- Locks actions that are to be changed, by whoever looks after them. First what waits, then the actions: in the order in
-- which claims take them, and each in the order of ids, so that none waits for one that waits for it.
CREATE FUNCTION {schema}.lock_actions(p_ids bigint[]) RETURNS void LANGUAGE plpgsql {settings} AS $body$
BEGIN
    PERFORM 1 FROM {schema}.actions a
    JOIN {schema}.waiting w ON w.priority = a.priority AND w.attempts = a.attempts
        AND w.scheduled_at = a.scheduled_at AND w.id = a.id
    WHERE a.id = ANY (p_ids) AND a.status = 0 AND a.claim IS NULL ORDER BY w.id FOR UPDATE OF w;
    PERFORM 1 FROM {schema}.actions WHERE id = ANY (p_ids) ORDER BY id FOR UPDATE;
END $body$;

-- Those of some actions that a move holds. To be asked when they are locked, in a statement of its own, so that it sees what
-- was done before. By imports_held, which is empty as a rule.
CREATE FUNCTION {schema}.held_actions(p_ids bigint[]) RETURNS bigint[] LANGUAGE plpgsql {settings} AS $body$
BEGIN
    RETURN ARRAY(SELECT target FROM {schema}.imports WHERE kind = 0 AND target = ANY (p_ids) AND state = 1);
END $body$;

-- Notes that claims hold so many actions less, each named once for each action, and closes those that hold nothing.
CREATE FUNCTION {schema}.settle_claims(p_live bigint[], p_unstarted bigint[]) RETURNS void
LANGUAGE plpgsql {settings} AS $body$
BEGIN
    IF cardinality(p_live) > 0 THEN
        UPDATE {schema}.claims c SET live = c.live - (SELECT count(*) FROM unnest(p_live) AS k (claim) WHERE k.claim = c.id)
        WHERE c.id = ANY (ARRAY(SELECT DISTINCT claim FROM unnest(p_live) AS claim ORDER BY claim));
        DELETE FROM {schema}.claims WHERE id = ANY (ARRAY(SELECT DISTINCT claim FROM unnest(p_live) AS claim))
            AND live <= 0;
    END IF;
    IF cardinality(p_unstarted) > 0 THEN
        UPDATE {schema}.unstarted u
        SET n = u.n - (SELECT count(*) FROM unnest(p_unstarted) AS k (claim) WHERE k.claim = u.claim)
        WHERE u.claim = ANY (ARRAY(SELECT DISTINCT claim FROM unnest(p_unstarted) AS claim ORDER BY claim));
        DELETE FROM {schema}.unstarted WHERE claim = ANY (ARRAY(SELECT DISTINCT claim FROM unnest(p_unstarted) AS claim))
            AND n <= 0;
    END IF;
END $body$;

-- Adds the same entry to the log of each of these actions that exists.
CREATE FUNCTION {schema}.log_each(
    p_ids bigint[], p_step smallint, p_now bigint, p_attempt int, p_context text, p_message text
) RETURNS void LANGUAGE plpgsql {settings} AS $body$
BEGIN
    WITH placed AS (
        UPDATE {schema}.actions SET logged = logged + 1 WHERE id = ANY (p_ids) RETURNING id, logged
    )
    INSERT INTO {schema}.logs (action, seq, at, step, attempt, context, message)
    SELECT id, logged, p_now, p_step, p_attempt, p_context, p_message FROM placed;
END $body$;
