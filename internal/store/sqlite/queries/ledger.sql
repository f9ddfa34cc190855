-- name: PlanGet
SELECT document FROM plans WHERE execution_id = ?1;

-- name: PlanPut
INSERT INTO plans (execution_id, document)
SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM executions WHERE id = ?1)
ON CONFLICT (execution_id) DO NOTHING;

-- name: SplitList
SELECT split, data, progress FROM splits WHERE execution_id = ?1 ORDER BY split;

-- name: SplitGet
SELECT data, progress FROM splits WHERE execution_id = ?1 AND split = ?2;

-- name: SplitPut
INSERT INTO splits (execution_id, split, data, progress) VALUES (?1, ?2, ?3, ?4);

-- name: SplitSave
UPDATE splits SET progress = ?3, rejects = rejects + ?4 WHERE execution_id = ?1 AND split = ?2 RETURNING rejects;

-- name: ReceiptList
SELECT split, sequence, data FROM receipts WHERE execution_id = ?1 ORDER BY split, sequence;

-- name: ReceiptPut
INSERT INTO receipts (execution_id, split, sequence, data) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (execution_id, split, sequence) DO UPDATE SET data = excluded.data;

-- name: RejectList
SELECT document FROM rejects WHERE execution_id = ?1 ORDER BY split, number LIMIT ?2;

-- name: RejectCount
SELECT COALESCE(sum(rejects), 0) FROM splits WHERE execution_id = ?1;

-- name: RejectSamples
SELECT count(*) FROM rejects WHERE execution_id = ?1;

-- name: RejectPut
INSERT INTO rejects (execution_id, split, number, document) VALUES (?1, ?2, ?3, ?4);
