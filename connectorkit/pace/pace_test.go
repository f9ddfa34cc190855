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

// shelf keeps documents in memory, as a store would for all processes.
type shelf struct {
	alone bool

	mu        sync.Mutex
	documents map[string][]byte
	changes   int // that kept something
	fails     error
}

func newShelf() *shelf { return &shelf{documents: map[string][]byte{}} }

func (s *shelf) IsAlone() bool { return s.alone }

func (s *shelf) Change(_ context.Context, name string, change func([]byte) ([]byte, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails != nil {
		return s.fails
	}
	if _, err := change(s.documents[name]); err != nil { // and once more, as a transaction that lost a race
		return err
	}
	next, err := change(s.documents[name])
	if err != nil || next == nil {
		return err
	}
	s.changes++
	s.documents[name] = next
	return nil
}

// budgets are the kinds; each gives as many budgets of one name as processes would have.
func budgets(l pace.Limits) map[string]func() pace.Budget {
	local, kept, last := pace.NewLocal(l, time.Now), newShelf(), newShelf()
	last.alone = true
	lasting := pace.NewLasting("profile", l, last, time.Now)
	return map[string]func() pace.Budget{
		"local":   func() pace.Budget { return local },
		"kept":    func() pace.Budget { return pace.NewKept("profile", l, kept, time.Now) },
		"lasting": func() pace.Budget { return lasting },
	}
}

func each(t *testing.T, l pace.Limits, test func(t *testing.T, open func() pace.Budget)) {
	t.Helper()
	for _, name := range []string{"local", "kept", "lasting"} {
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
	alone, fleet := newShelf(), newShelf()
	alone.alone = true
	require.Same(t, s.For("a", pace.Limits{}), s.For("a", pace.Limits{}))
	require.NotSame(t, s.For("a", pace.Limits{}), s.For("a", pace.Limits{Daily: 1}), "whose bounds have changed")
	require.NotSame(t, s.For("a", pace.Limits{}), s.For("b", pace.Limits{}))
	require.IsType(t, &pace.Lasting{}, s.Over(alone, "a", pace.Limits{}))
	require.IsType(t, &pace.Kept{}, s.Over(fleet, "a", pace.Limits{}))
	require.Same(t, s.Over(fleet, "a", pace.Limits{}), s.Over(fleet, "a", pace.Limits{}))
}

// What one process is told by the vendor holds for the others, with bounds and without.
func TestKept_AllWaitWhenOneIsToldTo(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]pace.Limits{"bounds": {Calls: 100}, "none": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newShelf()
				one, other := pace.NewKept("p", l, s, time.Now), pace.NewKept("p", l, s, time.Now)
				take := func(b pace.Budget) {
					release, err := b.Take(t.Context(), 1)
					require.NoError(t, err)
					release()
				}
				take(one)
				take(other)
				one.Learn(pace.Hint{Remaining: -1, Wait: 20 * time.Second})
				began := time.Now()
				told := make(chan struct{})
				go func() { take(one); close(told) }() // as its next call would
				synctest.Wait()
				time.Sleep(time.Second) // for the other to look again
				take(other)
				<-told
				require.Equal(t, 20*time.Second, time.Since(began))
			})
		})
	}
}

func TestKept_WithoutBoundsItLooksOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		b := pace.NewKept("p", pace.Limits{}, s, time.Now)
		for range 100 {
			release, err := b.Take(t.Context(), 1)
			require.NoError(t, err)
			release()
		}
		require.Zero(t, s.changes, "nothing is written")
		s.fails = fault.Temporary(fault.Internal, nil, "the database is away")
		_, err := b.Take(t.Context(), 1)
		require.NoError(t, err, "it has looked just now")
		time.Sleep(time.Second)
		_, err = b.Take(t.Context(), 1)
		retry, _ := fault.RetryOf(err)
		require.Equal(t, fault.Transient, retry)
	})
}

// A process that dies with calls under way takes its slots with it for some minutes, not for ever.
func TestKept_SlotsOfTheDeadAreFree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, l := newShelf(), pace.Limits{Concurrency: 2, MaxWait: time.Hour}
		for range 2 {
			_, err := pace.NewKept("p", l, s, time.Now).Take(t.Context(), 1) // and never given back
			require.NoError(t, err)
		}
		began := time.Now()
		release, err := pace.NewKept("p", l, s, time.Now).Take(t.Context(), 1)
		require.NoError(t, err)
		require.InDelta(t, (5 * time.Minute).Seconds(), time.Since(began).Seconds(), 1)
		release()
	})
}

// The day's share holds over restarts and crashes, and costs little to keep.
func TestLasting_TheDaysShareSurvivesTheProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, l := newShelf(), pace.Limits{Daily: 1000}
		s.alone = true
		made := 0
		for process := 0; ; process++ {
			b := pace.NewLasting("p", l, s, time.Now) // the one before has just vanished
			var err error
			for range 95 {
				var release func()
				if release, err = b.Take(t.Context(), 1); err != nil {
					break
				}
				made++
				release()
			}
			if err != nil {
				retry, after := fault.RetryOf(err)
				require.Equal(t, fault.Throttled, retry)
				require.Equal(t, 24*time.Hour, after)
				break
			}
		}
		require.LessOrEqual(t, made, 1000)
		require.GreaterOrEqual(t, made, 900, "what is put aside and lost is little")
		require.LessOrEqual(t, s.changes, 120, "for a thousand calls")
	})
}

func TestLasting_TheVendorsWaitSurvivesTheProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		b := pace.NewLasting("p", pace.Limits{}, s, time.Now)
		b.Learn(pace.Hint{Remaining: -1, Wait: 30 * time.Minute})
		_, err := b.Take(t.Context(), 1)
		retry, _ := fault.RetryOf(err)
		require.Equal(t, fault.Throttled, retry)
		_, err = pace.NewLasting("p", pace.Limits{}, s, time.Now).Take(t.Context(), 1)
		_, after := fault.RetryOf(err)
		require.Equal(t, 30*time.Minute, after)
	})
}
