package salesforce

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"weir.dev/weir/connectorkit/pace"
	"weir.dev/weir/fault"
)

// usage reads the header in which each answer says how many of the organization's calls of the last 24 hours are used:
// "Sforce-Limit-Info: api-usage=18/5000", perhaps with a connected app's own count behind a semicolon.
func usage(h http.Header, hint *pace.Hint) {
	for part := range strings.SplitSeq(h.Get("Sforce-Limit-Info"), ";") {
		count, ok := strings.CutPrefix(strings.TrimSpace(part), "api-usage=")
		if !ok {
			continue
		}
		used, of, _ := strings.Cut(count, "/")
		n, err := strconv.Atoi(used)
		total, terr := strconv.Atoi(of)
		if err == nil && terr == nil && n >= 0 && total > 0 {
			hint.Remaining, hint.Of = max(total-n, 0), total
		}
		return
	}
}

// allowance is a budget that ends before the organization's calls do: whatever else the organization does by the API
// stops with the last of them, and nobody would thank a flow for that.
type allowance struct {
	pace.Budget
	percent int // to leave to others
	now     func() time.Time

	mu       sync.Mutex // guards what follows
	left, of int        // as the vendor said last; of is 0 until it has
	asked    time.Time  // when it said so
}

// askAgain is how long a spent allowance is believed. The vendor's day slides, so that calls come back little by little.
const askAgain = 5 * time.Minute

func newAllowance(inner pace.Budget, percent int, now func() time.Time) *allowance {
	return &allowance{Budget: inner, percent: max(percent, 0), now: now}
}

// Take implements [pace.Budget]. Its error is ConnectorServer when what is left is the others'.
func (a *allowance) Take(ctx context.Context, n int) (func(), error) {
	if err := a.check(n); err != nil {
		return nil, err
	}
	return a.Budget.Take(ctx, n)
}

func (a *allowance) check(n int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	reserve := a.of * a.percent / 100
	if a.of == 0 || a.percent == 0 || a.left-n >= reserve {
		return nil
	}
	now := a.now()
	if now.Sub(a.asked) >= askAgain {
		a.asked = now // one call finds out
		return nil
	}
	return fault.New(fault.ConnectorServer,
		"the organization has %d of its %d API calls of the last 24 hours left, and Weir leaves %d of them to others (--salesforce-reserve); wait, or move more records with each call by dataTransferApi BULKV2",
		a.left, a.of, reserve)
}

// remaining is how many calls runs may still make; ok is false when the vendor has not said.
func (a *allowance) remaining() (calls int, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return max(a.left-a.of*a.percent/100, 0), a.of > 0
}

// Learn implements [pace.Budget].
func (a *allowance) Learn(h pace.Hint) {
	if h.Of > 0 {
		a.mu.Lock()
		a.left, a.of, a.asked = h.Remaining, h.Of, a.now()
		a.mu.Unlock()
	}
	h.Remaining = -1 // it is a count of days, and the inner budget's is of calls in a while
	a.Budget.Learn(h)
}
