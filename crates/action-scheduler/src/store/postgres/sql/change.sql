-- What people do to actions. Each gives, for every action that exists, its status before and whether it was done; no id twice.

CREATE FUNCTION {schema}.cancel_actions(
    p_ids bigint[], p_reason text, p_now bigint, p_context text, p_writer bigint, p_n bigint
) RETURNS TABLE (o_id bigint, o_status smallint, o_done boolean) LANGUAGE plpgsql {settings} AS $body$
DECLARE
    v_live bigint[];
    v_unstarted bigint[];
BEGIN
    PERFORM {schema}.lock_actions(p_ids);
    RETURN QUERY SELECT a.id, a.status, a.status IN (0, 1) FROM unnest(p_ids) WITH ORDINALITY AS w (id, place)
        JOIN {schema}.actions a ON a.id = w.id ORDER BY w.place;
    WITH was AS (
        SELECT id, status, claim, priority, attempts, scheduled_at
        FROM {schema}.actions WHERE id = ANY (p_ids) AND status IN (0, 1)
    ), gone AS (
        DELETE FROM {schema}.waiting w USING was
        WHERE was.status = 0 AND was.claim IS NULL AND w.priority = was.priority AND w.attempts = was.attempts
          AND w.scheduled_at = was.scheduled_at AND w.id = was.id
    ), done AS (
        UPDATE {schema}.actions a SET status = 4, phase = 4, finished_at = p_now, logged = a.logged + 1
        FROM was WHERE a.id = was.id
        RETURNING a.id, a.logged, a.claim, a.chain, was.status AS before, a.attempts
    ), told AS (
        INSERT INTO {schema}.logs (action, seq, at, step, attempt, context, message)
        SELECT id, logged, p_now, 4, CASE before WHEN 1 THEN attempts END, p_context, p_reason FROM done
    ), ended AS (
        UPDATE {schema}.chains c SET state = 2 FROM done WHERE c.id = done.chain AND c.head = done.id AND c.state = 0
    ), kept AS (
        INSERT INTO {schema}.ledger (writer, n, pending, running, canceled)
        SELECT p_writer, p_n, -count(*) FILTER (WHERE before = 0), -count(*) FILTER (WHERE before = 1), count(*) FROM done
    )
    SELECT coalesce(array_agg(claim) FILTER (WHERE claim IS NOT NULL), '{}'),
        coalesce(array_agg(claim) FILTER (WHERE claim IS NOT NULL AND before = 0), '{}')
    INTO v_live, v_unstarted FROM done;
    PERFORM {schema}.settle_claims(v_live, v_unstarted);
END $body$;

CREATE FUNCTION {schema}.delete_actions(p_ids bigint[], p_writer bigint, p_n bigint)
RETURNS TABLE (o_id bigint, o_status smallint, o_done boolean) LANGUAGE plpgsql {settings} AS $body$
DECLARE
    v_kept bigint[];
    v_held bigint[];
BEGIN
    PERFORM {schema}.lock_actions(p_ids);
    v_kept := {schema}.held_actions(p_ids);
    RETURN QUERY SELECT a.id, a.status, a.status <> 1 AND a.id <> ALL (v_kept)
        FROM unnest(p_ids) WITH ORDINALITY AS w (id, place) JOIN {schema}.actions a ON a.id = w.id ORDER BY w.place;
    WITH was AS (
        SELECT id, status, claim, chain, priority, attempts, scheduled_at
        FROM {schema}.actions WHERE id = ANY (p_ids) AND status <> 1 AND id <> ALL (v_kept)
    ), gone AS (
        DELETE FROM {schema}.waiting w USING was
        WHERE was.status = 0 AND was.claim IS NULL AND w.priority = was.priority AND w.attempts = was.attempts
          AND w.scheduled_at = was.scheduled_at AND w.id = was.id
    ), ended AS (
        UPDATE {schema}.chains c SET state = 2 FROM was WHERE c.id = was.chain AND c.head = was.id AND c.state = 0
    ), forgotten AS (
        DELETE FROM {schema}.logs WHERE action = ANY (ARRAY(SELECT id FROM was))
    ), done AS (
        DELETE FROM {schema}.actions WHERE id = ANY (ARRAY(SELECT id FROM was))
    ), kept AS (
        INSERT INTO {schema}.ledger (writer, n, pending, complete, failed, canceled)
        SELECT p_writer, p_n, -count(*) FILTER (WHERE status = 0), -count(*) FILTER (WHERE status = 2),
            -count(*) FILTER (WHERE status = 3), -count(*) FILTER (WHERE status = 4) FROM was
    )
    SELECT coalesce(array_agg(claim) FILTER (WHERE claim IS NOT NULL AND status = 0), '{}') INTO v_held FROM was;
    PERFORM {schema}.settle_claims(v_held, v_held);
