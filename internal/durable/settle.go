package durable

import (
	"context"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// settle cuts a window where the source's records have not settled yet.
func settle(ctx context.Context, r connector.Reader, w *flow.Window) (*flow.Window, error) {
	settler, ok := r.(connector.Settler)
	if !ok || w == nil {
		return w, nil
	}
	at, err := settler.Settled(ctx)
	if err != nil {
		return nil, fault.Wrap(fault.CodeOf(err), err, "asking the source for the time")
	}
	if !w.To.After(at) {
		return w, nil
	}
	cut := *w
	if cut.To = at.UTC(); cut.To.Before(cut.From) {
		cut.To = cut.From
	}
	return &cut, nil
}

// cutWindow writes the window of a plan into its execution: the watermark moves to its end.
func cutWindow(ctx context.Context, tx store.Tx, executionID string, w *flow.Window) error {
	if w == nil {
		return nil
	}
	x, err := tx.ExecutionGet(ctx, executionID)
	if err != nil {
		return err
	}
	if x.Window == nil || x.Window.To.Equal(w.To) {
		return nil
	}
	x.Window = w
	return tx.ExecutionPut(ctx, x)
}
