-- name: BudgetLock
SELECT document FROM budgets WHERE name = ?1;

-- name: BudgetInsert
INSERT INTO budgets (name, document) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING;

-- name: BudgetPut
UPDATE budgets SET document = ?2 WHERE name = ?1;
