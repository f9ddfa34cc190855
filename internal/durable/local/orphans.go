package local

import (
	"context"
	"fmt"
	"time"

	"weir.dev/weir/internal/store"
)

// leasePrefix and an execution's id are the name of its lease.
const leasePrefix = "execution/"

// adoptAtOnce is how many executions one look takes on; the next look takes more.
const adoptAtOnce = 1000

// adopt takes on every unfinished execution whose lease nobody holds: nobody's yet, or a dead process's. One that another
// process is about to begin may be among them; the lease decides whose it is.
func (e *Engine) adopt(ctx context.Context) error {
	var ids []string
	err := e.steps.Store.Read(ctx, func(tx store.ReadTx) (err error) {
		ids, err = tx.ExecutionUnheld(ctx, leasePrefix, e.steps.Now(), adoptAtOnce)
		return err
	})
	if err != nil {
		return fmt.Errorf("looking for executions that nobody runs: %w", err)
	}
	for _, id := range ids {
		e.take(id)
	}
	return nil
}

// keepAdopting looks every half of a lease, until the engine drains or stops. So what a process leaves behind goes on in
// another one after a lease and a half at most.
func (e *Engine) keepAdopting() {
	tick := time.NewTicker(e.opts.Lease / 2)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-tick.C:
		case <-e.calm.Done():
			return
		}
		err := e.adopt(e.calm)
		if err != nil && !failing && e.calm.Err() == nil { // once for each time that it begins to fail
			e.steps.Logger().Warn("unfinished executions of other processes are not looked after", "error", err)
		}
		failing = err != nil
	}
}
