-- name: TokenGet
SELECT request_hash, response, created_at FROM tokens WHERE operation = ?1 AND token = ?2;

-- name: TokenPut
INSERT INTO tokens (operation, token, request_hash, response, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (operation, token) DO UPDATE SET
    request_hash = excluded.request_hash, response = excluded.response, created_at = excluded.created_at;

-- name: TokenPrune
DELETE FROM tokens WHERE created_at < ?1;

-- name: KeyGet
SELECT id, name, sealed_secret, policy, disabled, created_at, expires_at FROM access_keys WHERE id = ?1;

-- name: KeyList
SELECT id, name, sealed_secret, policy, disabled, created_at, expires_at FROM access_keys ORDER BY created_at, id;

-- name: KeyPut
INSERT INTO access_keys (id, name, sealed_secret, policy, disabled, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name, sealed_secret = excluded.sealed_secret, policy = excluded.policy,
    disabled = excluded.disabled, created_at = excluded.created_at,
    expires_at = excluded.expires_at;

-- name: KeyDelete
DELETE FROM access_keys WHERE id = ?1;

-- name: AuditList
SELECT id, document FROM audit WHERE id > ?1 ORDER BY id LIMIT ?2;

-- name: AuditScan
SELECT id, document FROM audit WHERE id > ?1 AND id < ?2 AND at >= ?3 AND at < ?4 ORDER BY id LIMIT ?5;

-- name: AuditScanBack
SELECT id, document FROM audit WHERE id > ?1 AND id < ?2 AND at >= ?3 AND at < ?4 ORDER BY id DESC LIMIT ?5;

-- name: AuditAppend
INSERT INTO audit (at, document) VALUES (?1, ?2) RETURNING id;

-- name: AuditPrune
DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ?1 ORDER BY at LIMIT ?2);

-- name: AuditIDRaise
UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = 'audit' RETURNING seq;

-- name: SettingGet
SELECT value FROM settings WHERE name = ?1;

-- name: SettingPut
INSERT INTO settings (name, value) VALUES (?1, ?2)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: CountersGet
SELECT (SELECT value FROM lease_token), COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'audit'), 0);