END $body$;

-- `p_to`: 0 a new attempt of what has ended, 1 now, 2 at a date. What a runner may be about to start is left as it is.
CREATE FUNCTION {schema}.requeue_actions(
    p_ids bigint[], p_to int, p_at bigint, p_now bigint, p_context text, p_writer bigint, p_n bigint
) RETURNS TABLE (o_id bigint, o_status smallint, o_done boolean) LANGUAGE plpgsql {settings} AS $body$
DECLARE
    v_kept bigint[];
BEGIN
    PERFORM {schema}.lock_actions(p_ids);
    v_kept := {schema}.held_actions(p_ids);
    RETURN QUERY SELECT a.id, a.status,
            CASE p_to WHEN 0 THEN a.status > 1 AND a.id <> ALL (v_kept) ELSE a.status = 0 AND a.claim IS NULL END
        FROM unnest(p_ids) WITH ORDINALITY AS w (id, place) JOIN {schema}.actions a ON a.id = w.id ORDER BY w.place;
    WITH was AS (
        SELECT id, status, priority, attempts, scheduled_at FROM {schema}.actions
        WHERE id = ANY (p_ids)
          AND CASE p_to WHEN 0 THEN status > 1 AND id <> ALL (v_kept) ELSE status = 0 AND claim IS NULL END
    ), gone AS (
        DELETE FROM {schema}.waiting w USING was
        WHERE p_to > 0 AND was.scheduled_at <> p_at AND w.priority = was.priority AND w.attempts = was.attempts
          AND w.scheduled_at = was.scheduled_at AND w.id = was.id
    ), done AS (
        UPDATE {schema}.actions a
        SET status = 0, phase = 0, claim = NULL, finished_at = CASE p_to WHEN 0 THEN NULL ELSE a.finished_at END,
            timed_out = false, scheduled_at = p_at, logged = a.logged + 1
        FROM was WHERE a.id = was.id
        RETURNING a.id, a.logged, a.chain, a.priority, a.attempts, a.hook, a.grp,
            was.status AS before, was.scheduled_at AS had
    ), queued AS (
        INSERT INTO {schema}.waiting (priority, attempts, scheduled_at, id, hook, grp)
        SELECT priority, attempts, p_at, id, hook, grp FROM done WHERE before > 1 OR had <> p_at
    ), owed AS (
        -- Run early, it still owes its date to its chain; whoever sets a date of their own means the date of this instance.
        UPDATE {schema}.chains c SET owed_at = CASE p_to WHEN 1 THEN coalesce(c.owed_at, done.had) END
        FROM done WHERE c.id = done.chain AND c.head = done.id AND (p_to = 2 OR (p_to = 1 AND done.had > p_now))
    ), told AS (
        INSERT INTO {schema}.logs (action, seq, at, step, context, message)
        SELECT id, logged, p_now, CASE p_to WHEN 0 THEN 10 ELSE 11 END, p_context,
            CASE p_to
                WHEN 0 THEN 'was ' || (ARRAY['complete', 'failed', 'canceled'])[before - 1]
                WHEN 1 THEN 'to run now instead of ' || {schema}.date_text(had)
                ELSE 'from ' || {schema}.date_text(had) || ' to ' || {schema}.date_text(p_at)
            END
        FROM done
    )
    INSERT INTO {schema}.ledger (writer, n, pending, complete, failed, canceled)
    SELECT p_writer, p_n, count(*) FILTER (WHERE before > 1), -count(*) FILTER (WHERE before = 2),
        -count(*) FILTER (WHERE before = 3), -count(*) FILTER (WHERE before = 4) FROM done;
