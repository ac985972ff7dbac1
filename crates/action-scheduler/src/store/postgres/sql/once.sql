-- Stores actions as insert_actions does, unless the receipt is there: 0 and the new ids, 1 and the ids of before, or 2 when
-- the receipt is of another request. By primary key; who comes second waits for the first.
CREATE FUNCTION {schema}.insert_actions_once(
    p_key text, p_digest text, p_keep_until bigint,
    p_now bigint, p_hooks int[], p_groups int[], p_priorities smallint[], p_kinds smallint[], p_dates bigint[],
    p_keys text[], p_args text[], p_hashes bigint[], p_logs boolean[], p_rules smallint[], p_locks bigint[],
    p_firsts bigint[], p_everies bigint[], p_crons text[], p_dialects text[], p_zones text[], p_rates boolean[],
    p_caps bigint[], p_channel text, p_sender text, p_writer bigint, p_n bigint
) RETURNS TABLE (o_state int, o_ids bigint[]) LANGUAGE plpgsql {settings} AS $body$
DECLARE
    v_digest text;
BEGIN
    LOOP
        INSERT INTO {schema}.receipts AS r (key, digest, keep_until) VALUES (p_key, p_digest, p_keep_until)
        ON CONFLICT (key) DO UPDATE SET digest = excluded.digest, keep_until = excluded.keep_until, ids = NULL
        WHERE r.keep_until <= p_now;
        IF FOUND THEN
            o_state := 0;
            IF cardinality(p_hooks) > 0 THEN
                o_ids := {schema}.insert_actions(
                    p_now, p_hooks, p_groups, p_priorities, p_kinds, p_dates, p_keys, p_args, p_hashes, p_logs, p_rules,
                    p_locks, p_firsts, p_everies, p_crons, p_dialects, p_zones, p_rates, p_caps, p_channel, p_sender,
                    p_writer, p_n);
                UPDATE {schema}.receipts SET ids = o_ids WHERE key = p_key;
            ELSE
                INSERT INTO {schema}.ledger (writer, n) VALUES (p_writer, p_n);
            END IF;
            RETURN NEXT;
            RETURN;
        END IF;
        SELECT digest, ids INTO v_digest, o_ids FROM {schema}.receipts WHERE key = p_key;
        -- It may have been cleaned at this moment.
        IF FOUND THEN
            o_state := CASE WHEN v_digest = p_digest THEN 1 ELSE 2 END;
            INSERT INTO {schema}.ledger (writer, n) VALUES (p_writer, p_n);
            RETURN NEXT;
            RETURN;
        END IF;
    END LOOP;
END $body$;
