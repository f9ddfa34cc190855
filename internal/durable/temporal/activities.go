package temporal

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/store"
)

// StepInput is what a step is told.
type StepInput struct {
	ExecutionID string `json:"executionId"`
}

// Prepared is what comes of preparing: the splits that are to be transferred, and the token of the lease that they are
// transferred under.
type Prepared struct {
	Verdict Verdict `json:"verdict"`
	Token   int64   `json:"token,omitzero"`
	Splits  []int   `json:"splits,omitzero"`
	More    bool    `json:"more,omitzero"` // there are others after these
	// Wait is how long to wait before preparing again, for VerdictLater.
	Wait time.Duration `json:"wait,omitzero"`
}

// TransferInput is what a transfer is told.
type TransferInput struct {
	ExecutionID string `json:"executionId"`
	Split       int    `json:"split"`
	Token       int64  `json:"token"`
}

// mostSplits keeps payloads and histories small.
const mostSplits = 2000

// activities are the steps as Temporal calls them. Safe for concurrent use; they keep nothing between calls.
type activities struct {
	steps *durable.Steps
	opts  Options
	calm  context.Context // ends when the engine begins to drain
	owner string          // of leases: this process
}

// registerSteps offers the short steps to a worker.
func (a *activities) registerSteps(r worker.ActivityRegistry) {
	for name, fn := range map[string]any{
		activityPrepare: a.Prepare, activityCommit: a.Commit, activityDiscard: a.Discard, activityConclude: a.Conclude, activitySweep: a.Sweep,
	} {
		r.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name})
	}
}

func (a *activities) registerTransfer(r worker.ActivityRegistry) {
	r.RegisterActivityWithOptions(a.Transfer, activity.RegisterOptions{Name: activityTransfer})
}

// Prepare freezes plan and splits, and begins a new reign over the execution: whatever was begun before is fenced.
func (a *activities) Prepare(ctx context.Context, in StepInput) (Prepared, error) {
	t, err := a.begin(ctx, in.ExecutionID, nil)
	if err != nil {
		return a.neverBegan(ctx, in.ExecutionID, err)
	}
	defer t.end()
	x, err := a.look(t.ctx, in.ExecutionID)
	if err == nil && isPostponed(x, a.steps.Now()) {
		return Prepared{Verdict: VerdictLater, Wait: max(x.ResumeAt.Sub(a.steps.Now()), time.Second)}, nil
	}
	var splits []int
	err = t.step(func() (err error) {
		splits, err = a.steps.Prepare(t.ctx, in.ExecutionID, t.fence)
		return err
	})
	p := Prepared{Token: t.fence.Token, Splits: splits}
	if len(splits) > mostSplits {
		p.Splits, p.More = splits[:mostSplits], true
	}
	p.Verdict, err = t.judge(err)
	return p, err
}

// isPostponed reports whether an execution that has failed is to go on, but not yet.
func isPostponed(x *flow.Execution, now time.Time) bool {
	return x.ResumeAt != nil && x.ResumeAt.After(now) && x.Status == flow.ExecutionInProgress &&
		(x.Outcome == "" || x.Outcome == flow.ExecutionSuccessful)
}

func (a *activities) neverBegan(ctx context.Context, id string, err error) (Prepared, error) {
	v, err := a.refused(ctx, id, err)
	return Prepared{Verdict: v}, err
}

// Transfer moves what is left of one split.
func (a *activities) Transfer(ctx context.Context, in TransferInput) (Verdict, error) {
	seen := &gauge{split: in.Split}
	t, err := a.beginSplit(ctx, in, seen)
	if err != nil {
		return a.refused(ctx, in.ExecutionID, err)
	}
	defer t.end()
	err = t.guard(func() error {
		work := durable.StopAtCheckpoint(withGauge(t.ctx, seen), a.calm.Done())
		return a.steps.Transfer(work, in.ExecutionID, in.Split, t.fence)
	})
	if class, _ := fault.RetryOf(err); class == fault.Never || t.isInterrupted(err) {
		return t.judge(err)
	}
	wait, failed := a.steps.SplitFailed(t.ctx, in.ExecutionID, in.Split, t.fence, err)
	if failed != nil {
		return t.judge(failed)
	}
	if !wait.Again {
		return t.judge(err)
	}
	a.steps.Logger().Warn("split failed, trying again", "execution", in.ExecutionID, "split", in.Split, "wait", wait.For, "error", err)
	return "", retryAfter(reasonFailed, wait.For)
}

