package driver

import (
	"context"
	"encoding/json"

	"weir.dev/weir/fault"
)

// BudgetChange does the work of [store.Store]'s BudgetChange in this transaction. In PostgreSQL, whoever comes second waits
// at the row; a row that is new is waited for by the insert, which then changes nothing.
func (t *Tx) BudgetChange(ctx context.Context, name string, change func([]byte) ([]byte, error)) error {
	return doing(t.budgetChange(ctx, name, change), "changing budget %q", name)
}

func (t *Tx) budgetChange(ctx context.Context, name string, change func([]byte) ([]byte, error)) error {
	if name == "" {
		return fault.New(fault.Validation, "a budget needs a name")
	}
	for {
		var old []byte
		found, err := t.row(ctx, "BudgetLock", []any{name}, &old)
		if err != nil {
			return err
		}
		next, err := change(old)
		if err != nil || next == nil {
			return err
		}
		text, err := document(json.RawMessage(next))
		if err != nil {
			return err
		}
		query := "BudgetInsert"
		if found {
			query = "BudgetPut"
		}
		if n, err := t.exec(ctx, query, name, text); err != nil || n == 1 {
			return err
		}
	}
}
