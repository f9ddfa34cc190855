-- Times are microseconds since 1970. JSON documents are text. STRICT tables refuse values of another type.

-- +goose Up
CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE access_keys (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    sealed_secret BLOB NOT NULL,
    policy        TEXT,
    disabled      INTEGER NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE flows (
    name       TEXT PRIMARY KEY,
    status     TEXT NOT NULL,
    version    INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    document   TEXT NOT NULL
) STRICT;

CREATE TABLE flow_versions (
    flow_name TEXT NOT NULL REFERENCES flows (name) ON DELETE CASCADE,
    version   INTEGER NOT NULL,
    document  TEXT NOT NULL,
    PRIMARY KEY (flow_name, version)
) STRICT;

CREATE TABLE watermarks (
    flow_name     TEXT PRIMARY KEY REFERENCES flows (name) ON DELETE CASCADE,
    changed_until INTEGER NOT NULL,
    execution_id  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE executions (
    id         TEXT PRIMARY KEY,
    flow_name  TEXT NOT NULL REFERENCES flows (name) ON DELETE CASCADE,
    started_at INTEGER NOT NULL,
    done       INTEGER NOT NULL,
    document   TEXT NOT NULL
) STRICT;
CREATE INDEX executions_by_flow ON executions (flow_name, started_at, id);
CREATE INDEX executions_unfinished ON executions (started_at, id) WHERE done = 0;
CREATE INDEX executions_unfinished_by_flow ON executions (flow_name, started_at, id) WHERE done = 0;

CREATE TABLE plans (
    execution_id TEXT PRIMARY KEY REFERENCES executions (id) ON DELETE CASCADE,
    document     TEXT NOT NULL
) STRICT;

-- data is frozen with the plan, progress is replaced by every checkpoint; rejects counts those with and without a sample.
CREATE TABLE splits (
    execution_id TEXT NOT NULL REFERENCES plans (execution_id) ON DELETE CASCADE,
    split        INTEGER NOT NULL,
    data         TEXT NOT NULL,
    progress     TEXT NOT NULL,
    rejects      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (execution_id, split)
) STRICT;

CREATE TABLE receipts (
    execution_id TEXT NOT NULL,
    split        INTEGER NOT NULL,
    sequence     INTEGER NOT NULL,
    data         TEXT NOT NULL,
    PRIMARY KEY (execution_id, split, sequence),
    FOREIGN KEY (execution_id, split) REFERENCES splits (execution_id, split) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE rejects (
    execution_id TEXT NOT NULL,
    split        INTEGER NOT NULL,
    number       INTEGER NOT NULL,
    document     TEXT NOT NULL,
    PRIMARY KEY (execution_id, split, number),
    FOREIGN KEY (execution_id, split) REFERENCES splits (execution_id, split) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE leases (
    name       TEXT PRIMARY KEY,
    owner      TEXT NOT NULL,
    token      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The last token given out, for all leases together: it outlives their rows.
CREATE TABLE lease_token (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    value    INTEGER NOT NULL
) STRICT;
INSERT INTO lease_token (only_row, value) VALUES (1, 0);

CREATE TABLE tokens (
    operation    TEXT NOT NULL,
    token        TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    response     TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (operation, token)
) STRICT;
CREATE INDEX tokens_by_age ON tokens (created_at);

CREATE TABLE audit (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    document TEXT NOT NULL
) STRICT;
