-- Puts records, in order, each if what it expects holds: 0 anything, 1 that there is none, 2 that there is one of this
-- version. The new version of each, NULL where it does not hold. By primary key, once for each call.
CREATE FUNCTION {schema}.put_records(
    p_now bigint, p_kinds text[], p_keys text[], p_bodies text[], p_expiries bigint[], p_expected smallint[],
    p_versions bigint[], p_writer bigint, p_n bigint
) RETURNS bigint[] LANGUAGE plpgsql {settings} AS $body$
DECLARE
    v_versions bigint[] := '{}';
    v_version bigint;
BEGIN
    FOR i IN 1 .. cardinality(p_keys) LOOP
        IF p_expected[i] = 2 THEN
            UPDATE {schema}.records r
            SET body = p_bodies[i], version = r.version + 1, expires_at = p_expiries[i]
            WHERE r.kind = p_kinds[i] AND r.key = p_keys[i] AND r.version = p_versions[i]
              AND (r.expires_at IS NULL OR r.expires_at > p_now)
            RETURNING r.version INTO v_version;
        ELSE
            INSERT INTO {schema}.records AS r (kind, key, body, version, expires_at)
            VALUES (p_kinds[i], p_keys[i], p_bodies[i], 1, p_expiries[i])
            ON CONFLICT (kind, key) DO UPDATE
            SET body = excluded.body, version = r.version + 1, expires_at = excluded.expires_at
            WHERE p_expected[i] = 0 OR r.expires_at <= p_now
            RETURNING r.version INTO v_version;
        END IF;
        v_versions := v_versions || v_version;
    END LOOP;
    INSERT INTO {schema}.ledger (writer, n) VALUES (p_writer, p_n);
    RETURN v_versions;
END $body$;

-- Deletes records of a kind; the keys of those that had not expired. By primary key, once for each call.
CREATE FUNCTION {schema}.delete_records(p_now bigint, p_kind text, p_keys text[], p_writer bigint, p_n bigint)
RETURNS text[] LANGUAGE plpgsql {settings} AS $body$
DECLARE
    v_gone text[];
BEGIN
    -- In one order, so that none waits for one that waits for it.
    PERFORM 1 FROM {schema}.records WHERE kind = p_kind AND key = ANY (p_keys) ORDER BY kind, key FOR UPDATE;
    WITH gone AS (
        DELETE FROM {schema}.records WHERE kind = p_kind AND key = ANY (p_keys) RETURNING key, expires_at
    )
    SELECT array_agg(key) FILTER (WHERE expires_at IS NULL OR expires_at > p_now) INTO v_gone FROM gone;
    INSERT INTO {schema}.ledger (writer, n) VALUES (p_writer, p_n);
    RETURN v_gone;
END $body$;

-- Deletes what is past its date, so much of each kind at most; how much. By records_expiring, receipts_by_date and
-- figures_by_date, with each round of the cleaner.
CREATE FUNCTION {schema}.clean_past(
    p_now bigint, p_minutes_before bigint, p_hours_before bigint, p_most bigint, p_writer bigint, p_n bigint
) RETURNS bigint LANGUAGE plpgsql {settings} AS $body$
DECLARE
    v_deleted bigint := 0;
    v_some bigint;
BEGIN
    WITH past AS MATERIALIZED (
        SELECT kind, key FROM {schema}.records WHERE expires_at <= p_now LIMIT p_most FOR UPDATE SKIP LOCKED
    )
    DELETE FROM {schema}.records r USING past WHERE r.kind = past.kind AND r.key = past.key;
    GET DIAGNOSTICS v_some = ROW_COUNT;
    v_deleted := v_deleted + v_some;
    WITH past AS MATERIALIZED (
        SELECT key FROM {schema}.receipts WHERE keep_until <= p_now LIMIT p_most FOR UPDATE SKIP LOCKED
    )
    DELETE FROM {schema}.receipts r USING past WHERE r.key = past.key;
    GET DIAGNOSTICS v_some = ROW_COUNT;
    v_deleted := v_deleted + v_some;
    FOR v_resolution IN 0 .. 1 LOOP
        WITH past AS MATERIALIZED (
            SELECT hook, at FROM {schema}.figures
            WHERE resolution = v_resolution AND at < CASE v_resolution WHEN 0 THEN p_minutes_before ELSE p_hours_before END
            LIMIT p_most FOR UPDATE SKIP LOCKED
        )
        DELETE FROM {schema}.figures f USING past WHERE f.resolution = v_resolution AND f.hook = past.hook AND f.at = past.at;
        GET DIAGNOSTICS v_some = ROW_COUNT;
        v_deleted := v_deleted + v_some;
    END LOOP;
    INSERT INTO {schema}.ledger (writer, n) VALUES (p_writer, p_n);
    RETURN v_deleted;
END $body$;
