package server

import (
	"time"

	"weir.dev/weir/api/wire"
)

func ptr[T any](v T) *T { return &v }

// deref is the value, or the zero value of a member that was not given.
func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// convert turns one string type into another, absence included.
func convert[To, From ~string](p *From) *To {
	if p == nil {
		return nil
	}
	return ptr(To(*p))
}

func timeIn(t *wire.Timestamp) *time.Time {
	if t == nil {
		return nil
	}
	return ptr(t.Time())
}

func timeOut(t *time.Time) *wire.Timestamp {
	if t == nil {
		return nil
	}
	return ptr(wire.TimestampOf(*t))
}
