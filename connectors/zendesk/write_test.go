package zendesk_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/connector/connectortest"
	"weir.dev/weir/connectors/zendesk/fake"
	"weir.dev/weir/flow"
)

// put writes rows by an operation and returns those that were refused.
func put(t *testing.T, conn connector.Connection, object, operation, id string, fields []string, rows ...[]string) []connector.Refusal {
	t.Helper()
	props := fmt.Sprintf(`{"object":%q,"writeOperationType":%q,"idFieldNames":[%q]}`, object, operation, id)
	w, err := conn.(connector.Writer).OpenWriter(t.Context(), connector.WriteRequest{Properties: flow.Properties(props), ExecutionID: t.Name() + operation})
	require.NoError(t, err)
	b := connectortest.Batch(&batch.Pool{}, connectortest.Data{Fields: fields, Rows: rows})
	defer b.Release()
	receipt, refused, err := w.Write(t.Context(), 0, b)
	require.NoError(t, err)
	require.EqualValues(t, len(rows)-len(refused), receipt.Rows)
	require.NoError(t, w.Close(t.Context()))
	return refused
}

// text is a record as JSON, of some of its members.
func text(t *testing.T, r fake.Record, names ...string) string {
	t.Helper()
	some := map[string]any{}
	for _, name := range names {
		some[name] = r[name]
	}
	raw, err := json.Marshal(some)
	require.NoError(t, err)
	return string(raw)
}

func TestWrite_TicketsAreUpsertedByTheirExternalID(t *testing.T) {
	t.Parallel()
	a := fake.New(fake.Options{Token: connectortest.Token, JobAsks: 1})
	a.Put("tickets", fake.Record{"external_id": "a", "subject": "old a"})
	a.Put("tickets", fake.Record{"external_id": "two", "subject": "one of two"})
	a.Put("tickets", fake.Record{"external_id": "two", "subject": "the other"})
	conn, _ := connect(t, a)
	fields := []string{"external_id", "subject", "comment.body"}
	refused := put(t, conn, "tickets", "UPSERT", "external_id", fields,
		[]string{"a", "new a", "hello"}, []string{"b", "first b", "hello"}, []string{"b", "second b", "again"}, []string{"two", "x", "x"}, []string{"c", "no comment", ""})
	require.Len(t, refused, 2)
	require.Equal(t, 3, refused[0].Row)
	require.Contains(t, refused[0].Reason, "several records")
	require.Equal(t, 4, refused[1].Row)
	require.Contains(t, refused[1].Reason, "cannot be blank")
	var subjects []string
	for _, r := range a.Records("tickets") {
		subjects = append(subjects, r["subject"].(string))
	}
	require.Equal(t, []string{"new a", "one of two", "the other", "second b"}, subjects, "a record that comes twice is made once, and then changed")
}

func TestWrite_Deletions(t *testing.T) {
	t.Parallel()
	// The record that comes twice is gone the second time; a ticket leaves a trace, which can be deleted once more.
	for object, want := range map[string]int{"tickets": 1, "users": 2, "organizations": 2} {
		t.Run(object, func(t *testing.T) {
			t.Parallel()
			a := fake.New(fake.Options{Token: connectortest.Token, JobAsks: 1})
			for i := range 3 {
				a.Put(object, fake.Record{"id": 100 + i, "name": "n", "subject": "s"})
			}
			conn, _ := connect(t, a)
			refused := put(t, conn, object, "DELETE", "id", []string{"id"}, []string{"100"}, []string{"102"}, []string{"999"}, []string{"100"})
			require.Len(t, refused, want, "%v", refused)
			var left []any
			for _, r := range a.Records(object) {
				if r["status"] != "deleted" {
					left = append(left, r["id"])
				}
			}
			require.Len(t, left, 1)
			require.EqualValues(t, 101, left[0])
		})
	}
}

func TestCustomFields_AreFieldsInBothDirections(t *testing.T) {
	t.Parallel()
	a := fake.New(fake.Options{Token: connectortest.Token, JobAsks: 1})
	a.Put("ticket_fields", fake.Record{"type": "status", "title": "Status", "removable": false})
	for i, f := range []fake.Record{{"title": "Order no. {x}", "type": "text"}, {"title": "Gift", "type": "checkbox"}, {"title": "Gift", "type": "integer"}} {
		f["id"], f["removable"] = 7+i, true
		a.Put("ticket_fields", f)
	}
	a.Put("tickets", fake.Record{"id": 1, "subject": "s", "updated_at": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), "custom_fields": []any{
		map[string]any{"id": 7, "value": "A \"1\" ]"}, map[string]any{"id": 8, "value": true}, map[string]any{"id": 9, "value": nil},
	}})
	conn, _ := connect(t, a)
	order, gift, gift9 := "custom_fields.Order_no_x", "custom_fields.Gift", "custom_fields.Gift_9"
	req := request(t, conn, "tickets", "id", order, gift, gift9, "custom_fields")
	f := req.Schema.Fields[req.Schema.Find(gift)]
	require.Equal(t, flow.TypeBoolean, f.Type)
	require.Equal(t, "Gift", f.Label)
	require.Negative(t, req.Schema.Find("custom_fields.Status"), "it is a member of tickets")
	require.Equal(t, [][]string{{"1", "A \"1\" ]", "true", "<null>", `[{"id":7,"value":"A \"1\" ]"},{"id":8,"value":true},{"id":9,"value":null}]`}}, read(t, conn.(connector.Reader), req))

	require.Empty(t, put(t, conn, "tickets", "UPDATE", "id", []string{"id", gift, gift9}, []string{"1", "false", "12"}))
	require.JSONEq(t, `{"custom_fields":[{"id":7,"value":"A \"1\" ]"},{"id":8,"value":false},{"id":9,"value":12}]}`, text(t, a.Records("tickets")[0], "custom_fields"))
	require.Empty(t, put(t, conn, "tickets", "INSERT", "id", []string{"subject", "comment.body", order}, []string{"new", "hello", "B2"}))
	require.JSONEq(t, `{"subject":"new","custom_fields":[{"id":7,"value":"B2"}]}`, text(t, a.Records("tickets")[1], "subject", "custom_fields"))
}
