package connector

import "context"

// Shared is small state that every process of an installation sees, such as what is left of a vendor's budget of calls.
// Safe for concurrent use.
type Shared interface {
	// Change reads the document of a name, nil when there is none, and keeps what change makes of it, a JSON value, in one
	// step that no other change of that name comes between. Nil keeps what is there. Change may be called several times, and
	// must have no effects of its own. Errors are those of change, Canceled, or worth another try.
	Change(ctx context.Context, name string, change func(document []byte) ([]byte, error)) error
	// IsAlone reports whether no other process sees this state while this one does. What it knows need not be asked for,
	// then; what has to survive it must still be kept.
	IsAlone() bool
}
