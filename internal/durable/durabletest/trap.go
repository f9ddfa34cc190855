package durabletest

import (
	"context"
	"sync"
	"sync/atomic"

	"weir.dev/weir/blob"
	"weir.dev/weir/blob/blobtest"
	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
)

// errDead is what a process gets for every call after its death. The real one would not get that far.
var errDead = fault.New(fault.Internal, "this process is dead")

// Call is a call to the outside, seen before it happens or after it has taken effect and before the answer arrives.
type Call struct {
	N     int    // calls of one process are numbered from 0
	What  string // "store.write", "bucket.publish", "vendor.next"
	After bool
}

// Trap stands between one process and everything outside it. Each call asks it first and last.
type Trap struct {
	mu    sync.Mutex
	calls int
	dead  bool
	spare func(Call) error // decides; nil lets everything pass
	// Died is closed when the process has died.
	Died chan struct{}

	// hold says whether the call stands still, until Resume. Paused is closed when the first one does.
	hold         func(Call) bool
	paused, wake chan struct{}
	isStanding   atomic.Bool
}

// Resume lets go whatever stands still, and whatever comes.
func (t *Trap) Resume() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hold = nil
	t.isStanding.Store(false)
	close(t.wake)
}

// stand stands still if the call must.
func (t *Trap) stand(c Call) {
	t.mu.Lock()
	isHeld := t.hold != nil && t.hold(c)
	if isHeld && !isClosed(t.paused) {
		t.isStanding.Store(true)
		close(t.paused)
	}
	t.mu.Unlock()
	if isHeld {
		<-t.wake
	}
}

// NewTrap makes a trap that asks decide, one call at a time. Its error fails the call.
func NewTrap(decide func(Call) error) *Trap { return &Trap{spare: decide, Died: make(chan struct{})} }

// CrashAt makes a trap that kills the process before or after its n-th call.
func CrashAt(n int, after bool) *Trap {
	var t *Trap
	t = NewTrap(func(c Call) error {
		if c.N == n && c.After == after {
			t.die()
			return errDead
		}
		return nil
	})
	return t
}

// Calls is the number of calls so far.
func (t *Trap) Calls() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.calls
}

// Kill lets the process die. Only what decides may call it.
func (t *Trap) Kill() { t.die() }

// die lets no call pass from now on. The caller holds mu.
func (t *Trap) die() {
	if !t.dead {
		t.dead = true
		close(t.Died)
	}
}

// Around makes a call, unless the trap has something against it.
func (t *Trap) Around(what string, call func() error) error {
	n, err := t.before(what)
	if err != nil {
		return err
	}
	if err := call(); err != nil {
		return err
	}
	return t.after(n, what)
}

func (t *Trap) before(what string) (n int, err error) {
	t.mu.Lock()
	n = t.calls
	t.calls++
	t.mu.Unlock()
	c := Call{N: n, What: what}
	t.stand(c)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dead {
		return 0, errDead
	}
	return n, t.ask(c)
}

func (t *Trap) after(n int, what string) error {
	t.stand(Call{N: n, What: what, After: true})
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dead {
		return errDead
	}
	return t.ask(Call{N: n, What: what, After: true})
}

func (t *Trap) ask(c Call) error {
	if t.spare == nil {
		return nil
	}
	return t.spare(c)
}

// Store wraps a store.
func (t *Trap) Store(s store.Store) store.Store { return &trappedStore{Store: s, trap: t} }

type trappedStore struct {
	store.Store
	trap *Trap
}

func (s *trappedStore) Read(ctx context.Context, fn func(store.ReadTx) error) error {
	return s.trap.Around("store.read", func() error { return s.Store.Read(ctx, fn) })
}

func (s *trappedStore) Write(ctx context.Context, fn func(store.Tx) error) error {
	return s.trap.Around("store.write", func() error { return s.Store.Write(ctx, fn) })
}

// Bucket wraps a bucket with what it hands out.
func (t *Trap) Bucket(b blob.Bucket) blob.Bucket {
	var mu sync.Mutex
	numbers := map[int64]int{}
	return blobtest.Faulty(b, func(p blobtest.Point) error {
		what := "bucket." + string(p.Op)
		if !p.After {
			n, err := t.before(what)
			mu.Lock()
			defer mu.Unlock()
			numbers[p.Call] = n
			return err
		}
		mu.Lock()
		n := numbers[p.Call]
		delete(numbers, p.Call)
		mu.Unlock()
		return t.after(n, what)
	})
}
