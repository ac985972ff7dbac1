-- The layout, version 4: pages and counts of a group by status, as those of a hook; and the instances of a chain by date, and
-- in the order they were stored. An end of an action writes into each index in any case, as it is no HOT update.
DROP INDEX {schema}.actions_by_group;
CREATE INDEX actions_by_group ON {schema}.actions (grp, phase, scheduled_at, id);
DROP INDEX {schema}.actions_by_chain;
CREATE INDEX actions_by_chain ON {schema}.actions (chain, scheduled_at, id) WHERE chain IS NOT NULL;
CREATE INDEX actions_of_chain ON {schema}.actions (chain, id) WHERE chain IS NOT NULL;
