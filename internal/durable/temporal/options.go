package temporal

import (
	"context"
	"runtime"
	"time"

	"go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Options are the engine's settings. Zero values mean the defaults.
type Options struct {
	Connection Connection
	// Queue names the task queues, the deployment and the workflows of this installation, so that several can share a
	// namespace: "weir".
	Queue string
	// Work says that this process runs executions. Without it the process only starts and watches them.
	Work bool
	// Splits are transferred at the same time in this process: one per processor, at least 2.
	Splits int
	// Window bounds how many of an execution's splits are offered to the fleet at the same time, so that a large
	// execution does not stand before all others in the queue: 64.
	Window int
	// Silence is how long a worker may be silent until its work is given to another one: 10 s.
	Silence time.Duration
	// Build is this build's version; workers tell it to Temporal, see promote. Empty switches versioning off.
	Build string
	// Grace is how long running work may take to come to a checkpoint when the engine drains: 30 s.
	Grace time.Duration
	// Sealer encrypts what is told to Temporal; nil leaves it in clear.
	Sealer Sealer
}

// Sealer encrypts and decrypts small values, each for one purpose and id; *vault.Vault does.
type Sealer interface {
	Seal(ctx context.Context, purpose, id string, secret []byte) ([]byte, error)
	Open(ctx context.Context, purpose, id string, sealed []byte) ([]byte, error)
}

func (o Options) withDefaults() Options {
	if o.Connection.Address == "" {
		o.Connection.Address = client.DefaultHostPort
	}
	if o.Connection.Namespace == "" {
		o.Connection.Namespace = client.DefaultNamespace
	}
	if o.Queue == "" {
		o.Queue = "weir"
	}
	if o.Splits <= 0 {
		o.Splits = max(2, runtime.GOMAXPROCS(0))
	}
	if o.Window <= 0 {
		o.Window = 64
	}
	if o.Silence <= 0 {
		o.Silence = 10 * time.Second
	}
	if o.Grace <= 0 {
		o.Grace = 30 * time.Second
	}
	return o
}

// workflowID is the one workflow of an execution. The queue is part of it: an installation that was restored from
// another's backup has the same executions.
func (o Options) workflowID(executionID string) string { return o.Queue + "/" + executionID }

func (o Options) transferQueue() string { return transferQueue(o.Queue) }

func transferQueue(queue string) string { return queue + "-transfer" }

// Names in histories. A released one never changes its meaning.
const (
	workflowName     = "execution"
	activityPrepare  = "prepare"
	activityTransfer = "transfer"
	activityCommit   = "commit"
	activityDiscard  = "discard"
	activityConclude = "conclude"
	activitySweep    = "sweep"
)

// What every activity has in common. There is no bound on attempts: the ledger counts those that failed by their own
// fault, and crashes and outages are nobody's. A heartbeat tells life; how long a step may take is decided elsewhere, so
// the times here are only there because Temporal wants one.
const (
	stepTime     = 24 * time.Hour
	transferTime = 30 * 24 * time.Hour
)

// again is how attempts follow one another unless the ledger has named a time.
var again = sdk.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second}

// Sweeping waits for a bucket that is away. Nobody waits for the sweeping.
var patiently = sdk.RetryPolicy{InitialInterval: 15 * time.Second, BackoffCoefficient: 2, MaximumInterval: time.Hour}

const (
	sweepTime  = 10 * time.Minute
	sweepUntil = 7 * 24 * time.Hour
)

// table is the options of all activities.
func table(in Input) map[string]workflow.ActivityOptions {
	step := workflow.ActivityOptions{
		StartToCloseTimeout: stepTime, HeartbeatTimeout: in.Silence, RetryPolicy: &again, WaitForCancellation: true,
	}
	transfer := step
	transfer.TaskQueue, transfer.StartToCloseTimeout = transferQueue(in.Queue), transferTime
	return map[string]workflow.ActivityOptions{
		activityPrepare: step, activityTransfer: transfer, activityCommit: step, activityDiscard: step, activityConclude: step,
		activitySweep: {StartToCloseTimeout: sweepTime, ScheduleToCloseTimeout: sweepUntil, RetryPolicy: &patiently},
	}
}
