package durabletest

import (
	"context"
	"slices"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

func (tx *ledgerTx) FlowList(_ context.Context, after string, limit int) ([]*flow.Flow, error) {
	list, err := all[flow.Flow](tx, "flow")
	list = slices.DeleteFunc(list, func(f *flow.Flow) bool { return f.Name <= after })
	return list[:min(limit, len(list))], err
}

func (tx *ledgerTx) ListenerGet(_ context.Context, name string) (*store.Listener, error) {
	return get[store.Listener](tx, "listener", name)
}

func (tx *ledgerTx) ListenerList(_ context.Context, after string, limit int) ([]*store.Listener, error) {
	list, err := all[store.Listener](tx, "listener")
	list = slices.DeleteFunc(list, func(l *store.Listener) bool { return l.FlowName <= after })
	return list[:min(limit, len(list))], err
}

func (tx *ledgerTx) ListenerPut(_ context.Context, l *store.Listener) error {
	return put(tx, l, "listener", l.FlowName)
}

func (tx *ledgerTx) chunks(name string) ([]*store.EventChunk, error) {
	return all[store.EventChunk](tx, "inbox", name)
}

func (tx *ledgerTx) InboxGet(_ context.Context, name string) (in store.Inbox, err error) {
	list, err := tx.chunks(name)
	for i, c := range list {
		if i == 0 {
			in.First, in.Oldest = c.Sequence, c.At
		}
		in.End = c.Sequence + 1
		in.Events += c.Events
		in.Bytes += c.Bytes
	}
	return in, err
}

func (tx *ledgerTx) InboxList(_ context.Context, name string, from, to int64, limit int) ([]*store.EventChunk, error) {
	list, err := tx.chunks(name)
	list = slices.DeleteFunc(list, func(c *store.EventChunk) bool { return c.Sequence < from || c.Sequence >= to })
	return list[:min(limit, len(list))], err
}

// InboxAppend refuses a sequence that was there before: that would be an event taken in twice.
func (tx *ledgerTx) InboxAppend(_ context.Context, chunks []*store.EventChunk) error {
	for _, c := range chunks {
		if _, err := get[store.EventChunk](tx, "inbox", c.FlowName, int(c.Sequence)); err == nil {
			return fault.New(fault.Conflict, "there is a chunk %d already", c.Sequence)
		}
		if err := put(tx, c, "inbox", c.FlowName, int(c.Sequence)); err != nil {
			return err
		}
	}
	return nil
}

func (tx *ledgerTx) InboxDelete(_ context.Context, name string, before int64) error {
	list, err := tx.chunks(name)
	for _, c := range list {
		if c.Sequence < before {
			tx.delete(key("inbox", name, int(c.Sequence)))
		}
	}
	return err
}

func (tx *ledgerTx) EventIDHas(_ context.Context, name, id string) (bool, error) {
	_, found := tx.state.get(key("eventid", name, id))
	return found, nil
}

func (tx *ledgerTx) EventIDList(_ context.Context, name, after string, limit int) ([]string, error) {
	list, err := all[store.EventID](tx, "eventid", name)
	var ids []string
	for _, id := range list {
		if id.ID > after && len(ids) < limit {
			ids = append(ids, id.ID)
		}
	}
	return ids, err
}

func (tx *ledgerTx) EventIDPut(_ context.Context, ids []store.EventID) error {
	for _, id := range ids {
		if err := put(tx, id, "eventid", id.FlowName, id.ID); err != nil {
			return err
		}
	}
	return nil
}

func (tx *ledgerTx) EventIDDelete(_ context.Context, name, id string) error {
	tx.delete(key("eventid", name, id))
	return nil
}

func (tx *ledgerTx) EventIDPrune(_ context.Context, now time.Time) error {
	return nil // nothing grows old in a test's life
}
