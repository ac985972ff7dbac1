-- What tells this store from all others: it goes with the file wherever that is moved to.
CREATE TABLE identity (
    id TEXT NOT NULL
) STRICT;
INSERT INTO identity (id) VALUES (lower(hex(randomblob(16))));

-- Other stores that something was taken in from.
CREATE TABLE origins (
    id       INTEGER PRIMARY KEY,
    identity TEXT NOT NULL UNIQUE
) STRICT;

-- What became of what: the journal of moves to this store.
CREATE TABLE imports (
    origin  INTEGER NOT NULL,
    -- 0 an action, 1 a chain
    kind    INTEGER NOT NULL,
    -- the id over there, and the id here
    source  INTEGER NOT NULL,
    target  INTEGER NOT NULL,
    -- 0 copied, 1 held, 2 admitted
    state   INTEGER NOT NULL,
    -- the state that a held chain is to have
    becomes INTEGER,
    PRIMARY KEY (origin, kind, source)
) STRICT, WITHOUT ROWID;

-- What is held is left alone by all else. Empty but for the moments of a move.
CREATE INDEX imports_held ON imports (kind, target) WHERE state = 1;
