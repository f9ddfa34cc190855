package pace

import (
	"context"
	"encoding/json"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
)

// Kept is a budget that all processes share. Each call costs one change of what they share, and one more when it ends if
// there is a bound of calls at the same time. A budget without bounds is looked at once a second, for what another process
// was told to wait. Make it with [NewKept].
type Kept struct {
	name   string
	limits Limits
	shared connector.Shared
	now    func() time.Time
	owner  string // of slots: this budget in this process
	taken  atomic.Int64

	turn  chan struct{} // of this process's changes: they need not race each other
	slots chan struct{} // of this process: one that cannot have a slot does not ask for it; nil without a bound

	mu      sync.Mutex // guards what follows
	learnt  []Hint     // and not yet written
	looked  time.Time  // without bounds: the last look
	stopped time.Time  // and what it found
}

var _ Budget = (*Kept)(nil)

const (
	// slotLife is longer than a call may take. A slot that is older is free: its process is dead.
	slotLife = 5 * time.Minute
	// slotPause is the wait between looks for a free slot.
	slotPause = 100 * time.Millisecond
	// lookEvery is how old what is known of a budget without bounds may be.
	lookEvery = time.Second
	// releaseTime bounds the giving back of a slot.
	releaseTime = 5 * time.Second
)

// NewKept makes a budget over what the processes share under the name.
func NewKept(name string, l Limits, shared connector.Shared, now func() time.Time) *Kept {
	k := &Kept{name: name, limits: l.defaults(), shared: shared, now: now, owner: uuid.NewString(), turn: make(chan struct{}, 1)}
	if l.Concurrency > 0 {
		k.slots = make(chan struct{}, l.Concurrency)
	}
	return k
}

// ledger is what is shared: a bucket, and the slots that are taken.
type ledger struct {
	Bucket
	Slots map[string]time.Time `json:"slots,omitempty"` // until when
}

// Take implements [Budget].
func (k *Kept) Take(ctx context.Context, n int) (func(), error) {
	if ctx.Err() != nil {
		return nil, canceled(ctx)
	}
	if !k.limits.bounds() && !k.mustLook() {
		return func() {}, nil
	}
	free, err := slot(ctx, k.slots)
	if err != nil {
		return nil, err
	}
	slot := k.owner + "." + strconv.FormatInt(k.taken.Add(1), 36)
	err = waitFor(ctx, k.limits, func() (wait time.Duration, what string, err error) {
		err = k.change(ctx, func(l *ledger, now time.Time) {
			wait, what = k.take(l, slot, n, now)
		})
		return wait, what, err
	})
	switch {
	case err != nil:
		free()
		return nil, err
	case k.limits.Concurrency <= 0:
		return free, nil
	}
	return sync.OnceFunc(func() { k.release(ctx, slot); free() }), nil
}

// take spends calls and a slot, or says how long to wait and takes neither.
func (k *Kept) take(l *ledger, slot string, n int, now time.Time) (wait time.Duration, what string) {
	if k.limits.Concurrency > 0 {
		for name, until := range l.Slots {
			if !until.After(now) {
				delete(l.Slots, name)
			}
		}
		if len(l.Slots) >= k.limits.Concurrency {
			return slotPause, "by calls at the same time"
		}
	}
	after, wait, what := l.Spend(k.limits, n, now)
	if l.Bucket = after; wait > 0 || k.limits.Concurrency <= 0 {
		return wait, what
	}
	if l.Slots == nil {
		l.Slots = map[string]time.Time{}
	}
	l.Slots[slot] = now.Add(slotLife)
	return 0, ""
}

// release gives a slot back, also when the call's own time has ended. A slot that cannot be given back ends by itself.
func (k *Kept) release(ctx context.Context, slot string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer cancel()
	_ = k.change(ctx, func(l *ledger, _ time.Time) { delete(l.Slots, slot) })
}

// change changes the ledger, with what has been learned since the last time. One of this process at a time.
func (k *Kept) change(ctx context.Context, do func(l *ledger, now time.Time)) error {
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return canceled(ctx)
	}
	hints := k.unlearnt()
	var stopped, now time.Time
	err := k.shared.Change(ctx, k.name, func(document []byte) ([]byte, error) {
		var l ledger
		if len(document) > 0 && json.Unmarshal(document, &l) != nil {
			l = ledger{} // another release wrote it: a budget is not worth a failure
		}
		now = k.now()
		for _, h := range hints {
			l.Bucket = l.Learn(k.limits, h, now)
		}
		do(&l, now)
		stopped = l.Stopped
		if len(hints) == 0 && !k.limits.bounds() {
			return nil, nil
		}
		return json.Marshal(l)
	})
	if err != nil {
		k.relearn(hints)
		return fault.Wrap(fault.CodeOf(err), err, "taking from the budget of calls to the vendor")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.looked, k.stopped = now, stopped
	return nil
}

// mustLook reports whether a budget without bounds has to be looked at.
func (k *Kept) mustLook() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	return len(k.learnt) > 0 || k.stopped.After(now) || now.Sub(k.looked) >= lookEvery
}

// Learn implements [Budget]. What it learns is written with the next Take of this process.
func (k *Kept) Learn(h Hint) {
	if !k.limits.heeds(h) {
		return
	}
	k.relearn([]Hint{h})
}

// maxLearnt is how many hints wait to be written: the newest say it all.
const maxLearnt = 16

func (k *Kept) relearn(hints []Hint) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.learnt = append(k.learnt, hints...)
	k.learnt = k.learnt[max(len(k.learnt)-maxLearnt, 0):]
}

func (k *Kept) unlearnt() []Hint {
	k.mu.Lock()
	defer k.mu.Unlock()
	hints := k.learnt
	k.learnt = nil
	return hints
}
