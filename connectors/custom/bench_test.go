package custom

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/flow"
)

// BenchmarkRecords reads one answer of 1,000 records into columns.
func BenchmarkRecords(b *testing.B) {
	records := make([]string, 1000)
	for i := range records {
		records[i] = fmt.Sprintf(`{"id":%d,"name":"a name, number %d","note":"some \"quoted\" text of usual length, as vendors have it","total":%d.25,"open":true}`, i, i, i)
	}
	answer, err := json.Marshal(map[string]any{"isSuccess": true, "records": records, "nextToken": "t"})
	require.NoError(b, err)
	schema := flow.Schema{Entity: "e", Fields: []flow.Field{
		{Name: "id", Type: flow.TypeLong}, {Name: "name", Type: flow.TypeString}, {Name: "note", Type: flow.TypeString},
		{Name: "total", Type: flow.TypeDouble}, {Name: "open", Type: flow.TypeBoolean},
	}}
	plan, err := rest.NewPlan(schema, rest.PlanOptions{Fields: []string{"id", "name", "note", "total", "open"}})
	require.NoError(b, err)
	b.SetBytes(int64(len(answer)))
	b.ReportAllocs()
	for b.Loop() {
		_, err := examine("QueryData", answer)
		require.NoError(b, err)
		a, err := readRecords("e", 1, bytes.Clone(answer))
		require.NoError(b, err)
		g := &page{pages: &pages{entity: "e", plan: plan}, answer: a, first: 1}
		batch, err := g.Decode()
		require.NoError(b, err)
		batch.Release()
	}
}
