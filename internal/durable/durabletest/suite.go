package durabletest

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// OpenStore opens an empty store for one world, and closes it when the test ends. It is called inside the world's bubble
// of virtual time.
type OpenStore func(t testing.TB) store.Store

// Run runs the suite on an engine.
func Run(t *testing.T, factory Factory, scenarios []Scenario) {
	for _, sc := range scenarios {
		t.Run(sc.Name, func(t *testing.T) {
			t.Parallel()
			s := suite{factory: factory, sc: sc, open: func(testing.TB) store.Store { return NewLedger() }, stride: 1}
			t.Run("Undisturbed", s.undisturbed)
			t.Run("CrashAtEveryCall", s.crashAtEveryCall)
			t.Run("CrashTwice", s.crashTwice)
			t.Run("TransientErrorAtEveryCall", s.errorAtEveryCall)
			t.Run("CancelAtEveryCall", s.cancelAtEveryCall)
			t.Run("CancelAndCrashAtEveryCall", s.cancelAndCrash)
			t.Run("PausedOwnerAtEveryCall", s.pausedAtEveryCall)
			t.Run("PausedOwnerWokenMeanwhile", s.wokenMeanwhile)
			t.Run("DrainAtEveryCall", s.drainAtEveryCall)
			t.Run("StartedTwice", s.startedTwice)
		})
	}
}

// RunOn runs the part of the suite that depends on the store, on a real one. Databases are slow to make, so only every
// so many calls have their turn, unless the slow tests are wanted.
func RunOn(t *testing.T, factory Factory, scenarios []Scenario, open OpenStore, stride int) {
	if IsSlow() {
		stride = 1
	}
	for _, sc := range scenarios {
		t.Run(sc.Name, func(t *testing.T) {
			t.Parallel()
			s := suite{factory: factory, sc: sc, open: open, stride: stride}
			t.Run("CrashAtEveryCall", s.crashAtEveryCall)
			t.Run("PausedOwnerAtEveryCall", s.pausedAtEveryCall)
			t.Run("DrainAtEveryCall", s.drainAtEveryCall)
		})
	}
}

type suite struct {
	factory Factory
	sc      Scenario
	open    OpenStore
	stride  int // distance between the calls that have their turn
	// cluster is set for engines that live outside of the process too, see RunLive. Then time is real.
	cluster Cluster
}

// world makes a fresh world.
func (s *suite) world(t testing.TB) *World {
	if s.cluster != nil {
		return NewWorld(t, s.cluster(t), s.sc, s.open(t))
	}
	return NewWorld(t, s.factory, s.sc, s.open(t))
}

// bubble runs a case in virtual time, unless time is real.
func (s *suite) bubble(t *testing.T, run func(t *testing.T)) {
	if s.cluster != nil {
		run(t)
		return
	}
	synctest.Test(t, run)
}

// rest waits until nothing of a process that was told to stop runs any more, what its engine has left behind included.
func (s *suite) rest(p *Process) {
	if s.cluster != nil {
		p.Engine.Close()
		return
	}
	synctest.Wait()
}

// want is the result of a run that nothing disturbs, and the number of calls it makes.
func (s *suite) want(t *testing.T) (want Result, calls int) {
	s.bubble(t, func(t *testing.T) {
		w := s.world(t)
		p := w.Boot(NewTrap(nil), true)
		require.False(t, p.Finish(t))
		want, calls = w.Result(t), p.Trap.Calls()
	})
	require.Equal(t, s.sc.Want, want.Status, want.Message)
	return want, calls
}

func (s *suite) undisturbed(t *testing.T) {
	want, _ := s.want(t)
	require.Contains(t, want.Message, s.sc.Message)
	require.Equal(t, want.Status, want.LastRun.Status)
	require.Empty(t, want.Staged)
	if want.Status != flow.ExecutionSuccessful {
		require.Empty(t, want.outputs())
		require.Equal(t, s.sc.Tags != nil, len(want.Files) > 0, "error files")
		require.Zero(t, want.Watermark)
		return
	}
	var rows int64
	for _, o := range s.sc.Objects {
		rows += int64(o.Pages * o.Rows)
	}
	require.Equal(t, rows, want.Totals.Read)
	require.True(t, want.Totals.Closes())
	if s.sc.Window != nil {
		require.Equal(t, s.sc.Window.To, want.Watermark.To)
	}
}

