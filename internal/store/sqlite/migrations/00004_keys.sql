-- +goose Up
-- 0 means never.
ALTER TABLE access_keys ADD COLUMN expires_at INTEGER NOT NULL DEFAULT 0;
