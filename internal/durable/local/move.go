package local

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/store"
)

// move prepares the execution and transfers all its splits.
func (r *run) move(work context.Context, fence store.Fence) error {
	e := r.engine
	calm, cancel := context.WithCancelCause(work)
	defer cancel(nil)
	defer context.AfterFunc(e.calm, func() { cancel(errDraining) })()

	e.steps.Board.Enter(r.id, durable.StagePrepare)
	var splits []int
	err := r.step(calm, func() (err error) {
		splits, err = e.steps.Prepare(calm, r.id, fence)
		return err
	})
	if err != nil || len(splits) == 0 {
		return err
	}
	e.steps.Board.Enter(r.id, durable.StageTransfer)
	return r.transferAll(work, splits, fence)
}

// transferAll transfers the splits, a bounded number at a time. The first failure stops the others. A draining engine
// stops nobody: each comes to its own checkpoint.
func (r *run) transferAll(work context.Context, splits []int, fence store.Fence) error {
	e := r.engine
	group, work := errgroup.WithContext(work)
	calm, cancel := context.WithCancelCause(work)
	defer cancel(nil)
	defer context.AfterFunc(e.calm, func() { cancel(errDraining) })()
	queue := &queue{splits: splits}
	for range min(len(splits), e.opts.Splits) {
		group.Go(func() error {
			for split, ok := queue.next(); ok; split, ok = queue.next() {
				err := r.transfer(work, calm, split, fence)
				if err != nil && work.Err() == nil && e.calm.Err() != nil {
					return nil
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if e.calm.Err() != nil {
		return fault.Wrap(fault.Canceled, errDraining, "transferring")
	}
	return nil
}

// queue hands out splits in order. Safe for concurrent use.
type queue struct {
	mu     sync.Mutex
	splits []int
}

func (q *queue) next() (split int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.splits) == 0 {
		return 0, false
	}
	split, q.splits = q.splits[0], q.splits[1:]
	return split, true
}

// transfer moves one split, attempt after attempt. It waits for slots and next attempts in calm, and moves in work.
func (r *run) transfer(work, calm context.Context, split int, fence store.Fence) error {
	e := r.engine
	for {
		err := r.attempt(work, calm, split, fence)
		if class, _ := fault.RetryOf(err); err == nil || class == fault.Never || work.Err() != nil ||
			durable.HasCode(err, fault.Fenced) || isLedger(err) {
			return err
		}
		wait, failed := e.steps.SplitFailed(work, r.id, split, fence, err)
		if failed != nil {
			return failed
		}
		if !wait.Again {
			return err
		}
		e.steps.Logger().Warn("split failed, trying again", "execution", r.id, "split", split, "wait", wait.For, "error", err)
		if err := r.backoff(calm, split, wait.For); err != nil {
			return err
		}
	}
}

func (r *run) backoff(calm context.Context, split int, d time.Duration) error {
	defer r.engine.steps.Board.Backoff(r.id, split)()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-calm.Done():
		return fault.Wrap(fault.Canceled, context.Cause(calm), "waiting to try split %d again", split)
	}
}

// attempt takes a slot and runs the step once. Only one split of the execution stands in the queue for slots at a time,
// so executions get them in turn however many splits they have.
func (r *run) attempt(work, calm context.Context, split int, fence store.Fence) error {
	e := r.engine
	select {
	case r.turn <- struct{}{}:
	case <-calm.Done():
		return fault.Wrap(fault.Canceled, context.Cause(calm), "waiting to begin split %d", split)
	}
	err := e.slots.Acquire(calm, 1)
	<-r.turn
	if err != nil {
		return fault.Wrap(fault.Canceled, context.Cause(calm), "waiting to begin split %d", split)
	}
	ended := make(chan error, 1)
	var left atomic.Bool
	go func() {
		defer e.slots.Release(1)
		ctx := durable.StopAtCheckpoint(work, e.calm.Done())
		ended <- r.guard(func() error { return e.steps.Transfer(ctx, r.id, split, fence) })
		if left.Load() {
			_ = r.sweep() // the run may be over long since; the log says if that fails
		}
	}()
	select {
	case err := <-ended:
		return err
	case <-work.Done():
	}
	return r.abandon(work, split, ended, &left)
}

// abandon gives a transfer that was told to stop some time to do so. Its slot stays taken until it does: it may still
// hold memory.
func (r *run) abandon(work context.Context, split int, ended <-chan error, left *atomic.Bool) error {
	timer := time.NewTimer(r.engine.opts.StopGrace)
	defer timer.Stop()
	select {
	case err := <-ended:
		return err
	case <-timer.C:
		left.Store(true)
		r.left.Store(true)
		r.engine.steps.Logger().Error("a transfer did not stop and was left behind", "execution", r.id, "split", split)
		return fault.Wrap(fault.Canceled, context.Cause(work), "stopping split %d", split)
	}
}

func isLedger(err error) bool {
	e := (*durable.LedgerError)(nil)
	return errors.As(err, &e)
}
