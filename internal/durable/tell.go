package durable

import (
	"context"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// Announcer writes what others are to be told into the transaction that the news is about, so that nothing is told that
// did not happen. A transaction that is run again calls it again; the book of package
// notify is one.
type Announcer interface {
	// Started is called when an execution is put into the ledger.
	Started(ctx context.Context, tx store.Tx, f *flow.Flow, x *flow.Execution) error
	// Ended is called when an execution is done. The flow is nil when it has been deleted.
	Ended(ctx context.Context, tx store.Tx, f *flow.Flow, x *flow.Execution) error
	// Deactivated is called when the execution's failure was one too many for its scheduled flow.
	Deactivated(ctx context.Context, tx store.Tx, f *flow.Flow, x *flow.Execution) error
}

func (s *Steps) tellEnd(ctx context.Context, tx store.Tx, f *flow.Flow, x *flow.Execution) error {
	if s.Announcer == nil {
		return nil
	}
	return s.Announcer.Ended(ctx, tx, f, x)
}
