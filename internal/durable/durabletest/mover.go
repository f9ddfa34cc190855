package durabletest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/engine"
	"weir.dev/weir/internal/land"
)

// PlainMover moves rows in the simplest way there is: page after page, each into a file or a write of its own, with a
// checkpoint after each. It has no threads, so a run makes the same calls in the same order every time.
type PlainMover struct{}

// Run implements durable.Mover.
func (PlainMover) Run(ctx context.Context, t engine.Transfer, h engine.Hooks) (flow.Totals, error) {
	var at engine.Checkpoint
	if t.From != nil {
		at = *t.From
	}
	pages, err := t.Source.Read(ctx, t.Plan.Source.Read, t.Split, at.Cursor)
	if err != nil {
		return at.Totals, err
	}
	defer pages.Close()
	for {
		page, err := pages.Next(ctx)
		if errors.Is(err, io.EOF) {
			return at.Totals, nil
		}
		if err != nil {
			return at.Totals, err
		}
		rows, err := page.Decode()
		if err != nil {
			return at.Totals, err
		}
		receipt, err := writePage(ctx, &t, at.Sequence, rows)
		rows.Release()
		if err != nil {
			return at.Totals, err
		}
		at.Sequence++
		at.Cursor = page.Cursor()
		at.Totals.Read += receipt.Rows
		at.Totals.Written += receipt.Rows
		at.Totals.BytesRead += page.Bytes()
		at.Totals.BytesWritten += receipt.Bytes
		h.Progress(at.Totals)
		if err := h.Checkpoint(ctx, at, []connector.Receipt{receipt}, nil); err != nil {
			return at.Totals, err
		}
	}
}

func writePage(ctx context.Context, t *engine.Transfer, sequence int64, rows *batch.Batch) (connector.Receipt, error) {
	if t.Writer != nil {
		w, err := t.Writer.OpenWriter(ctx, connector.WriteRequest{ExecutionID: t.Plan.ExecutionID, Split: t.Split.Index})
		if err != nil {
			return connector.Receipt{}, err
		}
		defer w.Close(ctx)
		r, _, err := w.Write(ctx, sequence, rows)
		return r, err
	}
	layout, err := land.NewLayout(t.Plan)
	if err != nil {
		return connector.Receipt{}, err
	}
	name := layout.Key(layout.Folder(), t.Split.Index, sequence)
	w, err := t.Target.Bucket.Stage(ctx, land.Owner(t.Plan, t.Split.Index), name)
	if err != nil {
		return connector.Receipt{}, err
	}
	for i := range rows.Rows {
		line, err := json.Marshal(fmt.Sprintf("%s %d", rows.Origin.Object, rows.Origin.Record(i)))
		if err == nil {
			_, err = w.Write(append(line, '\n'))
		}
		if err != nil {
			return connector.Receipt{}, errors.Join(err, w.Abort(context.WithoutCancel(ctx)))
		}
	}
	staged, err := w.Finish(ctx)
	return connector.Receipt{Name: name, Rows: int64(rows.Rows), Bytes: staged.Size, Hash: staged.Sum, Staged: &staged}, err
}
