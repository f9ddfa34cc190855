package temporal_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	sdk "go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"weir.dev/weir/internal/durable/temporal"
)

var input = temporal.Input{ExecutionID: "5e8f1a5c", Queue: "weir", Window: 2, Silence: 10 * time.Second}

// script is what the activities of one workflow answer, and what they were asked.
type script struct {
	prepared                  temporal.Prepared
	transfers                 map[int]temporal.Verdict // "on" unless it is here
	commit, discard, conclude temporal.Verdict

	mu    sync.Mutex // guards asked
	asked []string
}

func (s *script) note(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, what)
}

// play runs the workflow by the script.
func (s *script) play(t *testing.T) *testsuite.TestWorkflowEnvironment {
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute}) // the machine may be busy
	env.RegisterWorkflowWithOptions(temporal.Execution, workflow.RegisterOptions{Name: "execution"})
	step := func(name string, v temporal.Verdict) {
		env.RegisterActivityWithOptions(func(temporal.StepInput) (temporal.Verdict, error) {
			s.note(name)
			return v, nil
		}, activity.RegisterOptions{Name: name})
	}
	step("commit", s.commit)
	step("discard", s.discard)
	step("conclude", s.conclude)
	step("sweep", temporal.VerdictOn)
	env.RegisterActivityWithOptions(func(temporal.StepInput) (temporal.Prepared, error) {
		s.note("prepare")
		return s.prepared, nil
	}, activity.RegisterOptions{Name: "prepare"})
	env.RegisterActivityWithOptions(func(in temporal.TransferInput) (temporal.Verdict, error) {
		s.note("transfer")
		if in.Token != s.prepared.Token {
			return "", errors.New("a token from nowhere")
		}
		if v, ok := s.transfers[in.Split]; ok {
			return v, nil
		}
		return temporal.VerdictOn, nil
	}, activity.RegisterOptions{Name: "transfer"})
	env.ExecuteWorkflow("execution", input)
	require.True(t, env.IsWorkflowCompleted())
	return env
}

func TestExecution_FollowsTheVerdicts(t *testing.T) {
	t.Parallel()
	const on, stop, lost, gone = temporal.VerdictOn, temporal.VerdictStop, temporal.VerdictLost, temporal.VerdictGone
	some := temporal.Prepared{Verdict: on, Token: 7, Splits: []int{0, 2, 3}}
	for name, c := range map[string]*struct {
		script
		want  []string
		again bool // continues as new
	}{
		"success":                  {script{prepared: some, commit: on, conclude: on}, []string{"prepare", "transfer", "transfer", "transfer", "commit", "conclude"}, false},
		"nothing to transfer":      {script{prepared: temporal.Prepared{Verdict: on}, commit: on, conclude: on}, []string{"prepare", "commit", "conclude"}, false},
		"preparing fails":          {script{prepared: temporal.Prepared{Verdict: stop}, discard: on, conclude: on}, []string{"prepare", "discard", "conclude"}, false},
		"postponed":                {script{prepared: temporal.Prepared{Verdict: temporal.VerdictLater, Wait: time.Hour}}, []string{"prepare"}, true},
		"over before it began":     {script{prepared: temporal.Prepared{Verdict: gone}}, []string{"prepare"}, false},
		"committing fails":         {script{prepared: temporal.Prepared{Verdict: on}, commit: stop, discard: on, conclude: on}, []string{"prepare", "commit", "discard", "conclude"}, false},
		"a bucket that is away":    {script{prepared: temporal.Prepared{Verdict: stop}, discard: temporal.VerdictLittered, conclude: on}, []string{"prepare", "discard", "conclude", "sweep"}, false},
		"deleted meanwhile":        {script{prepared: temporal.Prepared{Verdict: on}, commit: gone}, []string{"prepare", "commit"}, false},
		"canceled too late":        {script{prepared: temporal.Prepared{Verdict: stop}, discard: lost}, []string{"prepare", "discard"}, true},
		"more splits than at once": {script{prepared: temporal.Prepared{Verdict: on, Token: 7, Splits: []int{1}, More: true}}, []string{"prepare", "transfer"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := c.play(t)
			require.Equal(t, c.want, c.asked)
			var again *workflow.ContinueAsNewError
			require.Equal(t, c.again, errors.As(env.GetWorkflowError(), &again))
			if !c.again {
				require.NoError(t, env.GetWorkflowError())
			}
		})
	}
}

func TestExecution_TheFirstTransferThatStopsEndsTheOthers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		verdict temporal.Verdict
		after   []string
	}{
		"failed": {temporal.VerdictStop, []string{"discard", "conclude"}},
		"lost":   {temporal.VerdictLost, nil},
		"gone":   {temporal.VerdictGone, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := make([]int, 50)
			for i := range all {
				all[i] = i
			}
			s := &script{
				prepared: temporal.Prepared{Verdict: temporal.VerdictOn, Token: 7, Splits: all}, transfers: map[int]temporal.Verdict{3: c.verdict},
				discard: temporal.VerdictOn, conclude: temporal.VerdictOn,
			}
			env := s.play(t)
			moved := len(slices.DeleteFunc(slices.Clone(s.asked), func(a string) bool { return a != "transfer" }))
			require.LessOrEqual(t, moved, 3+2*input.Window, "no more than the window after the one that stopped")
			require.Equal(t, append([]string{"prepare"}, c.after...), slices.DeleteFunc(s.asked, func(a string) bool { return a == "transfer" }))
			var again *workflow.ContinueAsNewError
			require.Equal(t, c.verdict == temporal.VerdictLost, errors.As(env.GetWorkflowError(), &again))
		})
	}
}

func TestExecution_CancellationDiscards(t *testing.T) {
	t.Parallel()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute}) // the machine may be busy
	env.RegisterWorkflowWithOptions(temporal.Execution, workflow.RegisterOptions{Name: "execution"})
	for _, name := range []string{"commit", "discard", "conclude"} {
		env.RegisterActivityWithOptions(func(temporal.StepInput) (temporal.Verdict, error) { return "", nil }, activity.RegisterOptions{Name: name})
	}
	env.RegisterActivityWithOptions(func(temporal.StepInput) (temporal.Prepared, error) {
		return temporal.Prepared{Verdict: temporal.VerdictOn, Token: 1, Splits: []int{0, 1}}, nil
	}, activity.RegisterOptions{Name: "prepare"})
	env.RegisterActivityWithOptions(func(temporal.TransferInput) (temporal.Verdict, error) { return "", nil }, activity.RegisterOptions{Name: "transfer"})
	env.OnActivity("transfer", mock.Anything).Return(temporal.Verdict(""), sdk.NewCanceledError()).After(time.Minute)
	env.OnActivity("discard", mock.Anything).Return(temporal.VerdictOn, nil).Once()
	env.OnActivity("conclude", mock.Anything).Return(temporal.VerdictOn, nil).Once()
	env.RegisterDelayedCallback(env.CancelWorkflow, time.Second)
	env.ExecuteWorkflow("execution", input)
	require.NoError(t, env.GetWorkflowError())
	env.AssertExpectations(t)
	env.AssertNotCalled(t, "commit", mock.Anything)
}
