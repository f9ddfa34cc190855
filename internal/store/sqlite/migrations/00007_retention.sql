-- +goose Up
-- Old executions are forgotten from the far end.
CREATE INDEX executions_done ON executions (started_at, id) WHERE done = 1;
