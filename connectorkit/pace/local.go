package pace

import (
	"context"
	"sync"
	"time"
)

// Local is a budget that is kept in this process. Make it with [NewLocal].
type Local struct {
	limits Limits
	now    func() time.Time
	slots  chan struct{} // nil without a bound

	mu     sync.Mutex // guards bucket
	bucket Bucket
}

var _ Budget = (*Local)(nil)

// NewLocal makes a full budget.
func NewLocal(l Limits, now func() time.Time) *Local {
	b := &Local{limits: l.defaults(), now: now}
	if l.Concurrency > 0 {
		b.slots = make(chan struct{}, l.Concurrency)
	}
	return b
}

// Take implements [Budget].
func (b *Local) Take(ctx context.Context, n int) (func(), error) {
	release, err := slot(ctx, b.slots)
	if err != nil {
		return nil, err
	}
	if err := waitFor(ctx, b.limits, func() (time.Duration, string, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		after, wait, what := b.bucket.Spend(b.limits, n, b.now())
		b.bucket = after
		return wait, what, nil
	}); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// Learn implements [Budget].
func (b *Local) Learn(h Hint) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bucket = b.bucket.Learn(b.limits, h, b.now())
}

// slot waits for one of the calls that may be made at the same time.
func slot(ctx context.Context, slots chan struct{}) (func(), error) {
	if ctx.Err() != nil {
		return nil, canceled(ctx)
	}
	if slots == nil {
		return func() {}, nil
	}
	select {
	case slots <- struct{}{}:
		return sync.OnceFunc(func() { <-slots }), nil
	case <-ctx.Done():
		return nil, canceled(ctx)
	}
}

// waitFor asks until there is no wait left.
func waitFor(ctx context.Context, l Limits, spend func() (time.Duration, string, error)) error {
	for waited := time.Duration(0); ; {
		wait, what, err := spend()
		if err != nil || wait <= 0 {
			return err
		}
		if waited += wait; waited > l.MaxWait {
			return lacking(wait, what)
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}
