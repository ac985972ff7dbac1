-- Pages and counts of a group by status, as those of a hook; and the instances of a chain by date, and in the order they were
-- stored.
DROP INDEX actions_by_group;
CREATE INDEX actions_by_group ON actions (grp, phase, scheduled_at);
DROP INDEX actions_by_chain;
CREATE INDEX actions_by_chain ON actions (chain, scheduled_at) WHERE chain IS NOT NULL;
CREATE INDEX actions_of_chain ON actions (chain) WHERE chain IS NOT NULL;