// same checks that a disturbed run came to the same end. What a failed run had read and staged until then depends on the
// moment.
func (s *suite) same(t testing.TB, want Result, w *World, what string, n int) {
	got := w.Result(t)
	if want.Status == flow.ExecutionError {
		got.Totals, got.Receipts, got.Rows, got.Rejects = want.Totals, want.Receipts, want.Rows, want.Rejects
	}
	require.Equal(t, want, got, "%s %d", what, n)
}

func (s *suite) crashAtEveryCall(t *testing.T) {
	want, _ := s.want(t)
	s.everyCall(t, func(t *testing.T, n int, after bool) (reached bool) {
		w := s.world(t)
		died := w.Boot(CrashAt(n, after), true).Finish(t)
		if died {
			require.False(t, w.Boot(NewTrap(nil), true).Finish(t))
		}
		s.same(t, want, w, "crash at call", n)
		return died
	})
}

// everyCall runs a case before and after call 0, 1, 2 … until one says that there is no such call, each in a bubble of
// virtual time.
func (s *suite) everyCall(t *testing.T, run func(t *testing.T, n int, after bool) (reached bool)) {
	if s.cluster != nil {
		s.everyCallLive(t, run)
		return
	}
	for n := 0; ; n += s.stride {
		reached := false
		for _, after := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) { reached = run(t, n, after) || reached })
		}
		if !reached || t.Failed() {
			return
		}
	}
}

// crashTwice crashes the run, and the run after it as well, at points of a coarse grid.
func (s *suite) crashTwice(t *testing.T) {
	want, calls := s.want(t)
	firsts, seconds := 8, 10
	if s.cluster != nil {
		firsts, seconds = 2, 2
	}
	step := max(1, calls/firsts)
	for first := step / 2; first < calls; first += step {
		for second := 0; second < calls; second += max(1, calls/seconds) {
			s.bubble(t, func(t *testing.T) {
				w := s.world(t)
				for _, trap := range []*Trap{CrashAt(first, true), CrashAt(second, false), NewTrap(nil)} {
					if !w.Boot(trap, true).Finish(t) {
						break
					}
				}
				s.same(t, want, w, "crashes, the first at call", first)
			})
		}
	}
}

// errorAtEveryCall lets one call fail with an error that passes: before it took effect, or after it.
func (s *suite) errorAtEveryCall(t *testing.T) {
	want, _ := s.want(t)
	s.everyCall(t, func(t *testing.T, n int, after bool) (reached bool) {
		w := s.world(t)
		p := w.Boot(NewTrap(func(c Call) error {
			if c.N == n && c.After == after {
				reached = true
				return fault.Temporary(fault.ConnectorServer, nil, "connection reset")
			}
			return nil
		}), true)
		defer p.Engine.Close()
		for p.Engine.Resume(t.Context()) != nil {
		}
		if !w.Execution(t).Status.Done() {
			require.False(t, p.Await(t))
		}
		s.same(t, want, w, "error at call", n)
		return reached
	})
}

// cancelAtEveryCall cancels while a call is under way: first the store is told, then the engine.
func (s *suite) cancelAtEveryCall(t *testing.T) {
	want, _ := s.want(t)
	canceled := 0
	defer func() { require.Positive(t, canceled) }()
	s.everyCall(t, func(t *testing.T, n int, after bool) bool {
		w := s.world(t)
		p := (*Process)(nil)
		reached, inTime := false, false
		p = w.Boot(NewTrap(func(c Call) error {
			if c.N == n && c.After == after {
				reached = true
				inTime = w.Cancel(t)
				return p.Engine.Cancel(t.Context(), w.ID)
			}
			return nil
		}), true)
		require.False(t, p.Finish(t))
		s.canceledOr(t, want, w, n, inTime)
		if inTime {
			canceled++
		}
		return reached
	})
}

