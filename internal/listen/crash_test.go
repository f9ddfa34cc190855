package listen_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable/durabletest"
	"weir.dev/weir/internal/store"
)

// A world tells of seven things: five before its first process, two when those have landed. Each must land once and in
// order, whatever happens to the process in between.
const early, late = 5, 2

// requireAll waits until everything has landed, and checks it.
func requireAll(t testing.TB, w *world, what string, n int) {
	t.Helper()
	await(t, "everything lands", func() bool { return len(w.landed(t)) >= early+late && w.waiting(t).IsEmpty() })
	require.Equal(t, moved(1, early+late), w.landed(t), "%s %d", what, n)
	l := w.listener(t)
	require.EqualValues(t, early+late, l.Counts.Received, "%s %d", what, n)
	require.EqualValues(t, early+late, l.Counts.Delivered, "%s %d", what, n)
	for _, x := range w.executions(t) {
		require.Equal(t, flow.ExecutionSuccessful, x.Status, "%s %d: %s", what, n, x.Message)
		require.True(t, x.Totals.Closes())
	}
}

// happenLater lets the late things happen once the early ones have landed.
func (w *world) happenLater(t testing.TB) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if len(w.landed(t)) >= early {
				w.vendor.happen(things(early+1, late)...)
				return
			}
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
		}
	}()
	return func() { cancel(); <-done }
}

// everyCall runs a case before and after store call 0, 1, 2 … until one says that there is no such call.
func everyCall(t *testing.T, run func(t *testing.T, n int, after bool) (reached bool)) {
	n := 0
	for ; ; n++ {
		reached := false
		for _, after := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) { reached = run(t, n, after) || reached })
		}
		if !reached || t.Failed() {
			break
		}
	}
	require.Greater(t, n, 30, "the run makes more calls than that")
	t.Logf("%d calls", n)
}

// calm is how many store calls a case waits for at most: later ones only look around.
func calls(t *testing.T) (n int) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(newVendor(things(1, early)...))
		w.start(t)
		trap := durabletest.NewTrap(nil)
		p := w.boot(t, trap.Store(w.store), true)
		defer w.happenLater(t)()
		requireAll(t, w, "undisturbed", 0)
		n = trap.Calls()
		p.kill()
	})
	return n
}

func TestManager_CrashAtEveryStoreCall(t *testing.T) {
	t.Parallel()
	most := calls(t)
	everyCall(t, func(t *testing.T, n int, after bool) bool {
		if n >= most {
			return false
		}
		w := newWorld(newVendor(things(1, early)...))
		w.start(t)
		defer w.happenLater(t)()
		trap := durabletest.CrashAt(n, after)
		first := w.boot(t, trap.Store(w.store), true)
		died := false
		select {
		case <-trap.Died:
			died = true
		case <-time.After(10 * time.Minute):
		}
		first.kill()
		second := w.boot(t, w.store, true)
		defer second.kill()
		requireAll(t, w, "crash at call", n)
		return died
	})
}

func TestManager_ErrorAtEveryStoreCall(t *testing.T) {
	t.Parallel()
	most := calls(t)
	everyCall(t, func(t *testing.T, n int, after bool) bool {
		if n >= most {
			return false
		}
		w := newWorld(newVendor(things(1, early)...))
		w.start(t)
		defer w.happenLater(t)()
		reached := false
		trap := durabletest.NewTrap(func(c durabletest.Call) error {
			if c.N == n && c.After == after {
				reached = true
				return fault.Temporary(fault.Internal, nil, "the database is away")
			}
			return nil
		})
		var p *process
		for p = w.boot(t, trap.Store(w.store), true); ; p = w.boot(t, trap.Store(w.store), true) { // a failed start is tried again
			isUp := true
			select {
			case <-p.ended:
				isUp = false
			case <-time.After(time.Second):
			}
			if isUp {
				break
			}
			p.kill()
		}
		defer p.kill()
		requireAll(t, w, "error at call", n)
		return reached
	})
}

// standing is a store whose calls stand still from the n-th on, until they are woken.
type standing struct {
	store.Store
	mu     sync.Mutex
	n, at  int
	paused chan struct{}
	wake   chan struct{}
	isOpen bool
}

func (s *standing) stand() {
	s.mu.Lock()
	stands := s.n >= s.at && !s.isOpen
	if stands && s.n == s.at {
		close(s.paused)
	}
	s.n++
	s.mu.Unlock()
	if stands {
		<-s.wake
	}
}

func (s *standing) resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.isOpen = true
	close(s.wake)
}

func (s *standing) Read(ctx context.Context, fn func(store.ReadTx) error) error {
	s.stand()
	return s.Store.Read(ctx, fn)
}

func (s *standing) Write(ctx context.Context, fn func(store.Tx) error) error {
	s.stand()
	return s.Store.Write(ctx, fn)
}

// A process stands still for longer than its leases last; another takes the flow over. Then the first wakes up, and must do
// no harm.
func TestManager_PausedAtEveryStoreCallAndTakenOver(t *testing.T) {
	t.Parallel()
	most := calls(t)
	n := 0
	for ; n < most; n++ {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(newVendor(things(1, early)...))
			w.start(t)
			defer w.happenLater(t)()
			s := &standing{Store: w.store, at: n, paused: make(chan struct{}), wake: make(chan struct{})}
			first := w.boot(t, s, false)
			defer first.kill()
			select {
			case <-s.paused:
			case <-time.After(10 * time.Minute):
			}
			second := w.boot(t, w.store, false)
			defer second.kill()
			requireAll(t, w, "paused at call", n)
			s.resume()
			<-time.After(2 * time.Minute)
			requireAll(t, w, "paused and woken at call", n)
			require.LessOrEqual(t, w.vendor.isOpen(), 1, "one listens at a time")
		})
		if t.Failed() {
			return
		}
	}
}

func TestManager_TwoSideBySideMoveEachEventOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(newVendor(things(1, early)...))
		w.start(t)
		defer w.happenLater(t)()
		first, second := w.boot(t, w.store, false), w.boot(t, w.store, false)
		defer second.kill()
		requireAll(t, w, "two managers", 2)
		require.Len(t, w.vendor.begun(), 1, "one of them listens")
		first.kill()
		w.vendor.happen(things(early+late+1, 1)...)
		await(t, "the other takes over", func() bool { return len(w.landed(t)) == early+late+1 })
		require.Equal(t, moved(1, early+late+1), w.landed(t))
		second.stop()
	})
}
