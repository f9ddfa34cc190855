package driver

import (
	"context"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// never is when a schedule that is over is due next.
var never = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// TimetableGet implements [store.ReadTx].
func (t *Tx) TimetableGet(ctx context.Context, flowName string) (*flow.Timetable, error) {
	var text []byte
	found, err := t.row(ctx, "TimetableGet", []any{flowName}, &text)
	if err != nil {
		return nil, doing(err, "reading timetable of flow %q", flowName)
	}
	if !found {
		return nil, fault.New(fault.NotFound, "flow %q has no timetable", flowName)
	}
	table, err := decode[flow.Timetable](text)
	return table, doing(err, "reading timetable of flow %q", flowName)
}

// TimetableDue implements [store.ReadTx].
func (t *Tx) TimetableDue(ctx context.Context, now time.Time, limit int) ([]string, error) {
	names, err := t.names(ctx, "TimetableDue", micro(now), rowLimit(limit))
	return names, doing(err, "listing due timetables")
}

// TimetablePut implements [store.Tx].
func (t *Tx) TimetablePut(ctx context.Context, table *flow.Timetable) error {
	next := never
	if table.Next != nil {
		next = micro(*table.Next)
	}
	text, err := encodeTimetable(table)
	var n int64
	if err == nil {
		n, err = t.exec(ctx, "TimetablePut", table.FlowName, next, text)
	}
	if err == nil && n == 0 {
		err = fault.New(fault.NotFound, "no flow is named %q", table.FlowName)
	}
	return doing(err, "writing timetable of flow %q", table.FlowName)
}

func encodeTimetable(table *flow.Timetable) (string, error) {
	kept := *table
	kept.Anchor, kept.Next, kept.Last = micro(table.Anchor), microPtr(table.Next), microPtr(table.Last)
	return encode(&kept)
}

// TimetableDelete implements [store.Tx].
func (t *Tx) TimetableDelete(ctx context.Context, flowName string) error {
	_, err := t.exec(ctx, "TimetableDelete", flowName)
	return doing(err, "deleting timetable of flow %q", flowName)
}

// OutboxDue implements [store.ReadTx].
func (t *Tx) OutboxDue(ctx context.Context, now time.Time, limit int) ([]*store.Letter, error) {
	list, err := documents[store.Letter](ctx, t, "OutboxDue", micro(now), rowLimit(limit))
	return list, doing(err, "listing the outbox")
}

// OutboxPut implements [store.Tx].
func (t *Tx) OutboxPut(ctx context.Context, letter *store.Letter) error {
	kept := *letter
	kept.At, kept.DueAt = micro(letter.At), micro(letter.DueAt)
	text, err := encode(&kept)
	if err == nil {
		_, err = t.exec(ctx, "OutboxPut", kept.ID, kept.DueAt, text)
	}
	return doing(err, "writing letter %q to the outbox", letter.ID)
}

// OutboxDelete implements [store.Tx].
func (t *Tx) OutboxDelete(ctx context.Context, id string) error {
	_, err := t.exec(ctx, "OutboxDelete", id)
	return doing(err, "deleting letter %q", id)
}
