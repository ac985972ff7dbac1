-- The layout, version 4: the instances of a chain lie in order, so that the latest few are found in as few steps.
CREATE INDEX actions_of_chain ON {schema}.actions (chain, id) WHERE chain IS NOT NULL;
DROP INDEX {schema}.actions_by_chain;
ALTER INDEX {schema}.actions_of_chain RENAME TO actions_by_chain;
