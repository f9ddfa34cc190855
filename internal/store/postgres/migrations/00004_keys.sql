-- +goose Up
-- The epoch means never.
ALTER TABLE access_keys ADD COLUMN expires_at timestamptz NOT NULL DEFAULT 'epoch';
