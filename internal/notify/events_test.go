package notify_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/notify"
	"weir.dev/weir/internal/store"
	"weir.dev/weir/internal/store/sqlite"
)

// onTheBus is a receiver that is told of no executions of event flows, as EventBridge.
type onTheBus struct{ *post }

func (onTheBus) Wants(notify.Kind) bool { return true }
func (onTheBus) WantsEventRuns() bool   { return false }

// letters are what is in the outbox, by receiver and kind.
func letters(t *testing.T, s store.Store) map[string]notify.Fact {
	all := map[string]notify.Fact{}
	require.NoError(t, s.Read(t.Context(), func(tx store.ReadTx) error {
		list, err := tx.OutboxDue(t.Context(), time.Now().Add(time.Hour), 100)
		for _, l := range list {
			var f notify.Fact
			require.NoError(t, json.Unmarshal(l.Body, &f))
			all[l.To+" "+l.Kind] = f
		}
		return err
	}))
	return all
}

func TestBook_EventFlowsAreReportedInsteadOfTheirExecutions(t *testing.T) {
	t.Parallel()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "weir.db"), sqlite.Options{})
	require.NoError(t, err)
	defer s.Close()
	book := notify.NewBook("000000000000", "us-east-1", []notify.Receiver{onTheBus{&post{name: "test:bus"}}, &post{name: "test:all"}})
	f := &flow.Flow{Name: "signups", Version: 1, StatusMessage: "the token has been revoked"}
	f.Trigger.Type = flow.TriggerEvent
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	write := func(fn func(ctx context.Context, tx store.Tx) error) {
		for range 2 { // as a transaction that is run again
			require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error { return fn(t.Context(), tx) }))
		}
	}
	x := flow.NewExecution("5e8f1a5c-7d1b-4b0e-9c53-1f2e3d4c5b6a", f, now)
	write(func(ctx context.Context, tx store.Tx) error { return book.Started(ctx, tx, f, x) })
	write(func(ctx context.Context, tx store.Tx) error { return book.Ended(ctx, tx, f, x) })
	write(func(ctx context.Context, tx store.Tx) error {
		return book.EventReport(ctx, tx, f, &store.EventReport{From: now.Add(-5 * time.Minute), To: now, Counts: store.EventCounts{Received: 3}})
	})
	write(func(ctx context.Context, tx store.Tx) error { return book.EventsDeactivated(ctx, tx, f, now) })
	got := letters(t, s)
	require.Len(t, got, 6)
	for _, want := range []string{
		"test:all start", "test:all end", "test:all event-report", "test:all event-deactivate", "test:bus event-report", "test:bus event-deactivate",
	} {
		require.Contains(t, got, want)
	}
	require.EqualValues(t, 3, got["test:bus event-report"].Activity.Counts.Received)
	require.Equal(t, "the token has been revoked", got["test:bus event-deactivate"].Reason)

	write(func(ctx context.Context, tx store.Tx) error { return book.Deactivated(ctx, tx, f, x) })
	require.Contains(t, letters(t, s), "test:bus event-deactivate")
	require.NotContains(t, letters(t, s), "test:bus deactivate", "that is a scheduled flow's")
}
