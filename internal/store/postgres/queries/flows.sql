-- name: FlowGet
SELECT document FROM flows WHERE name = $1;

-- name: FlowList
SELECT document FROM flows WHERE name > $1 ORDER BY name LIMIT $2;

-- name: FlowCount
SELECT count(*) FROM flows;

-- name: FlowVersionList
SELECT document FROM flow_versions WHERE flow_name = $1 ORDER BY version DESC LIMIT $2;

-- name: FlowPut
INSERT INTO flows (name, status, version, updated_at, document) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (name) DO UPDATE SET
    status = excluded.status, version = excluded.version, updated_at = excluded.updated_at, document = excluded.document;

-- name: FlowVersionPut
INSERT INTO flow_versions (flow_name, version, document) VALUES ($1, $2, $3)
ON CONFLICT (flow_name, version) DO NOTHING;

-- name: FlowDelete
DELETE FROM flows WHERE name = $1;
