-- +goose Up
-- Subscriptions to events: one for each flow that has ever been active with trigger Event.
CREATE TABLE listeners (
    flow_name text COLLATE "C" PRIMARY KEY REFERENCES flows (name) ON DELETE CASCADE,
    document  json NOT NULL
);

-- Events that wait to be moved. Their content is sealed, so compressing it would be wasted work.
CREATE TABLE inbox (
    flow_name   text COLLATE "C" NOT NULL REFERENCES flows (name) ON DELETE CASCADE,
    sequence    bigint NOT NULL,
    received_at timestamptz NOT NULL,
    events      bigint NOT NULL,
    bytes       bigint NOT NULL,
    sealed      bytea NOT NULL,
    PRIMARY KEY (flow_name, sequence)
);
ALTER TABLE inbox ALTER COLUMN sealed SET STORAGE EXTERNAL;

-- By which a repeated event is recognised.
CREATE TABLE event_ids (
    flow_name  text COLLATE "C" NOT NULL REFERENCES flows (name) ON DELETE CASCADE,
    id         text COLLATE "C" NOT NULL,
    kept_until timestamptz NOT NULL,
    PRIMARY KEY (flow_name, id)
);
CREATE INDEX event_ids_by_age ON event_ids (kept_until);
