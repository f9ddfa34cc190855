package land

import (
	"context"
	"sync"

	"weir.dev/weir/fault"
)

// Budget bounds the bytes that all transfers of a process hold together. Safe for concurrent use.
//
// A transfer's bytes are of one of three classes. Flights (pages on their way to the lander, blocks on their way into
// files) wait for room. Held rows, which a lander collects for a block, never wait; when all landers hold more than their
// share the fattest ones move rows to disk instead.
//
// Nobody waits for ever: a share with nothing in flight in a class is let in at once, however full the budget is. So the
// oldest page of a transfer is always admitted, and so is its oldest block; a page's progress needs its block, a block's
// needs only workers and the bucket.
type Budget struct {
	cap int64

	mu      sync.Mutex // guards all below
	used    int64      // all classes
	pages   int64      // class Pages, over all shares
	held    int64      // collected rows
	shares  int
	waiting []*waiter // oldest first; at most a few per share
}

// Class is a kind of flight.
type Class int

// Classes of flight.
const (
	Pages  Class = iota // fetched, decoded or transformed, not yet taken by the lander
	Blocks              // being encoded, or encoded and not yet written
)

// Share is one transfer's part in a budget.
type Share struct {
	b      *Budget
	flight [2]int64 // by class; guarded by b.mu
	held   int64    // guarded by b.mu
	left   bool     // guarded by b.mu; what comes later changes nothing
}

type waiter struct {
	s     *Share
	class Class
	n     int64
	in    chan struct{} // closed when admitted
}

// NewBudget makes a budget of so many bytes.
func NewBudget(bytes int64) *Budget { return &Budget{cap: max(1, bytes)} }

// Join gives a transfer its share. The caller leaves it when everything has been given back.
func (b *Budget) Join() *Share {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shares++
	return &Share{b: b}
}

// Leave ends the share and gives back whatever it still has.
func (s *Share) Leave() {
	b := s.b
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shares--
	b.held -= s.held
	b.pages -= s.flight[Pages]
	b.used -= s.held + s.flight[Pages] + s.flight[Blocks]
	s.held, s.flight, s.left = 0, [2]int64{}, true
	b.admit()
}

// Acquire waits until n bytes of the class may be in flight.
func (s *Share) Acquire(ctx context.Context, class Class, n int64) error {
	b := s.b
	b.mu.Lock()
	if b.fits(s, class, n) {
		b.take(s, class, n)
		b.mu.Unlock()
		return nil
	}
	w := &waiter{s: s, class: class, n: n, in: make(chan struct{})}
	b.waiting = append(b.waiting, w)
	b.mu.Unlock()
	select {
	case <-w.in:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.waiting {
		if b.waiting[i] == w {
			b.waiting = append(b.waiting[:i], b.waiting[i+1:]...)
			return fault.Wrap(fault.Canceled, context.Cause(ctx), "waiting for memory")
		}
	}
	return nil // admitted at the same moment
}

// Adjust changes the bytes of the class in flight by n, without waiting: negative when some are given back.
func (s *Share) Adjust(class Class, n int64) {
	b := s.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.left {
		return
	}
	b.take(s, class, n)
	if n < 0 {
		b.admit()
	}
}

// Hold changes the bytes of collected rows by n.
func (s *Share) Hold(n int64) {
	b := s.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.left {
		return
	}
	s.held += n
	b.held += n
	b.used += n
	if n < 0 {
		b.admit()
	}
}

// Excess is how many bytes of collected rows the share should move to disk now: everything over half its part, once all
// shares together hold more than half the budget.
func (s *Share) Excess() int64 {
	b := s.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held <= b.cap/2 {
		return 0
	}
	return max(0, s.held-b.cap/4/int64(max(1, b.shares)))
}

// fits reports whether n bytes may enter. Pages may fill half of the budget only, so that blocks, which give memory back,
// are not starved by them.
func (b *Budget) fits(s *Share, class Class, n int64) bool {
	if s.flight[class] <= 0 {
		return true
	}
	return b.used+n <= b.cap && (class != Pages || b.pages+n <= b.cap/2)
}

func (b *Budget) take(s *Share, class Class, n int64) {
	s.flight[class] += n
	b.used += n
	if class == Pages {
		b.pages += n
	}
}

// admit lets in every waiter that fits, oldest first. One that does not fit holds up nobody behind it: its own share's
// flights end in time, and then it fits.
func (b *Budget) admit() {
	still := b.waiting[:0]
	for _, w := range b.waiting {
		if b.fits(w.s, w.class, w.n) {
			b.take(w.s, w.class, w.n)
			close(w.in)
			continue
		}
		still = append(still, w)
	}
	clear(b.waiting[len(still):])
	b.waiting = still
}
