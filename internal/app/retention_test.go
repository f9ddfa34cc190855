package app_test

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/app"
	"weir.dev/weir/internal/store"
)

func TestRetention_OldRunsAndEventsAreForgotten(t *testing.T) {
	t.Parallel()
	cfg := app.Config{Data: t.TempDir(), RunRetention: 24 * time.Hour, AuditRetention: 24 * time.Hour}
	old := time.Now().Add(-48 * time.Hour)
	seeding, err := app.OpenStore(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, seeding.Write(t.Context(), func(tx store.Tx) error {
		f := &flow.Flow{Name: "hourly", Status: flow.StatusActive, Version: 1, SchemaVersion: 1, CreatedAt: old, UpdatedAt: old}
		require.NoError(t, tx.FlowPut(t.Context(), f))
		for i := range 130 {
			x := flow.NewExecution(fmt.Sprintf("x%03d", i), f, old.Add(time.Duration(i)*time.Minute))
			x.Status = flow.ExecutionSuccessful
			require.NoError(t, tx.ExecutionPut(t.Context(), x))
		}
		return tx.AuditAppend(t.Context(), &store.AuditEvent{At: old, Operation: "StartFlow"})
	}))
	require.NoError(t, seeding.Close())

	a := open(t, cfg, io.Discard)
	left := func() (runs []*flow.Execution, events []*store.AuditEvent) {
		require.NoError(t, a.Store.Read(t.Context(), func(tx store.ReadTx) (err error) {
			if runs, err = tx.ExecutionList(context.Background(), "hourly", nil, 1000); err != nil {
				return err
			}
			events, err = tx.AuditList(context.Background(), 0, 10)
			return err
		}))
		return runs, events
	}
	require.Eventually(t, func() bool {
		runs, events := left()
		return len(runs) == 100 && len(events) == 0
	}, 30*time.Second, 10*time.Millisecond)
	runs, _ := left()
	require.Equal(t, "x129", runs[0].ID)
	require.Equal(t, "x030", runs[99].ID)
}