END $body$;

-- A date as the program writes it.
CREATE FUNCTION {schema}.date_text(p_micros bigint) RETURNS text LANGUAGE sql STABLE AS $body$
    SELECT regexp_replace(
        to_char(timestamp '1970-01-01' + p_micros * interval '1 microsecond', 'YYYY-MM-DD"T"HH24:MI:SS.US'),
        '\.?0+$', '') || 'Z'
$body$;

-- Entries of others, in order. What is noted while an action runs belongs to the attempt.
CREATE FUNCTION {schema}.append_log(
    p_ids bigint[], p_ats bigint[], p_steps smallint[], p_messages text[], p_now bigint, p_context text,
    p_writer bigint, p_n bigint
) RETURNS void LANGUAGE plpgsql {settings} AS $body$
DECLARE
    r record;
    d record;
BEGIN
    PERFORM 1 FROM {schema}.actions WHERE id = ANY (p_ids) ORDER BY id FOR UPDATE;
    FOR r IN SELECT * FROM unnest(p_ids, p_ats, p_steps, p_messages) AS e (id, at, step, message) LOOP
        UPDATE {schema}.actions a SET logged = a.logged + 1 WHERE a.id = r.id
        RETURNING a.logged, CASE a.status WHEN 1 THEN a.attempts END AS attempt INTO d;
        IF FOUND THEN
            INSERT INTO {schema}.logs (action, seq, at, step, attempt, context, message)
            VALUES (r.id, d.logged, coalesce(r.at, p_now), r.step, d.attempt, p_context, r.message);
        END IF;
    END LOOP;
    INSERT INTO {schema}.ledger (writer, n) VALUES (p_writer, p_n);
END $body$;

-- Changes a chain: 0 pause, 1 resume, 2 end. The state it had, NULL when there is none; whether it was done; and the next
-- instance.
CREATE FUNCTION {schema}.change_chain(
    p_chain bigint, p_change int, p_reason text, p_next bigint, p_now bigint, p_context text, p_writer bigint, p_n bigint
) RETURNS TABLE (o_state smallint, o_done boolean, o_next bigint) LANGUAGE plpgsql {settings} AS $body$
DECLARE
    c record;
    h record;
BEGIN
    -- Actions are locked before chains, by everybody.
    SELECT head INTO c FROM {schema}.chains WHERE id = p_chain;
    PERFORM {schema}.lock_actions(ARRAY[c.head]);
    SELECT state, head INTO c FROM {schema}.chains WHERE id = p_chain FOR UPDATE;
    o_state := c.state;
    o_done := false;
    IF NOT FOUND THEN
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT status, phase INTO h FROM {schema}.actions WHERE id = c.head;
    IF p_change = 0 AND c.state = 0 THEN
        o_done := true;
        UPDATE {schema}.chains SET state = 1, reason = p_reason WHERE id = p_chain;
        PERFORM {schema}.log_each(ARRAY[c.head], 13::smallint, p_now, NULL, p_context, p_reason);
    ELSIF p_change = 1 AND c.state = 1 THEN
        o_done := true;
        -- Paused while its instance runs: that one goes on being the head, and will be followed as ever.
        o_next := CASE h.phase WHEN 0 THEN c.head END;
        INSERT INTO {schema}.ledger (writer, n, pending) VALUES (p_writer, p_n, (o_next IS NULL)::int);
        IF o_next IS NULL THEN
            o_next := {schema}.insert_next(p_chain, p_next, p_now, true);
        END IF;
        UPDATE {schema}.chains SET state = 0, reason = NULL, failures = 0, owed_at = NULL, head = o_next
        WHERE id = p_chain;
        PERFORM {schema}.log_each(ARRAY[o_next], 14::smallint, p_now, NULL, p_context, NULL);
        RETURN NEXT;
        RETURN;
    ELSIF p_change = 2 AND c.state < 2 THEN
        o_done := true;
        UPDATE {schema}.chains SET state = 2, reason = NULL WHERE id = p_chain;
    END IF;
    IF o_done AND h.status = 0 THEN
        PERFORM {schema}.cancel_actions(ARRAY[c.head], NULL, p_now, p_context, p_writer, p_n);
    ELSE
        INSERT INTO {schema}.ledger (writer, n) VALUES (p_writer, p_n);
    END IF;
    RETURN NEXT;
