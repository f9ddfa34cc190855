package durabletest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"weir.dev/weir/internal/store"
)

// Cluster makes the factory of one world's engines, which share something that lies outside of their processes and knows
// nothing of other worlds.
type Cluster func(t testing.TB) Factory

// Mortal is an engine that makes calls of its own to the outside, which must die with its process and stand still with it.
type Mortal interface {
	// Bind is called before the engine is used. Every call of the engine must ask the gate before it is made and before its
	// answer is taken; it must fail with the gate's error.
	Bind(gate func(ctx context.Context) error)
}

// RunLive runs the suite on engines that a cluster outside of this process belongs to, so that time cannot be virtual.
// Many cases run at the same time, as -parallel allows. Only every so many calls have their turn, unless the slow tests
// are wanted.
func RunLive(t *testing.T, cluster Cluster, scenarios []Scenario, stride int) {
	if IsSlow() {
		stride = 1
	}
	for _, sc := range scenarios {
		t.Run(sc.Name, func(t *testing.T) {
			t.Parallel()
			s := suite{cluster: cluster, sc: sc, open: func(testing.TB) store.Store { return NewLedger() }, stride: stride}
			for name, run := range map[string]func(*testing.T){
				"Undisturbed": s.undisturbed, "CrashAtEveryCall": s.crashAtEveryCall, "CrashTwice": s.crashTwice,
				"TransientErrorAtEveryCall": s.errorAtEveryCall, "CancelAtEveryCall": s.cancelAtEveryCall,
				"CancelAndCrashAtEveryCall": s.cancelAndCrash, "PausedOwnerAtEveryCall": s.pausedAtEveryCall,
				"PausedOwnerWokenMeanwhile": s.wokenMeanwhile, "DrainAtEveryCall": s.drainAtEveryCall, "StartedTwice": s.startedTwice,
			} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					run(t)
				})
			}
		})
	}
}

// atOnce is how many calls have their turn at the same time.
const atOnce = 8

// everyCallLive is everyCall in real time.
func (s *suite) everyCallLive(t *testing.T, run func(t *testing.T, n int, after bool) (reached bool)) {
	for first := 0; ; first += atOnce * s.stride {
		var reached atomic.Bool
		t.Run(fmt.Sprintf("From%d", first), func(t *testing.T) {
			for n := first; n < first+atOnce*s.stride; n += s.stride {
				for _, after := range []bool{false, true} {
					t.Run(fmt.Sprintf("%d/%v", n, after), func(t *testing.T) {
						t.Parallel()
						if run(t, n, after) {
							reached.Store(true)
						}
					})
				}
			}
		})
		if !reached.Load() || t.Failed() {
			return
		}
	}
}

// Gate lets a call of the process's engine pass: not when the process is dead, and later when it stands still. It waits
// for no other call, for it may be asked in the middle of one.
func (t *Trap) Gate(ctx context.Context) error {
	if t.isStanding.Load() {
		select {
		case <-t.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if isClosed(t.Died) {
		return errDead
	}
	return nil
}
