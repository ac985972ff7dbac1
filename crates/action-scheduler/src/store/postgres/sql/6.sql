-- The layout, version 6: what happens to nearly every action stands in its own row, written by the update that the step makes
-- in any case, instead of a row of `logs` with an entry in its index. `logs` holds the rest: what has a message, what people
-- do, and what goes beyond the first places of a log. What was told before stays there.

-- Who ran it, once for each: trails hold their numbers.
CREATE TABLE {schema}.contexts (
    id   int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE
);

-- Entries of the log, 16 bytes each: the function `trail_entry` writes them, the view `log_entries` reads them. No rewrite of
-- the table: the default is kept apart until a row is written.
ALTER TABLE {schema}.actions ADD COLUMN trail bytea NOT NULL DEFAULT '';
-- It is never what makes a row too long, and is read with it.
ALTER TABLE {schema}.actions ALTER COLUMN trail SET STORAGE MAIN;
-- The new versions of a row are longer than the old ones by an entry, and are to find room beside them.
ALTER TABLE {schema}.actions SET (fillfactor = 40);

-- All entries of all logs, wherever they stand. Asked for some actions, both parts find them by primary key.
CREATE VIEW {schema}.log_entries AS
SELECT action, seq, at, step, attempt, context, message FROM {schema}.logs
UNION ALL
SELECT actions.id, (entry.facts & 31)::int, entry.at, ((entry.facts >> 5) & 255)::smallint,
    nullif(((entry.facts >> 13) & 2147483647)::int, 0),
    (SELECT name FROM {schema}.contexts WHERE contexts.id = (entry.facts >> 44)), NULL
FROM {schema}.actions
CROSS JOIN LATERAL (
    SELECT ('x' || encode(substr(actions.trail, place, 8), 'hex'))::bit(64)::bigint AS at,
        ('x' || encode(substr(actions.trail, place + 8, 8), 'hex'))::bit(64)::bigint AS facts
    -- Each of the places that there may be: the planner expects a thousand of `generate_series`.
    FROM unnest(ARRAY[1, 17, 33, 49, 65, 81, 97, 113, 129, 145, 161, 177, 193, 209, 225, 241]) AS place
    WHERE place < octet_length(actions.trail)
) AS entry;
