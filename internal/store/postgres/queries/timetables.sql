-- name: TimetableGet
SELECT document FROM timetables WHERE flow_name = $1;

-- name: TimetableDue
SELECT flow_name FROM timetables WHERE next_at <= $1 ORDER BY next_at LIMIT $2;

-- name: TimetablePut
INSERT INTO timetables (flow_name, next_at, document)
SELECT $1::text, $2::timestamptz, $3::json WHERE EXISTS (SELECT 1 FROM flows WHERE name = $1)
ON CONFLICT (flow_name) DO UPDATE SET next_at = excluded.next_at, document = excluded.document;

-- name: TimetableDelete
DELETE FROM timetables WHERE flow_name = $1;

-- name: OutboxDue
SELECT document FROM outbox WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2;

-- name: OutboxPut
INSERT INTO outbox (id, due_at, document) VALUES ($1, $2, $3)
ON CONFLICT (id) DO UPDATE SET due_at = excluded.due_at, document = excluded.document;

-- name: OutboxDelete
DELETE FROM outbox WHERE id = $1;