END $body$;

-- Gives a chain another schedule. What it had pending is canceled, what is in-progress is no longer its head, and the next
-- instance follows at p_next; a paused one stays so, without a head that the old schedule would follow. Answers as
-- change_chain does. All rows are found by primary key; once per change of a schedule.
CREATE FUNCTION {schema}.reschedule_chain(
    p_chain bigint, p_first bigint, p_every bigint, p_cron text, p_dialect text, p_zone text, p_fixed_rate boolean,
    p_catch_up bigint, p_next bigint, p_note text, p_now bigint, p_context text, p_writer bigint, p_n bigint
) RETURNS TABLE (o_state smallint, o_done boolean, o_next bigint) LANGUAGE plpgsql {settings} AS $body$
DECLARE
    c record;
    h record;
BEGIN
    -- Actions are locked before chains, by everybody.
    SELECT head INTO c FROM {schema}.chains WHERE id = p_chain;
    PERFORM {schema}.lock_actions(ARRAY[c.head]);
    SELECT state, head INTO c FROM {schema}.chains WHERE id = p_chain FOR UPDATE;
    o_state := c.state;
    o_done := false;
    IF NOT FOUND OR c.state > 1 THEN
        RETURN NEXT;
        RETURN;
    END IF;
    o_done := true;
    SELECT status, phase INTO h FROM {schema}.actions WHERE id = c.head;
    UPDATE {schema}.chains SET first_at = p_first, every = p_every, cron = p_cron, dialect = p_dialect, zone = p_zone,
        fixed_rate = p_fixed_rate, catch_up = p_catch_up, owed_at = NULL
    WHERE id = p_chain;
    IF c.state = 1 THEN
        PERFORM {schema}.log_each(ARRAY[c.head], 11::smallint, p_now, NULL, p_context, p_note);
        IF h.phase = 0 THEN
            UPDATE {schema}.chains SET head = NULL WHERE id = p_chain;
        END IF;
        INSERT INTO {schema}.ledger (writer, n) VALUES (p_writer, p_n);
        RETURN NEXT;
        RETURN;
    END IF;
    o_next := {schema}.insert_next(p_chain, p_next, p_now, true);
    -- Before the old head is canceled: with its head a chain ends.
    UPDATE {schema}.chains SET head = o_next, failures = 0 WHERE id = p_chain;
    PERFORM {schema}.log_each(ARRAY[o_next], 11::smallint, p_now, NULL, p_context, p_note);
    IF h.status = 0 THEN
        PERFORM {schema}.cancel_actions(ARRAY[c.head], NULL, p_now, p_context, p_writer, p_n);
    ELSE
        INSERT INTO {schema}.ledger (writer, n) VALUES (p_writer, p_n);
    END IF;
    UPDATE {schema}.ledger SET pending = pending + 1 WHERE writer = p_writer AND n = p_n;
    RETURN NEXT;
END $body$;
