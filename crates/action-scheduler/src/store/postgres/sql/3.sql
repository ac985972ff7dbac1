-- The layout, version 3: what programs around the engine keep here, requests that came with a key, and figures over time.

-- Small documents: users, sessions, tokens, incidents. Keys stand in the order of their bytes.
CREATE TABLE {schema}.records (
    kind       text COLLATE "C" NOT NULL,
    key        text COLLATE "C" NOT NULL,
    -- counts the puts
    version    bigint NOT NULL,
    expires_at bigint,
    body       text NOT NULL,
    PRIMARY KEY (kind, key)
);
CREATE INDEX records_expiring ON {schema}.records (expires_at) WHERE expires_at IS NOT NULL;

-- Requests that were given a key by whoever sent them, with what they were answered: sent again, they store nothing.
CREATE TABLE {schema}.receipts (
    keep_until bigint NOT NULL,
    key        text COLLATE "C" NOT NULL PRIMARY KEY,
    -- in hexadecimal digits
    digest     text NOT NULL,
    -- of the actions; NULL for one that was refused
    ids        bigint[]
);
CREATE INDEX receipts_by_date ON {schema}.receipts (keep_until);

-- What happened in each minute and hour.
CREATE TABLE {schema}.figures (
    -- when it began
    at         bigint NOT NULL,
    -- 0 is all hooks together
    hook       int NOT NULL,
    -- 0 a minute, 1 an hour
    resolution smallint NOT NULL,
    -- a list of counts
    numbers    bigint[] NOT NULL,
    PRIMARY KEY (resolution, hook, at)
);
CREATE INDEX figures_by_date ON {schema}.figures (resolution, at);
