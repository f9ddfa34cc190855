package pace

import (
	"context"
	"sync"
	"time"
)

// Keeper keeps the state of budgets where all processes see it.
type Keeper interface {
	// Change reads the bucket of a name, the zero Bucket when there is none, and writes what change makes of it, in one
	// step that no other change of that name comes between. Change may be called several times.
	Change(ctx context.Context, name string, change func(Bucket) Bucket) error
	// Hold takes one of the slots of a name until a moment, and returns what gives it back; ok is false when all are
	// taken. A slot whose moment has passed, because its process is dead, is free.
	Hold(ctx context.Context, name string, slots int, until time.Time) (release func(), ok bool, err error)
}

// Kept is a budget that all processes share. Make it with [NewKept].
type Kept struct {
	name   string
	limits Limits
	keeper Keeper
	now    func() time.Time

	mu     sync.Mutex // guards what has been learned and not yet written
	learnt []Hint
}

var _ Budget = (*Kept)(nil)

const (
	// slotLife is longer than a call may take.
	slotLife = 5 * time.Minute
	// slotPause is the wait between looks for a free slot.
	slotPause = 100 * time.Millisecond
)

// NewKept makes a budget over what a keeper has under the name.
func NewKept(name string, l Limits, keeper Keeper, now func() time.Time) *Kept {
	return &Kept{name: name, limits: l.defaults(), keeper: keeper, now: now}
}

// Take implements [Budget].
func (k *Kept) Take(ctx context.Context, n int) (func(), error) {
	release, err := k.hold(ctx)
	if err != nil {
		return nil, err
	}
	if err := waitFor(ctx, k.limits, func() (wait time.Duration, what string, err error) {
		hints := k.unlearnt()
		err = k.keeper.Change(ctx, k.name, func(b Bucket) Bucket {
			now := k.now()
			for _, h := range hints {
				b = b.Learn(k.limits, h, now)
			}
			b, wait, what = b.Spend(k.limits, n, now)
			return b
		})
		return wait, what, err
	}); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

func (k *Kept) hold(ctx context.Context) (func(), error) {
	if ctx.Err() != nil {
		return nil, canceled(ctx)
	}
	if k.limits.Concurrency <= 0 {
		return func() {}, nil
	}
	for waited := time.Duration(0); ; waited += slotPause {
		release, ok, err := k.keeper.Hold(ctx, k.name, k.limits.Concurrency, k.now().Add(slotLife))
		if err != nil {
			return nil, err
		}
		if ok {
			return sync.OnceFunc(release), nil
		}
		if waited > k.limits.MaxWait {
			return nil, lacking(slotPause, "by calls at the same time")
		}
		if err := pause(ctx, slotPause); err != nil {
			return nil, err
		}
	}
}

// Learn implements [Budget]. What it learns is written with the next Take of this process.
func (k *Kept) Learn(h Hint) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if h.Remaining < 0 && h.Wait == 0 && !h.Refused {
		return
	}
	if len(k.learnt) == cap(k.learnt) && len(k.learnt) >= 16 { // the newest say it all
		k.learnt = k.learnt[1:]
	}
	k.learnt = append(k.learnt, h)
}

func (k *Kept) unlearnt() []Hint {
	k.mu.Lock()
	defer k.mu.Unlock()
	hints := k.learnt
	k.learnt = nil
	return hints
}
