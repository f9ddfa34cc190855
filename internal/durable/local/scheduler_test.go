package local_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable/durabletest"
	"weir.dev/weir/internal/durable/local"
	"weir.dev/weir/internal/schedule"
	"weir.dev/weir/internal/store"
)

// scheduled puts a scheduled flow like the world's own into its store and activates it.
func scheduled(t *testing.T, w *durabletest.World, name string, s flow.Schedule) {
	require.NoError(t, w.Store.Write(t.Context(), func(tx store.Tx) error {
		f, err := tx.FlowGet(t.Context(), "orders")
		if err != nil {
			return err
		}
		f.Name, f.Status = name, flow.StatusActive
		f.Trigger = flow.Trigger{Type: flow.TriggerScheduled, Properties: &flow.TriggerProperties{Scheduled: &s}}
		if err := tx.FlowPut(t.Context(), f); err != nil {
			return err
		}
		table, err := schedule.Activate(flow.Timetable{FlowName: name}, &s, time.Now())
		if err != nil {
			return err
		}
		return tx.TimetablePut(t.Context(), &table)
	}))
}

func executions(t *testing.T, w *durabletest.World, name string) (list []*flow.Execution) {
	require.NoError(t, w.Store.Read(t.Context(), func(tx store.ReadTx) (err error) {
		list, err = tx.ExecutionList(t.Context(), name, nil, 1000)
		return err
	}))
	return list
}

func timetable(t *testing.T, w *durabletest.World, name string) (table *flow.Timetable) {
	require.NoError(t, w.Store.Read(t.Context(), func(tx store.ReadTx) (err error) {
		table, err = tx.TimetableGet(t.Context(), name)
		return err
	}))
	return table
}

func TestSchedule_RunsFollowTheClockAndTheWindowsMeet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, p := world(t, nil)
		incremental, field := flow.PullIncremental, int64(120)
		scheduled(t, w, "hourly", flow.Schedule{Expression: "rate(1hours)", PullMode: &incremental, OffsetSeconds: &field})
		first := time.Now().UTC().Truncate(time.Microsecond)
		p.Engine.(*local.Engine).Schedule()
		time.Sleep(3*time.Hour + time.Minute)
		synctest.Wait()
		list := executions(t, w, "hourly")
		require.Len(t, list, 4)
		for i, x := range list { // the newest first
			require.Equal(t, flow.ExecutionSuccessful, x.Status)
			due := first.Add(time.Duration(3-i) * time.Hour)
			require.Equal(t, due.Add(-2*time.Minute), x.Window.To)
			require.WithinDuration(t, due, x.StartedAt, time.Second)
			if i < 3 {
				require.Equal(t, list[i+1].Window.To, x.Window.From, "no gap, no overlap")
			}
		}
		require.Equal(t, first.Add(-30*24*time.Hour), list[3].Window.From)
		require.Equal(t, first.Add(4*time.Hour), *timetable(t, w, "hourly").Next)
		require.NoError(t, p.Engine.Drain(t.Context()))
		p.Engine.Close()
	})
}

func TestSchedule_ARunStillGoingSkipsAndARestartMakesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		w, p := world(t, func(_ context.Context, _, _ int) error { <-free; return nil })
		scheduled(t, w, "busy", flow.Schedule{Expression: "rate(1minutes)"})
		p.Engine.(*local.Engine).Schedule()
		time.Sleep(5*time.Minute + 30*time.Second)
		require.Len(t, executions(t, w, "busy"), 1)
		require.EqualValues(t, 5, timetable(t, w, "busy").Skipped)
		close(free)
		synctest.Wait()
		require.NoError(t, p.Engine.Drain(t.Context()))
		p.Engine.Close()
		require.Len(t, executions(t, w, "busy"), 1)

		time.Sleep(10 * time.Minute) // nobody runs
		p = w.Boot(durabletest.NewTrap(nil), true)
		require.NoError(t, p.Engine.Resume(t.Context()))
		p.Engine.(*local.Engine).Schedule()
		time.Sleep(time.Second)
		synctest.Wait()
		require.Len(t, executions(t, w, "busy"), 2, "one run makes up for all")
		require.EqualValues(t, 9, timetable(t, w, "busy").Missed)
		require.NoError(t, p.Engine.Drain(t.Context()))
		p.Engine.Close()
	})
}

func TestSchedule_ManyFlowsInTheSameMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, p := world(t, nil)
		at := time.Now().Add(time.Minute).UTC()
		for i := range 60 {
			scheduled(t, w, fmt.Sprintf("flow-%04d", i), flow.Schedule{Expression: "rate(1days)", Start: &at})
		}
		p.Engine.(*local.Engine).Schedule()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		for i := range 60 {
			list := executions(t, w, fmt.Sprintf("flow-%04d", i))
			require.Len(t, list, 1)
			require.WithinDuration(t, at, list[0].StartedAt, time.Minute)
		}
		require.NoError(t, p.Engine.Drain(t.Context()))
		p.Engine.Close()
	})
}

func TestSchedule_AStoppedFlowLosesItsTimetable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, p := world(t, nil)
		scheduled(t, w, "stopped", flow.Schedule{Expression: "rate(1minutes)"})
		require.NoError(t, w.Store.Write(t.Context(), func(tx store.Tx) error {
			f, err := tx.FlowGet(t.Context(), "stopped")
			f.Status = flow.StatusSuspended
			require.NoError(t, err)
			return tx.FlowPut(t.Context(), f)
		}))
		p.Engine.(*local.Engine).Schedule()
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Empty(t, executions(t, w, "stopped"))
		require.NoError(t, w.Store.Read(t.Context(), func(tx store.ReadTx) error {
			names, err := tx.TimetableDue(t.Context(), time.Now().Add(time.Hour), 10)
			require.Empty(t, names)
			return err
		}))
		require.NoError(t, p.Engine.Drain(t.Context()))
		p.Engine.Close()
	})
}
