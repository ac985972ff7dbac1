-- Small documents of programs around the engine: users, sessions, tokens, incidents.
CREATE TABLE records (
    kind       TEXT NOT NULL,
    key        TEXT NOT NULL,
    body       TEXT NOT NULL,
    -- counts the puts
    version    INTEGER NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX records_expiring ON records (expires_at) WHERE expires_at IS NOT NULL;

-- Requests that were given a key by whoever sent them, with what they were answered: sent again, they store nothing.
CREATE TABLE receipts (
    key        TEXT NOT NULL PRIMARY KEY,
    digest     BLOB NOT NULL,
    keep_until INTEGER NOT NULL,
    -- the ids of the actions, 0 for one that was refused
    ids        TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX receipts_by_date ON receipts (keep_until);

-- What happened in each minute and hour.
CREATE TABLE figures (
    -- 0 a minute, 1 an hour
    resolution INTEGER NOT NULL,
    -- 0 is all hooks together
    hook       INTEGER NOT NULL,
    -- when it began
    at         INTEGER NOT NULL,
    -- a list of counts
    numbers    TEXT NOT NULL,
    PRIMARY KEY (resolution, hook, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX figures_by_date ON figures (resolution, at);
