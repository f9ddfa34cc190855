package durabletest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

func (tx *ledgerTx) ExecutionUnfinishedOf(ctx context.Context, name string) ([]*flow.Execution, error) {
	list, err := tx.ExecutionUnfinished(ctx)
	return slices.DeleteFunc(list, func(x *flow.Execution) bool { return x.FlowName != name }), err
}

func (tx *ledgerTx) ExecutionUnheld(ctx context.Context, leasePrefix string, now time.Time, limit int) ([]string, error) {
	list, err := tx.ExecutionUnfinished(ctx)
	slices.SortFunc(list, func(x, y *flow.Execution) int {
		return cmp.Or(x.StartedAt.Compare(y.StartedAt), cmp.Compare(x.ID, y.ID))
	})
	var ids []string
	for _, x := range list {
		if l, err := get[lease](tx, "lease", leasePrefix+x.ID); len(ids) < limit && (err != nil || !l.Expires.After(now)) {
			ids = append(ids, x.ID)
		}
	}
	return ids, err
}

func (tx *ledgerTx) TimetableGet(_ context.Context, name string) (*flow.Timetable, error) {
	return get[flow.Timetable](tx, "timetable", name)
}

func (tx *ledgerTx) TimetablePut(_ context.Context, t *flow.Timetable) error {
	return put(tx, t, "timetable", t.FlowName)
}

func (tx *ledgerTx) TimetableDelete(_ context.Context, name string) error {
	tx.delete(key("timetable", name))
	return nil
}

func (tx *ledgerTx) TimetableDue(_ context.Context, now time.Time, limit int) ([]string, error) {
	list, err := all[flow.Timetable](tx, "timetable")
	list = slices.DeleteFunc(list, func(t *flow.Timetable) bool { return t.Next == nil || t.Next.After(now) })
	slices.SortFunc(list, func(a, b *flow.Timetable) int { return a.Next.Compare(*b.Next) })
	var names []string
	for _, t := range list[:min(limit, len(list))] {
		names = append(names, t.FlowName)
	}
	return names, err
}

func (tx *ledgerTx) OutboxPut(_ context.Context, l *store.Letter) error {
	return put(tx, l, "outbox", l.ID)
}

func (tx *ledgerTx) OutboxDelete(_ context.Context, id string) error {
	tx.delete(key("outbox", id))
	return nil
}

func (tx *ledgerTx) OutboxDue(_ context.Context, now time.Time, limit int) ([]*store.Letter, error) {
	list, err := all[store.Letter](tx, "outbox")
	list = slices.DeleteFunc(list, func(l *store.Letter) bool { return l.DueAt.After(now) })
	slices.SortFunc(list, func(a, b *store.Letter) int { return cmp.Or(a.DueAt.Compare(b.DueAt), cmp.Compare(a.ID, b.ID)) })
	return list[:min(limit, len(list))], err
}
