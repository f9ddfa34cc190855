package transform_test

import (
	"bytes"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/flow"
	"weir.dev/weir/format"
	"weir.dev/weir/format/csv"
	"weir.dev/weir/format/formattest"
	"weir.dev/weir/internal/plan"
	"weir.dev/weir/internal/transform"
)

// contacts is a batch as the CSV reader makes it of an export of contacts with 20 columns, about 250 bytes a row.
func contacts(t testing.TB, pool *batch.Pool, rows int) *batch.Batch {
	t.Helper()
	var file bytes.Buffer
	require.NoError(t, formattest.CRM{Seed: 1, Rows: rows}.WriteCSV(&file))
	opts := format.ReadOptions{ChunkBytes: 2 * file.Len(), Pool: pool}
	for _, name := range formattest.CRMColumns {
		opts.Columns = append(opts.Columns, format.ReadColumn{Name: name, Kind: batch.Kind{Type: batch.Text}})
	}
	r, err := csv.NewReader(t.Context(), formattest.File{Label: "contacts.csv", Data: file.Bytes()}, opts)
	require.NoError(t, err)
	chunk, err := r.Next(t.Context())
	require.NoError(t, err)
	b, err := chunk.Decode()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Equal(t, rows, b.Rows)
	return b
}

func contactInput() (cols []plan.Column) {
	for _, n := range formattest.CRMColumns {
		cols = append(cols, plan.Column{Name: n, Type: flow.TypeText})
	}
	return cols
}

// contactProgram maps 10 of the 20 fields: a number filter that keeps 60 %, two masks, a concatenation, a
// multiplication, a truncation and a validation.
func contactProgram() plan.Program {
	p := plan.Program{
		Input:       contactInput(),
		Filters:     []plan.Filter{{Field: "amount", Operator: flow.OpGreaterThan, Compare: flow.CompareNumber, Values: []string{"40000"}}},
		Validations: []plan.Validation{{Field: "city", Operator: flow.OpValidateNonNull}},
		Derived: []plan.Derived{
			{Name: "first_name,last_name", Fields: []string{"first_name", "last_name"}, Operator: flow.OpNoOp,
				Format: []flow.ConcatPiece{{Field: "first_name"}, {Literal: " "}, {Field: "last_name"}}},
			{Name: "amount,score", Fields: []string{"amount", "score"}, Operator: flow.OpMultiplication},
		},
		Edits: []plan.Edit{
			{Field: "phone", Mask: flow.OpMaskLastN, Length: 4, With: "*"},
			{Field: "email", Mask: flow.OpMaskAll, With: "*"},
			{Field: "street", Truncate: 20},
		},
	}
	for _, f := range []string{"external_id", "company", "city", "created_at", "is_active", "first_name,last_name", "amount,score", "phone", "email", "street"} {
		p.Outputs = append(p.Outputs, plan.Output{Field: f, Name: f})
	}
	return p
}

func benchmarkProgram(b *testing.B, p plan.Program, rows int) {
	pool := new(batch.Pool)
	in := contacts(b, pool, rows)
	defer in.Release()
	prog, err := transform.Compile(p, transform.Options{Pool: pool})
	require.NoError(b, err)
	b.ReportAllocs()
	before := cpuTime(b)
	for b.Loop() {
		in.Retain()
		res, err := prog.Run(in)
		if err != nil {
			b.Fatal(err)
		}
		if res.Out != nil {
			res.Out.Release()
		}
	}
	// Processor time says more than the clock where other programs run beside.
	perRow := float64(cpuTime(b)-before) / float64(b.N) / float64(rows)
	b.ReportMetric(perRow, "cpu-ns/row")
	b.ReportMetric(1e9/perRow, "rows/cpu-s")
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkProgram_TenColumnsWithTasks shows the whole, and what batches cost that do not fit the second-level cache: each
// column's loop fetches the rows' text anew.
func BenchmarkProgram_TenColumnsWithTasks(b *testing.B) {
	for _, rows := range []int{1024, 4096, 16384} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) { benchmarkProgram(b, contactProgram(), rows) })
	}
}

// BenchmarkProgram_Part shows what each part of the program above costs by itself.
func BenchmarkProgram_Part(b *testing.B) {
	whole := contactProgram()
	parts := map[string]func(p *plan.Program){
		"filter":          func(p *plan.Program) { p.Filters = whole.Filters; p.Outputs = whole.Outputs[:1] },
		"validate":        func(p *plan.Program) { p.Validations = whole.Validations; p.Outputs = whole.Outputs[:1] },
		"copy all":        func(p *plan.Program) { p.Outputs = whole.Outputs[:5] },
		"filter and copy": func(p *plan.Program) { p.Filters = whole.Filters; p.Outputs = whole.Outputs[:5] },
		"merge":           func(p *plan.Program) { p.Derived = whole.Derived; p.Outputs = whole.Outputs[5:6] },
		"multiply":        func(p *plan.Program) { p.Derived = whole.Derived; p.Outputs = whole.Outputs[6:7] },
		"mask last":       func(p *plan.Program) { p.Edits = whole.Edits; p.Outputs = whole.Outputs[7:8] },
		"mask all":        func(p *plan.Program) { p.Edits = whole.Edits; p.Outputs = whole.Outputs[8:9] },
		"truncate":        func(p *plan.Program) { p.Edits = whole.Edits; p.Outputs = whole.Outputs[9:10] },
		"divide": func(p *plan.Program) {
			p.Derived = []plan.Derived{{Name: "q", Fields: []string{"score", "amount"}, Operator: flow.OpDivision}}
			p.Outputs = []plan.Output{{Field: "q", Name: "q"}}
		},
		"filter instant": func(p *plan.Program) {
			p.Filters = []plan.Filter{{Field: "created_at", Operator: flow.OpGreaterThan, Compare: flow.CompareInstant, Values: []string{"1577836800000"}}}
			p.Outputs = whole.Outputs[:1]
		},
		"filter text": func(p *plan.Program) {
			p.Filters = []plan.Filter{{Field: "is_active", Operator: flow.OpEqualTo, Compare: flow.CompareText, Values: []string{"true"}}}
			p.Outputs = whole.Outputs[:1]
		},
		"filter contains": func(p *plan.Program) {
			p.Filters = []plan.Filter{{Field: "street", Operator: flow.OpContains, Compare: flow.CompareText, Values: []string{"needle"}}}
			p.Outputs = whole.Outputs[:1]
		},
		"cast double":  func(p *plan.Program) { p.Outputs = []plan.Output{{Field: "amount", Name: "a", Type: flow.TypeDouble}} },
		"cast decimal": func(p *plan.Program) { p.Outputs = []plan.Output{{Field: "amount", Name: "a", Type: flow.TypeDecimal}} },
		"cast timestamp": func(p *plan.Program) {
			p.Outputs = []plan.Output{{Field: "created_at", Name: "a", Type: flow.TypeDatetime}}
		},
	}
	for _, name := range []string{"filter", "filter instant", "filter text", "filter contains", "validate", "copy all", "filter and copy",
		"merge", "multiply", "divide", "mask last", "mask all", "truncate", "cast double", "cast decimal", "cast timestamp"} {
		b.Run(name, func(b *testing.B) {
			p := plan.Program{Input: whole.Input}
			parts[name](&p)
			benchmarkProgram(b, p, 4096)
		})
	}
}
