package manifest

import (
	"context"
	"time"

	"weir.dev/weir/connector"
)

var _ connector.Settler = (*connection)(nil)

// Settled implements [connector.Settler]: by the clock of the vendor, which the profile's check asks for where there is
// one, less the longest time that changes of any entity take to show.
func (c *connection) Settled(ctx context.Context) (time.Time, error) {
	if err := c.Check(ctx); err != nil {
		return time.Time{}, err
	}
	var longest time.Duration
	for _, e := range c.connector.manifest.Entities {
		for _, p := range []*Endpoint{e.Incremental, e.Read} {
			if p != nil && p.Since != nil {
				longest = max(longest, p.Since.Settle)
			}
		}
	}
	return c.client.VendorTime().Add(-longest), nil
}
