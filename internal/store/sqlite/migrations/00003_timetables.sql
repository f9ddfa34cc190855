-- +goose Up
-- Of active scheduled flows. A schedule that is over has its next time in the year 9999.
CREATE TABLE timetables (
    flow_name TEXT PRIMARY KEY REFERENCES flows (name) ON DELETE CASCADE,
    next_at   INTEGER NOT NULL,
    document  TEXT NOT NULL
) STRICT;
CREATE INDEX timetables_due ON timetables (next_at);

-- Messages to others that are still to be delivered.
CREATE TABLE outbox (
    id       TEXT PRIMARY KEY,
    due_at   INTEGER NOT NULL,
    document TEXT NOT NULL
) STRICT;
CREATE INDEX outbox_due ON outbox (due_at, id);

-- What a watermark was before somebody set it by hand; null when a run has moved it.
ALTER TABLE watermarks ADD COLUMN edit TEXT;
