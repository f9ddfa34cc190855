package temporal

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/store"
)

// How long leases outlive their last renewal. It matters only to a built-in engine that somebody runs on the same store
// by mistake: attempts of ours do not wait for each other's leases.
const (
	leaseTime  = time.Minute
	renewEvery = 20 * time.Second
)

// Why an attempt stops before its end.
var (
	errLost  = errors.New("the lease has passed on")
	errEnded = errors.New("the attempt has ended")
)

// tenure is one attempt at an activity, from the moment it owns what it works on.
type tenure struct {
	activities *activities
	id         string
	fence      store.Fence
	ctx        context.Context // ends with the activity's, and when the lease has passed on
	lose       context.CancelCauseFunc
	stopped    chan struct{} // closes when the heartbeat has stopped
}

// begin makes this attempt the execution's owner. It fails with Fenced when it is not the newest one, as far as Temporal
// can be asked, and with NotFound when there is no such execution, or it is over.
func (a *activities) begin(ctx context.Context, id string, details any) (*tenure, error) {
	return a.own(ctx, id, details, func(tx store.Tx, owner string) (store.Fence, error) {
		return seize(ctx, tx, executionLease(id), owner, a.steps.Now())
	})
}

// beginSplit makes this attempt the split's owner, within the reign that its token stands for.
func (a *activities) beginSplit(ctx context.Context, in TransferInput, seen *gauge) (*tenure, error) {
	within := store.Fence{Lease: executionLease(in.ExecutionID), Token: in.Token}
	return a.own(ctx, in.ExecutionID, seen, func(tx store.Tx, owner string) (store.Fence, error) {
		if err := tx.FenceCheck(ctx, within); err != nil {
			return store.Fence{}, err
		}
		fence, err := seize(ctx, tx, splitLease(in.ExecutionID, in.Split), owner, a.steps.Now())
		fence.Within = &within
		return fence, err
	})
}

func executionLease(id string) string { return "execution/" + id }

func splitLease(id string, split int) string { return fmt.Sprintf("execution/%s/split/%d", id, split) }

// seize takes a lease whoever holds it, by asking as if it had expired long since, and then sets its end right.
func seize(ctx context.Context, tx store.Tx, lease, owner string, now time.Time) (store.Fence, error) {
	fence, err := tx.LeaseAcquire(ctx, lease, owner, now.AddDate(10, 0, 0), leaseTime)
	if err != nil {
		return fence, err
	}
	return fence, tx.LeaseRenew(ctx, fence, now, leaseTime)
}

func (a *activities) own(ctx context.Context, id string, details any, take func(tx store.Tx, owner string) (store.Fence, error)) (*tenure, error) {
	activity.RecordHeartbeat(ctx, details) // an attempt that was given up before it began is told so here
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	owner := a.owner + "/" + uuid.NewString()
	var fence store.Fence
	err := a.steps.Transact(ctx, func(tx store.Tx) error {
		x, err := tx.ExecutionGet(ctx, id)
		if err != nil {
			return err
		}
		if x.Status.Done() {
			return fault.New(fault.NotFound, "execution %s is over", id)
		}
		fence, err = take(tx, owner)
		return err
	})
	if err != nil {
		return nil, err
	}
	t := &tenure{activities: a, id: id, fence: fence, stopped: make(chan struct{})}
	t.ctx, t.lose = context.WithCancelCause(ctx)
	go t.beat(ctx, details)
	return t, nil
}

// beat shows Temporal that the attempt lives, which is also how it hears of a cancellation, and keeps the execution's
// lease from expiring.
func (t *tenure) beat(ctx context.Context, details any) {
	defer close(t.stopped)
	tick := time.NewTicker(max(t.activities.opts.Silence/4, time.Millisecond))
	defer tick.Stop()
	renewed := time.Now()
	for {
		select {
		case <-t.ctx.Done():
			return
		case <-tick.C:
		}
		activity.RecordHeartbeat(ctx, details)
		if time.Since(renewed) < renewEvery {
			continue
		}
		switch err := t.renew(); {
		case err == nil:
			renewed = time.Now()
		case durable.HasCode(err, fault.Fenced):
			t.lose(errLost)
		case t.ctx.Err() == nil:
			t.activities.steps.Logger().Warn("lease not renewed", "execution", t.id, "error", err)
		}
	}
}

func (t *tenure) renew() error {
	larger := t.fence
	if t.fence.Within != nil {
		larger = *t.fence.Within
	}
	ctx, cancel := context.WithTimeout(t.ctx, leaseTime)
	defer cancel()
	return t.activities.steps.Store.Write(ctx, func(tx store.Tx) error {
		if err := tx.FenceCheck(ctx, t.fence); err != nil {
			return err
		}
		return tx.LeaseRenew(ctx, larger, t.activities.steps.Now(), leaseTime)
	})
}

// end stops the heartbeat and gives a split's lease back; the execution's stays for what follows. Nothing is lost when
// that fails.
func (t *tenure) end() {
	t.lose(errEnded)
	<-t.stopped
	if t.fence.Within == nil {
		return
	}
	t.release()
}

// release gives the lease back.
func (t *tenure) release() {
	a := t.activities
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), 5*time.Second)
	defer cancel()
	if err := a.steps.Store.Write(ctx, func(tx store.Tx) error { return tx.LeaseRelease(ctx, t.fence) }); err != nil {
		a.steps.Logger().Warn("lease not released", "lease", t.fence.Lease, "error", err)
	}
}

// step runs a step, again when that can help; a draining engine does not wait for the next try.
func (t *tenure) step(fn func() error) error {
	wait, cancel := context.WithCancel(t.ctx)
	defer cancel()
	defer context.AfterFunc(t.activities.calm, cancel)()
	return t.activities.steps.RetryStep(wait, func() error { return t.guard(fn) })
}

// guard contains a panic: it fails the execution instead of telling Temporal of it.
func (t *tenure) guard(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			t.activities.steps.Logger().Error("panic", "execution", t.id, "panic", p, "stack", string(debug.Stack()))
			err = fault.New(fault.Internal, "an internal error stopped execution %s; the log says more", t.id)
		}
	}()
	return fn()
}
