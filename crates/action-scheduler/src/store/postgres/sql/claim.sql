-- The first (priority, attempts) of what waits between two others. By the primary key, in three seeks: a comparison of
-- pairs would read on through all of the second to see that it ends.
CREATE FUNCTION {schema}.next_rank(
    p_priority int, p_attempts int, p_to_priority int, p_to_attempts int, OUT o_priority int, OUT o_attempts int
) LANGUAGE plpgsql STABLE AS $body$
BEGIN
    SELECT w.priority, w.attempts INTO o_priority, o_attempts FROM {schema}.waiting w
    WHERE w.priority = p_priority AND w.attempts > p_attempts
      AND w.attempts < CASE WHEN p_to_priority = p_priority THEN p_to_attempts ELSE 2147483647 END
    ORDER BY w.priority, w.attempts LIMIT 1;
    IF FOUND OR p_to_priority = p_priority THEN RETURN; END IF;
    SELECT w.priority, w.attempts INTO o_priority, o_attempts FROM {schema}.waiting w
    WHERE w.priority > p_priority AND w.priority < p_to_priority ORDER BY w.priority, w.attempts LIMIT 1;
    IF FOUND THEN RETURN; END IF;
    SELECT w.priority, w.attempts INTO o_priority, o_attempts FROM {schema}.waiting w
    WHERE w.priority = p_to_priority AND w.attempts < p_to_attempts ORDER BY w.priority, w.attempts LIMIT 1;
END $body$;

-- Sets a batch aside for a runner. The first column says how it went: 0 nothing is due, 1 as many claims are open as may
-- be, 2 a row of the batch, 3 the runner is not known. The second is how many microseconds it took to find the batch; the third a claim before
-- which none is open.
--
-- The batch is read from the front of `waiting`, one (priority, attempts) after the other: its cost does not depend on
-- what waits behind. While a transaction elsewhere keeps old rows alive, the index holds an entry for each row that was
-- claimed since that one began, and each claim would walk over all of them. So a caller who saw that happen says where
-- its last batch ended (the marks, one for each rank), and the search begins there.
CREATE FUNCTION {schema}.claim_actions(
    p_runner bigint, p_now bigint, p_latest bigint, p_most int, p_open int, p_lock bigint, p_open_from bigint,
    p_hooks int[], p_group int, p_not_groups int[], p_not_hooks text[], p_ids bigint[],
    p_mark_priorities int[], p_mark_attempts int[], p_mark_dates bigint[], p_mark_ids bigint[],
    p_writer bigint, p_n bigint
) RETURNS TABLE (
    o_outcome smallint, o_micros bigint, o_open_from bigint, o_claim bigint, o_id bigint, o_hook int, o_group int,
    o_args text, o_priority smallint, o_attempts int, o_scheduled_at bigint, o_chain bigint, o_owed_at bigint,
    o_first_at bigint, o_every bigint, o_cron text, o_dialect text, o_zone text, o_fixed_rate boolean,
    o_catch_up bigint
) LANGUAGE plpgsql {settings} AS $body$
DECLARE
    v_begun timestamptz;
    v_micros bigint;
    v_open int;
    v_open_from bigint;
    v_claim bigint;
    v_ids bigint[] := '{}';
    v_more bigint[];
    v_priority int := -1;
    v_attempts int := -1;
    v_from_date bigint;
    v_from_id bigint;
    v_mark int := 1;
    v_marks int := cardinality(p_mark_priorities);
