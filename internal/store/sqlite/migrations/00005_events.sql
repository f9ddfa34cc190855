-- +goose Up
-- Subscriptions to events: one for each flow that has ever been active with trigger Event.
CREATE TABLE listeners (
    flow_name TEXT PRIMARY KEY REFERENCES flows (name) ON DELETE CASCADE,
    document  TEXT NOT NULL
) STRICT;

-- Events that wait to be moved. Their content is sealed.
CREATE TABLE inbox (
    flow_name   TEXT NOT NULL REFERENCES flows (name) ON DELETE CASCADE,
    sequence    INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    events      INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    sealed      BLOB NOT NULL,
    PRIMARY KEY (flow_name, sequence)
) STRICT;
-- Sums up what waits without touching the content.
CREATE INDEX inbox_sums ON inbox (flow_name, sequence, received_at, events, bytes);

-- By which a repeated event is recognised.
CREATE TABLE event_ids (
    flow_name  TEXT NOT NULL REFERENCES flows (name) ON DELETE CASCADE,
    id         TEXT NOT NULL,
    kept_until INTEGER NOT NULL,
    PRIMARY KEY (flow_name, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX event_ids_by_age ON event_ids (kept_until);
