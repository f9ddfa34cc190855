package durable

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"weir.dev/weir/fault"
)

// Retry says how often and how fast failed work is tried again. Only what [fault.RetryOf] calls worth it is.
type Retry struct {
	Attempts int           // in all; at least 1
	Base     time.Duration // the first wait is up to this long, each further one up to twice as long
	Max      time.Duration // and none longer, unless the remote side asks for more
}

// The default policies. Vendors recover from most trouble within minutes; a ledger that is away for longer than a lease
// is given up, because the lease is gone by then.
var (
	defaultStep   = Retry{Attempts: 8, Base: time.Second, Max: time.Minute}
	defaultSplit  = Retry{Attempts: 10, Base: time.Second, Max: 2 * time.Minute}
	defaultLedger = Retry{Attempts: 6, Base: 20 * time.Millisecond, Max: 2 * time.Second}
)

// maxThrottle bounds the wait a remote side can impose.
const maxThrottle = time.Hour

func (r Retry) or(def Retry) Retry {
	if r.Attempts == 0 {
		return def
	}
	return r
}

// Delay is how long to wait after the given number of failed attempts (1 or more), and whether to try again at all.
// Waits grow exponentially with full jitter: workers that failed together do not come back together. A remote side that
// names a time is not asked before it.
func (r Retry) Delay(failed int, err error, random func() float64) (time.Duration, bool) {
	class, after := fault.RetryOf(err)
	if class == fault.Never || failed >= r.Attempts {
		return 0, false
	}
	if random == nil {
		random = rand.Float64
	}
	top := r.Max
	if shift := failed - 1; shift < 30 && r.Base<<shift < r.Max {
		top = r.Base << shift
	}
	d := time.Duration(random() * float64(top))
	if class == fault.Throttled && after > 0 {
		d += min(after, maxThrottle)
	}
	return d, true
}

// Do calls fn until it succeeds, cannot be helped, or has failed often enough. It returns the last error.
func (r Retry) Do(ctx context.Context, random func() float64, fn func() error) error {
	for failed := 1; ; failed++ {
		err := fn()
		if err == nil {
			return nil
		}
		d, again := r.Delay(failed, err, random)
		if !again || sleep(ctx, d) != nil {
			return err
		}
	}
}

// sleep waits, or returns the cause for which ctx ended.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// HasCode reports whether any error in err's tree carries the code. Codes like Fenced and Canceled decide what happens
// next however deep they are wrapped.
func HasCode(err error, code fault.Code) bool {
	for err != nil {
		if e, ok := err.(*fault.Error); ok && e.Code == code { //nolint:errorlint // walks the chain itself
			return true
		}
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range many.Unwrap() {
				if HasCode(e, code) {
					return true
				}
			}
			return false
		}
		err = errors.Unwrap(err)
	}
	return false
}
