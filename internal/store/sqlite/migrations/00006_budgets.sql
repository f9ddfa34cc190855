-- +goose Up
-- What is left of vendors' budgets of calls.
CREATE TABLE budgets (
    name     TEXT PRIMARY KEY,
    document TEXT NOT NULL
) STRICT;
