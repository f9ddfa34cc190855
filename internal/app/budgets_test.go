package app

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/pace"
	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
	"weir.dev/weir/internal/store/postgres"
	"weir.dev/weir/internal/store/sqlite"
	"weir.dev/weir/test/pgtest"
)

// fleet is what some processes over one PostgreSQL database share, each over a store of its own.
func fleet(t testing.TB, processes int) []connector.Shared {
	t.Helper()
	url := pgtest.Start(t)
	list := make([]connector.Shared, processes)
	for i := range list {
		s, err := postgres.Open(t.Context(), url, postgres.Options{MaxConns: 4})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		list[i] = sharedBudgets{store: s}
	}
	return list
}

func openSQLite(t testing.TB, path string) store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.NoError(t, err)
	return s
}

// budgetOf is the profile's budget in one process: sets are of processes.
func budgetOf(shared connector.Shared, l pace.Limits) pace.Budget {
	var s pace.Set
	return s.Over(shared, "profile", l)
}

func TestBudgets_HoldForAllProcessesTogether(t *testing.T) {
	t.Parallel()
	const processes, each = 2, 15
	shared := fleet(t, processes)
	limits := pace.Limits{Calls: 10, Every: time.Second, Concurrency: 3, Daily: 25}
	var mu sync.Mutex
	var starts []time.Time
	now, most, refused := 0, 0, 0
	call := func(b pace.Budget) {
		release, err := b.Take(t.Context(), 1)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			if retry, _ := fault.RetryOf(err); retry != fault.Throttled {
				t.Error(err)
			}
			refused++
			return
		}
		starts = append(starts, time.Now())
		now++
		most = max(most, now)
		mu.Unlock()
		release() // which takes a while itself
		mu.Lock()
		now--
	}
	var wait sync.WaitGroup
	for _, s := range shared {
		b := budgetOf(s, limits)
		for range 3 {
			wait.Go(func() {
				for range each / 3 {
					call(b)
				}
			})
		}
	}
	wait.Wait()
	require.Equal(t, processes*each-25, refused, "what is more than the day's share")
	require.Len(t, starts, 25)
	require.LessOrEqual(t, most, 3)
	for i := 10; i < len(starts); i++ {
		require.GreaterOrEqual(t, starts[i].Sub(starts[i-10]), 900*time.Millisecond, "call %d", i) // a call begins a little after it was counted
	}
}

func TestBudgets_WhatOneProcessIsToldHoldsForTheOther(t *testing.T) {
	t.Parallel()
	shared := fleet(t, 2)
	one, other := budgetOf(shared[0], pace.Limits{}), budgetOf(shared[1], pace.Limits{})
	one.Learn(pace.Hint{Remaining: -1, Refused: true, Wait: time.Hour})
	_, err := one.Take(t.Context(), 1)
	require.Error(t, err)
	_, err = other.Take(t.Context(), 1)
	retry, after := fault.RetryOf(err)
	require.Equal(t, fault.Throttled, retry)
	require.InDelta(t, time.Hour, after, float64(time.Minute))
}

func TestBudgets_TheDaysShareSurvivesARestartOnSQLite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "weir.db")
	limits := pace.Limits{Daily: 50}
	made := 0
	for err := error(nil); err == nil; {
		s := openSQLite(t, path)
		b := budgetOf(sharedBudgets{store: s, isAlone: true}, limits)
		for range 20 {
			var release func()
			if release, err = b.Take(t.Context(), 1); err != nil {
				break
			}
			made++
			release()
		}
		require.NoError(t, s.Close())
	}
	require.Equal(t, 50, made)
}

// The cost of one call's budget: where processes share it, where there is one alone, and where there are no bounds.
func BenchmarkTake(b *testing.B) {
	bounded, daily := pace.Limits{Calls: 1 << 30, Concurrency: 8, Daily: 1 << 30}, pace.Limits{Daily: 1 << 30}
	measure := func(name string, open func() connector.Shared, l pace.Limits) {
		b.Run(name, func(b *testing.B) {
			budget := budgetOf(open(), l)
			for b.Loop() {
				release, err := budget.Take(context.Background(), 1)
				if err != nil {
					b.Fatal(err)
				}
				release()
			}
		})
	}
	postgres := func() connector.Shared { return fleet(b, 1)[0] }
	alone := func() connector.Shared {
		s := openSQLite(b, filepath.Join(b.TempDir(), "weir.db"))
		b.Cleanup(func() { _ = s.Close() })
		return sharedBudgets{store: s, isAlone: true}
	}
	measure("postgres/rate-and-concurrency", postgres, bounded)
	measure("postgres/daily", postgres, daily)
	measure("postgres/no-bounds", postgres, pace.Limits{})
	measure("sqlite/rate-and-concurrency", alone, bounded)
	measure("sqlite/no-bounds", alone, pace.Limits{})
}
