package app

import (
	"context"
	"time"

	"weir.dev/weir/internal/store"
)

// pruneEvery is how often what is old is forgotten.
const pruneEvery = time.Hour

// keptRuns is how many executions of each flow are kept whatever their age: what later runs look back at.
const keptRuns = 100

// forget lets go of what has grown old, now and every hour. Every server of a fleet does; they do not disturb each other.
func (a *App) forget(ctx context.Context) {
	ticker := time.NewTicker(pruneEvery)
	defer ticker.Stop()
	for {
		a.prune(ctx, "audit events", a.Config.AuditRetention, store.Tx.AuditPrune)
		a.prune(ctx, "executions", a.Config.RunRetention, func(tx store.Tx, ctx context.Context, before time.Time, limit int) (int, error) { //nolint:revive // a method's own order
			return tx.ExecutionPrune(ctx, before, keptRuns, limit)
		})
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// pruneAtOnce bounds a transaction, so that it holds up nobody for long.
const pruneAtOnce = 1000

// prune forgets what is older than an age; 0 keeps all.
func (a *App) prune(ctx context.Context, what string, age time.Duration, some func(tx store.Tx, ctx context.Context, before time.Time, limit int) (int, error)) {
	if age <= 0 {
		return
	}
	before, total, n := time.Now().Add(-age), 0, pruneAtOnce
	for n == pruneAtOnce {
		err := a.Store.Write(ctx, func(tx store.Tx) (err error) {
			n, err = some(tx, ctx, before, pruneAtOnce)
			return err
		})
		if err != nil {
			if ctx.Err() == nil {
				a.Log.Warn("what is old could not be forgotten", "what", what, "error", err)
			}
			return
		}
		total += n
	}
	if total > 0 {
		a.Log.Info("old ones forgotten", "what", what, "count", total)
	}
}
