package local

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/store"
)

// run is one execution in this process. Its contexts lie inside one another:
//
//	tenure   ends with the engine, or with the lease
//	work     ends also when the execution is canceled
//	calm     ends also when the engine begins to drain
//
// Transfers run in work, what can be left at any moment in calm, and commit, discard and conclude in tenure.
type run struct {
	engine *Engine
	id     string

	canceled context.Context // ends when the execution is canceled
	cancel   context.CancelCauseFunc

	isLittered bool // what it staged could not be thrown away when it ended
	hasTurn    bool // counts as one of the executions that run at the same time

	turn  chan struct{} // holds the one place in the queue for split slots, so that executions take turns
	left  atomic.Bool   // a transfer did not stop when told to, and was left behind
	tries int           // tenures so far
}

func newRun(e *Engine, executionID string) *run {
	r := &run{engine: e, id: executionID, turn: make(chan struct{}, 1)}
	r.canceled, r.cancel = context.WithCancelCause(e.life)
	return r
}

func (r *run) end() { r.cancel(errKilled) }

// loop holds the execution's lease, tenure after tenure, until the execution is over, or the engine stops.
func (r *run) loop() {
	e := r.engine
	defer r.giveTurn()
	for r.takeTurn() {
		over, err := r.tenure()
		if over || e.life.Err() != nil {
			r.giveTurn()
			r.cleanUp()
			return
		}
		var later *postponed
		switch {
		case errors.As(err, &later):
			r.giveTurn()
			e.steps.Board.Enter(r.id, durable.StageQueued)
			// Looked at in between, because it may have been canceled through another server.
			r.pause(min(later.until.Sub(e.steps.Now()), e.opts.Lease/3), r.canceled.Done())
			continue
		case errors.Is(err, errHeld):
			r.giveTurn()
			if r.tries == 0 && e.adopting.Load() {
				return // when whoever runs it dies it is found again
			}
			e.steps.Board.Enter(r.id, durable.StageQueued)
		case err != nil:
			e.steps.Logger().Warn("execution interrupted", "execution", r.id, "error", err)
		}
		r.pause(e.opts.Lease/3, nil)
	}
	if e.life.Err() == nil && r.tries > 0 {
		r.isLittered = r.sweep() != nil
	}
}

// cleanUp tries again to throw away what an ended execution has staged, for as long as the engine runs: the bucket could
// not be reached before. Nobody sees it, but it takes room.
func (r *run) cleanUp() {
	for wait := r.engine.opts.Lease; r.isLittered; wait = min(2*wait, time.Hour) {
		r.pause(wait, nil)
		if r.engine.calm.Err() != nil {
			return
		}
		r.isLittered = r.sweep() != nil
	}
}

// postponed says that an execution has failed, and goes on at a later time.
type postponed struct{ until time.Time }

func (p *postponed) Error() string { return "it goes on at " + p.until.Format(time.RFC3339) }

// sweep throws away what this process has staged for an execution that somebody else has ended after the lease was lost.
func (r *run) sweep() error {
	err := r.engine.steps.Sweep(r.engine.life, r.id)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		r.engine.steps.Logger().Warn("staged output not discarded", "execution", r.id, "error", err)
	}
	return err
}

// takeTurn waits for the execution's turn, which a canceled one does not need. It reports whether to go on: not in an
// engine that drains.
func (r *run) takeTurn() bool {
	if !r.hasTurn {
		ctx, cancel := context.WithCancelCause(r.canceled)
		defer cancel(nil)
		defer context.AfterFunc(r.engine.calm, func() { cancel(errDraining) })()
		r.hasTurn = r.engine.turns.Acquire(ctx, 1) == nil
	}
	return r.engine.calm.Err() == nil && (r.hasTurn || r.canceled.Err() != nil)
}

func (r *run) giveTurn() {
	if r.hasTurn {
		r.engine.turns.Release(1)
	}
	r.hasTurn = false
}

// pause waits for a time, or until the channel closes or the engine drains.
func (r *run) pause(d time.Duration, until <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-until:
	case <-r.engine.calm.Done():
	}
}

