-- +goose Up
-- Of active scheduled flows. A schedule that is over has its next time in the year 9999.
CREATE TABLE timetables (
    flow_name text COLLATE "C" PRIMARY KEY REFERENCES flows (name) ON DELETE CASCADE,
    next_at   timestamptz NOT NULL,
    document  json NOT NULL
);
CREATE INDEX timetables_due ON timetables (next_at);

-- Messages to others that are still to be delivered.
CREATE TABLE outbox (
    id       text COLLATE "C" PRIMARY KEY,
    due_at   timestamptz NOT NULL,
    document json NOT NULL
);
CREATE INDEX outbox_due ON outbox (due_at, id);

-- What a watermark was before somebody set it by hand; null when a run has moved it.
ALTER TABLE watermarks ADD COLUMN edit json;
