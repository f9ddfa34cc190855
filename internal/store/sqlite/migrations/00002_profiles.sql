-- +goose Up
CREATE TABLE profiles (
    name               TEXT PRIMARY KEY,
    connector          TEXT NOT NULL,
    label              TEXT NOT NULL, -- empty unless the connector is a custom one
    revision           INTEGER NOT NULL,
    sealed_credentials BLOB NOT NULL,
    document           TEXT NOT NULL
) STRICT;
CREATE INDEX profiles_by_label ON profiles (label, name) WHERE label <> '';

-- Which profiles the present version of a flow names. No reference to profiles: one can be deleted by force.
CREATE TABLE flow_profiles (
    profile_name TEXT NOT NULL,
    flow_name    TEXT NOT NULL REFERENCES flows (name) ON DELETE CASCADE,
    PRIMARY KEY (profile_name, flow_name)
) STRICT, WITHOUT ROWID;
CREATE INDEX flow_profiles_by_flow ON flow_profiles (flow_name);

CREATE TABLE registrations (
    label    TEXT PRIMARY KEY,
    document TEXT NOT NULL
) STRICT;

CREATE INDEX audit_by_age ON audit (at);
