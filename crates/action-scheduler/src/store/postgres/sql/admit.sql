-- Lets go of what is held: actions, each with a note for its log, and chains; no id twice. With an action goes the chain that
-- it is the head of, if that is to be active. Gives the rows of the journal, and whether they are about a chain.
CREATE FUNCTION {schema}.admit_imports(
    p_lock bigint, p_identity text, p_actions bigint[], p_notes text[], p_chains bigint[], p_now bigint, p_context text,
    p_writer bigint, p_n bigint
) RETURNS TABLE (o_source bigint, o_target bigint, o_state smallint, o_is_chain boolean)
LANGUAGE plpgsql {settings} AS $body$
DECLARE
    v_origin int;
    v_ids bigint[];
    v_notes text[];
    v_chains bigint[];
BEGIN
    PERFORM pg_advisory_xact_lock(p_lock);
    v_origin := (SELECT id FROM {schema}.origins WHERE identity = p_identity);
    -- By primary keys, as is all below.
    SELECT coalesce(array_agg(i.target), '{}'), array_agg(r.note) INTO v_ids, v_notes
    FROM unnest(p_actions, p_notes) AS r (source, note)
    JOIN {schema}.imports i ON i.origin = v_origin AND i.kind = 0 AND i.source = r.source AND i.state = 1;
    PERFORM 1 FROM {schema}.actions WHERE id = ANY (v_ids) ORDER BY id FOR UPDATE;
    WITH done AS (
        UPDATE {schema}.actions a SET status = 0, phase = 0, finished_at = NULL, logged = a.logged + 1
        FROM unnest(v_ids, v_notes) AS r (id, note) WHERE a.id = r.id
        RETURNING a.id, a.logged, a.priority, a.attempts, a.scheduled_at, a.hook, a.grp, r.note
    ), queued AS (
        INSERT INTO {schema}.waiting (priority, attempts, scheduled_at, id, hook, grp)
        SELECT priority, attempts, scheduled_at, id, hook, grp FROM done
    ), told AS (
        INSERT INTO {schema}.logs (action, seq, at, step, context, message)
        SELECT id, logged, p_now, 16, p_context, note FROM done
    )
    INSERT INTO {schema}.ledger (writer, n, pending, canceled) SELECT p_writer, p_n, count(*), -count(*) FROM done;
    UPDATE {schema}.imports SET state = 2
    WHERE origin = v_origin AND kind = 0 AND source = ANY (p_actions) AND state = 1;

    -- By imports_held.
    v_chains := ARRAY(
        SELECT c.id FROM unnest(v_ids) AS r (id) JOIN {schema}.actions a ON a.id = r.id
        JOIN {schema}.chains c ON c.id = a.chain AND c.head = a.id
        JOIN {schema}.imports i ON i.kind = 1 AND i.target = c.id AND i.state = 1 AND i.becomes = 0
        UNION
        SELECT i.target FROM unnest(p_chains) AS r (source)
        JOIN {schema}.imports i ON i.origin = v_origin AND i.kind = 1 AND i.source = r.source AND i.state = 1);
    WITH admitted AS (
        UPDATE {schema}.imports SET state = 2 WHERE kind = 1 AND target = ANY (v_chains) AND state = 1
        RETURNING target, becomes
    )
    UPDATE {schema}.chains c SET state = admitted.becomes FROM admitted WHERE c.id = admitted.target;
    RETURN QUERY
        SELECT i.source, i.target, i.state, i.kind = 1 FROM {schema}.imports i
        WHERE i.origin = v_origin AND i.kind = 0 AND i.source = ANY (p_actions)
        UNION ALL
        SELECT i.source, i.target, i.state, i.kind = 1 FROM {schema}.imports i
        WHERE i.origin = v_origin AND i.kind = 1 AND i.source = ANY (p_chains);
END $body$;

-- Deletes so many rows of the journal at most, but none about what is held; how many.
CREATE FUNCTION {schema}.forget_imports(p_lock bigint, p_identity text, p_most bigint, p_writer bigint, p_n bigint)
RETURNS bigint LANGUAGE plpgsql {settings} AS $body$
DECLARE
    v_deleted bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(p_lock);
    DELETE FROM {schema}.imports WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM {schema}.imports
        WHERE origin = (SELECT id FROM {schema}.origins WHERE identity = p_identity) AND state <> 1 LIMIT p_most));
    GET DIAGNOSTICS v_deleted = ROW_COUNT;
    INSERT INTO {schema}.ledger (writer, n) VALUES (p_writer, p_n);
    RETURN v_deleted;
END $body$;
