package driver

import (
	"context"
	"encoding/json"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// PlanGet implements [store.ReadTx].
func (t *Tx) PlanGet(ctx context.Context, executionID string) (json.RawMessage, error) {
	var text []byte
	found, err := t.row(ctx, "PlanGet", []any{executionID}, &text)
	if err != nil {
		return nil, doing(err, "reading plan of execution %q", executionID)
	}
	if !found {
		return nil, fault.New(fault.NotFound, "execution %q has no plan yet", executionID)
	}
	return text, nil
}

// SplitList implements [store.ReadTx].
func (t *Tx) SplitList(ctx context.Context, executionID string) ([]*store.Split, error) {
	var list []*store.Split
	err := t.rows(ctx, "SplitList", []any{executionID}, func(scan func(dest ...any) error) error {
		var index int64
		var data, progressText []byte
		if err := scan(&index, &data, &progressText); err != nil {
			return err
		}
		s, err := decodeSplit(executionID, index, data, progressText)
		list = append(list, s)
		return err
	})
	return list, doing(err, "listing splits of execution %q", executionID)
}

// SplitGet implements [store.ReadTx].
func (t *Tx) SplitGet(ctx context.Context, executionID string, index int) (*store.Split, error) {
	var data, progressText []byte
	found, err := t.row(ctx, "SplitGet", []any{executionID, int64(index)}, &data, &progressText)
	if err != nil {
		return nil, doing(err, "reading split %d of execution %q", index, executionID)
	}
	if !found {
		return nil, noSplit(executionID, index)
	}
	s, err := decodeSplit(executionID, int64(index), data, progressText)
	return s, doing(err, "reading split %d of execution %q", index, executionID)
}

func noSplit(executionID string, index int) error {
	return fault.New(fault.NotFound, "execution %q has no split %d", executionID, index)
}

// ReceiptList implements [store.ReadTx].
func (t *Tx) ReceiptList(ctx context.Context, executionID string) ([]*store.Receipt, error) {
	var list []*store.Receipt
	err := t.rows(ctx, "ReceiptList", []any{executionID}, func(scan func(dest ...any) error) error {
		var split int64
		var data []byte
		r := &store.Receipt{ExecutionID: executionID}
		if err := scan(&split, &r.Sequence, &data); err != nil {
			return err
		}
		r.Split, r.Data = int(split), data
		list = append(list, r)
		return nil
	})
	return list, doing(err, "listing receipts of execution %q", executionID)
}

// RejectList implements [store.ReadTx].
func (t *Tx) RejectList(ctx context.Context, executionID string, limit int) ([]flow.Reject, error) {
	pointers, err := documents[flow.Reject](ctx, t, "RejectList", executionID, rowLimit(limit))
	if err != nil {
		return nil, doing(err, "listing rejects of execution %q", executionID)
	}
	list := make([]flow.Reject, len(pointers))
	for i, p := range pointers {
		list[i] = *p
	}
	return list, nil
}

// RejectCount implements [store.ReadTx].
func (t *Tx) RejectCount(ctx context.Context, executionID string) (int64, error) {
	var n int64
	_, err := t.row(ctx, "RejectCount", []any{executionID}, &n)
	return n, doing(err, "counting rejects of execution %q", executionID)
}

// PlanPut implements [store.Tx].
func (t *Tx) PlanPut(
	ctx context.Context, fence store.Fence, executionID string, plan json.RawMessage, splits []*store.Split,
) error {
	if err := t.FenceCheck(ctx, fence); err != nil {
		return doing(err, "writing plan of execution %q", executionID)
	}
	planText, rows, err := planRows(executionID, plan, splits)
	if err != nil {
		return doing(err, "writing plan of execution %q", executionID)
	}
	n, err := t.exec(ctx, "PlanPut", executionID, planText)
	if err != nil {
		return doing(err, "writing plan of execution %q", executionID)
	}
	if n == 0 {
		return t.planRepeated(ctx, executionID, planText, rows)
	}
	return doing(t.execMany(ctx, "SplitPut", rows), "writing splits of execution %q", executionID)
}

func planRows(executionID string, plan json.RawMessage, splits []*store.Split) (string, [][]any, error) {
	planText, err := document(plan)
	if err != nil {
		return "", nil, err
	}
	rows := make([][]any, len(splits))
	for i, s := range splits {
		data, err := document(s.Data)
		if err != nil {
			return "", nil, doing(err, "split %d", s.Index)
		}
		progressText, err := encodeProgress(s)
		if err != nil {
			return "", nil, doing(err, "split %d", s.Index)
		}
		rows[i] = []any{executionID, int64(s.Index), data, progressText}
	}
	return planText, rows, nil
}

// planRepeated accepts a plan that is there already, so that a caller who never heard of its commit may try again, and
// keeps the checkpoints made since. A different plan would orphan them.
func (t *Tx) planRepeated(ctx context.Context, executionID, planText string, rows [][]any) error {
	there, err := t.PlanGet(ctx, executionID)
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, "writing plan: no execution has the id %q", executionID)
	}
	if err != nil {
		return err
	}
	splits, err := t.SplitList(ctx, executionID)
	if err != nil {
		return err
	}
	isSame := string(there) == planText && len(splits) == len(rows)
	given := make(map[int64]any, len(rows))
	for _, row := range rows {
		given[row[1].(int64)] = row[2]
	}
	for _, s := range splits {
		isSame = isSame && given[int64(s.Index)] == string(s.Data)
	}
	if !isSame {
		return fault.New(fault.Conflict, "writing plan: execution %q has another plan already", executionID)
	}
	return nil
}

