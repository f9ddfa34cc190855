package sapodata

import (
	"time"

	"weir.dev/weir/flow"
)

// minInterval is a day for runs that take everything.
func minInterval(d *flow.Definition) time.Duration {
	if s := d.Trigger.Schedule(); s != nil && s.PullMode != nil && *s.PullMode == flow.PullComplete {
		return 24 * time.Hour
	}
	return time.Minute
}
