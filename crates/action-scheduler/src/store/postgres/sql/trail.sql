-- The part of a log that stands in the row of its action. See the view `log_entries`, which reads what these write.

-- An entry of a trail. Beside the date it has its place in the log (5 bits), its step (8), its attempt (31, 0 is none), and
-- the number of its context (19, 0 is none). The planner puts the body in its place.
CREATE FUNCTION {schema}.trail_entry(p_at bigint, p_seq int, p_step int, p_attempt int, p_context int) RETURNS bytea
LANGUAGE sql IMMUTABLE AS $body$
    SELECT int8send(p_at) || int8send(
        p_seq + (p_step << 5) + (coalesce(p_attempt, 0)::bigint << 13) + (coalesce(p_context, 0)::bigint << 44))
$body$;

-- How many places of a log may stand in the row when this is the number of the context; what comes later goes to `logs`, so
-- that the row of an action that is tried for ever does not grow.
CREATE FUNCTION {schema}.trail_room(p_context int) RETURNS int LANGUAGE sql IMMUTABLE AS $body$
    SELECT CASE WHEN p_context < 524288 THEN 16 ELSE 0 END
$body$;

-- The number of a context, which is stored when it is new. By the unique index of the name. To be asked before actions are
-- locked: who stores the same name at the same moment waits for the commit of this.
CREATE FUNCTION {schema}.context_number(p_context text) RETURNS int LANGUAGE plpgsql {settings} AS $body$
DECLARE
    v_id int := (SELECT id FROM {schema}.contexts WHERE name = p_context);
BEGIN
    IF v_id IS NULL THEN
        INSERT INTO {schema}.contexts (name) VALUES (p_context) ON CONFLICT DO NOTHING;
        v_id := (SELECT id FROM {schema}.contexts WHERE name = p_context);
    END IF;
    RETURN v_id;
END $body$;
