package local_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/durable/durabletest"
	"weir.dev/weir/internal/durable/local"
)

// one runs one execution at a time, beside other processes.
func one(s *durable.Steps, _ bool) durabletest.Engine {
	return local.New(s, local.Options{Executions: 1})
}

// beside is a process on a world's store that has looked for work.
func beside(t *testing.T, w *durabletest.World) *durabletest.Process {
	p := w.Boot(durabletest.NewTrap(nil), false)
	require.NoError(t, p.Engine.Resume(t.Context()))
	synctest.Wait()
	return p
}

func isRunning(p *durabletest.Process, id string) bool {
	_, ok := p.Engine.(*local.Engine).Progress(id)
	return ok
}

func TestAdopt_ADeadProcessesExecutionGoesOnInOneThatRunsAlready(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var isFree atomic.Bool
		w := durabletest.NewWorld(t, one, scenario(func(ctx context.Context, _, _ int) error {
			if isFree.Load() {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}), durabletest.NewLedger())
		first := beside(t, w)
		second := beside(t, w)
		time.Sleep(10 * time.Minute)
		require.True(t, isRunning(first, w.ID))
		require.False(t, isRunning(second, w.ID), "it is the first one's")
		first.Engine.Close()
		isFree.Store(true)
		died := time.Now()
		require.False(t, second.Await(t))
		require.LessOrEqual(t, time.Since(died), 23*time.Second, "a lease and a half")
		require.Equal(t, flow.ExecutionSuccessful, w.Execution(t).Status)
		second.Engine.Close()
	})
}

func TestAdopt_WhatWaitsForATurnRunsWhereOneIsFree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		var calls atomic.Int64
		w := durabletest.NewWorld(t, one, scenario(func(context.Context, int, int) error {
			if calls.Add(1) <= 2 { // both splits of the first execution
				<-free
			}
			return nil
		}), durabletest.NewLedger())
		first := beside(t, w)
		second := beside(t, w)
		id := again(t, w, "second")
		require.NoError(t, first.Engine.Start(t.Context(), id))
		synctest.Wait()
		require.True(t, isRunning(first, id), "it waits for its turn")
		w.Next(t)
		synctest.Wait()
		require.Equal(t, flow.ExecutionSuccessful, execution(t, w, id).Status)
		require.Equal(t, flow.ExecutionInProgress, w.Execution(t).Status)
		close(free)
		w.Next(t)
		for _, p := range []*durabletest.Process{first, second} {
			require.NoError(t, p.Engine.Drain(t.Context()))
			p.Engine.Close()
		}
		require.Equal(t, flow.ExecutionSuccessful, w.Execution(t).Status)
	})
}