// SplitSave implements [store.Tx].
func (t *Tx) SplitSave(
	ctx context.Context, fence store.Fence, s *store.Split, receipts []*store.Receipt, rejects []flow.Reject,
) error {
	if err := t.FenceCheck(ctx, fence); err != nil {
		return doing(err, "saving split %d of execution %q", s.Index, s.ExecutionID)
	}
	err := t.saveProgress(ctx, s, rejects)
	if err == nil {
		err = t.saveReceipts(ctx, s, receipts)
	}
	return doing(err, "saving split %d of execution %q", s.Index, s.ExecutionID)
}

func (t *Tx) saveProgress(ctx context.Context, s *store.Split, rejects []flow.Reject) error {
	progressText, err := encodeProgress(s)
	if err != nil {
		return err
	}
	var rejectsSoFar int64
	args := []any{s.ExecutionID, int64(s.Index), progressText, int64(len(rejects))}
	found, err := t.row(ctx, "SplitSave", args, &rejectsSoFar)
	if err != nil {
		return err
	}
	if !found {
		return noSplit(s.ExecutionID, s.Index)
	}
	return t.saveRejects(ctx, s, rejectsSoFar-int64(len(rejects)), rejects)
}

// saveRejects keeps samples while the execution has fewer than [store.MaxRejectSamples]. A split that alone offered so
// many does not look any more, so that a flow full of bad records costs nothing here.
func (t *Tx) saveRejects(ctx context.Context, s *store.Split, before int64, rejects []flow.Reject) error {
	if len(rejects) == 0 || before >= store.MaxRejectSamples {
		return nil
	}
	var samples int64
	if _, err := t.row(ctx, "RejectSamples", []any{s.ExecutionID}, &samples); err != nil {
		return err
	}
	room := max(store.MaxRejectSamples-samples, 0)
	rejects = rejects[:min(int64(len(rejects)), room)]
	rows := make([][]any, len(rejects))
	for i := range rejects {
		text, err := encode(&rejects[i])
		if err != nil {
			return err
		}
		rows[i] = []any{s.ExecutionID, int64(s.Index), before + int64(i), text}
	}
	return t.execMany(ctx, "RejectPut", rows)
}

func (t *Tx) saveReceipts(ctx context.Context, s *store.Split, receipts []*store.Receipt) error {
	rows := make([][]any, len(receipts))
	for i, r := range receipts {
		data, err := document(r.Data)
		if err != nil {
			return doing(err, "receipt %d", r.Sequence)
		}
		rows[i] = []any{s.ExecutionID, int64(r.Split), r.Sequence, data}
	}
	return t.execMany(ctx, "ReceiptPut", rows)
}
