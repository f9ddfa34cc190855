package temporal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/store"
)

// Engine starts executions in a Temporal cluster, watches them, and works on them if it is told to. Safe for concurrent
// use. It needs neither the cluster nor any worker in order to exist: what it is asked for waits until both are there.
type Engine struct {
	steps  *durable.Steps // as the user of the engine has them; activities have their own
	opts   Options
	client client.Client
	acts   *activities
	shown  shown
	taking sync.Once

	life  context.Context // ends when the engine is stopped hard
	kill  context.CancelCauseFunc
	calm  context.Context // ends when the engine begins to drain
	drain context.CancelCauseFunc

	mu      sync.Mutex // guards all below
	started map[string]time.Time
	closing bool
	running sync.WaitGroup
}

var _ durable.Engine = (*Engine)(nil)

// Why work stops before its end.
var (
	errKilled   = errors.New("the engine was stopped")
	errDraining = errors.New("the engine is draining")
)

// New makes an engine. It connects to nothing; errors are about settings.
func New(steps *durable.Steps, opts Options) (*Engine, error) {
	opts = opts.withDefaults()
	co, err := opts.Connection.options(steps.Logger())
	if err != nil {
		return nil, err
	}
	co.Identity = identity()
	co.DataConverter, co.FailureConverter = converters(opts.Sealer, opts.Queue)
	e := &Engine{steps: steps, opts: opts, started: map[string]time.Time{}}
	e.shown.seen = map[string]picture{}
	if e.client, err = client.NewLazyClient(co); err != nil {
		return nil, fault.Wrap(fault.Validation, err, "connecting to Temporal at %s", opts.Connection.Address)
	}
	e.life, e.kill = context.WithCancelCause(context.Background())
	e.calm, e.drain = context.WithCancelCause(e.life)
	own := *steps
	own.Board, own.Mover = nil, gauged{steps.Mover} // what is shown of an execution comes from all its workers
	e.acts = &activities{steps: &own, opts: opts, calm: e.calm, owner: co.Identity}
	return e, nil
}

// identity names this process to people who look at Temporal, and to leases. It is never the same again.
func identity() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d/%s", host, os.Getpid(), uuid.NewString()[:8])
}

// Resume begins to look after the executions that the store holds as unfinished, and to work if this process is to. Call
// it once at the start. Its error is the store's: Temporal may be away.
func (e *Engine) Resume(ctx context.Context) error {
	if _, err := e.unfinished(ctx); err != nil {
		return fmt.Errorf("resuming executions: %w", err)
	}
	e.take()
	return nil
}

// take begins to look after executions, and to work if this process is to, unless that has begun.
func (e *Engine) take() {
	e.taking.Do(func() {
		e.background(e.reconcile)
		if e.opts.Work {
			e.background(e.work)
		}
	})
}

// Schedule starts the executions of scheduled flows as they fall due, until the engine drains or stops. Call it once; any
// number of processes may. It returns at once.
func (e *Engine) Schedule() {
	e.background(func() {
		e.steps.KeepTimetables(e.calm, func(id string) { e.begin(e.calm, id) })
	})
}

func (e *Engine) background(fn func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing {
		return
	}
	e.running.Add(1)
	go func() {
		defer e.running.Done()
		fn()
	}()
}

// Start gives an execution to Temporal. When that fails the execution is certain to run all the same: a process that
// looks after unfinished executions starts it as soon as Temporal is there. Starting one that runs, or is over, does
// nothing.
func (e *Engine) Start(ctx context.Context, executionID string) error {
	var x *flow.Execution
	err := e.steps.Look(ctx, func(tx store.ReadTx) (err error) {
		x, err = tx.ExecutionGet(ctx, executionID)
		return err
	})
	if err == nil && !x.Status.Done() {
		e.take()
		err = e.start(ctx, executionID)
	}
	if err != nil {
		return fmt.Errorf("starting execution %s: %w", executionID, err)
	}
	return nil
}

// callTime bounds a call to Temporal that somebody waits for.
const callTime = 10 * time.Second

// start starts the execution's workflow unless it runs.
func (e *Engine) start(ctx context.Context, executionID string) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	_, err := e.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: e.opts.workflowID(executionID), TaskQueue: e.opts.Queue,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowTaskTimeout:      e.opts.Silence / 2, // decisions take no time
	}, workflowName, Input{ExecutionID: executionID, Queue: e.opts.Queue, Window: e.opts.Window, Silence: e.opts.Silence})
	if err != nil {
		return e.unavailable(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.started[executionID] = time.Now()
	return nil
}

// Cancel tells the execution's workflow, which tells the workers. The store says CancelStarted already; a worker that
// does not hear of it here sees it at its next checkpoint.
func (e *Engine) Cancel(ctx context.Context, executionID string) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	err := e.client.CancelWorkflow(ctx, e.opts.workflowID(executionID), "")
	if none := (*serviceerror.NotFound)(nil); err == nil || errors.As(err, &none) {
		return nil
	}
	return fmt.Errorf("canceling execution %s: %w", executionID, e.unavailable(err))
}

// readyTime is how long Temporal may take to say that it is there.
const readyTime = 2 * time.Second

// Ready reports whether Temporal can be reached, in words for whoever wants to start an execution.
func (e *Engine) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	// A question about the namespace tells more than one about health: that it is there, and that we may use it.
	_, err := e.client.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: e.opts.Connection.Namespace})
	if err != nil {
		return e.unavailable(err)
	}
	return nil
}

func (e *Engine) unavailable(err error) error {
	return fault.Temporary(fault.Internal, err, "Temporal at %s cannot be reached", e.opts.Connection.Address)
}

// Drain stops taking work, lets transfers come to their next checkpoint and publications to their end, and returns when
// everything in this process has stopped. What is unfinished goes on in another worker at once. When ctx ends before
// that, what still runs is stopped where it is, with an error.
func (e *Engine) Drain(ctx context.Context) error {
	e.close()
	e.drain(errDraining)
	if e.wait(ctx.Done()) {
		return nil
	}
	e.kill(errDraining)
	last, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	e.wait(last.Done())
	return fmt.Errorf("draining: %w", context.Cause(ctx))
}

// Close stops everything at once, without cleaning up, as if the process had died, and returns when all has stopped.
func (e *Engine) Close() {
	e.close()
	e.kill(errKilled)
	e.running.Wait()
	e.client.Close()
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
