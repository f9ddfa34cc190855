// Package pace keeps to what a vendor grants: how many calls at a time, how many in a while, how many of a day are Weir's.
// A vendor's quota is one for everybody who uses an account, so a budget belongs to a profile, and holds wherever that
// profile is used: [Local] keeps it in this process, [Kept] in a place that all processes share, and [Lasting] is for the
// process that is alone and must not forget the day's calls. [Set] picks between them.
//
// A budget only delays, it never loses a call. It knows no vendor and no HTTP; what answers say of the vendor's own
// counting comes back through Learn.
package pace

import (
	"context"
	"time"

	"weir.dev/weir/fault"
)

// Budget is what one profile may use of a vendor. Safe for concurrent use.
type Budget interface {
	// Take waits until n calls may be made, and returns what ends them. Canceled when ctx ends first; a Throttled
	// ConnectorServer, with the time until there is more, when the wait would be longer than [Limits.MaxWait].
	Take(ctx context.Context, n int) (release func(), err error)
	// Learn takes in what an answer says.
	Learn(h Hint)
}

// Limits are how much that is. The zero value of a field is without bounds.
type Limits struct {
	Concurrency int           // calls at the same time
	Calls       int           // calls in each Every, counted from the first one
	Every       time.Duration // a minute when 0
	Daily       int           // calls of a UTC day
	// MaxWait is how long a call may wait here; beyond it the caller gets an error and can wait elsewhere, holding
	// nothing. 5 minutes when 0.
	MaxWait time.Duration
}

// Hint is what an answer says of the vendor's own counting.
type Hint struct {
	Remaining int           // calls left; -1 when it does not say
	Of        int           // calls that there are altogether, left or not; 0 when it does not say
	Reset     time.Duration // until there are all again; 0 when it does not say
	Refused   bool          // a call was turned away for being one too many
	Wait      time.Duration // that it asks to wait before any other call
}

// bounds reports whether there are any.
func (l Limits) bounds() bool { return l.Concurrency > 0 || l.Calls > 0 || l.Daily > 0 }

// heeds reports whether a hint changes anything: what is left matters where calls are counted, and when nothing is.
func (l Limits) heeds(h Hint) bool {
	return h.Refused || h.Wait > 0 || h.Remaining == 0 || h.Remaining > 0 && l.Calls > 0 && h.Remaining < l.Calls
}

func (l Limits) defaults() Limits {
	if l.Every <= 0 {
		l.Every = time.Minute
	}
	if l.MaxWait <= 0 {
		l.MaxWait = 5 * time.Minute
	}
	return l
}

// lacking is the error of a wait that is too long to be made here.
func lacking(wait time.Duration, what string) error {
	return &fault.Error{Code: fault.ConnectorServer, Retry: fault.Throttled, RetryAfter: wait, Message: "the budget of calls to the vendor is used up " + what}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return canceled(ctx)
	}
}

func canceled(ctx context.Context) error {
	return fault.Wrap(fault.Canceled, context.Cause(ctx), "waiting for the budget of calls to the vendor")
}
