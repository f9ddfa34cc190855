package local_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable/durabletest"
	"weir.dev/weir/internal/notify"
	"weir.dev/weir/internal/plan"
	"weir.dev/weir/internal/store"
)

// shelf is a catalog: what it was last told of each execution, and how often.
type shelf struct {
	mu    sync.Mutex
	files map[string][]string
	times int
}

func (s *shelf) Register(_ context.Context, _ flow.GlueConfig, _ time.Time, p *plan.Plan, keys []string) []flow.CatalogDetail {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[p.ExecutionID] = keys
	s.times++
	return []flow.CatalogDetail{{Table: "orders", Tables: flow.CatalogOutcome{Status: flow.ExecutionSuccessful, Result: "1"}}}
}

// nobody is a receiver that letters are written for and never delivered to.
type nobody struct{}

func (nobody) Name() string                                   { return "test:nobody" }
func (nobody) Wants(notify.Kind) bool                         { return true }
func (nobody) WantsLineage() bool                             { return true }
func (nobody) AtOnce() int                                    { return 1 }
func (nobody) Deliver(context.Context, []notify.Fact) []error { return []error{errors.ErrUnsupported} }

func letters(t *testing.T, w *durabletest.World) (facts []notify.Fact) {
	var list []*store.Letter
	require.NoError(t, w.Store.Read(t.Context(), func(tx store.ReadTx) (err error) {
		list, err = tx.OutboxDue(t.Context(), time.Now().Add(1e6*time.Hour), 1000)
		return err
	}))
	for _, l := range list {
		var f notify.Fact
		require.NoError(t, json.Unmarshal(l.Body, &f))
		facts = append(facts, f)
	}
	return facts
}

// telling boots a process of a world whose flow has a catalog, and which tells of its runs.
func telling(t *testing.T, w *durabletest.World, s *shelf, trap *durabletest.Trap) *durabletest.Process {
	require.NoError(t, w.Store.Write(t.Context(), func(tx store.Tx) error {
		x, err := tx.ExecutionGet(t.Context(), w.ID)
		if err != nil || x.Definition.Catalog != nil {
			return err
		}
		x.Definition.Catalog = &flow.CatalogConfig{Glue: &flow.GlueConfig{DatabaseName: "lake", TablePrefix: "shop"}}
		return tx.ExecutionPut(t.Context(), x)
	}))
	p := w.Boot(trap, true)
	p.Steps.Announcer, p.Steps.Catalog = notify.NewBook("000000000000", "eu-north-1", []notify.Receiver{nobody{}}), s
	return p
}

func TestTelling_OneLetterAndARegisteredOutputWhereverItCrashes(t *testing.T) {
	t.Parallel()
	for n, reached := 0, true; reached && !t.Failed(); n++ {
		reached = false
		for _, after := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				w := durabletest.NewWorld(t, factory, scenario(nil), durabletest.NewLedger())
				s := &shelf{files: map[string][]string{}}
				died := telling(t, w, s, durabletest.CrashAt(n, after)).Finish(t)
				if died {
					reached = true
					if !w.Execution(t).Status.Done() {
						require.Empty(t, letters(t, w), "nothing is told of what has not happened")
					}
					require.False(t, telling(t, w, s, durabletest.NewTrap(nil)).Finish(t))
				}
				x := w.Execution(t)
				require.Equal(t, flow.ExecutionSuccessful, x.Status)
				require.Equal(t, "orders", x.Catalog[0].Table)
				require.Len(t, s.files[w.ID], len(w.Result(t).Files))
				facts := letters(t, w)
				require.Len(t, facts, 1)
				require.Equal(t, notify.KindEnd, facts[0].Kind)
				require.Equal(t, int64(12), facts[0].Execution.Totals.Read)
				require.NotEmpty(t, facts[0].Lineage.Outputs)
			})
		}
	}
}

func TestTelling_FailedRunIsNotRegisteredAndDeactivationIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := durabletest.NewWorld(t, factory, scenario(func(context.Context, int, int) error { return errors.New("no") }), durabletest.NewLedger())
		s := &shelf{files: map[string][]string{}}
		p := telling(t, w, s, durabletest.NewTrap(nil))
		runs := int32(1)
		require.NoError(t, w.Store.Write(t.Context(), func(tx store.Tx) error {
			f, err := tx.FlowGet(t.Context(), "orders")
			require.NoError(t, err)
			f.Trigger = flow.Trigger{Type: flow.TriggerScheduled, Properties: &flow.TriggerProperties{Scheduled: &flow.Schedule{
				Expression: "rate(1hours)", DeactivateAfterRuns: &runs,
			}}}
			return tx.FlowPut(t.Context(), f)
		}))
		require.False(t, p.Finish(t))
		require.Zero(t, s.times)
		require.Nil(t, w.Execution(t).Catalog)
		kinds := map[notify.Kind]notify.Fact{}
		for _, f := range letters(t, w) {
			kinds[f.Kind] = f
		}
		require.Len(t, kinds, 2)
		require.Equal(t, flow.ExecutionError, kinds[notify.KindEnd].Execution.Status)
		require.Contains(t, kinds[notify.KindDeactivate].Reason, "1 failed runs")
	})
}