BEGIN
    -- What a runner holds that nobody knows would be taken for stranded. Whoever takes it for dead waits for this.
    PERFORM 1 FROM {schema}.runners WHERE id = p_runner FOR KEY SHARE;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 3::smallint, 0::bigint, p_open_from, {nothing};
        RETURN;
    END IF;
    IF p_open IS NOT NULL THEN
        -- One claim at a time, up to its commit; released with the transaction.
        PERFORM pg_advisory_xact_lock(p_lock);
        SELECT count(*), min(claim) INTO v_open, v_open_from FROM {schema}.unstarted WHERE claim >= p_open_from;
        IF v_open >= p_open THEN
            RETURN QUERY SELECT 1::smallint, 0::bigint, v_open_from, {nothing};
            RETURN;
        END IF;
    END IF;
    IF p_now < p_latest THEN
        PERFORM {schema}.follow_clock(p_now, p_latest);
    END IF;
    v_begun := clock_timestamp();
    IF p_ids IS NOT NULL THEN
        -- By primary keys.
        WITH gone AS (
            DELETE FROM {schema}.waiting WHERE ctid = ANY (ARRAY(
                SELECT w.ctid FROM unnest(p_ids) AS wanted (id)
                JOIN {schema}.actions a ON a.id = wanted.id
                JOIN {schema}.waiting w ON w.priority = a.priority AND w.attempts = a.attempts
                    AND w.scheduled_at = a.scheduled_at AND w.id = a.id
                ORDER BY w.priority, w.attempts, w.scheduled_at, w.id LIMIT p_most FOR UPDATE OF w SKIP LOCKED))
            RETURNING id
        ) SELECT array_agg(id) INTO v_ids FROM gone;
    ELSE
        LOOP
            -- The next (priority, attempts): one seek of the primary key. Between two that are marked there is none, as
            -- a rule, and no dead entries to walk over.
            WHILE v_mark <= v_marks
                AND (p_mark_priorities[v_mark], p_mark_attempts[v_mark]) <= (v_priority, v_attempts)
            LOOP
                v_mark := v_mark + 1;
            END LOOP;
            v_from_date := -9223372036854775808;
            v_from_id := 0;
            IF v_mark <= v_marks THEN
                SELECT r.o_priority, r.o_attempts INTO v_priority, v_attempts
                FROM {schema}.next_rank(v_priority, v_attempts, p_mark_priorities[v_mark], p_mark_attempts[v_mark]) AS r;
                IF v_priority IS NULL THEN
                    v_priority := p_mark_priorities[v_mark];
                    v_attempts := p_mark_attempts[v_mark];
                    v_from_date := p_mark_dates[v_mark];
                    v_from_id := p_mark_ids[v_mark];
                END IF;
            ELSE
                SELECT w.priority, w.attempts INTO v_priority, v_attempts FROM {schema}.waiting w
                WHERE (w.priority, w.attempts) > (v_priority, v_attempts)
                ORDER BY w.priority, w.attempts LIMIT 1;
                EXIT WHEN NOT FOUND;
            END IF;
            -- From the first to the last that is wanted, by the primary key, passing over what the filter leaves out and
            -- what others are about to take.
            IF p_hooks IS NULL AND p_group IS NULL AND p_not_groups IS NULL AND p_not_hooks IS NULL THEN
                WITH gone AS (
                    DELETE FROM {schema}.waiting WHERE ctid = ANY (ARRAY(
                        SELECT w.ctid FROM {schema}.waiting w
                        WHERE w.priority = v_priority AND w.attempts = v_attempts AND w.scheduled_at <= p_now
                          AND (w.scheduled_at, w.id) >= (v_from_date, v_from_id)
                        ORDER BY w.priority, w.attempts, w.scheduled_at, w.id
                        LIMIT p_most - cardinality(v_ids) FOR UPDATE SKIP LOCKED))
                    RETURNING id
                ) SELECT array_agg(id) INTO v_more FROM gone;
            ELSE
                WITH gone AS (
                    DELETE FROM {schema}.waiting WHERE ctid = ANY (ARRAY(
                        SELECT w.ctid FROM {schema}.waiting w
                        WHERE w.priority = v_priority AND w.attempts = v_attempts AND w.scheduled_at <= p_now
                          AND (w.scheduled_at, w.id) >= (v_from_date, v_from_id)
                          AND (p_hooks IS NULL OR w.hook = ANY (p_hooks))
                          AND (p_group IS NULL OR w.grp = p_group)
                          AND (p_not_groups IS NULL OR w.grp <> ALL (p_not_groups))
                          AND (p_not_hooks IS NULL OR w.hook <> ALL (ARRAY(
                              SELECT h.id FROM {schema}.hooks h WHERE h.name LIKE ANY (p_not_hooks))))
                        ORDER BY w.priority, w.attempts, w.scheduled_at, w.id
                        LIMIT p_most - cardinality(v_ids) FOR UPDATE SKIP LOCKED))
                    RETURNING id
                ) SELECT array_agg(id) INTO v_more FROM gone;
            END IF;
            v_ids := v_ids || v_more;
            EXIT WHEN cardinality(v_ids) >= p_most;
        END LOOP;
    END IF;
    v_micros := extract(epoch FROM clock_timestamp() - v_begun) * 1000000;
    IF coalesce(cardinality(v_ids), 0) = 0 THEN
        RETURN QUERY SELECT 0::smallint, v_micros, v_open_from, {nothing};
        RETURN;
    END IF;
    v_claim := nextval(pg_get_serial_sequence('{schema_text}.claims', 'id'));
    INSERT INTO {schema}.ledger (writer, n) VALUES (p_writer, p_n);
    RETURN QUERY
    WITH held AS (
        -- By primary key; HOT.
        UPDATE {schema}.actions SET claim = v_claim
        WHERE id = ANY (v_ids) AND status = 0 AND claim IS NULL
        RETURNING id, hook, grp, args, priority, attempts, scheduled_at, chain
    ), made AS (
        INSERT INTO {schema}.claims (id, runner, claimed_at, live, actions)
        SELECT v_claim, p_runner, p_now, count(*), array_agg(id ORDER BY priority, attempts, scheduled_at, id)
        FROM held HAVING count(*) > 0
    ), opened AS (
        INSERT INTO {schema}.unstarted (claim, n) SELECT v_claim, count(*) FROM held HAVING count(*) > 0
    )
    SELECT 2::smallint, v_micros, coalesce(v_open_from, v_claim), v_claim, held.id, held.hook, held.grp, held.args,
        held.priority, held.attempts, held.scheduled_at, held.chain, {claimed_chain}
    FROM held LEFT JOIN {schema}.chains ON chains.id = held.chain
    ORDER BY held.priority, held.attempts, held.scheduled_at, held.id;
