package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
)

// OpenWriter starts writing to the object that the properties name.
func (c *connection) OpenWriter(ctx context.Context, req connector.WriteRequest) (connector.RowWriter, error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	object, err := objectOf(req.Properties)
	if err != nil {
		return nil, err
	}
	return &writer{vendor: c.vendor, object: object, req: req}, nil
}

type writer struct {
	vendor *Vendor
	object string
	req    connector.WriteRequest
	closed bool
}

// Write keeps the rows that are not refused. Execution, split and sequence are the key by which a repeated batch is
// known; it gets the answer that the first one got.
func (w *writer) Write(ctx context.Context, sequence int64, b *batch.Batch) (connector.Receipt, []connector.Refusal, error) {
	if w.closed {
		return connector.Receipt{}, nil, fault.New(fault.Internal, "writing to %q: the writer is closed", w.object)
	}
	if err := w.ask(ctx, sequence, false); err != nil {
		return connector.Receipt{}, nil, err
	}
	done := w.keep(sequence, b)
	if err := w.ask(ctx, sequence, true); err != nil {
		return connector.Receipt{}, nil, err
	}
	return done.receipt, done.refused, nil
}

func (w *writer) ask(ctx context.Context, sequence int64, after bool) error {
	if err := alive(ctx); err != nil {
		return err
	}
	if w.vendor.opts.OnWrite == nil {
		return nil
	}
	err := w.vendor.opts.OnWrite(ctx, sequence, after)
	if err != nil && ctx.Err() != nil {
		return alive(ctx)
	}
	return err
}

// keep stores the batch unless it was stored before, and returns what is stored.
func (w *writer) keep(sequence int64, b *batch.Batch) write {
	v := w.vendor
	v.mu.Lock()
	defer v.mu.Unlock()
	list := v.received[w.object]
	this := write{execution: w.req.ExecutionID, split: w.req.Split, sequence: sequence}
	at, known := slices.BinarySearchFunc(list, this, func(x, y write) int {
		return cmp.Or(cmp.Compare(x.execution, y.execution), cmp.Compare(x.split, y.split), cmp.Compare(x.sequence, y.sequence))
	})
	if known {
		return list[at]
	}
	forms := make([]batch.Form, len(b.Columns))
	for i, col := range b.Columns {
		forms[i] = batch.OpenForm(col)
		this.columns = append(this.columns, col.Name)
	}
	for row := range b.Rows {
		cells := make([]any, len(b.Columns))
		for i, col := range b.Columns {
			cells[i] = cell(col, &forms[i], row)
		}
		if v.opts.Refuse != nil {
			if reason := v.opts.Refuse(cells); reason != "" {
				this.refused = append(this.refused, connector.Refusal{Row: row, Reason: reason})
				continue
			}
		}
		this.rows = append(this.rows, cells)
	}
	this.receipt = connector.Receipt{Name: fmt.Sprintf("%s/%d/%d", w.req.ExecutionID, w.req.Split, sequence), Rows: int64(len(this.rows)), Bytes: int64(len(this.rows)) * 100}
	v.received[w.object] = slices.Insert(list, at, this)
	return this
}

func (w *writer) Close(context.Context) error {
	w.closed = true
	return nil
}
