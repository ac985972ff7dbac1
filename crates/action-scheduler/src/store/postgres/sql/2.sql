-- The layout, version 2: moving between stores.

-- What tells this store from all others: it goes with the tables wherever those are moved to.
CREATE TABLE {schema}.identity (id text NOT NULL);
INSERT INTO {schema}.identity (id)
SELECT string_agg(lpad(to_hex(floor(random() * 65536)::int), 4, '0'), '') FROM generate_series(1, 8);

-- Other stores that something was taken in from.
CREATE TABLE {schema}.origins (
    id       int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identity text NOT NULL UNIQUE
);

-- What became of what: the journal of moves to this store.
CREATE TABLE {schema}.imports (
    -- the id over there, and the id here
    source  bigint NOT NULL,
    target  bigint NOT NULL,
    origin  int NOT NULL,
    -- 0 an action, 1 a chain
    kind    smallint NOT NULL,
    -- 0 copied, 1 held, 2 admitted
    state   smallint NOT NULL,
    -- the state that a held chain is to have
    becomes smallint,
    PRIMARY KEY (origin, kind, source)
);

-- What is held is left alone by all else. Empty but for the moments of a move.
CREATE INDEX imports_held ON {schema}.imports (kind, target) WHERE state = 1;