// Commit makes the output visible. A cancellation does not reach it: what it decides stands.
func (a *activities) Commit(ctx context.Context, in StepInput) (Verdict, error) {
	return a.settle(ctx, in, func(t *tenure) (Verdict, error) {
		return t.judge(t.step(func() error { return a.steps.Commit(t.ctx, in.ExecutionID, t.fence) }))
	})
}

// Discard throws away what is staged, when the ledger agrees that the execution cannot succeed. When that is not possible
// the execution ends all the same, and [activities.Sweep] does it later: nobody sees what is staged.
func (a *activities) Discard(ctx context.Context, in StepInput) (Verdict, error) {
	return a.settle(ctx, in, func(t *tenure) (Verdict, error) {
		x, err := a.look(t.ctx, in.ExecutionID)
		if err != nil {
			return t.judge(err)
		}
		if x.Outcome == flow.ExecutionSuccessful || x.Outcome == "" && x.Status == flow.ExecutionInProgress {
			return VerdictLost, nil // canceled in Temporal alone, or too late
		}
		err = t.step(func() error { return a.steps.Discard(t.ctx, in.ExecutionID, t.fence) })
		switch {
		case err == nil:
			return VerdictOn, nil
		case t.isInterrupted(err):
			return t.judge(err)
		case fault.Is(err, fault.Conflict):
			return VerdictLost, nil
		}
		a.steps.Logger().Error("staged output not discarded", "execution", in.ExecutionID, "error", err)
		return VerdictLittered, nil
	})
}

// Sweep throws away what an ended execution has left staged. It needs no lease: an execution that is not over is left
// alone, and one that is over never comes back.
func (a *activities) Sweep(ctx context.Context, in StepInput) (Verdict, error) {
	err := a.steps.Sweep(ctx, in.ExecutionID)
	if err == nil || fault.Is(err, fault.NotFound) {
		return VerdictOn, nil
	}
	a.steps.Logger().Warn("staged output not discarded", "execution", in.ExecutionID, "error", err)
	return "", retry(reasonFailed)
}

// Conclude ends the execution in the ledger. Nothing but success will do.
func (a *activities) Conclude(ctx context.Context, in StepInput) (Verdict, error) {
	return a.settle(ctx, in, func(t *tenure) (Verdict, error) {
		err := t.step(func() error {
			_, err := a.steps.Conclude(t.ctx, in.ExecutionID, t.fence)
			return err
		})
		if err == nil {
			t.release() // nothing follows that needs it
			return VerdictOn, nil
		}
		if t.isInterrupted(err) {
			return t.judge(err)
		}
		a.steps.Logger().Error("execution not concluded", "execution", in.ExecutionID, "error", err)
		return "", retry(reasonFailed)
	})
}

// settle runs one of the steps that follow the transfers, under a lease that fences them.
func (a *activities) settle(ctx context.Context, in StepInput, step func(t *tenure) (Verdict, error)) (Verdict, error) {
	t, err := a.begin(ctx, in.ExecutionID, nil)
	if err != nil {
		return a.refused(ctx, in.ExecutionID, err)
	}
	defer t.end()
	return step(t)
}

// look reads an execution.
func (a *activities) look(ctx context.Context, id string) (x *flow.Execution, err error) {
	err = a.steps.Look(ctx, func(tx store.ReadTx) (err error) {
		x, err = tx.ExecutionGet(ctx, id)
		return err
	})
	return x, err
}

func isLedger(err error) bool {
	e := (*durable.LedgerError)(nil)
	return errors.As(err, &e)
}
