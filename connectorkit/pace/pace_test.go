package pace_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectorkit/pace"
	"weir.dev/weir/fault"
)

// shelf keeps buckets in memory, as a store would for all processes.
type shelf struct {
	mu      sync.Mutex
	buckets map[string]pace.Bucket
	held    map[string]map[int]time.Time
	next    int
}

func newShelf() *shelf {
	return &shelf{buckets: map[string]pace.Bucket{}, held: map[string]map[int]time.Time{}}
}

func (s *shelf) Change(_ context.Context, name string, change func(pace.Bucket) pace.Bucket) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buckets[name] = change(s.buckets[name])
	return nil
}

func (s *shelf) Hold(_ context.Context, name string, slots int, until time.Time) (func(), bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[name] == nil {
		s.held[name] = map[int]time.Time{}
	}
	for id, end := range s.held[name] {
		if time.Now().After(end) {
			delete(s.held[name], id)
		}
	}
	if len(s.held[name]) >= slots {
		return nil, false, nil
	}
	s.next++
	id := s.next
	s.held[name][id] = until
	return func() { s.mu.Lock(); defer s.mu.Unlock(); delete(s.held[name], id) }, true, nil
}

// budgets are both kinds; each gives as many budgets of one name as processes would have.
func budgets(l pace.Limits) map[string]func() pace.Budget {
	local, kept := pace.NewLocal(l, time.Now), newShelf()
	return map[string]func() pace.Budget{
		"local": func() pace.Budget { return local },
		"kept":  func() pace.Budget { return pace.NewKept("profile", l, kept, time.Now) },
	}
}

func each(t *testing.T, l pace.Limits, test func(t *testing.T, open func() pace.Budget)) {
	t.Helper()
	for _, name := range []string{"local", "kept"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { test(t, budgets(l)[name]) })
		})
	}
}

func TestTake_RateHoldsForAllTogether(t *testing.T) {
	t.Parallel()
	each(t, pace.Limits{Calls: 10, Every: time.Minute, MaxWait: time.Hour}, func(t *testing.T, open func() pace.Budget) {
		began := time.Now()
		var at []time.Duration
		var mu sync.Mutex
		var wait sync.WaitGroup
		for range 4 { // processes
			b := open()
			wait.Go(func() {
				for range 10 {
					release, err := b.Take(t.Context(), 1)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					at = append(at, time.Since(began))
					mu.Unlock()
					release()
				}
			})
		}
		wait.Wait()
		require.Len(t, at, 40)
		for i := 10; i < len(at); i++ {
			require.GreaterOrEqual(t, at[i]-at[i-10], time.Minute, "call %d", i)
		}
		require.Equal(t, 3*time.Minute, time.Since(began).Truncate(time.Second))
	})
}

func TestTake_NoMoreAtTheSameTime(t *testing.T) {
	t.Parallel()
	each(t, pace.Limits{Concurrency: 3}, func(t *testing.T, open func() pace.Budget) {
		var mu sync.Mutex
		now, most := 0, 0
		var wait sync.WaitGroup
		for range 12 {
			b := open()
			wait.Go(func() {
				release, err := b.Take(t.Context(), 1)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				time.Sleep(time.Second) // of the bubble: a call that takes a while
				mu.Lock()
				now--
				mu.Unlock()
				release()
				release() // twice gives back once
			})
		}
		wait.Wait()
		require.Equal(t, 3, most)
	})
}

func TestTake_TheDayEnds(t *testing.T) {
	t.Parallel()
	each(t, pace.Limits{Daily: 3}, func(t *testing.T, open func() pace.Budget) {
		for range 3 {
			release, err := open().Take(t.Context(), 1)
			require.NoError(t, err)
			release()
		}
		_, err := open().Take(t.Context(), 1)
		retry, after := fault.RetryOf(err)
		require.Equal(t, fault.Throttled, retry)
		require.Equal(t, 24*time.Hour, after, "bubbles begin at midnight")
		time.Sleep(after)
		release, err := open().Take(t.Context(), 1)
		require.NoError(t, err)
		release()
	})
}

func TestTake_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	each(t, pace.Limits{Calls: 1, Every: time.Minute, Concurrency: 1}, func(t *testing.T, open func() pace.Budget) {
		release, err := open().Take(t.Context(), 1)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = open().Take(ctx, 1) // no slot
		require.Equal(t, fault.Canceled, fault.CodeOf(err))
		release()
		_, err = open().Take(ctx, 1) // no call left
		require.Equal(t, fault.Canceled, fault.CodeOf(err))
		time.Sleep(time.Minute)
		release, err = open().Take(t.Context(), 1) // neither took a slot with it
		require.NoError(t, err)
		release()
	})
}

func TestLearn_TheVendorKnowsBetter(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hint pace.Hint
		want time.Duration
	}{
		"nothing said":   {pace.Hint{Remaining: -1}, 0},
		"plenty left":    {pace.Hint{Remaining: 500}, 0},
		"none left":      {pace.Hint{Remaining: 0, Reset: 20 * time.Second}, 20 * time.Second},
		"asked to wait":  {pace.Hint{Remaining: -1, Wait: 7 * time.Second}, 7 * time.Second},
		"just refused":   {pace.Hint{Remaining: -1, Refused: true}, time.Second},
		"refused, reset": {pace.Hint{Remaining: -1, Refused: true, Reset: 9 * time.Second}, 9 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, pace.Limits{Calls: 100, Every: time.Minute}, func(t *testing.T, open func() pace.Budget) {
				b := open()
				b.Learn(c.hint)
				began := time.Now()
				release, err := b.Take(t.Context(), 1)
				require.NoError(t, err)
				release()
				require.Equal(t, c.want, time.Since(began).Truncate(time.Millisecond))
			})
		})
	}
}

func TestSet_OneBudgetForOneName(t *testing.T) {
	t.Parallel()
	var s pace.Set
	require.Same(t, s.For("a", pace.Limits{}), s.For("a", pace.Limits{Daily: 1}))
	require.NotSame(t, s.For("a", pace.Limits{}), s.For("b", pace.Limits{}))
}
