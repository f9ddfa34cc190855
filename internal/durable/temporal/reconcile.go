package temporal

import (
	"context"
	"math/rand/v2"
	"time"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// How often a process looks for executions that no workflow runs, how old these must be, for whoever has put them into
// the ledger starts them at once, and how long it takes one that it has started itself for running.
const (
	reconcileEvery = 10 * time.Second
	startedByOther = 10 * time.Second
	trustFor       = 5 * time.Minute
)

// unfinished lists the executions that are not over.
func (e *Engine) unfinished(ctx context.Context) (list []*flow.Execution, err error) {
	err = e.steps.Look(ctx, func(tx store.ReadTx) (err error) {
		list, err = tx.ExecutionUnfinished(ctx)
		return err
	})
	return list, err
}

// reconcile starts, now and every now and then, what the store holds as unfinished and no workflow runs.
func (e *Engine) reconcile() {
	failing := false
	for e.calm.Err() == nil {
		list, err := e.unfinished(e.calm)
		if err == nil {
			e.forget(list)
			err = e.startAll(list)
		}
		if err != nil && !failing && e.calm.Err() == nil { // once for each time that it begins to fail
			e.steps.Logger().Warn("unfinished executions are not looked after", "executions", len(list), "error", err)
		}
		failing = err != nil
		pause(e.calm, reconcileEvery+rand.N(reconcileEvery/4)) // not all processes at once
	}
}

// startAll starts what is not known to run, and repeats cancellations. It gives up at the first error: the others would
// meet it too.
func (e *Engine) startAll(list []*flow.Execution) error {
	for _, x := range list {
		if !e.isTrusted(x.ID) && e.steps.Now().Sub(x.StartedAt) > startedByOther {
			if err := e.start(e.calm, x.ID); err != nil {
				return err
			}
		}
		if x.Status != flow.ExecutionCancelStarted || x.Outcome != "" {
			continue
		}
		if err := e.Cancel(e.calm, x.ID); err != nil {
			return err
		}
	}
	return nil
}

// begin starts one execution; when that fails, reconcile does it later.
func (e *Engine) begin(ctx context.Context, executionID string) {
	if err := e.start(ctx, executionID); err != nil && ctx.Err() == nil {
		e.steps.Logger().Warn("execution waits for Temporal", "execution", executionID, "error", err)
	}
}

func (e *Engine) isTrusted(executionID string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	at, ok := e.started[executionID]
	return ok && time.Since(at) < trustFor
}

// forget drops what is known of executions that are over.
func (e *Engine) forget(unfinished []*flow.Execution) {
	e.mu.Lock()
	defer e.mu.Unlock()
	kept := make(map[string]time.Time, len(unfinished))
	for _, x := range unfinished {
		if at, ok := e.started[x.ID]; ok {
			kept[x.ID] = at
		}
	}
	e.started = kept
}
