-- Transactions are serializable, which says nothing about effects outside the database or about the order that people
-- and other programs see. The row locks do: whoever takes a lease waits for the effects under its last token to commit.

-- name: FenceCheck
SELECT 1::bigint FROM leases WHERE name = $1 AND token = $2 FOR SHARE;

-- name: LeaseLock
SELECT owner, token, expires_at FROM leases WHERE name = $1 FOR UPDATE;

-- name: LeaseInsert
INSERT INTO leases (name, owner, token, expires_at) VALUES ($1, $2, 0, $3);

-- name: LeaseTokenNext
SELECT nextval('lease_tokens');

-- name: LeaseTake
UPDATE leases SET owner = $2, token = $3, expires_at = $4 WHERE name = $1;

-- name: LeaseRenew
UPDATE leases SET expires_at = $3 WHERE name = $1 AND token = $2;

-- name: LeaseRelease
DELETE FROM leases WHERE name = $1 AND token = $2;

-- name: LeaseTokenRaise
SELECT setval('lease_tokens', greatest($1, last_value)) FROM lease_tokens;
