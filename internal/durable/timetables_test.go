package durable_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable/durabletest"
	"weir.dev/weir/internal/schedule"
	"weir.dev/weir/internal/store"
)

func TestKeepTimetables_ManyKeepersBeginOneExecutionForEachDueTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := durabletest.NewWorld(t, factory, durabletest.Plain()[0], durabletest.NewLedger())
		scheduled := flow.Schedule{Expression: "rate(1minutes)"}
		require.NoError(t, w.Store.Write(t.Context(), func(tx store.Tx) error {
			f, err := tx.FlowGet(t.Context(), "orders")
			require.NoError(t, err)
			f.Name = "minutely"
			f.Trigger = flow.Trigger{Type: flow.TriggerScheduled, Properties: &flow.TriggerProperties{Scheduled: &scheduled}}
			require.NoError(t, tx.FlowPut(t.Context(), f))
			table, err := schedule.Activate(flow.Timetable{FlowName: f.Name}, &scheduled, time.Now())
			require.NoError(t, err)
			return tx.TimetablePut(t.Context(), &table)
		}))
		var mu sync.Mutex
		begun := map[string]int{} // guarded by mu
		for range 3 {             // each a server of its own
			steps := w.Boot(durabletest.NewTrap(nil), false).Steps
			go steps.KeepTimetables(t.Context(), func(id string) {
				mu.Lock()
				begun[id]++
				mu.Unlock()
				require.NoError(t, w.Store.Write(t.Context(), func(tx store.Tx) error { // it ends at once
					x, err := tx.ExecutionGet(t.Context(), id)
					require.NoError(t, err)
					x.Status = flow.ExecutionSuccessful
					return tx.ExecutionPut(t.Context(), x)
				}))
			})
		}
		<-time.After(5*time.Minute + time.Second)
		mu.Lock()
		defer mu.Unlock()
		require.Len(t, begun, 6, "at the beginning, and after each minute")
		for id, times := range begun {
			require.Equal(t, 1, times, id)
		}
	})
}
