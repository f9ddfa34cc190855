-- One writer at a time: nothing needs a lock of its own.

-- name: FenceCheck
SELECT 1 FROM leases WHERE name = ?1 AND token = ?2;

-- name: LeaseLock
SELECT owner, token, expires_at FROM leases WHERE name = ?1;

-- name: LeaseInsert
INSERT INTO leases (name, owner, token, expires_at) VALUES (?1, ?2, 0, ?3);

-- name: LeaseTokenNext
UPDATE lease_token SET value = value + 1 RETURNING value;

-- name: LeaseTake
UPDATE leases SET owner = ?2, token = ?3, expires_at = ?4 WHERE name = ?1;

-- name: LeaseRenew
UPDATE leases SET expires_at = ?3 WHERE name = ?1 AND token = ?2;

-- name: LeaseRelease
DELETE FROM leases WHERE name = ?1 AND token = ?2;

-- name: LeaseTokenRaise
UPDATE lease_token SET value = max(value, ?1) RETURNING value;
