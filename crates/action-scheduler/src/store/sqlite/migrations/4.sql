-- Pages and counts of a group by status, as those of a hook; and the instances of a chain by date.
DROP INDEX actions_by_group;
CREATE INDEX actions_by_group ON actions (grp, phase, scheduled_at);
DROP INDEX actions_by_chain;
CREATE INDEX actions_by_chain ON actions (chain, scheduled_at) WHERE chain IS NOT NULL;