// tenure takes the lease and drives the execution. It reports whether this process has nothing more to do for it.
func (r *run) tenure() (over bool, err error) {
	e := r.engine
	x, err := r.look()
	if fault.Is(err, fault.NotFound) {
		return true, nil // deleted with its flow
	}
	if err != nil {
		return false, err
	}
	if x.Status.Done() {
		if r.tries > 0 {
			r.isLittered = r.sweep() != nil
		}
		return true, nil
	}
	if x.ResumeAt != nil && x.Status == flow.ExecutionInProgress && x.ResumeAt.After(e.steps.Now()) {
		return false, &postponed{*x.ResumeAt}
	}
	asked := time.Now()
	fence, err := r.acquire()
	if fault.Is(err, fault.Conflict) {
		return false, errHeld
	}
	if err != nil {
		return false, err
	}
	r.tries++
	r.left.Store(false)
	tenure, lost := context.WithCancelCause(e.life)
	defer lost(errLost)
	beat := r.heartbeat(tenure, fence, asked, lost)
	err = r.drive(tenure, fence)
	isLost := durable.HasCode(err, fault.Fenced) || tenure.Err() != nil && e.life.Err() == nil
	lost(errLost) // stops the heartbeat
	<-beat
	if isLost || errors.Is(context.Cause(e.life), errKilled) || r.left.Load() {
		return err == nil && !isLost, err // nothing is given back: the lease is not ours, or somebody may still act in its name
	}
	r.release(fence)
	return err == nil, err
}

func (r *run) look() (x *flow.Execution, err error) {
	e := r.engine
	err = e.steps.Store.Read(e.life, func(tx store.ReadTx) (err error) {
		x, err = tx.ExecutionGet(e.life, r.id)
		return err
	})
	return x, err
}

// acquire takes the lease, under an owner's name that was never used before: so the token rises also between two tenures
// of one process, and a transfer left behind by the first cannot act in the second.
func (r *run) acquire() (fence store.Fence, err error) {
	e := r.engine
	owner := fmt.Sprintf("%s/%d", e.owner, r.tries)
	err = e.steps.Store.Write(e.life, func(tx store.Tx) (err error) {
		now := e.steps.Now()
		if !e.opts.Alone {
			fence, err = tx.LeaseAcquire(e.life, leasePrefix+r.id, owner, now, e.opts.Lease)
			return err
		}
		// Whoever holds it is dead: ask as if the lease had expired, then set it right.
		if fence, err = tx.LeaseAcquire(e.life, leasePrefix+r.id, owner, now.Add(2*e.opts.Lease), e.opts.Lease); err != nil {
			return err
		}
		return tx.LeaseRenew(e.life, fence, now, e.opts.Lease)
	})
	return fence, err
}

// release gives the lease back, so that whoever comes next need not wait. It is no great loss when it fails.
func (r *run) release(fence store.Fence) {
	e := r.engine
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.life), e.opts.StopGrace)
	defer cancel()
	err := e.steps.Store.Write(ctx, func(tx store.Tx) error { return tx.LeaseRelease(ctx, fence) })
	if err != nil {
		e.steps.Logger().Warn("lease not released", "execution", r.id, "error", err)
	}
}

// heartbeat renews the lease until the tenure ends, and ends the tenure when that fails for as long as the lease lasts:
// then somebody else may hold it. It also notices a cancellation that came through the store only. The channel closes
// when it has stopped.
func (r *run) heartbeat(tenure context.Context, fence store.Fence, asked time.Time, lost context.CancelCauseFunc) <-chan struct{} {
	e := r.engine
	expiry := time.AfterFunc(e.opts.Lease-time.Since(asked), func() { lost(errLost) })
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		defer expiry.Stop()
		tick := time.NewTicker(e.opts.Lease / 3)
		defer tick.Stop()
		for {
			select {
			case <-tenure.Done():
				return
			case <-tick.C:
			}
			asked = time.Now()
			switch err := r.renew(tenure, fence); {
			case err == nil:
				expiry.Reset(e.opts.Lease - time.Since(asked))
			case fault.Is(err, fault.Fenced):
				lost(errLost)
				return
			case tenure.Err() == nil:
				e.steps.Logger().Warn("lease not renewed", "execution", r.id, "error", err)
			}
		}
	}()
	return stopped
}

func (r *run) renew(ctx context.Context, fence store.Fence) error {
	e := r.engine
	ctx, cancel := context.WithTimeout(ctx, e.opts.Lease)
	defer cancel()
	var status flow.ExecutionStatus
	err := e.steps.Store.Write(ctx, func(tx store.Tx) error {
		if err := tx.LeaseRenew(ctx, fence, e.steps.Now(), e.opts.Lease); err != nil {
			return err
		}
		x, err := tx.ExecutionGet(ctx, r.id)
		if err != nil {
			return err
		}
		status = x.Status
		return nil
	})
	if err == nil && status == flow.ExecutionCancelStarted {
		r.cancel(errCanceled)
	}
	return err
}

