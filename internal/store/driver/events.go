package driver

import (
	"context"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
)

// ListenerGet implements [store.ReadTx].
func (t *Tx) ListenerGet(ctx context.Context, flowName string) (*store.Listener, error) {
	var text []byte
	found, err := t.row(ctx, "ListenerGet", []any{flowName}, &text)
	if err != nil {
		return nil, doing(err, "reading the listener of flow %q", flowName)
	}
	if !found {
		return nil, fault.New(fault.NotFound, "flow %q has no listener", flowName)
	}
	l, err := decode[store.Listener](text)
	return l, doing(err, "reading the listener of flow %q", flowName)
}

// ListenerList implements [store.ReadTx].
func (t *Tx) ListenerList(ctx context.Context, after string, limit int) ([]*store.Listener, error) {
	list, err := documents[store.Listener](ctx, t, "ListenerList", after, rowLimit(limit))
	return list, doing(err, "listing listeners")
}

// ListenerPut implements [store.Tx].
func (t *Tx) ListenerPut(ctx context.Context, l *store.Listener) error {
	kept := *l
	for _, at := range []*time.Time{&kept.Since, &kept.GapAt, &kept.RetryAt, &kept.LastAt, &kept.Reported.At} {
		*at = micro(*at)
	}
	text, err := encode(&kept)
	var n int64
	if err == nil {
		n, err = t.exec(ctx, "ListenerPut", l.FlowName, text)
	}
	if err == nil && n == 0 {
		err = noFlow(l.FlowName)
	}
	return doing(err, "writing the listener of flow %q", l.FlowName)
}

func noFlow(name string) error { return fault.New(fault.NotFound, "no flow is named %q", name) }

// InboxGet implements [store.ReadTx].
func (t *Tx) InboxGet(ctx context.Context, flowName string) (store.Inbox, error) {
	var in store.Inbox
	var oldest Instant
	found, err := t.row(ctx, "InboxGet", []any{flowName}, &in.First, &in.End, &in.Events, &in.Bytes, &oldest)
	if err != nil || !found {
		return store.Inbox{}, doing(err, "summing up the inbox of flow %q", flowName)
	}
	in.Oldest = oldest.Time
	return in, nil
}

// InboxList implements [store.ReadTx].
func (t *Tx) InboxList(ctx context.Context, flowName string, from, to int64, limit int) ([]*store.EventChunk, error) {
	var list []*store.EventChunk
	err := t.rows(ctx, "InboxList", []any{flowName, from, to, rowLimit(limit)}, func(scan func(dest ...any) error) error {
		c := &store.EventChunk{FlowName: flowName}
		var at Instant
		if err := scan(&c.Sequence, &at, &c.Events, &c.Bytes, &c.Sealed); err != nil {
			return err
		}
		c.At = at.Time
		list = append(list, c)
		return nil
	})
	return list, doing(err, "reading the inbox of flow %q", flowName)
}

// InboxAppend implements [store.Tx].
func (t *Tx) InboxAppend(ctx context.Context, chunks []*store.EventChunk) error {
	rows := make([][]any, len(chunks))
	for i, c := range chunks {
		if err := t.roomInInbox(ctx, c); err != nil {
			return doing(err, "adding to the inbox of flow %q", c.FlowName)
		}
		rows[i] = []any{c.FlowName, c.Sequence, micro(c.At), c.Events, c.Bytes, bytesOrEmpty(c.Sealed)}
	}
	return doing(t.execMany(ctx, "InboxAppend", rows), "adding to an inbox")
}

// roomInInbox tells the two mistakes that the insert itself would only call broken constraints.
func (t *Tx) roomInInbox(ctx context.Context, c *store.EventChunk) error {
	if _, err := t.FlowDocument(ctx, c.FlowName); err != nil {
		return err
	}
	var one int64
	found, err := t.row(ctx, "InboxHas", []any{c.FlowName, c.Sequence}, &one)
	if err == nil && found {
		return fault.New(fault.Conflict, "there is a chunk %d already", c.Sequence)
	}
	return err
}

// InboxReseal implements [store.Tx].
func (t *Tx) InboxReseal(ctx context.Context, flowName string, sequence int64, sealed []byte) error {
	_, err := t.exec(ctx, "InboxReseal", flowName, sequence, bytesOrEmpty(sealed))
	return doing(err, "resealing chunk %d in the inbox of flow %q", sequence, flowName)
}

// InboxDelete implements [store.Tx].
func (t *Tx) InboxDelete(ctx context.Context, flowName string, before int64) error {
	_, err := t.exec(ctx, "InboxDelete", flowName, before)
	return doing(err, "emptying the inbox of flow %q", flowName)
}

// EventIDHas implements [store.ReadTx].
func (t *Tx) EventIDHas(ctx context.Context, flowName, id string) (bool, error) {
	var one int64
	found, err := t.row(ctx, "EventIDHas", []any{flowName, id}, &one)
	return found, doing(err, "looking for an event of flow %q", flowName)
}

// EventIDList implements [store.ReadTx].
func (t *Tx) EventIDList(ctx context.Context, flowName, after string, limit int) ([]string, error) {
	list, err := t.names(ctx, "EventIDList", flowName, after, rowLimit(limit))
	return list, doing(err, "listing the events of flow %q", flowName)
}

// EventIDPut implements [store.Tx].
func (t *Tx) EventIDPut(ctx context.Context, ids []store.EventID) error {
	rows := make([][]any, len(ids))
	checked := ""
	for i, id := range ids {
		if id.FlowName != checked {
			if _, err := t.FlowDocument(ctx, id.FlowName); err != nil {
				return doing(err, "remembering events")
			}
			checked = id.FlowName
		}
		rows[i] = []any{id.FlowName, id.ID, micro(id.Until)}
	}
	return doing(t.execMany(ctx, "EventIDPut", rows), "remembering events")
}

// EventIDDelete implements [store.Tx].
func (t *Tx) EventIDDelete(ctx context.Context, flowName, id string) error {
	_, err := t.exec(ctx, "EventIDDelete", flowName, id)
	return doing(err, "forgetting an event of flow %q", flowName)
}

// EventIDPrune implements [store.Tx].
func (t *Tx) EventIDPrune(ctx context.Context, now time.Time) error {
	_, err := t.exec(ctx, "EventIDPrune", micro(now))
	return doing(err, "forgetting old events")
}
