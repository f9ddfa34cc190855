package temporal

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	sdk "go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/durable/durabletest"
	"weir.dev/weir/internal/store"
)

// bench is activities on a world, as a worker would call them.
type bench struct {
	*activities
	world *durabletest.World
	env   *testsuite.TestActivityEnvironment
}

func newBench(t *testing.T, sc durabletest.Scenario) *bench {
	w := durabletest.NewWorld(t, func(*durable.Steps, bool) durabletest.Engine { return nil }, sc, durabletest.NewLedger())
	steps := w.Boot(durabletest.NewTrap(nil), true).Steps
	steps.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	a := &activities{steps: steps, opts: Options{}.withDefaults(), calm: t.Context(), owner: "test"}
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	a.registerSteps(env)
	a.registerTransfer(env)
	return &bench{a, w, env}
}

func (b *bench) verdict(t *testing.T, name string, in any) Verdict {
	got, err := b.env.ExecuteActivity(name, in)
	require.NoError(t, err)
	var v Verdict
	require.NoError(t, got.Get(&v))
	return v
}

func (b *bench) prepare(t *testing.T) (p Prepared) {
	got, err := b.env.ExecuteActivity(activityPrepare, StepInput{ExecutionID: b.world.ID})
	require.NoError(t, err)
	require.NoError(t, got.Get(&p))
	require.Equal(t, VerdictOn, p.Verdict)
	return p
}

func TestActivities_WalkAnExecutionToItsEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t, durabletest.Plain()[0])
	step := StepInput{ExecutionID: b.world.ID}
	p := b.prepare(t)
	require.Equal(t, []int{0, 1, 2}, p.Splits)
	for _, split := range p.Splits {
		require.Equal(t, VerdictOn, b.verdict(t, activityTransfer, TransferInput{b.world.ID, split, p.Token}))
	}
	require.Equal(t, VerdictOn, b.verdict(t, activityCommit, step))
	require.Equal(t, VerdictOn, b.verdict(t, activityConclude, step))
	require.Equal(t, flow.ExecutionSuccessful, b.world.Execution(t).Status)
	for _, late := range []string{activityCommit, activityDiscard, activityConclude} {
		require.Equal(t, VerdictGone, b.verdict(t, late, step), late)
	}
}

func TestActivities_AFailureIsWrittenDownAndNotTold(t *testing.T) {
	t.Parallel()
	b := newBench(t, durabletest.Plain()[3])
	p := b.prepare(t)
	require.Equal(t, VerdictStop, b.verdict(t, activityTransfer, TransferInput{b.world.ID, 1, p.Token}))
	require.Equal(t, VerdictOn, b.verdict(t, activityDiscard, StepInput{b.world.ID}))
	require.Equal(t, VerdictOn, b.verdict(t, activityConclude, StepInput{b.world.ID}))
	x := b.world.Execution(t)
	require.Equal(t, flow.ExecutionError, x.Status)
	require.Contains(t, x.Message, "record 5 is broken")
}

func TestActivities_AnAttemptThatMayHelpLaterSaysWhen(t *testing.T) {
	t.Parallel()
	b := newBench(t, durabletest.Plain()[4]) // a torn connection first, then a request to come back in a minute
	p := b.prepare(t)
	for i, atLeast := range []time.Duration{0, time.Minute} {
		_, err := b.env.ExecuteActivity(activityTransfer, TransferInput{b.world.ID, 0, p.Token})
		var again *sdk.ApplicationError
		require.ErrorAs(t, err, &again)
		require.Equal(t, reasonFailed, again.Type())
		require.NotContains(t, again.Error(), "torn")
		require.GreaterOrEqual(t, again.NextRetryDelay(), atLeast, "attempt %d", i)
	}
}

func TestActivities_AReignThatIsOverTransfersNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, durabletest.Plain()[0])
	old := b.prepare(t)
	renewed := b.prepare(t)
	require.Greater(t, renewed.Token, old.Token)
	before := b.world.Result(t)
	require.Equal(t, VerdictLost, b.verdict(t, activityTransfer, TransferInput{b.world.ID, 0, old.Token}))
	require.Equal(t, before, b.world.Result(t))
}

// owned begins a tenure in an activity, and hands it out while the activity goes on.
func (b *bench) owned(t *testing.T, begin func(ctx context.Context) (*tenure, error)) *tenure {
	var held *tenure
	env := b.env
	env.RegisterActivityWithOptions(func(ctx context.Context) error {
		var err error
		held, err = begin(ctx)
		return err
	}, activity.RegisterOptions{Name: t.Name()})
	_, err := env.ExecuteActivity(t.Name())
	require.NoError(t, err)
	t.Cleanup(held.end)
	return held
}

func TestFences_ALaterOwnerOfSplitOrExecutionRefusesTheZombie(t *testing.T) {
	t.Parallel()
	for name, takeover := range map[string]func(b *bench, p Prepared){
		"another attempt at the split": func(b *bench, p Prepared) {
			require.Equal(t, VerdictOn, b.verdict(t, activityTransfer, TransferInput{b.world.ID, 0, p.Token}))
		},
		"the step after the transfers": func(b *bench, _ Prepared) {
			require.Equal(t, VerdictLost, b.verdict(t, activityDiscard, StepInput{b.world.ID}))
		},
		"another reign": func(b *bench, _ Prepared) { b.prepare(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, durabletest.Plain()[0])
			p := b.prepare(t)
			zombie := b.owned(t, func(ctx context.Context) (*tenure, error) {
				return b.beginSplit(ctx, TransferInput{b.world.ID, 0, p.Token}, &gauge{})
			})
			check := func() error {
				return b.steps.Store.Write(t.Context(), func(tx store.Tx) error { return tx.FenceCheck(t.Context(), zombie.fence) })
			}
			require.NoError(t, check())
			takeover(b, p)
			before := b.world.Result(t)
			require.True(t, fault.Is(check(), fault.Fenced))
			err := b.steps.Transfer(t.Context(), b.world.ID, 1, zombie.fence)
			require.True(t, durable.HasCode(err, fault.Fenced), "%v", err)
			err = b.steps.Fail(t.Context(), b.world.ID, zombie.fence, err)
			require.True(t, durable.HasCode(err, fault.Fenced), "%v", err)
			after := b.world.Result(t)
			after.Staged = before.Staged // what a zombie stages is invisible, and dropped at the end
			require.Equal(t, before, after)
		})
	}
}
