package temporal

import (
	"errors"
	"time"

	sdk "go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Input is what a workflow knows of its execution.
type Input struct {
	ExecutionID string        `json:"executionId"`
	Queue       string        `json:"queue"`
	Window      int           `json:"window"`
	Silence     time.Duration `json:"silence"`
}

// Verdict is what an activity says about the way on. Why is the ledger's to tell.
type Verdict string

// Verdicts.
const (
	VerdictOn   Verdict = "on"   // the next step, please
	VerdictStop Verdict = "stop" // the execution cannot succeed: discard and conclude
	VerdictLost Verdict = "lost" // somebody else has taken the execution: begin again, from what the ledger says
	VerdictGone Verdict = "gone" // the execution is over, or deleted
	// VerdictLittered goes on like VerdictOn, but what is staged could not be thrown away.
	VerdictLittered Verdict = "littered"
	// VerdictLater ends preparing alone: the execution has failed and goes on later, or when it is canceled.
	VerdictLater Verdict = "later"
)

// Execution is the workflow of an execution: decisions, and nothing else.
func Execution(ctx workflow.Context, in Input) error {
	w := walk{in: in, options: table(in)}
	verdict, err := w.move(ctx)
	// From here on a cancellation comes too late, or has done its part: the ledger knows which.
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	if err == nil && verdict == VerdictOn {
		verdict, err = w.step(ctx, activityCommit)
	}
	if err == nil && verdict == VerdictStop {
		verdict, err = w.step(ctx, activityDiscard)
	}
	isLittered := verdict == VerdictLittered
	if err == nil && (verdict == VerdictOn || isLittered) {
		verdict, err = w.step(ctx, activityConclude)
	}
	if err == nil && isLittered {
		_, _ = w.step(ctx, activitySweep) // for days, if need be; then what lies there stays
	}
	if err == nil && verdict == VerdictLost {
		return workflow.NewContinueAsNewError(ctx, workflowName, in)
	}
	return err
}

// walk is one run of the workflow.
type walk struct {
	in      Input
	options map[string]workflow.ActivityOptions
}

func (w *walk) call(ctx workflow.Context, activity string, args any) workflow.Future {
	return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, w.options[activity]), activity, args)
}

func (w *walk) step(ctx workflow.Context, activity string) (v Verdict, err error) {
	err = w.call(ctx, activity, StepInput{ExecutionID: w.in.ExecutionID}).Get(ctx, &v)
	return v, err
}

// move prepares the execution and transfers its splits.
func (w *walk) move(ctx workflow.Context) (Verdict, error) {
	var p Prepared
	if err := w.call(ctx, activityPrepare, StepInput{ExecutionID: w.in.ExecutionID}).Get(ctx, &p); err != nil {
		return canceledOr(err)
	}
	if p.Verdict == VerdictLater {
		_ = workflow.Sleep(ctx, p.Wait) // the next run sees whether time has passed or somebody has canceled
		return VerdictLost, nil
	}
	if p.Verdict != VerdictOn || len(p.Splits) == 0 {
		return p.Verdict, nil
	}
	verdict, err := w.transferAll(ctx, p)
	if err == nil && verdict == VerdictOn && p.More {
		return VerdictLost, nil // the rest, with a short history
	}
	return verdict, err
}

// canceledOr takes an activity's cancellation for what it is: something the ledger must confirm.
func canceledOr(err error) (Verdict, error) {
	if canceled := (*sdk.CanceledError)(nil); errors.As(err, &canceled) {
		return VerdictStop, nil
	}
	return "", err
}

// transferAll transfers the splits, as many at a time as the window holds. The first that does not go on stops the
// others. It returns when none is under way any more.
func (w *walk) transferAll(ctx workflow.Context, p Prepared) (Verdict, error) {
	ctx, stop := workflow.WithCancel(ctx)
	defer stop()
	verdict, failed := VerdictOn, error(nil)
	selector, running := workflow.NewSelector(ctx), 0
	ended := func(f workflow.Future) {
		running--
		var v Verdict
		err := f.Get(ctx, &v)
		if err != nil {
			v, err = canceledOr(err)
		}
		if verdict != VerdictOn || failed != nil || err == nil && v == VerdictOn {
			return
		}
		verdict, failed = v, err
		stop()
	}
	for _, split := range p.Splits {
		for running >= w.in.Window {
			selector.Select(ctx)
		}
		if verdict != VerdictOn || failed != nil {
			break
		}
		running++
		in := TransferInput{ExecutionID: w.in.ExecutionID, Split: split, Token: p.Token}
		selector.AddFuture(w.call(ctx, activityTransfer, in), ended)
	}
	for running > 0 {
		selector.Select(ctx)
	}
	return verdict, failed
}
