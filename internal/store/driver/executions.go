package driver

import (
	"context"
	"database/sql"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// ExecutionGet implements [store.ReadTx].
func (t *Tx) ExecutionGet(ctx context.Context, id string) (*flow.Execution, error) {
	var text []byte
	found, err := t.row(ctx, "ExecutionGet", []any{id}, &text)
	if err != nil {
		return nil, doing(err, "reading execution %q", id)
	}
	if !found {
		return nil, fault.New(fault.NotFound, "no execution has the id %q", id)
	}
	x, err := decode[flow.Execution](text)
	return x, doing(err, "reading execution %q", id)
}

// ExecutionList implements [store.ReadTx].
func (t *Tx) ExecutionList(
	ctx context.Context, flowName string, after *store.ExecutionPosition, limit int,
) ([]*flow.Execution, error) {
	name, args := "ExecutionListFirst", []any{flowName, rowLimit(limit)}
	if after != nil {
		name, args = "ExecutionListAfter", []any{flowName, micro(after.StartedAt), after.ID, rowLimit(limit)}
	}
	list, err := documents[flow.Execution](ctx, t, name, args...)
	return list, doing(err, "listing executions of flow %q", flowName)
}

// ExecutionUnfinished implements [store.ReadTx].
func (t *Tx) ExecutionUnfinished(ctx context.Context) ([]*flow.Execution, error) {
	list, err := documents[flow.Execution](ctx, t, "ExecutionUnfinished")
	return list, doing(err, "listing unfinished executions")
}

// ExecutionUnfinishedOf implements [store.ReadTx].
func (t *Tx) ExecutionUnfinishedOf(ctx context.Context, flowName string) ([]*flow.Execution, error) {
	list, err := documents[flow.Execution](ctx, t, "ExecutionUnfinishedOf", flowName)
	return list, doing(err, "listing unfinished executions of flow %q", flowName)
}

// ExecutionUnheld implements [store.ReadTx].
func (t *Tx) ExecutionUnheld(ctx context.Context, leasePrefix string, now time.Time, limit int) ([]string, error) {
	ids, err := t.names(ctx, "ExecutionUnheld", leasePrefix, micro(now), rowLimit(limit))
	return ids, doing(err, "listing executions that nobody runs")
}

// ExecutionPut implements [store.Tx].
func (t *Tx) ExecutionPut(ctx context.Context, x *flow.Execution) error {
	if x.ID == "" {
		return fault.New(fault.Validation, "an execution needs an id")
	}
	text, err := encodeExecution(x)
	if err != nil {
		return doing(err, "writing execution %q", x.ID)
	}
	n, err := t.exec(ctx, "ExecutionPut", x.ID, x.FlowName, micro(x.StartedAt), x.Status.Done(), text)
	if err != nil {
		return doing(err, "writing execution %q", x.ID)
	}
	if n == 0 {
		return fault.New(fault.NotFound, "writing execution %q: no flow is named %q", x.ID, x.FlowName)
	}
	return nil
}

// ExecutionPrune implements [store.Tx].
func (t *Tx) ExecutionPrune(ctx context.Context, before time.Time, keep, limit int) (int, error) {
	n, err := t.exec(ctx, "ExecutionPrune", micro(before), max(keep, 1)-1, rowLimit(limit))
	return int(n), doing(err, "forgetting old executions")
}

// WatermarkGet implements [store.ReadTx].
func (t *Tx) WatermarkGet(ctx context.Context, flowName string) (*flow.Watermark, error) {
	w, to := &flow.Watermark{FlowName: flowName}, Instant{}
	var edit sql.Null[[]byte]
	found, err := t.row(ctx, "WatermarkGet", []any{flowName}, &to, &w.ExecutionID, &edit)
	if err != nil {
		return nil, doing(err, "reading watermark of flow %q", flowName)
	}
	if !found {
		return nil, fault.New(fault.NotFound, "flow %q has no watermark", flowName)
	}
	w.To = to.Time
	if edit.Valid {
		if w.Edit, err = decode[flow.WatermarkEdit](edit.V); err != nil {
			return nil, doing(err, "reading watermark of flow %q", flowName)
		}
	}
	return w, nil
}

// WatermarkPut implements [store.Tx].
func (t *Tx) WatermarkPut(ctx context.Context, w *flow.Watermark) error {
	edit, err := encodeWatermarkEdit(w.Edit)
	var n int64
	if err == nil {
		n, err = t.exec(ctx, "WatermarkPut", w.FlowName, micro(w.To), w.ExecutionID, edit)
	}
	if err != nil {
		return doing(err, "writing watermark of flow %q", w.FlowName)
	}
	if n == 0 {
		return fault.New(fault.NotFound, "writing watermark: no flow is named %q", w.FlowName)
	}
	return nil
}

// encodeWatermarkEdit writes nil as the database's null.
func encodeWatermarkEdit(e *flow.WatermarkEdit) (any, error) {
	if e == nil {
		return nil, nil //nolint:nilnil // null is what there is to write
	}
	return encode(&flow.WatermarkEdit{From: micro(e.From), By: e.By, At: micro(e.At)})
}
