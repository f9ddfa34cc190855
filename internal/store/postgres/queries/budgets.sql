-- name: BudgetLock
SELECT document FROM budgets WHERE name = $1 FOR UPDATE;

-- name: BudgetInsert
INSERT INTO budgets (name, document) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING;

-- name: BudgetPut
UPDATE budgets SET document = $2 WHERE name = $1;

-- A machine that fails forgets some calls of the last moments; that is cheaper than a wait for the disk with every call.
-- name: CommitSoon
SET LOCAL synchronous_commit = off;
