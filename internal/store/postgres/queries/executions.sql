-- name: ExecutionGet
SELECT document FROM executions WHERE id = $1;

-- name: ExecutionListFirst
SELECT document FROM executions WHERE flow_name = $1
ORDER BY started_at DESC, id DESC LIMIT $2;

-- name: ExecutionListAfter
SELECT document FROM executions WHERE flow_name = $1 AND (started_at, id) < ($2, $3)
ORDER BY started_at DESC, id DESC LIMIT $4;

-- name: ExecutionUnfinished
SELECT document FROM executions WHERE NOT done ORDER BY started_at, id;

-- name: ExecutionUnfinishedOf
SELECT document FROM executions WHERE NOT done AND flow_name = $1 ORDER BY started_at, id;

-- name: ExecutionUnheld
SELECT id FROM executions
WHERE NOT done AND NOT EXISTS (SELECT 1 FROM leases WHERE name = $1::text || executions.id AND expires_at > $2)
ORDER BY started_at, id LIMIT $3;

-- name: ExecutionPut
INSERT INTO executions (id, flow_name, started_at, done, document)
SELECT $1::text, $2::text, $3::timestamptz, $4::boolean, $5::json WHERE EXISTS (SELECT 1 FROM flows WHERE name = $2)
ON CONFLICT (id) DO UPDATE SET
    flow_name = excluded.flow_name, started_at = excluded.started_at, done = excluded.done, document = excluded.document;

-- name: ExecutionPrune
DELETE FROM executions WHERE id IN (
    SELECT id FROM executions AS old WHERE done AND started_at < $1 AND EXISTS (
        SELECT 1 FROM executions AS newer
        WHERE newer.flow_name = old.flow_name AND (newer.started_at, newer.id) > (old.started_at, old.id) LIMIT 1 OFFSET $2
    )
    ORDER BY started_at, id LIMIT $3
);

-- name: WatermarkGet
SELECT changed_until, execution_id, edit FROM watermarks WHERE flow_name = $1;

-- name: WatermarkPut
INSERT INTO watermarks (flow_name, changed_until, execution_id, edit)
SELECT $1::text, $2::timestamptz, $3::text, $4::json WHERE EXISTS (SELECT 1 FROM flows WHERE name = $1)
ON CONFLICT (flow_name) DO UPDATE SET
    changed_until = excluded.changed_until, execution_id = excluded.execution_id, edit = excluded.edit;
