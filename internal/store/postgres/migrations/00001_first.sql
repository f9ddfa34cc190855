-- Names and ids sort by their bytes, as in SQLite. Documents are json, not jsonb, because the order of their members is
-- part of what users get back.

-- +goose Up
CREATE TABLE settings (
    name  text COLLATE "C" PRIMARY KEY,
    value text NOT NULL
);

CREATE TABLE access_keys (
    id            text COLLATE "C" PRIMARY KEY,
    name          text NOT NULL,
    sealed_secret bytea NOT NULL,
    policy        json,
    disabled      boolean NOT NULL,
    created_at    timestamptz NOT NULL
);

CREATE TABLE flows (
    name       text COLLATE "C" PRIMARY KEY,
    status     text NOT NULL,
    version    bigint NOT NULL,
    updated_at timestamptz NOT NULL,
    document   json NOT NULL
);

CREATE TABLE flow_versions (
    flow_name text COLLATE "C" NOT NULL REFERENCES flows (name) ON DELETE CASCADE,
    version   bigint NOT NULL,
    document  json NOT NULL,
    PRIMARY KEY (flow_name, version)
);

CREATE TABLE watermarks (
    flow_name     text COLLATE "C" PRIMARY KEY REFERENCES flows (name) ON DELETE CASCADE,
    changed_until timestamptz NOT NULL,
    execution_id  text NOT NULL
);

CREATE TABLE executions (
    id         text COLLATE "C" PRIMARY KEY,
    flow_name  text COLLATE "C" NOT NULL REFERENCES flows (name) ON DELETE CASCADE,
    started_at timestamptz NOT NULL,
    done       boolean NOT NULL,
    document   json NOT NULL
);
CREATE INDEX executions_by_flow ON executions (flow_name, started_at, id);
CREATE INDEX executions_unfinished ON executions (started_at, id) WHERE NOT done;
CREATE INDEX executions_unfinished_by_flow ON executions (flow_name, started_at, id) WHERE NOT done;

CREATE TABLE plans (
    execution_id text COLLATE "C" PRIMARY KEY REFERENCES executions (id) ON DELETE CASCADE,
    document     json NOT NULL
);

-- data is frozen with the plan, progress is replaced by every checkpoint; rejects counts those with and without a sample.
CREATE TABLE splits (
    execution_id text COLLATE "C" NOT NULL REFERENCES plans (execution_id) ON DELETE CASCADE,
    split        bigint NOT NULL,
    data         json NOT NULL,
    progress     json NOT NULL,
    rejects      bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (execution_id, split)
);

CREATE TABLE receipts (
    execution_id text COLLATE "C" NOT NULL,
    split        bigint NOT NULL,
    sequence     bigint NOT NULL,
    data         json NOT NULL,
    PRIMARY KEY (execution_id, split, sequence),
    FOREIGN KEY (execution_id, split) REFERENCES splits (execution_id, split) ON DELETE CASCADE
);

CREATE TABLE rejects (
    execution_id text COLLATE "C" NOT NULL,
    split        bigint NOT NULL,
    number       bigint NOT NULL,
    document     json NOT NULL,
    PRIMARY KEY (execution_id, split, number),
    FOREIGN KEY (execution_id, split) REFERENCES splits (execution_id, split) ON DELETE CASCADE
);

CREATE TABLE leases (
    name       text COLLATE "C" PRIMARY KEY,
    owner      text NOT NULL,
    token      bigint NOT NULL,
    expires_at timestamptz NOT NULL
);

-- Tokens of all leases come from one sequence: it outlives their rows.
CREATE SEQUENCE lease_tokens;

CREATE TABLE tokens (
    operation    text COLLATE "C" NOT NULL,
    token        text COLLATE "C" NOT NULL,
    request_hash text NOT NULL,
    response     json NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (operation, token)
);
CREATE INDEX tokens_by_age ON tokens (created_at);

CREATE SEQUENCE audit_ids;
CREATE TABLE audit (
    id       bigint PRIMARY KEY DEFAULT nextval('audit_ids'),
    at       timestamptz NOT NULL,
    document json NOT NULL
);