// drive walks the execution to its end. An error means that it is not over: the tenure has ended, the engine drains, or
// the ledger cannot be reached.
func (r *run) drive(tenure context.Context, fence store.Fence) error {
	work, endWork := context.WithCancelCause(tenure)
	defer endWork(nil)
	defer context.AfterFunc(r.canceled, func() { endWork(errCanceled) })()
	err := r.move(work, fence)
	if err == nil || r.isBound() {
		err = r.commit(tenure, fence)
	}
	if err != nil {
		if stop := r.interrupted(tenure, err); stop != nil {
			return stop
		}
		if later := r.postpone(tenure, fence, err); later != nil {
			return later
		}
		if err := r.turnBack(tenure, fence, err); err != nil {
			return err
		}
	}
	r.engine.steps.Board.Enter(r.id, durable.StageConclude)
	return r.step(tenure, func() error {
		_, err := r.engine.steps.Conclude(tenure, r.id, fence)
		return err
	})
}

// isBound reports whether the execution's output has begun to appear: then only publishing the rest of it is right,
// whatever happened meanwhile.
func (r *run) isBound() bool {
	x, err := r.look()
	return err == nil && x.Outcome == flow.ExecutionSuccessful
}

// interrupted says whether the error is no fault of the execution's and no cancellation, and must end the tenure.
func (r *run) interrupted(tenure context.Context, err error) error {
	switch {
	case tenure.Err() != nil, durable.HasCode(err, fault.Fenced), isLedger(err), fault.Is(err, fault.NotFound) && r.isGone():
		return err
	case r.canceled.Err() == nil && r.engine.calm.Err() != nil:
		return err // most likely the drain's doing; if not, the next process meets it again
	}
	return nil
}

// isGone reports whether the execution was deleted under us.
func (r *run) isGone() bool {
	_, err := r.look()
	return fault.Is(err, fault.NotFound)
}

// postpone lets the execution go on later, if its flow asks for that. An error, [postponed] too, ends the tenure; nil
// means that it fails now.
func (r *run) postpone(tenure context.Context, fence store.Fence, cause error) error {
	if r.canceled.Err() != nil {
		return nil
	}
	var until time.Time
	var ok bool
	err := r.step(tenure, func() (err error) {
		until, ok, err = r.engine.steps.Postpone(tenure, r.id, fence, cause)
		return err
	})
	if err != nil || !ok {
		return err
	}
	r.engine.steps.Logger().Warn("execution failed and goes on later", "execution", r.id, "at", until, "error", cause)
	return &postponed{until}
}

// turnBack decides what becomes of an execution that cannot succeed, and throws away what it staged. When that is not
// possible the execution ends all the same: what is staged stays invisible.
func (r *run) turnBack(tenure context.Context, fence store.Fence, cause error) error {
	e := r.engine
	if !r.isCanceled(cause) {
		e.steps.Logger().Error("execution failed", "execution", r.id, "error", cause)
		if err := r.step(tenure, func() error { return e.steps.Fail(tenure, r.id, fence, cause) }); err != nil {
			return err
		}
	}
	e.steps.Board.Enter(r.id, durable.StageDiscard)
	err := r.step(tenure, func() error { return e.steps.Discard(tenure, r.id, fence) })
	if err == nil || fault.Is(err, fault.Conflict) || r.interrupted(tenure, err) != nil {
		return err
	}
	e.steps.Logger().Error("staged output not discarded", "execution", r.id, "error", err)
	r.isLittered = true
	return nil
}

// isCanceled reports whether the cause is a cancellation that the store knows of. A transfer that ends as canceled for
// another reason has failed.
func (r *run) isCanceled(cause error) bool {
	if !durable.HasCode(cause, fault.Canceled) && r.canceled.Err() == nil {
		return false
	}
	x, err := r.look()
	return err == nil && (x.Outcome == flow.ExecutionCanceled || x.Outcome == "" && x.Status == flow.ExecutionCancelStarted)
}

func (r *run) commit(tenure context.Context, fence store.Fence) error {
	r.engine.steps.Board.Enter(r.id, durable.StageCommit)
	return r.step(tenure, func() error { return r.engine.steps.Commit(tenure, r.id, fence) })
}

// step runs a step, again when that can help.
func (r *run) step(ctx context.Context, fn func() error) error {
	return r.engine.steps.RetryStep(ctx, func() error { return r.guard(fn) })
}

// guard contains a panic: it fails the execution instead of the process.
func (r *run) guard(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.engine.steps.Logger().Error("panic", "execution", r.id, "panic", p, "stack", string(debug.Stack()))
			err = fault.New(fault.Internal, "an internal error stopped execution %s; the log says more", r.id)
		}
	}()
	return fn()
}