// cancelAndCrash cancels at a call and kills the process a few calls later; the process after it finds CancelStarted.
func (s *suite) cancelAndCrash(t *testing.T) {
	want, _ := s.want(t)
	s.everyCall(t, func(t *testing.T, n int, after bool) bool {
		w := s.world(t)
		trap := (*Trap)(nil)
		trap = NewTrap(func(c Call) error {
			if c.N == n && c.After == after {
				trap.die()
				return errDead
			}
			return nil
		})
		if died := w.Boot(trap, true).Finish(t); !died {
			return false
		}
		inTime := w.Cancel(t)
		p := (*Process)(nil)
		p = w.Boot(NewTrap(func(c Call) error {
			if c.N != 3 || c.After {
				return nil
			}
			err := p.Engine.Cancel(t.Context(), w.ID) // in the middle of preparing
			<-time.After(time.Millisecond)            // until everybody has heard of it
			return err
		}), true)
		require.False(t, p.Finish(t))
		s.canceledOr(t, want, w, n, inTime)
		return true
	})
}

// canceledOr checks that a run that was canceled in time ended as canceled without a trace, and one that was canceled too
// late as if it had not been.
func (s *suite) canceledOr(t testing.TB, want Result, w *World, n int, inTime bool) {
	if !inTime {
		s.same(t, want, w, "canceled too late, at call", n)
		return
	}
	got := w.Result(t)
	require.Equal(t, flow.ExecutionCanceled, got.Status, "cancel at call %d: %s", n, got.Message)
	require.Equal(t, flow.ExecutionCanceled, got.LastRun.Status)
	require.Empty(t, got.outputs(), "cancel at call %d", n)
	require.Empty(t, got.Staged, "cancel at call %d", n)
	require.Zero(t, got.Watermark)
}

// outputs is the files but for error files.
func (r Result) outputs() (keys []string) {
	for key := range r.Files {
		if !strings.Contains(key, "-errors") {
			keys = append(keys, key)
		}
	}
	return keys
}

// Cancel does in the store what CancelFlowExecutions does. It reports whether that was in time: before the outcome was
// decided.
func (w *World) Cancel(t testing.TB) bool { return w.CancelExecution(t, w.ID) }

