-- name: ProfileGet
SELECT revision, sealed_credentials, document FROM profiles WHERE name = $1;

-- name: ProfileList
-- Empty filters match everything. An installation has some hundred profiles.
SELECT revision, sealed_credentials, document FROM profiles
WHERE name > $1 AND ($2::text = '' OR connector = $2) AND ($3::text = '' OR label = $3)
ORDER BY name LIMIT $4;

-- name: ProfileListNamed
SELECT revision, sealed_credentials, document FROM profiles
WHERE name > $1 AND ($2::text = '' OR connector = $2) AND ($3::text = '' OR label = $3)
    AND name IN (SELECT json_array_elements_text($5::json))
ORDER BY name LIMIT $4;

-- name: ProfileCount
SELECT count(*) FROM profiles;

-- name: ProfileUsers
SELECT flow_name FROM flow_profiles WHERE profile_name = $1 ORDER BY flow_name LIMIT $2;

-- name: ProfilePut
INSERT INTO profiles (name, connector, label, revision, sealed_credentials, document) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (name) DO UPDATE SET
    connector = excluded.connector, label = excluded.label, revision = profiles.revision + 1,
    sealed_credentials = excluded.sealed_credentials, document = excluded.document
RETURNING revision;

-- name: ProfileSaveCredentials
UPDATE profiles SET sealed_credentials = $3, revision = revision + 1 WHERE name = $1 AND revision = $2;

-- name: ProfileDelete
DELETE FROM profiles WHERE name = $1;

-- name: FlowProfilesClear
DELETE FROM flow_profiles WHERE flow_name = $1;

-- name: FlowProfilePut
INSERT INTO flow_profiles (profile_name, flow_name) VALUES ($1, $2);

-- name: RegistrationGet
SELECT document FROM registrations WHERE label = $1;

-- name: RegistrationList
SELECT document FROM registrations WHERE label > $1 ORDER BY label LIMIT $2;

-- name: RegistrationCount
SELECT count(*) FROM registrations;

-- name: RegistrationUsers
SELECT name FROM profiles WHERE label = $1 AND label <> '' ORDER BY name LIMIT $2;

-- name: RegistrationPut
INSERT INTO registrations (label, document) VALUES ($1, $2)
ON CONFLICT (label) DO UPDATE SET document = excluded.document;

-- name: RegistrationDelete
DELETE FROM registrations WHERE label = $1;
