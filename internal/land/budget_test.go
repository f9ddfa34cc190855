package land

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
)

func TestBudget_WaitsAndLetsInTheOldestFlightAlways(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(100)
		one, two := b.Join(), b.Join()
		require.NoError(t, one.Acquire(t.Context(), Blocks, 1000), "the first is let in however large")
		require.NoError(t, two.Acquire(t.Context(), Blocks, 50), "and so is every share's first")
		in := make(chan int, 2)
		go func() { _ = two.Acquire(t.Context(), Blocks, 40); in <- 2 }()
		go func() { _ = one.Acquire(t.Context(), Blocks, 500); in <- 1 }()
		synctest.Wait()
		require.Empty(t, in)
		two.Adjust(Blocks, -50)
		synctest.Wait()
		require.Len(t, in, 1, "two has nothing in flight, one still has")
		require.Equal(t, 2, <-in)
		one.Adjust(Blocks, -1000)
		require.Equal(t, 1, <-in)
		one.Leave()
		two.Leave()
		require.Zero(t, b.used)
		one.Adjust(Blocks, -500) // late, and of no effect
		require.Zero(t, b.used)
	})
}

func TestBudget_PagesLeaveRoomForBlocks(t *testing.T) {
	t.Parallel()
	b := NewBudget(100)
	s := b.Join()
	require.NoError(t, s.Acquire(t.Context(), Pages, 40))
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	require.True(t, fault.Is(s.Acquire(canceled, Pages, 20), fault.Canceled), "pages fill half of it")
	require.NoError(t, s.Acquire(t.Context(), Blocks, 20))
	require.NoError(t, s.Acquire(t.Context(), Blocks, 40))
	require.Empty(t, b.waiting)
}

func TestBudget_NobodyWaitsForEver(t *testing.T) {
	t.Parallel()
	b := NewBudget(1000)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			s := b.Join()
			defer s.Leave()
			r := rand.New(rand.NewPCG(uint64(i), 1))
			// As a transfer does: a page's room is given back once a block has room, a block's by someone else.
			var blocks sync.WaitGroup
			for range 300 {
				page, block := r.Int64N(800), r.Int64N(2000)
				_ = s.Acquire(t.Context(), Pages, page)
				_ = s.Acquire(t.Context(), Blocks, block)
				s.Adjust(Pages, -page)
				blocks.Go(func() { s.Adjust(Blocks, -block) })
			}
			blocks.Wait()
		})
	}
	wg.Wait()
	require.Zero(t, b.used)
	require.Zero(t, b.pages)
	require.Empty(t, b.waiting)
}
