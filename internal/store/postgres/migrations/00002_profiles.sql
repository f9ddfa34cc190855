-- +goose Up
CREATE TABLE profiles (
    name               text COLLATE "C" PRIMARY KEY,
    connector          text NOT NULL,
    label              text COLLATE "C" NOT NULL, -- empty unless the connector is a custom one
    revision           bigint NOT NULL,
    sealed_credentials bytea NOT NULL,
    document           json NOT NULL
);
CREATE INDEX profiles_by_label ON profiles (label, name) WHERE label <> '';

-- Which profiles the present version of a flow names. No reference to profiles: one can be deleted by force.
CREATE TABLE flow_profiles (
    profile_name text COLLATE "C" NOT NULL,
    flow_name    text COLLATE "C" NOT NULL REFERENCES flows (name) ON DELETE CASCADE,
    PRIMARY KEY (profile_name, flow_name)
);
CREATE INDEX flow_profiles_by_flow ON flow_profiles (flow_name);

CREATE TABLE registrations (
    label    text COLLATE "C" PRIMARY KEY,
    document json NOT NULL
);

CREATE INDEX audit_by_age ON audit (at);
