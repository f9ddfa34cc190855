-- +goose Up
-- What is left of vendors' budgets of calls. Rows change with every call, so there is room for the next version beside each.
CREATE TABLE budgets (
    name     text COLLATE "C" PRIMARY KEY,
    document json NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
