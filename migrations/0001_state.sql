-- The state store: what is known, what is done, what is still to be done.
--
-- One text for SQLite and Postgres: BIGINT and TEXT only. Times are epoch milliseconds, unsigned 64-bit hashes are
-- stored by cast, flags are 0 or 1. The collation "binary" is SQLite's own; in Postgres the store creates it from "C",
-- so that both sort by byte.

-- One row. Every commit locks it, which makes commits follow each other.
CREATE TABLE control (
    id BIGINT NOT NULL PRIMARY KEY,
    fence BIGINT NOT NULL,
    generation BIGINT NOT NULL
);
INSERT INTO control (id, fence, generation) VALUES (1, 0, 0);

-- The last journalled version of each record.
CREATE TABLE known (
    stream TEXT COLLATE "binary" NOT NULL,
    key TEXT COLLATE "binary" NOT NULL,
    hash BIGINT NOT NULL,
    position BIGINT NOT NULL,
    private BIGINT,
    time_at BIGINT,
    modified_at BIGINT,
    status TEXT,
    fingerprint BIGINT NOT NULL,
    paths BIGINT NOT NULL,
    checked_at BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    gone BIGINT NOT NULL,
    PRIMARY KEY (stream, key)
);

-- Requests to be made. `priority` is the reason (see 0002);
-- `newest_first` is the call's time negated, the largest number without one, so that one index gives the order.
CREATE TABLE queue (
    stream TEXT COLLATE "binary" NOT NULL,
    key TEXT COLLATE "binary" NOT NULL,
    priority BIGINT NOT NULL,
    newest_first BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    PRIMARY KEY (stream, key)
);
CREATE INDEX queue_order ON queue (priority, newest_first, key, stream);

CREATE TABLE cursors (
    name TEXT COLLATE "binary" NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL
);

-- Proved spans of call times. An open end is the largest number.
CREATE TABLE slices (
    stream TEXT COLLATE "binary" NOT NULL,
    from_at BIGINT NOT NULL,
    to_at BIGINT NOT NULL,
    proved_at BIGINT NOT NULL,
    row_count BIGINT NOT NULL,
    PRIMARY KEY (stream, from_at, to_at)
);

-- Field paths with their ordinals, for the fingerprints.
CREATE TABLE paths (
    path TEXT COLLATE "binary" NOT NULL PRIMARY KEY,
    ordinal BIGINT NOT NULL
);

CREATE TABLE segments (
    number BIGINT NOT NULL PRIMARY KEY,
    records BIGINT NOT NULL,
    raw_bytes BIGINT NOT NULL,
    stored_bytes BIGINT NOT NULL,
    checksum TEXT NOT NULL
);

-- Dead letters. The reason is keyed by its hash, since an index entry must stay short.
CREATE TABLE rejected (
    stream TEXT COLLATE "binary" NOT NULL,
    key TEXT COLLATE "binary" NOT NULL,
    reason_hash BIGINT NOT NULL,
    reason TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (stream, key, reason_hash)
);

CREATE TABLE runs (
    id TEXT COLLATE "binary" NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    outcome TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    report TEXT NOT NULL
);
CREATE INDEX runs_by_start ON runs (started_at, id);

-- One row. Every reservation and settlement locks it. In microseconds: at high rates a millisecond is several slots.
CREATE TABLE ledger_pace (
    id BIGINT NOT NULL PRIMARY KEY,
    next_slot_us BIGINT NOT NULL,
    last_grant BIGINT NOT NULL
);
INSERT INTO ledger_pace (id, next_slot_us, last_grant) VALUES (1, 0, 0);

-- What counts against the week's limit: settled and reserved together.
CREATE TABLE ledger_weeks (
    week_start BIGINT NOT NULL PRIMARY KEY,
    settled BIGINT NOT NULL,
    reserved BIGINT NOT NULL
);

-- Grants that are not closed. Those of dead processes stay, and stay counted.
CREATE TABLE ledger_grants (
    id BIGINT NOT NULL PRIMARY KEY,
    week_start BIGINT NOT NULL,
    open_requests BIGINT NOT NULL
);

CREATE TABLE ledger_spent (
    week_start BIGINT NOT NULL,
    hour BIGINT NOT NULL,
    stream TEXT COLLATE "binary" NOT NULL,
    purpose TEXT COLLATE "binary" NOT NULL,
    requests BIGINT NOT NULL,
    PRIMARY KEY (week_start, hour, stream, purpose)
);
