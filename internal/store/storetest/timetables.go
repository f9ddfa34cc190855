package storetest

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

func testTimetable(flowName string, next *time.Time) *flow.Timetable {
	last := instant.Add(-time.Hour)
	return &flow.Timetable{
		FlowName: flowName, Anchor: instant, Next: next, Last: &last, Skipped: 2, Missed: 3,
		Passed: []flow.PassedTime{{At: kept(instant), Count: 2, Reason: "the run before was still going"}},
	}
}

func testLetter(id string, due time.Time) *store.Letter {
	return &store.Letter{ID: id, Kind: "end", To: "bus", At: instant, DueAt: due, Attempts: 1, Body: json.RawMessage(`{"a":"\u0001"}`)}
}

var timetableTests = map[string]func(*testing.T, store.Store){
	"GetReturnsWhatWasPut": func(t *testing.T, s store.Store) {
		next := instant.Add(time.Minute)
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			require.NoError(t, tx.FlowPut(ctx, testFlow("orders", 1)))
			return tx.TimetablePut(ctx, testTimetable("orders", &next))
		})
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			got, err := tx.TimetableGet(ctx, "orders")
			require.NoError(t, err)
			want := testTimetable("orders", nil)
			want.Anchor = kept(want.Anchor)
			wantNext, wantLast := kept(next), kept(*want.Last)
			want.Next, want.Last = &wantNext, &wantLast
			require.Equal(t, want, got)
			_, err = tx.TimetableGet(ctx, "other")
			requireCode(t, fault.NotFound, err)
			return nil
		})
	},
	"DueListsTheMostOverdueFirst": func(t *testing.T, s store.Store) {
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			for i, name := range []string{"late", "later", "latest", "over"} {
				require.NoError(t, tx.FlowPut(ctx, testFlow(name, 1)))
				next := instant.Add(-time.Duration(i) * time.Minute)
				table := testTimetable(name, &next)
				if name == "over" {
					table.Next = nil
				}
				require.NoError(t, tx.TimetablePut(ctx, table))
			}
			return nil
		})
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			names, err := tx.TimetableDue(ctx, instant, 10)
			require.NoError(t, err)
			require.Equal(t, []string{"latest", "later", "late"}, names)
			names, err = tx.TimetableDue(ctx, instant.Add(-time.Minute), 1)
			require.NoError(t, err)
			require.Equal(t, []string{"latest"}, names)
			return nil
		})
	},
	"GoesWithItsFlow": func(t *testing.T, s store.Store) {
		requireCode(t, fault.NotFound, writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
			return tx.TimetablePut(ctx, testTimetable("nobody", &instant))
		}))
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			require.NoError(t, tx.FlowPut(ctx, testFlow("orders", 1)))
			require.NoError(t, tx.TimetablePut(ctx, testTimetable("orders", &instant)))
			require.NoError(t, tx.FlowPut(ctx, testFlow("orders", 2)))
			_, err := tx.TimetableGet(ctx, "orders")
			require.NoError(t, err, "an update keeps it")
			return tx.FlowDelete(ctx, "orders")
		})
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			_, err := tx.TimetableGet(ctx, "orders")
			requireCode(t, fault.NotFound, err)
			names, err := tx.TimetableDue(ctx, instant, 10)
			require.Empty(t, names)
			return err
		})
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.TimetableDelete(ctx, "orders") })
	},
	"OutboxKeepsLettersUntilTheyAreDeleted": func(t *testing.T, s store.Store) {
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			require.NoError(t, tx.OutboxPut(ctx, testLetter("b", instant)))
			require.NoError(t, tx.OutboxPut(ctx, testLetter("a", instant)))
			require.NoError(t, tx.OutboxPut(ctx, testLetter("first", instant.Add(-time.Second))))
			return tx.OutboxPut(ctx, testLetter("future", instant.Add(time.Second)))
		})
		due := func() (ids []string) {
			read(t, s, func(ctx context.Context, tx store.ReadTx) error {
				list, err := tx.OutboxDue(ctx, instant, 10)
				ids = nil
				for _, l := range list {
					ids = append(ids, l.ID)
					require.Equal(t, json.RawMessage(`{"a":"\u0001"}`), l.Body)
					require.Equal(t, kept(instant), l.At)
				}
				return err
			})
			return ids
		}
		require.Equal(t, []string{"first", "a", "b"}, due())
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			require.NoError(t, tx.OutboxPut(ctx, testLetter("first", instant.Add(time.Hour))))
			require.NoError(t, tx.OutboxDelete(ctx, "gone"))
			return tx.OutboxDelete(ctx, "a")
		})
		require.Equal(t, []string{"b"}, due())
	},
}
