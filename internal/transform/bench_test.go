package transform_test

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/plan"
	"weir.dev/weir/internal/transform"
)

// accountNames are the 20 columns of the account export that benchmarks move.
var accountNames = []string{"Id", "Name", "FirstName", "LastName", "Email", "Phone", "Street", "City", "State", "PostalCode",
	"Country", "Industry", "Status", "Amount", "Rate", "CreatedDate", "LastModifiedDate", "OwnerId", "Description", "IsActive"}

// accounts makes a batch whose cells point into row-major text, as a CSV parser leaves them.
func accounts(pool *batch.Pool, seed uint64, rows int) *batch.Batch {
	r := rand.New(rand.NewPCG(seed, 1))
	word := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "etaoinshrdlu"[r.IntN(12)]
		}
		return string(b)
	}
	cell := func(name string) string {
		switch name {
		case "Id", "OwnerId":
			return "0015g00000" + word(8)
		case "Name":
			return word(3+r.IntN(8)) + " " + word(3+r.IntN(8)) + " Holdings Ltd"
		case "FirstName", "LastName", "City", "State", "Country":
			return word(3 + r.IntN(8))
		case "Email":
			return word(3+r.IntN(6)) + "." + word(3+r.IntN(8)) + "@" + word(6) + ".example.com"
		case "Phone":
			return fmt.Sprintf("+46 %d %03d %02d %02d", 70+r.IntN(9), r.IntN(1000), r.IntN(100), r.IntN(100))
		case "PostalCode":
			return fmt.Sprintf("%05d", r.IntN(30000))
		case "Amount":
			return fmt.Sprintf("%d.%02d", r.IntN(1_000_000), r.IntN(100))
		case "Rate":
			return fmt.Sprintf("%d.%d", r.IntN(2), r.IntN(1000))
		case "CreatedDate", "LastModifiedDate":
			return fmt.Sprintf("20%02d-%02d-%02dT%02d:%02d:%02d.000Z", 18+r.IntN(7), 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60))
		case "Description":
			return word(20 + r.IntN(60))
		}
		return [...]string{"true", "false"}[r.IntN(2)]
	}
	type span struct{ off, n int }
	var text []byte
	spans := make([]span, 0, rows*len(accountNames))
	for range rows {
		for _, name := range accountNames {
			s := cell(name)
			spans = append(spans, span{len(text), len(s)})
			text = append(append(text, s...), ',')
		}
	}
	buf := memory.NewBufferBytes(text)
	cols := make([]batch.Column, len(accountNames))
	for c, name := range accountNames {
		b := batch.NewTextBuilder(pool, rows)
		bi := b.Buffer(buf)
		for row := range rows {
			s := spans[row*len(accountNames)+c]
			b.Set(row, bi, text, s.off, s.n)
		}
		cols[c] = b.Build(name, batch.Text)
	}
	return batch.New(cols, rows, batch.Origin{Object: "accounts.csv", First: 1})
}

func accountInput() (cols []plan.Column) {
	for _, n := range accountNames {
		cols = append(cols, plan.Column{Name: n, Type: flow.TypeText})
	}
	return cols
}

// accountProgram maps 10 of the 20 fields: a number filter that keeps 60 %, two masks, a concatenation, a
// multiplication, a truncation and a validation.
func accountProgram() plan.Program {
	p := plan.Program{
		Input:       accountInput(),
		Filters:     []plan.Filter{{Field: "Amount", Operator: flow.OpGreaterThan, Compare: flow.CompareNumber, Values: []string{"400000"}}},
		Validations: []plan.Validation{{Field: "City", Operator: flow.OpValidateNonNull}},
		Derived: []plan.Derived{
			{Name: "FirstName,LastName", Fields: []string{"FirstName", "LastName"}, Operator: flow.OpNoOp,
				Format: []flow.ConcatPiece{{Field: "FirstName"}, {Literal: " "}, {Field: "LastName"}}},
			{Name: "Amount,Rate", Fields: []string{"Amount", "Rate"}, Operator: flow.OpMultiplication},
		},
		Edits: []plan.Edit{
			{Field: "Phone", Mask: flow.OpMaskLastN, Length: 4, With: "*"},
			{Field: "Email", Mask: flow.OpMaskAll, With: "*"},
			{Field: "Description", Truncate: 40},
		},
	}
	for _, f := range []string{"Id", "Name", "City", "CreatedDate", "IsActive", "FirstName,LastName", "Amount,Rate", "Phone", "Email", "Description"} {
		p.Outputs = append(p.Outputs, plan.Output{Field: f, Name: f})
	}
	return p
}

func benchmarkProgram(b *testing.B, p plan.Program) {
	const rows = 16384
	pool := new(batch.Pool)
	in := accounts(pool, 1, rows)
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
	perRow := float64(cpuTime(b)-before) / float64(b.N) / rows
	b.ReportMetric(perRow, "cpu-ns/row")
	b.ReportMetric(1e9/perRow, "rows/cpu-s")
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkProgram_TenColumnsWithTasks(b *testing.B) { benchmarkProgram(b, accountProgram()) }

// BenchmarkProgram_Part shows what each part of the program above costs by itself.
func BenchmarkProgram_Part(b *testing.B) {
	whole := accountProgram()
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
			p.Derived = []plan.Derived{{Name: "q", Fields: []string{"Rate", "Amount"}, Operator: flow.OpDivision}}
			p.Outputs = []plan.Output{{Field: "q", Name: "q"}}
		},
		"filter instant": func(p *plan.Program) {
			p.Filters = []plan.Filter{{Field: "CreatedDate", Operator: flow.OpGreaterThan, Compare: flow.CompareInstant, Values: []string{"1640995200000"}}}
			p.Outputs = whole.Outputs[:1]
		},
		"filter text": func(p *plan.Program) {
			p.Filters = []plan.Filter{{Field: "IsActive", Operator: flow.OpEqualTo, Compare: flow.CompareText, Values: []string{"true"}}}
			p.Outputs = whole.Outputs[:1]
		},
		"filter contains": func(p *plan.Program) {
			p.Filters = []plan.Filter{{Field: "Description", Operator: flow.OpContains, Compare: flow.CompareText, Values: []string{"needle"}}}
			p.Outputs = whole.Outputs[:1]
		},
		"cast double":  func(p *plan.Program) { p.Outputs = []plan.Output{{Field: "Amount", Name: "a", Type: flow.TypeDouble}} },
		"cast decimal": func(p *plan.Program) { p.Outputs = []plan.Output{{Field: "Amount", Name: "a", Type: flow.TypeDecimal}} },
		"cast timestamp": func(p *plan.Program) {
			p.Outputs = []plan.Output{{Field: "CreatedDate", Name: "a", Type: flow.TypeDatetime}}
		},
	}
	for _, name := range []string{"filter", "filter instant", "filter text", "filter contains", "validate", "copy all", "filter and copy",
		"merge", "multiply", "divide", "mask last", "mask all", "truncate", "cast double", "cast decimal", "cast timestamp"} {
		b.Run(name, func(b *testing.B) {
			p := plan.Program{Input: whole.Input}
			parts[name](&p)
			benchmarkProgram(b, p)
		})
	}
}
