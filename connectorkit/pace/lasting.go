package pace

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
)

// Lasting is a budget of the only process there is. It is kept here, and beyond the process only what the next one must
// know: how many calls of the day are gone, and how long the vendor asks to wait. The day's calls are put aside some at a
// time, so that no restart, not even a crash, leads to more calls than the day's share; those that were put aside and not
// made are lost to that day. Make it with [NewLasting].
type Lasting struct {
	name   string
	limits Limits
	shared connector.Shared
	now    func() time.Time
	slots  chan struct{} // nil without a bound

	mu       sync.Mutex // guards what follows; held while something is kept
	bucket   Bucket
	isLoaded bool
	aside    int       // calls of bucket.Day that are kept as used
	kept     time.Time // the end of the vendor's wait as it was kept
}

var _ Budget = (*Lasting)(nil)

// NewLasting makes a budget that goes on where what is kept under the name ended.
func NewLasting(name string, l Limits, shared connector.Shared, now func() time.Time) *Lasting {
	b := &Lasting{name: name, limits: l.defaults(), shared: shared, now: now}
	if l.Concurrency > 0 {
		b.slots = make(chan struct{}, l.Concurrency)
	}
	return b
}

// Take implements [Budget].
func (b *Lasting) Take(ctx context.Context, n int) (func(), error) {
	release, err := slot(ctx, b.slots)
	if err != nil {
		return nil, err
	}
	if err := waitFor(ctx, b.limits, func() (time.Duration, string, error) { return b.spend(ctx, n) }); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

func (b *Lasting) spend(ctx context.Context, n int) (time.Duration, string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.load(ctx); err != nil {
		return 0, "", err
	}
	day := b.bucket.Day
	after, wait, what := b.bucket.Spend(b.limits, n, b.now())
	if after.Day != day {
		b.aside = 0
	}
	if wait <= 0 && b.limits.Daily > 0 && after.Used > b.aside {
		aside := max(min(after.Used+b.limits.portion(), b.limits.Daily), after.Used)
		if err := b.keep(ctx, after, aside); err != nil {
			return 0, "", err
		}
		b.aside = aside
	} else if b.bucket.Stopped.After(b.kept) && wait >= worthKeeping {
		if err := b.keep(ctx, after, max(b.aside, after.Used)); err != nil {
			return 0, "", err
		}
	}
	b.bucket = after
	return wait, what, nil
}

// worthKeeping is a wait that is longer than a restart takes.
const worthKeeping = 2 * time.Second

// portion is how many calls of a day are put aside together.
func (l Limits) portion() int { return min(max(l.Daily/100, 1), 1000) }

// load reads what an earlier process has left.
func (b *Lasting) load(ctx context.Context) error {
	if b.isLoaded {
		return nil
	}
	var l ledger
	err := b.shared.Change(ctx, b.name, func(document []byte) ([]byte, error) {
		if json.Unmarshal(document, &l) != nil {
			l = ledger{}
		}
		return nil, nil
	})
	if err != nil {
		return fault.Wrap(fault.CodeOf(err), err, "reading the budget of calls to the vendor")
	}
	learnt := b.bucket.Stopped
	b.bucket, b.isLoaded, b.aside, b.kept = l.Bucket, true, l.Used, l.Stopped
	if learnt.After(b.bucket.Stopped) {
		b.bucket.Stopped = learnt
	}
	return nil
}

// keep writes a bucket with so many calls of its day as used.
func (b *Lasting) keep(ctx context.Context, bucket Bucket, used int) error {
	bucket.Used = used
	err := b.shared.Change(ctx, b.name, func([]byte) ([]byte, error) { return json.Marshal(ledger{Bucket: bucket}) })
	if err != nil {
		return fault.Wrap(fault.CodeOf(err), err, "keeping the budget of calls to the vendor")
	}
	b.kept = bucket.Stopped
	return nil
}

// Learn implements [Budget].
func (b *Lasting) Learn(h Hint) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bucket = b.bucket.Learn(b.limits, h, b.now())
}
