-- Marks claimed actions as in-progress: which, and their attempts. No id twice. Once for each batch of free workers.
CREATE FUNCTION {schema}.start_actions(
    p_ids bigint[], p_claims bigint[], p_logs boolean[], p_now bigint, p_context text, p_writer bigint, p_n bigint
) RETURNS TABLE (o_ids bigint[], o_attempts int[]) LANGUAGE plpgsql {settings} AS $body$
DECLARE
    v_context int := {schema}.context_number(p_context);
    v_room int := {schema}.trail_room(v_context);
BEGIN
    WITH begun AS (
        -- By primary key; HOT.
        UPDATE {schema}.actions a
        SET status = 1, attempts = a.attempts + 1, started_at = p_now, finished_at = NULL, timed_out = false,
            logged = a.logged + s.log::int,
            trail = CASE WHEN s.log AND a.logged < v_room
                THEN a.trail || {schema}.trail_entry(p_now, a.logged + 1, 1, a.attempts + 1, v_context)
                ELSE a.trail END
        FROM unnest(p_ids, p_claims, p_logs) AS s (id, claim, log)
        WHERE a.id = s.id AND a.claim = s.claim AND a.status = 0
        RETURNING a.id, a.claim, a.attempts, a.logged, s.log
    ), told AS (
        INSERT INTO {schema}.logs (action, seq, at, step, attempt, context)
        SELECT id, logged, p_now, 1, attempts, p_context FROM begun WHERE log AND logged > v_room
    ), counted AS (
        UPDATE {schema}.unstarted u SET n = u.n - (SELECT count(*) FROM begun WHERE begun.claim = u.claim)
        WHERE u.claim = ANY (ARRAY(SELECT DISTINCT claim FROM begun))
    ), kept AS (
        INSERT INTO {schema}.ledger (writer, n, pending, running) SELECT p_writer, p_n, -count(*), count(*) FROM begun
    )
    SELECT coalesce(array_agg(id), '{}'), coalesce(array_agg(attempts), '{}') INTO o_ids, o_attempts FROM begun;
    DELETE FROM {schema}.unstarted
    WHERE claim = ANY (ARRAY(SELECT DISTINCT claim FROM unnest(p_claims) AS claim)) AND n <= 0;
    IF cardinality(o_ids) < cardinality(p_ids) THEN
        PERFORM {schema}.log_each(
            ARRAY(SELECT unnest(p_ids) EXCEPT SELECT unnest(o_ids)), 6::smallint, p_now, NULL, p_context, NULL);
    END IF;
    RETURN NEXT;
END $body$;

-- Gives back what these claims hold and has not been started; how many.
CREATE FUNCTION {schema}.release_claims(p_claims bigint[], p_now bigint, p_context text, p_writer bigint, p_n bigint)
RETURNS bigint LANGUAGE plpgsql {settings} AS $body$
DECLARE
    v_held bigint[];
    v_claims bigint[];
BEGIN
    v_held := ARRAY(SELECT unnest(actions) FROM {schema}.claims WHERE id = ANY (p_claims));
    PERFORM 1 FROM {schema}.actions WHERE id = ANY (v_held) ORDER BY id FOR UPDATE;
    WITH was AS (
        SELECT id, claim FROM {schema}.actions WHERE id = ANY (v_held) AND claim = ANY (p_claims) AND status = 0
    ), back AS (
        UPDATE {schema}.actions a SET claim = NULL, logged = a.logged + 1 FROM was WHERE a.id = was.id
        RETURNING a.id, a.priority, a.attempts, a.scheduled_at, a.hook, a.grp, a.logged, was.claim
    ), queued AS (
        INSERT INTO {schema}.waiting (priority, attempts, scheduled_at, id, hook, grp)
        SELECT priority, attempts, scheduled_at, id, hook, grp FROM back
    ), told AS (
        INSERT INTO {schema}.logs (action, seq, at, step, context) SELECT id, logged, p_now, 5, p_context FROM back
    )
    SELECT coalesce(array_agg(claim), '{}') INTO v_claims FROM back;
    PERFORM {schema}.settle_claims(v_claims, v_claims);
    INSERT INTO {schema}.ledger (writer, n) VALUES (p_writer, p_n);
    RETURN cardinality(v_claims);
END $body$;

-- Fails a claimed action whose row cannot be read; what is in the row stays as it is.
CREATE FUNCTION {schema}.refuse_action(
    p_id bigint, p_claim bigint, p_reason text, p_now bigint, p_writer bigint, p_n bigint
) RETURNS void LANGUAGE plpgsql {settings} AS $body$
BEGIN
    UPDATE {schema}.actions SET status = 3, phase = 3, finished_at = p_now
    WHERE id = p_id AND claim = p_claim AND status = 0;
    IF FOUND THEN
        PERFORM {schema}.log_each(ARRAY[p_id], 3::smallint, p_now, NULL, NULL, p_reason);
        PERFORM {schema}.settle_claims(ARRAY[p_claim], ARRAY[p_claim]);
        INSERT INTO {schema}.ledger (writer, n, pending, failed) VALUES (p_writer, p_n, -1, 1);
    END IF;
END $body$;
