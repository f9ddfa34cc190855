package durable_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/durable/durabletest"
	"weir.dev/weir/internal/store"
)

// owners are two owners of an execution's lease, one after the other.
func owners(t *testing.T, w *durabletest.World) (stale, fence store.Fence) {
	now := time.Date(2024, 5, 6, 8, 0, 0, 0, time.UTC)
	require.NoError(t, w.Store.Write(t.Context(), func(tx store.Tx) (err error) {
		if stale, err = tx.LeaseAcquire(t.Context(), "execution/"+w.ID, "first", now, time.Second); err != nil {
			return err
		}
		fence, err = tx.LeaseAcquire(t.Context(), "execution/"+w.ID, "second", now.Add(time.Minute), time.Hour)
		return err
	}))
	return stale, fence
}

// step is a step by name, as an engine calls it.
type step struct {
	name string
	call func(fence store.Fence) error
}

func walk(ctx context.Context, s *durable.Steps, id string) []step {
	steps := []step{{"prepare", func(f store.Fence) error { _, err := s.Prepare(ctx, id, f); return err }}}
	for split := range 3 {
		steps = append(steps, step{"transfer", func(f store.Fence) error { return s.Transfer(ctx, id, split, f) }})
	}
	return append(steps,
		step{"commit", func(f store.Fence) error { return s.Commit(ctx, id, f) }},
		step{"conclude", func(f store.Fence) error { _, err := s.Conclude(ctx, id, f); return err }})
}

func TestSteps_StaleOwnerIsRefusedEverywhere(t *testing.T) {
	t.Parallel()
	sc := durabletest.Plain()[0]
	w := durabletest.NewWorld(t, factory, sc, durabletest.NewLedger())
	p := w.Boot(durabletest.NewTrap(nil), true)
	stale, fence := owners(t, w)
	for _, step := range walk(t.Context(), p.Steps, w.ID) {
		before := w.Result(t)
		err := step.call(stale)
		require.True(t, durable.HasCode(err, fault.Fenced), "%s: %v", step.name, err)
		after := w.Result(t)
		after.Staged = before.Staged // what the stale owner staged is invisible, and dropped at the end
		require.Equal(t, before, after, step.name)
		require.NoError(t, step.call(fence), step.name)
		require.NoError(t, step.call(fence), "%s, repeated", step.name)
	}
	require.True(t, durable.HasCode(p.Steps.Fail(t.Context(), w.ID, stale, errors.New("late")), fault.Fenced))
	r := w.Result(t)
	require.Equal(t, flow.ExecutionSuccessful, r.Status)
	require.Len(t, r.Files, 3)
	require.Empty(t, r.Staged)
}

func TestSteps_WrongOrderIsRefused(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := durabletest.NewWorld(t, factory, durabletest.Plain()[0], durabletest.NewLedger())
	s := w.Boot(durabletest.NewTrap(nil), true).Steps
	_, fence := owners(t, w)
	require.Error(t, s.Transfer(ctx, w.ID, 0, fence), "not prepared")
	require.Error(t, s.Commit(ctx, w.ID, fence), "not prepared")
	splits, err := s.Prepare(ctx, w.ID, fence)
	require.NoError(t, err)
	require.Equal(t, []int{0, 1, 2}, splits)
	require.NoError(t, s.Transfer(ctx, w.ID, 0, fence))
	require.ErrorContains(t, s.Commit(ctx, w.ID, fence), "split 1 (object 1) is not done")
	require.ErrorContains(t, s.Discard(ctx, w.ID, fence), "nobody decided")
	_, err = s.Conclude(ctx, w.ID, fence)
	require.ErrorContains(t, err, "not decided")
	splits, err = s.Prepare(ctx, w.ID, fence)
	require.NoError(t, err)
	require.Equal(t, []int{1, 2}, splits)
	require.NoError(t, s.Fail(ctx, w.ID, fence, fault.New(fault.Validation, "enough")))
	require.Equal(t, fault.Conflict, fault.CodeOf(s.Commit(ctx, w.ID, fence)))
	require.NoError(t, s.Discard(ctx, w.ID, fence))
	status, err := s.Conclude(ctx, w.ID, fence)
	require.NoError(t, err)
	require.Equal(t, flow.ExecutionError, status)
	r := w.Result(t)
	require.Equal(t, "enough", r.Message)
	require.Empty(t, r.Files)
	require.Empty(t, r.Staged)
	require.Equal(t, int64(6), r.Totals.Read)
	require.Zero(t, r.Totals.Written)
}
