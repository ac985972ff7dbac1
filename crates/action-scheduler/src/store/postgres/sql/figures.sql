-- Adds to the figures of periods and hooks, each named once; `p_width` numbers for each of them. By primary key, every few
-- seconds, in one order for all who do.
CREATE FUNCTION {schema}.add_figures(
    p_resolutions smallint[], p_hooks int[], p_dates bigint[], p_numbers bigint[], p_width int, p_writer bigint,
    p_n bigint
) RETURNS void LANGUAGE plpgsql {settings} AS $body$
BEGIN
    INSERT INTO {schema}.figures AS f (resolution, hook, at, numbers)
    SELECT n.resolution, n.hook, n.at, p_numbers[(n.place - 1) * p_width + 1 : n.place * p_width]
    FROM unnest(p_resolutions, p_hooks, p_dates) WITH ORDINALITY AS n (resolution, hook, at, place)
    ORDER BY n.resolution, n.hook, n.at
    ON CONFLICT (resolution, hook, at) DO UPDATE SET numbers = ARRAY(
        SELECT coalesce(before.n, 0) + coalesce(before.more, 0)
        FROM unnest(f.numbers, excluded.numbers) WITH ORDINALITY AS before (n, more, place) ORDER BY before.place);
    INSERT INTO {schema}.ledger (writer, n) VALUES (p_writer, p_n);
END $body$;
