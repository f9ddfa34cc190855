package driver

import (
	"context"
	"math/rand/v2"
	"time"

	"weir.dev/weir/fault"
)

// Bounds of [Repeat]: about five seconds in all, after which a transaction that still loses is the caller's to repeat.
const (
	maxTries  = 40
	firstWait = 2 * time.Millisecond
	maxWait   = 250 * time.Millisecond
)

// Repeat runs one transaction again while it loses races, with growing random pauses.
func Repeat(ctx context.Context, isLostRace func(error) bool, transact func() error) error {
	wait := firstWait
	for try := 1; ; try++ {
		err := transact()
		if err == nil || !isLostRace(err) {
			return err
		}
		if try == maxTries {
			return fault.Temporary(fault.Internal, err, "repeating a transaction that lost %d races", try)
		}
		timer := time.NewTimer(rand.N(wait) + time.Millisecond)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ContextError(ctx, err)
		}
		wait = min(2*wait, maxWait)
	}
}

// ContextError classifies err, which happened because ctx ended: stopped on request is Canceled, out of time can be tried
// again.
func ContextError(ctx context.Context, err error) error {
	if ctx.Err() == context.DeadlineExceeded {
		return fault.Temporary(fault.Internal, err, "waiting for the database")
	}
	return fault.Wrap(fault.Canceled, err, "waiting for the database")
}
