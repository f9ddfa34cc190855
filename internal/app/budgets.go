package app

import (
	"context"

	"weir.dev/weir/connector"
	"weir.dev/weir/internal/store"
)

// sharedBudgets keep budgets of calls in the store, where every process of the installation sees them.
type sharedBudgets struct {
	store   store.Store
	isAlone bool // SQLite is locked for one process
}

var _ connector.Shared = sharedBudgets{}

// Change implements [connector.Shared].
func (s sharedBudgets) Change(ctx context.Context, name string, change func([]byte) ([]byte, error)) error {
	return s.store.BudgetChange(ctx, name, change)
}

// IsAlone implements [connector.Shared].
func (s sharedBudgets) IsAlone() bool { return s.isAlone }