END $body$;

-- The date of the first that waits and that the filter lets through; NULL when nothing does. As above.
CREATE FUNCTION {schema}.next_due(
    p_hooks int[], p_group int, p_not_groups int[], p_not_hooks text[],
    p_mark_priorities int[], p_mark_attempts int[], p_mark_dates bigint[], p_mark_ids bigint[]
) RETURNS bigint LANGUAGE plpgsql STABLE {settings} AS $body$
DECLARE
    v_first bigint;
    v_date bigint;
    v_priority int := -1;
    v_attempts int := -1;
    v_from_date bigint;
    v_from_id bigint;
    v_mark int := 1;
    v_marks int := cardinality(p_mark_priorities);
BEGIN
    LOOP
        WHILE v_mark <= v_marks
            AND (p_mark_priorities[v_mark], p_mark_attempts[v_mark]) <= (v_priority, v_attempts)
        LOOP
            v_mark := v_mark + 1;
        END LOOP;
        v_from_date := -9223372036854775808;
        v_from_id := 0;
        IF v_mark <= v_marks THEN
            SELECT r.o_priority, r.o_attempts INTO v_priority, v_attempts
            FROM {schema}.next_rank(v_priority, v_attempts, p_mark_priorities[v_mark], p_mark_attempts[v_mark]) AS r;
            IF v_priority IS NULL THEN
                v_priority := p_mark_priorities[v_mark];
                v_attempts := p_mark_attempts[v_mark];
                v_from_date := p_mark_dates[v_mark];
                v_from_id := p_mark_ids[v_mark];
            END IF;
        ELSE
            SELECT w.priority, w.attempts INTO v_priority, v_attempts FROM {schema}.waiting w
            WHERE (w.priority, w.attempts) > (v_priority, v_attempts)
            ORDER BY w.priority, w.attempts LIMIT 1;
            EXIT WHEN NOT FOUND;
        END IF;
        SELECT w.scheduled_at INTO v_date FROM {schema}.waiting w
        WHERE w.priority = v_priority AND w.attempts = v_attempts
          AND (w.scheduled_at, w.id) >= (v_from_date, v_from_id)
          AND (p_hooks IS NULL OR w.hook = ANY (p_hooks))
          AND (p_group IS NULL OR w.grp = p_group)
          AND (p_not_groups IS NULL OR w.grp <> ALL (p_not_groups))
          AND (p_not_hooks IS NULL OR w.hook <> ALL (ARRAY(
              SELECT h.id FROM {schema}.hooks h WHERE h.name LIKE ANY (p_not_hooks))))
        ORDER BY w.priority, w.attempts, w.scheduled_at, w.id LIMIT 1;
        v_first := least(v_first, v_date);
    END LOOP;
    RETURN v_first;
END $body$;

-- When the clock was set back, what was to run as soon as possible must not wait until it shows the old time again.
-- By actions_by_phase: only what is dated between the two times is looked at.
CREATE FUNCTION {schema}.follow_clock(p_now bigint, p_latest bigint) RETURNS void LANGUAGE plpgsql {settings} AS $body$
DECLARE
    v_ids bigint[];
BEGIN
    SELECT array_agg(id) INTO v_ids FROM {schema}.actions
    WHERE phase = 0 AND scheduled_at > p_now AND scheduled_at <= p_latest
      AND status = 0 AND claim IS NULL AND kind = 0 AND scheduled_at = created_at;
    IF v_ids IS NULL THEN RETURN; END IF;
    PERFORM {schema}.lock_actions(v_ids);
    WITH moved AS (
        -- Another may have moved them while this waited.
        SELECT id, priority, attempts, scheduled_at, hook, grp FROM {schema}.actions
        WHERE id = ANY (v_ids) AND status = 0 AND claim IS NULL AND scheduled_at > p_now AND scheduled_at = created_at
    ), gone AS (
        DELETE FROM {schema}.waiting w USING moved m
        WHERE w.priority = m.priority AND w.attempts = m.attempts AND w.scheduled_at = m.scheduled_at AND w.id = m.id
    ), queued AS (
        INSERT INTO {schema}.waiting (priority, attempts, scheduled_at, id, hook, grp)
        SELECT priority, attempts, p_now, id, hook, grp FROM moved
    )
    UPDATE {schema}.actions a SET scheduled_at = p_now FROM moved m WHERE a.id = m.id;
END $body$;
