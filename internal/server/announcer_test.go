package server_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/server"
	"weir.dev/weir/internal/store"
)

// herald writes a letter about each run, or fails.
type herald struct{ err error }

func (h *herald) Started(ctx context.Context, tx store.Tx, f *flow.Flow, x *flow.Execution) error {
	if h.err != nil {
		return h.err
	}
	return tx.OutboxPut(ctx, &store.Letter{ID: x.ID, Kind: "start", To: f.Name, At: x.StartedAt, DueAt: x.StartedAt, Body: []byte(`{}`)})
}

func TestStartFlow_IsAnnouncedInItsOwnTransaction(t *testing.T) {
	t.Parallel()
	h := &herald{}
	var began []string
	g := newRig(t, func(o *server.Options) { o.Announcer, o.Began = h, func(name string) { began = append(began, name) } })
	letters := func() (list []*store.Letter) {
		require.NoError(t, g.store.Read(t.Context(), func(tx store.ReadTx) (err error) {
			list, err = tx.OutboxDue(t.Context(), time.Now().Add(time.Hour), 10)
			return err
		}))
		return list
	}
	g.post("/create-flow", flowJSON("orders"))
	h.err = errors.New("no room for letters")
	require.Equal(t, http.StatusInternalServerError, g.send(http.MethodPost, "/start-flow", `{"flowName":"orders"}`).status)
	require.Empty(t, letters())
	require.Empty(t, began)
	h.err = nil
	id := g.post("/start-flow", `{"flowName":"orders"}`)["executionId"]
	list := letters()
	require.Len(t, list, 1)
	require.Equal(t, id, list[0].ID)
	require.Equal(t, []string{"orders"}, began)
}

func TestDescribe_ShowsWhatBecameOfTheCatalog(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.post("/create-flow", flowJSON("orders"))
	id := g.post("/start-flow", `{"flowName":"orders"}`)["executionId"].(string)
	detail := flow.CatalogDetail{
		Table: "orders_appflow_orders_1", Tables: flow.CatalogOutcome{Status: flow.ExecutionSuccessful, Result: "1"},
		Partitions: &flow.CatalogOutcome{Status: flow.ExecutionError, Result: "0", Message: "access denied"},
	}
	x := g.execution(id)
	x.Catalog = []flow.CatalogDetail{detail}
	require.NoError(t, g.store.Write(t.Context(), func(tx store.Tx) error {
		f, err := tx.FlowGet(t.Context(), "orders")
		require.NoError(t, err)
		f.LastCatalog = x.Catalog
		if err := tx.FlowPut(t.Context(), f); err != nil {
			return err
		}
		return tx.ExecutionPut(t.Context(), x)
	}))
	want := []any{map[string]any{
		"catalogType": "GLUE", "tableName": "orders_appflow_orders_1",
		"tableRegistrationOutput":     map[string]any{"status": "Successful", "result": "1"},
		"partitionRegistrationOutput": map[string]any{"status": "Error", "result": "0", "message": "access denied"},
	}}
	require.Equal(t, want, g.post("/describe-flow", `{"flowName":"orders"}`)["lastRunMetadataCatalogDetails"])
	records := g.post("/describe-flow-execution-records", `{"flowName":"orders"}`)["flowExecutions"].([]any)
	require.Equal(t, want, records[0].(map[string]any)["metadataCatalogDetails"])
}
