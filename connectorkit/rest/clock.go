package rest

import (
	"net/http"
	"sync/atomic"
	"time"
)

// vendorClock knows how far ours is ahead of the vendor's.
type vendorClock struct {
	ahead atomic.Int64 // nanoseconds; since answers say whole seconds, up to one more than it is
	isSet atomic.Bool
}

// learn takes the time that an answer carries.
func (c *vendorClock) learn(h http.Header, now time.Time) {
	if at, err := http.ParseTime(h.Get("Date")); err == nil {
		c.ahead.Store(int64(now.Sub(at)))
		c.isSet.Store(true)
	}
}

// VendorTime is the time by the vendor's clock, as its last answer told it: never later than that clock says itself. It is
// ours when no answer has told it.
func (c *Client) VendorTime() time.Time {
	now := c.o.Now().UTC()
	if !c.clock.isSet.Load() {
		return now
	}
	return now.Add(-time.Duration(c.clock.ahead.Load()))
}
