package driver

import (
	"context"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// FlowGet implements [store.ReadTx].
func (t *Tx) FlowGet(ctx context.Context, name string) (*flow.Flow, error) {
	text, err := t.FlowDocument(ctx, name)
	if err != nil {
		return nil, err
	}
	f, err := DecodeFlow(text)
	return f, doing(err, "reading flow %q", name)
}

// FlowDocument is FlowGet before decoding.
func (t *Tx) FlowDocument(ctx context.Context, name string) ([]byte, error) {
	var text []byte
	found, err := t.row(ctx, "FlowGet", []any{name}, &text)
	if err != nil {
		return nil, doing(err, "reading flow %q", name)
	}
	if !found {
		return nil, fault.New(fault.NotFound, "no flow is named %q", name)
	}
	return text, nil
}

// FlowList implements [store.ReadTx].
func (t *Tx) FlowList(ctx context.Context, after string, limit int) ([]*flow.Flow, error) {
	list, err := documents[flow.Flow](ctx, t, "FlowList", after, rowLimit(limit))
	return list, doing(err, "listing flows")
}

// FlowCount implements [store.ReadTx].
func (t *Tx) FlowCount(ctx context.Context) (int, error) {
	var n int64
	_, err := t.row(ctx, "FlowCount", nil, &n)
	return int(n), doing(err, "counting flows")
}

// FlowVersionList implements [store.ReadTx].
func (t *Tx) FlowVersionList(ctx context.Context, name string, limit int) ([]*flow.Flow, error) {
	list, err := documents[flow.Flow](ctx, t, "FlowVersionList", name, rowLimit(limit))
	return list, doing(err, "listing versions of flow %q", name)
}

// FlowPut implements [store.Tx].
func (t *Tx) FlowPut(ctx context.Context, f *flow.Flow) error {
	if f.Name == "" {
		return fault.New(fault.Validation, "a flow needs a name")
	}
	text, err := encodeFlow(f)
	if err == nil {
		_, err = t.exec(ctx, "FlowPut", f.Name, string(f.Status), f.Version, micro(f.UpdatedAt), text)
	}
	var isNew int64
	if err == nil {
		isNew, err = t.exec(ctx, "FlowVersionPut", f.Name, f.Version, text)
	}
	if err == nil && isNew > 0 {
		err = t.flowProfilesPut(ctx, f)
	}
	return doing(err, "writing flow %q", f.Name)
}

// flowProfilesPut notes which profiles a flow's definition uses.
func (t *Tx) flowProfilesPut(ctx context.Context, f *flow.Flow) error {
	if _, err := t.exec(ctx, "FlowProfilesClear", f.Name); err != nil {
		return err
	}
	var rows [][]any
	for _, name := range f.Profiles() {
		rows = append(rows, []any{name, f.Name})
	}
	return t.execMany(ctx, "FlowProfilePut", rows)
}

// FlowDelete implements [store.Tx].
func (t *Tx) FlowDelete(ctx context.Context, name string) error {
	n, err := t.exec(ctx, "FlowDelete", name)
	if err != nil {
		return doing(err, "deleting flow %q", name)
	}
	if n == 0 {
		return fault.New(fault.NotFound, "no flow is named %q", name)
	}
	return nil
}
