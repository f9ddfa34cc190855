package temporal

import (
	"context"
	"errors"
	"time"

	sdk "go.temporal.io/sdk/temporal"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/store"
)

// Reasons for another attempt, as Temporal is told them.
const (
	reasonFailed  = "failed"  // the log of the worker and the ledger say why
	reasonLedger  = "ledger"  // the store cannot be reached
	reasonDrained = "drained" // the worker is going away
)

func retry(reason string) error { return retryAfter(reason, 0) }

// retryAfter asks for another attempt after the time; 0 leaves it to the policy.
func retryAfter(reason string, d time.Duration) error {
	return sdk.NewApplicationErrorWithOptions("see the worker's log", reason, sdk.ApplicationErrorOptions{NextRetryDelay: d})
}

// isInterrupted reports whether the error says nothing about the execution: the attempt must end, and another one may do
// better.
func (t *tenure) isInterrupted(err error) bool {
	if err == nil {
		return false
	}
	return t.ctx.Err() != nil || t.activities.calm.Err() != nil || durable.HasCode(err, fault.Fenced) || isLedger(err)
}

// judge says how the execution goes on after an attempt came to this error. One that it cannot survive is written into
// the ledger.
func (t *tenure) judge(err error) (Verdict, error) {
	a := t.activities
	switch {
	case err == nil:
		return VerdictOn, nil
	case t.isInterrupted(err):
		return t.interrupted(err)
	}
	x, looked := a.look(t.ctx, t.id)
	switch {
	case fault.Is(looked, fault.NotFound):
		return VerdictGone, nil
	case looked != nil:
		return t.interrupted(looked)
	case x.Status.Done():
		return VerdictGone, nil
	case x.Outcome != "" && x.Outcome != flow.ExecutionSuccessful, x.Outcome == "" && x.Status == flow.ExecutionCancelStarted:
		return VerdictStop, nil
	}
	return t.giveUp(err)
}

// giveUp writes into the ledger that the execution goes on later, if its flow asks for that, or fails.
func (t *tenure) giveUp(cause error) (Verdict, error) {
	a := t.activities
	var until time.Time
	var isPostponed bool
	err := t.step(func() (err error) {
		until, isPostponed, err = a.steps.Postpone(t.ctx, t.id, t.fence, cause)
		return err
	})
	if err != nil {
		return t.interrupted(err)
	}
	if isPostponed {
		a.steps.Logger().Warn("execution failed and goes on later", "execution", t.id, "at", until, "error", cause)
		return VerdictLost, nil // preparing again tells how long to wait
	}
	a.steps.Logger().Error("execution failed", "execution", t.id, "error", cause)
	if err := t.step(func() error { return a.steps.Fail(t.ctx, t.id, t.fence, cause) }); err != nil {
		return t.interrupted(err)
	}
	return VerdictStop, nil
}

// interrupted ends an attempt that is not to blame for its end.
func (t *tenure) interrupted(err error) (Verdict, error) {
	a := t.activities
	isFenced := durable.HasCode(err, fault.Fenced) || errors.Is(context.Cause(t.ctx), errLost)
	if isFenced || t.ctx.Err() != nil {
		a.sweep(t.ctx, t.id)
	}
	switch {
	case a.calm.Err() != nil:
		return "", retryAfter(reasonDrained, time.Millisecond)
	case isFenced && t.fence.Within != nil && t.reignIsOver():
		return VerdictLost, nil
	case isFenced:
		return "", retry(reasonFailed)
	case t.ctx.Err() != nil:
		return "", sdk.NewCanceledError()
	case isLedger(err):
		a.steps.Logger().Warn("ledger out of reach", "execution", t.id, "error", err)
		return "", retry(reasonLedger)
	}
	return "", retry(reasonFailed)
}

// reignIsOver reports whether the execution, and not only the split, has another owner.
func (t *tenure) reignIsOver() bool {
	ctx := context.WithoutCancel(t.ctx)
	err := t.activities.steps.Transact(ctx, func(tx store.Tx) error { return tx.FenceCheck(ctx, *t.fence.Within) })
	return durable.HasCode(err, fault.Fenced)
}

// refused says what becomes of an attempt that could not even begin.
func (a *activities) refused(ctx context.Context, id string, err error) (Verdict, error) {
	switch {
	case a.calm.Err() != nil:
		return "", retryAfter(reasonDrained, time.Millisecond)
	case ctx.Err() != nil:
		return "", sdk.NewCanceledError()
	case fault.Is(err, fault.NotFound):
		return VerdictGone, nil
	case durable.HasCode(err, fault.Fenced):
		return VerdictLost, nil
	}
	a.steps.Logger().Warn("step not begun", "execution", id, "error", err)
	return "", retry(reasonLedger)
}

// sweep throws away what this attempt has staged for an execution that others have ended meanwhile.
func (a *activities) sweep(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.opts.Grace)
	defer cancel()
	if err := a.steps.Sweep(ctx, id); err != nil && !fault.Is(err, fault.NotFound) {
		a.steps.Logger().Warn("staged output not discarded", "execution", id, "error", err)
	}
}
