-- Forgets a runner that stops in good order. Should something of its be in-progress, it is found as what no known runner
-- holds.
CREATE FUNCTION {schema}.unregister_runner(p_runner bigint, p_now bigint, p_context text, p_writer bigint, p_n bigint)
RETURNS void LANGUAGE plpgsql {settings} AS $body$
BEGIN
    PERFORM 1 FROM {schema}.runners WHERE id = p_runner FOR UPDATE;
    PERFORM {schema}.release_claims(
        ARRAY(SELECT id FROM {schema}.claims WHERE runner = p_runner ORDER BY id), p_now, p_context, p_writer, p_n);
    DELETE FROM {schema}.runners WHERE id = p_runner;
END $body$;

-- Takes runners for dead that have not beaten since, and gives back what they and runners that nobody knows had not
-- started; how much, in the first column of the first row. What is in-progress follows, with its claim and its runner,
-- as long as it is known.
CREATE FUNCTION {schema}.recover_runners(
    p_runners bigint[], p_beats bigint[], p_now bigint, p_context text, p_writer bigint, p_n bigint
) RETURNS TABLE (
    o_released bigint, o_runner bigint, o_empty bigint, o_claim bigint, o_id bigint, o_hook int, o_group int,
    o_args text, o_priority smallint, o_attempts int, o_scheduled_at bigint, o_chain bigint, o_owed_at bigint,
    o_first_at bigint, o_every bigint, o_cron text, o_dialect text, o_zone text, o_fixed_rate boolean,
    o_catch_up bigint
) LANGUAGE plpgsql {settings} AS $body$
DECLARE
    v_dead bigint[];
    v_claims bigint[];
    v_released bigint;
BEGIN
    -- Whoever claims for one of these at this moment is waited for, and whoever comes later finds it gone.
    v_dead := ARRAY(
        SELECT r.id FROM {schema}.runners r JOIN unnest(p_runners, p_beats) AS d (id, beats)
            ON r.id = d.id AND r.beats = d.beats ORDER BY r.id FOR UPDATE OF r);
    v_claims := ARRAY(
        SELECT c.id FROM {schema}.claims c
        WHERE c.runner = ANY (v_dead) OR NOT EXISTS (SELECT 1 FROM {schema}.runners r WHERE r.id = c.runner)
        ORDER BY c.id);
    v_released := {schema}.release_claims(v_claims, p_now, p_context, p_writer, p_n);
    RETURN QUERY SELECT v_released, NULL::bigint, NULL::bigint, {nothing};
    RETURN QUERY
    SELECT v_released, r.id, NULL::bigint, c.id, a.id, a.hook, a.grp, a.args, a.priority, a.attempts, a.scheduled_at,
        a.chain, {claimed_chain}
    FROM {schema}.claims c
    CROSS JOIN unnest(c.actions) WITH ORDINALITY AS held (id, place)
    JOIN {schema}.actions a ON a.id = held.id AND a.claim = c.id AND a.status = 1
    LEFT JOIN {schema}.runners r ON r.id = c.runner
    LEFT JOIN {schema}.chains ON chains.id = a.chain
    WHERE c.id = ANY (v_claims)
    ORDER BY r.id NULLS LAST, c.id, held.place;
    -- One with work in-progress stays known until that is settled.
    DELETE FROM {schema}.runners r
    WHERE r.id = ANY (v_dead) AND NOT EXISTS (SELECT 1 FROM {schema}.claims c WHERE c.runner = r.id);
END $body$;
