-- name: ListenerGet
SELECT document FROM listeners WHERE flow_name = ?1;

-- name: ListenerList
SELECT document FROM listeners WHERE flow_name > ?1 ORDER BY flow_name LIMIT ?2;

-- name: ListenerPut
INSERT INTO listeners (flow_name, document)
SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM flows WHERE name = ?1)
ON CONFLICT (flow_name) DO UPDATE SET document = excluded.document;

-- name: InboxGet
SELECT min(sequence), max(sequence) + 1, sum(events), sum(bytes), min(received_at) FROM inbox WHERE flow_name = ?1 HAVING count(*) > 0;

-- name: InboxList
SELECT sequence, received_at, events, bytes, sealed FROM inbox
WHERE flow_name = ?1 AND sequence >= ?2 AND sequence < ?3 ORDER BY sequence LIMIT ?4;

-- name: InboxAppend
INSERT INTO inbox (flow_name, sequence, received_at, events, bytes, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6);

-- name: InboxHas
SELECT 1 FROM inbox WHERE flow_name = ?1 AND sequence = ?2;

-- name: InboxReseal
UPDATE inbox SET sealed = ?3 WHERE flow_name = ?1 AND sequence = ?2;

-- name: InboxDelete
DELETE FROM inbox WHERE flow_name = ?1 AND sequence < ?2;

-- name: EventIDHas
SELECT 1 FROM event_ids WHERE flow_name = ?1 AND id = ?2;

-- name: EventIDList
SELECT id FROM event_ids WHERE flow_name = ?1 AND id > ?2 ORDER BY id LIMIT ?3;

-- name: EventIDPut
INSERT INTO event_ids (flow_name, id, kept_until) VALUES (?1, ?2, ?3)
ON CONFLICT (flow_name, id) DO UPDATE SET kept_until = max(kept_until, excluded.kept_until);

-- name: EventIDDelete
DELETE FROM event_ids WHERE flow_name = ?1 AND id = ?2;

-- name: EventIDPrune
DELETE FROM event_ids WHERE kept_until < ?1;
