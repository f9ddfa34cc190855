// Package local is the built-in engine: it runs executions in this process, on nothing but the store. It is the default
// of the single binary.
//
//	Start ─► queue ─► lease ─► prepare ─► transfer ×N ─► commit ─► conclude ─► lease released
//	                    │          └──────────┴─ failed or canceled ─► discard ─► conclude
//	                    └ renewed by a heartbeat; when it is lost everything stops at once, and nothing is cleaned up
//
// Each execution is driven by one goroutine that holds the execution's lease; its fencing token goes into every effect.
// A bounded number of executions, and of splits over all of them, runs at a time; splits are taken from the executions in
// turn. What is unfinished when the process ends, in whatever way, goes on at the next start.
//
// Several processes may run engines on one store. Each looks for executions that nobody runs, every half of a lease, so
// that what a dead one left goes on elsewhere; leases see to it that each execution runs in one of them.
package local

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/semaphore"

	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/store"
)

// Options are the engine's settings. Zero values mean the defaults.
type Options struct {
	Executions int           // that run at the same time: 16
	Splits     int           // that are transferred at the same time, over all executions: one per processor, at least 2
	Lease      time.Duration // how long a lease outlives its last heartbeat: 15 s
	// StopGrace is how long a transfer may take to notice that it is to stop: 5 s. One that does not is left behind; the
	// lease keeps it harmless.
	StopGrace time.Duration
	// Alone says that no other process can be running an engine on this store, because the data directory is locked. Then
	// the leases of a process that died are taken over at once, instead of when they expire.
	Alone bool
}

func (o Options) withDefaults() Options {
	if o.Executions <= 0 {
		o.Executions = 16
	}
	if o.Splits <= 0 {
		o.Splits = max(2, runtime.GOMAXPROCS(0))
	}
	if o.Lease <= 0 {
		o.Lease = 15 * time.Second
	}
	if o.StopGrace <= 0 {
		o.StopGrace = 5 * time.Second
	}
	return o
}

// Why work stops before its end.
var (
	errKilled   = errors.New("the engine was stopped")
	errLost     = errors.New("the lease was lost")
	errDraining = errors.New("the engine is draining")
	errCanceled = errors.New("the execution was canceled")
	errHeld     = errors.New("another process holds the lease")
)

// Engine runs executions. Safe for concurrent use.
type Engine struct {
	steps *durable.Steps
	opts  Options
	owner string // of leases: this process

	turns *semaphore.Weighted // executions
	slots *semaphore.Weighted // splits; first come, first served

	life  context.Context // ends when the engine is stopped hard
	kill  context.CancelCauseFunc
	calm  context.Context // ends when the engine begins to drain
	drain context.CancelCauseFunc

	mu      sync.Mutex // guards runs and closing
	runs    map[string]*run
	closing bool
	running sync.WaitGroup

	adopting atomic.Bool // executions whose leases expire are found by looking
}

var _ durable.Engine = (*Engine)(nil)

// New makes an engine. It runs nothing until [Engine.Resume] or [Engine.Start]. Steps.Board must not be nil if
// [Engine.Progress] is wanted.
func New(steps *durable.Steps, opts Options) *Engine {
	e := &Engine{steps: steps, opts: opts.withDefaults(), owner: uuid.NewString(), runs: map[string]*run{}}
	e.turns = semaphore.NewWeighted(int64(e.opts.Executions))
	e.slots = semaphore.NewWeighted(int64(e.opts.Splits))
	e.life, e.kill = context.WithCancelCause(context.Background())
	e.calm, e.drain = context.WithCancelCause(e.life)
	return e
}

// Resume takes on every execution that the store holds as unfinished and nobody runs, the oldest first. An engine that is
// not alone goes on looking for such executions. Call it once at the start.
func (e *Engine) Resume(ctx context.Context) error {
	if e.opts.Alone {
		return e.resumeAll(ctx)
	}
	if err := e.adopt(ctx); err != nil {
		return fmt.Errorf("resuming executions: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing {
		return nil
	}
	e.adopting.Store(true)
	e.running.Add(1)
	go func() {
		defer e.running.Done()
		e.keepAdopting()
	}()
	return nil
}

// resumeAll takes on what is unfinished, whoever holds its lease.
func (e *Engine) resumeAll(ctx context.Context) error {
	var ids []string
	err := e.steps.Store.Read(ctx, func(tx store.ReadTx) error {
		list, err := tx.ExecutionUnfinished(ctx)
		if err != nil {
			return err
		}
		ids = ids[:0]
		for _, x := range list {
			ids = append(ids, x.ID)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("resuming executions: %w", err)
	}
	for _, id := range ids {
		e.take(id)
	}
	return nil
}

// Start takes an execution on. The store holds it already, so it is certain to run: now, or after a restart. Taking on
// one that runs, or is over, does nothing.
func (e *Engine) Start(ctx context.Context, executionID string) error {
	err := e.steps.Store.Read(ctx, func(tx store.ReadTx) error {
		_, err := tx.ExecutionGet(ctx, executionID)
		return err
	})
	if err != nil {
		return fmt.Errorf("starting execution %s: %w", executionID, err)
	}
	e.take(executionID)
	return nil
}

func (e *Engine) take(executionID string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing || e.runs[executionID] != nil {
		return
	}
	r := newRun(e, executionID)
	e.runs[executionID] = r
	e.running.Add(1)
	e.steps.Board.Enter(executionID, durable.StageQueued)
	go func() {
		defer e.running.Done()
		defer e.leave(r)
		r.loop()
	}()
}

func (e *Engine) leave(r *run) {
	r.end()
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.runs, r.id)
	e.steps.Board.Forget(r.id)
}

// Cancel stops a running execution at its next batch, without waiting for it. The store says CancelStarted already; what
// follows is decided by that, so a cancellation that comes too late does nothing.
func (e *Engine) Cancel(_ context.Context, executionID string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r := e.runs[executionID]; r != nil {
		r.cancel(errCanceled)
	}
	return nil
}

// Progress is a picture of a running execution; false when it does not run here.
func (e *Engine) Progress(executionID string) (durable.Progress, bool) {
	return e.steps.Board.Progress(executionID)
}

// Drain stops taking work, lets transfers come to their next checkpoint and publications to their end, and returns when
// everything has stopped. When ctx ends before that, what still runs is stopped where it is, with an error. Leases are
// given back, so that another process can go on at once.
func (e *Engine) Drain(ctx context.Context) error {
	e.close()
	e.drain(errDraining)
	if e.wait(ctx.Done()) {
		return nil
	}
	e.kill(errDraining)
	last, cancel := context.WithTimeout(context.Background(), 2*e.opts.StopGrace)
	defer cancel()
	e.wait(last.Done())
	return fmt.Errorf("draining: %w", context.Cause(ctx))
}

// Close stops everything at once, without cleaning up and without giving leases back, as if the process had died. It
// returns when everything has stopped, but for transfers that were left behind.
func (e *Engine) Close() {
	e.close()
	e.kill(errKilled)
	e.running.Wait()
}

func (e *Engine) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closing = true
}

// wait waits until nothing runs, or until the channel closes, and says whether nothing runs.
func (e *Engine) wait(until <-chan struct{}) bool {
	idle := make(chan struct{})
	go func() { e.running.Wait(); close(idle) }()
	select {
	case <-idle:
		return true
	case <-until:
		return false
	}
}
