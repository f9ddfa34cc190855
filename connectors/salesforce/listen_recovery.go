package salesforce

import (
	"context"

	"weir.dev/weir/fault"
)

// recovery is what listening remembers of its troubles, whichever API it goes by.
type recovery struct {
	earliest bool   // listen from the oldest event on, as long as there is no position
	gap      string // to be told with the next signals
	failures int    // in a row
	renewed  bool   // the token, since Salesforce last took one
}

// decide does what an error asks for before listening begins anew: a new token, once; a wait; or, when Salesforce does
// not know the position any more, to forget it. Its error is what stands against beginning anew.
func (r *recovery) decide(ctx context.Context, c *connection, kind busKind, cause error, hasPosition bool, doing string, renew func() error) (forget bool, err error) {
	switch kind {
	case busAuth:
		if r.renewed {
			return false, cause
		}
		r.renewed = true
		if err := renew(); err != nil {
			return false, fault.Wrap(fault.CodeOf(err), err, "%s", doing)
		}
	case busReplay:
		if !hasPosition {
			return false, cause
		}
		r.earliest, r.gap = true, gapForgotten
		return true, nil
	case busTransient:
		if r.failures++; r.failures >= eventTries {
			return false, cause
		}
		if err := c.await(ctx, r.failures); err != nil {
			return false, err
		}
	default:
		return false, cause
	}
	if !hasPosition && !r.earliest {
		r.gap = gapUnknown
	}
	return false, nil
}
