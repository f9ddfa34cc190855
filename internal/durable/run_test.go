package durable_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/durable/durabletest"
	"weir.dev/weir/internal/durable/local"
	"weir.dev/weir/internal/store"
)

func factory(steps *durable.Steps, alone bool) durabletest.Engine {
	return local.New(steps, local.Options{Splits: 2, Alone: alone})
}

// noStore is the store of a run in the foreground: any use of it fails.
type noStore struct{ store.Store }

// foreground runs a scenario's execution in the foreground, in a world whose store must not be touched.
func foreground(t *testing.T, sc durabletest.Scenario, trap *durabletest.Trap, ctx context.Context) (*durabletest.World, *durable.RunResult, error) {
	w := durabletest.NewWorld(t, factory, sc, durabletest.NewLedger())
	p := w.Boot(trap, true)
	defer p.Engine.Close()
	p.Steps.Store = noStore{}
	x := w.Execution(t)
	opts, problems := flow.OptionsOf(sc.Tags)
	require.Empty(t, problems)
	x.Options = &opts
	res, err := durable.Run(ctx, p.Steps, x, 2)
	return w, res, err
}

func TestRun_GivesWhatAnEngineGives(t *testing.T) {
	t.Parallel()
	for _, sc := range append(durabletest.Real(), durabletest.Plain()...) {
		t.Run(sc.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := durabletest.NewWorld(t, factory, sc, durabletest.NewLedger())
				require.False(t, w.Boot(durabletest.NewTrap(nil), true).Finish(t))
				want := w.Result(t)
				w, res, err := foreground(t, sc, durabletest.NewTrap(nil), t.Context())
				got := w.Result(t)
				if sc.Tags[flow.TagRetries] != "" { // whoever waits in the foreground is told at once
					require.ErrorContains(t, err, "the application is being maintained")
					return
				}
				require.Equal(t, want.Files, got.Files)
				require.Empty(t, got.Staged)
				if sc.Want == flow.ExecutionError {
					require.ErrorContains(t, err, sc.Message)
					require.Empty(t, res.Outputs)
					require.Zero(t, res.Totals.Written)
					return
				}
				require.NoError(t, err)
				require.Equal(t, want.Rows, got.Rows)
				res.Totals.Parallelism = 0
				require.Equal(t, want.Totals, res.Totals)
				require.ElementsMatch(t, want.Rejects, res.Rejects)
				require.Len(t, res.Outputs, want.Receipts)
				require.Contains(t, durable.SuccessText(res.Totals), sc.Message)
			})
		})
	}
}

func TestRun_InterruptedAtEveryCallLeavesAllOrNothing(t *testing.T) {
	t.Parallel()
	sc := durabletest.Plain()[0]
	whole, nothing := 0, 0
	for n, reached := 0, true; reached; n++ {
		synctest.Test(t, func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			reached = false
			trap := durabletest.NewTrap(func(c durabletest.Call) error {
				if c.N == n && !c.After {
					reached = true
					interrupt()
				}
				return nil
			})
			w, _, err := foreground(t, sc, trap, ctx)
			got := w.Result(t)
			require.Empty(t, got.Staged, "interrupted at call %d", n)
			if err == nil {
				require.Len(t, got.Files, 3, "interrupted at call %d", n)
				whole++
				return
			}
			require.True(t, durable.HasCode(err, fault.Canceled), "interrupted at call %d: %v", n, err)
			require.Empty(t, got.Files, "interrupted at call %d", n)
			nothing++
		})
	}
	require.Positive(t, whole)
	require.Positive(t, nothing)
}
