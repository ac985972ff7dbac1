-- Names are kept once; actions hold their numbers.
CREATE TABLE hooks (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE groups (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- Dates are microseconds since 1970, UTC.
CREATE TABLE actions (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    hook         INTEGER NOT NULL,
    grp          INTEGER NOT NULL,
    -- 0 pending, 1 in-progress, 2 complete, 3 failed, 4 canceled
    status       INTEGER NOT NULL DEFAULT 0,
    -- 0 while pending or in-progress, else the status: indexes hold this, so that a start touches none of them
    phase        INTEGER NOT NULL DEFAULT 0,
    priority     INTEGER NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0,
    -- 0 async, 1 single, 2 an instance of a chain
    kind         INTEGER NOT NULL,
    scheduled_at INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    started_at   INTEGER,
    finished_at  INTEGER,
    claim        INTEGER,
    chain        INTEGER,
    -- 1 when it failed because it ran too long: its handler may still succeed
    timed_out    INTEGER,
    unique_key   TEXT,
    args         TEXT NOT NULL,
    -- a hash of the args where they are longer than the 64 characters that the index holds
    args_hash    INTEGER
) STRICT;

-- In claim order; the hook and group let a filtered claim pass over others without reading their rows.
CREATE INDEX actions_to_claim ON actions (priority, attempts, scheduled_at, id, hook, grp)
    WHERE status = 0 AND claim IS NULL;

-- What claims hold: for recovery, and to see when a claim is done.
CREATE INDEX actions_claimed ON actions (claim) WHERE claim IS NOT NULL AND phase = 0;

-- "Is this hook scheduled with these args?" and `unique`. The args themselves rather than a hash of them, as
-- neighbours in time have neighbouring args more often than not, and then share index pages.
CREATE INDEX actions_live_args ON actions (hook, substr(args, 1, 64), args_hash) WHERE phase = 0;

CREATE INDEX actions_live_key ON actions (unique_key) WHERE unique_key IS NOT NULL AND phase = 0;

-- Pages by status, by hook, and by group.
CREATE INDEX actions_by_phase ON actions (phase, scheduled_at);
CREATE INDEX actions_by_hook  ON actions (hook, phase, scheduled_at);
CREATE INDEX actions_by_group ON actions (grp, scheduled_at);

CREATE INDEX actions_by_chain ON actions (chain) WHERE chain IS NOT NULL;

-- How many actions have each status, kept by every statement that changes one.
CREATE TABLE counts (
    status INTEGER PRIMARY KEY,
    n      INTEGER NOT NULL
) STRICT;
INSERT INTO counts (status, n) VALUES (0, 0), (1, 0), (2, 0), (3, 0), (4, 0);

-- The log of an action lies together, in order.
CREATE TABLE logs (
    action  INTEGER NOT NULL,
    -- rises over all actions, with gaps: an entry is written without a look at those before it
    seq     INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    step    INTEGER NOT NULL,
    attempt INTEGER,
    context TEXT,
    message TEXT,
    PRIMARY KEY (action, seq)
) STRICT, WITHOUT ROWID;

-- The highest number that an entry of the log can have by now.
CREATE TABLE log_sequence (
    taken INTEGER NOT NULL
) STRICT;
INSERT INTO log_sequence (taken) VALUES (1);

-- A chain has the id of its first action.
CREATE TABLE chains (
    id         INTEGER PRIMARY KEY,
    hook       INTEGER NOT NULL,
    grp        INTEGER NOT NULL,
    priority   INTEGER NOT NULL,
    unique_key TEXT,
    args       TEXT NOT NULL,
    args_hash  INTEGER,
    first_at   INTEGER NOT NULL,
    -- an interval in microseconds, or a cron expression with its dialect and zone
    every      INTEGER,
    cron       TEXT,
    dialect    TEXT,
    zone       TEXT,
    -- 1 when the interval counts from the scheduled date
    fixed_rate INTEGER NOT NULL DEFAULT 0,
    -- how many missed dates are run; NULL skips them
    catch_up   INTEGER,
    -- 0 active, 1 paused, 2 ended
    state      INTEGER NOT NULL DEFAULT 0,
    reason     TEXT,
    failures   INTEGER NOT NULL DEFAULT 0,
    -- The instance that is pending or in-progress. Only its end may store the next one: a chain cannot double.
    head       INTEGER,
    -- the date still owed because the head was run early
    owed_at    INTEGER,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX chains_by_hook ON chains (hook);
CREATE INDEX chains_by_key ON chains (unique_key) WHERE unique_key IS NOT NULL;

CREATE TABLE runners (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT NOT NULL,
    -- which process it is, for others on the same machine to see whether it still runs
    process      TEXT,
    context      TEXT NOT NULL,
    workers      INTEGER NOT NULL,
    lease        INTEGER NOT NULL,
    started_at   INTEGER NOT NULL,
    heartbeat_at INTEGER NOT NULL,
    beats        INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE claims (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    runner     INTEGER NOT NULL,
    claimed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX claims_by_runner ON claims (runner);