// CancelExecution is Cancel for another execution in the world's store.
func (w *World) CancelExecution(t testing.TB, id string) (inTime bool) {
	ctx := context.WithoutCancel(t.Context())
	require.NoError(t, w.Store.Write(ctx, func(tx store.Tx) error {
		x, err := tx.ExecutionGet(ctx, id)
		if err != nil || x.Status != flow.ExecutionInProgress {
			return err
		}
		inTime = x.Outcome == ""
		x.Status = flow.ExecutionCancelStarted
		return tx.ExecutionPut(ctx, x)
	}))
	return inTime
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// pausedAtEveryCall lets a process stand still in a call until its lease has expired and another process has finished the
// run; then it goes on, and must do no harm.
func (s *suite) pausedAtEveryCall(t *testing.T) {
	want, _ := s.want(t)
	s.everyCall(t, func(t *testing.T, n int, after bool) bool {
		w := s.world(t)
		first := w.bootPausing(n, after)
		defer first.Engine.Close()
		if !first.pauses(t) {
			s.same(t, want, w, "no pause at call", n)
			return false
		}
		second := w.Boot(NewTrap(nil), false)
		require.False(t, second.Finish(t))
		s.same(t, want, w, "paused at call", n)
		first.Trap.Resume()
		require.NoError(t, first.Engine.Drain(t.Context()))
		s.rest(first)
		s.same(t, want, w, "paused and woken at call", n)
		return true
	})
}

// wokenMeanwhile wakes the owner that stood still while the second one is in the middle of the run, at points of a coarse
// grid.
func (s *suite) wokenMeanwhile(t *testing.T) {
	want, calls := s.want(t)
	firsts, seconds := 10, 8
	if s.cluster != nil {
		firsts, seconds = 3, 2
	}
	for n := 1; n < calls; n += max(1, calls/firsts) {
		for m := 4; m < calls; m += max(1, calls/seconds) {
			s.bubble(t, func(t *testing.T) {
				w := s.world(t)
				first := w.bootPausing(n, n%2 == 1)
				defer first.Engine.Close()
				if !first.pauses(t) {
					return
				}
				second := w.Boot(NewTrap(func(c Call) error {
					if c.N == m && !c.After {
						first.Trap.Resume()
					}
					return nil
				}), false)
				require.False(t, second.Finish(t))
				if second.Trap.Calls() <= m {
					first.Trap.Resume()
				}
				require.NoError(t, first.Engine.Drain(t.Context()))
				s.rest(first)
				s.same(t, want, w, "woken meanwhile, paused at call", n)
			})
		}
	}
}

// bootPausing boots a process that stands still at a call, with everything it does from then on.
func (w *World) bootPausing(n int, after bool) *Process {
	p := w.Boot(NewTrap(nil), false)
	stands := false
	p.Trap.hold = func(c Call) bool {
		stands = stands || c.N == n && c.After == after
		return stands
	}
	p.Trap.paused, p.Trap.wake = make(chan struct{}), make(chan struct{})
	return p
}

// pauses starts the execution and waits until the process stands still; it reports whether it did before the end.
func (p *Process) pauses(t testing.TB) bool {
	go p.Engine.Start(t.Context(), p.world.ID)
	select {
	case <-p.Trap.paused:
		return true
	case <-p.world.ended:
		p.Trap.Resume()
		return false
	}
}

// drainAtEveryCall drains the engine while a call is under way; another process goes on.
func (s *suite) drainAtEveryCall(t *testing.T) {
	want, _ := s.want(t)
	s.everyCall(t, func(t *testing.T, n int, after bool) bool {
		w := s.world(t)
		reached := make(chan struct{})
		first := w.Boot(NewTrap(func(c Call) error {
			if c.N == n && c.After == after {
				close(reached)
			}
			return nil
		}), false)
		defer first.Engine.Close()
		require.NoError(t, first.Engine.Start(t.Context(), w.ID))
		select {
		case <-reached:
		case <-w.ended:
			return false
		}
		require.NoError(t, first.Engine.Drain(t.Context()))
		if s.cluster == nil { // with a cluster the execution stays taken, by no process in particular
			s.leaseIsFree(t, w, n)
		}
		second := w.Boot(NewTrap(nil), false)
		require.False(t, second.Finish(t))
		s.same(t, want, w, "drained at call", n)
		return true
	})
}

func (s *suite) leaseIsFree(t *testing.T, w *World, n int) {
	require.NoError(t, w.Store.Write(t.Context(), func(tx store.Tx) error {
		fence, err := tx.LeaseAcquire(t.Context(), "execution/"+w.ID, "somebody", time.Now(), time.Second)
		if err != nil {
			return err
		}
		return tx.LeaseRelease(t.Context(), fence)
	}), "the lease was not given back, drained at call %d", n)
}

func (s *suite) startedTwice(t *testing.T) {
	want, _ := s.want(t)
	s.bubble(t, func(t *testing.T) {
		w := s.world(t)
		prepared := 0
		p := w.Boot(NewTrap(func(c Call) error {
			if c.What == "vendor.describe" && !c.After {
				prepared++
			}
			return nil
		}), true)
		for range 3 {
			require.NoError(t, p.Engine.Start(t.Context(), w.ID))
		}
		require.False(t, p.Await(t))
		require.NoError(t, p.Engine.Start(t.Context(), w.ID))
		require.NoError(t, p.Engine.Cancel(t.Context(), w.ID), "one that is over")
		p.Engine.Close()
		s.same(t, want, w, "started", 4)
		require.Equal(t, 1, prepared)
	})
}
