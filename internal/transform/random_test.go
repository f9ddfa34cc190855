package transform_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/plan"
	"weir.dev/weir/internal/transform"
)

// hostile are cells that look like something else, or nearly.
var hostile = []string{
	"", " ", "0", "-0", "+5", "00012", "١٢", " 7", "7 ", "\t7\t", "1_000", "1,000", "0x10", "NaN", "Infinity", "-", "+", ".", "-.", "5.", ".5", "-.5",
	"1e400", "-1e400", "1e-400", "1e5", "1E+5", "1e", "1e+", "e5", "1e5.5", "--1", "1.2.3", "12345678901", "123456789012", "1234567890123",
	"-12345678901", "-123456789012", "0.1234567", "0.12345678", "12.3456789", "99999999.999", "999999999999999999", "1000000000000000000",
	"9223372036854775806", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "123456789012345678901234567890.5",
	"0.000000000000000000000000000001", "0.10", "1.50", "1.5", "15e-1", "2", "2.0", "1", "3", "7", "0.3333333333333333", "1.0000000000000000001", "0000000000000000000000000000.5",
	"2147483647", "2147483648", "-2147483649", "true", "TRUE", " False ", "yes", "1", "trve", "TRUé",
	"2024-02-29", "2023-02-29", "2024-02-30", "2024-13-01", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00.000+0000", "2024-01-01 02:00:00+02", "2024-01-01T00:00",
	"2024-01-01T23:59:59.999999999Z", "2024-01-01T24:00:00Z", "2024-01-01T00:00:60Z", "2024-01-01T00:00:00 UTC", "2024-01-01T00:00:00-23:59", "2024-1-1", "20240101", "1704067200000", "-1",
	"253402300799999", "253402300800000", "1704067200000000", "0000-01-01", "9999-12-31T23:59:59", "2024-01-01x", "2024-01-01T00:00:00.", "2024-01-01T00:00:00,5",
	"10:30", "10:30:15", "10:30:15.25", "10:30:15Z", "24:00", "10:60", "1:00",
	"abcdefghijkl", "abcdefghijklm", "ÅÄÖ", "Åke Öberg och Ärla", "日本語のテキスト", "a\U0001F600b\U0001F468\u200D\U0001F469c", "e\u0301", "\xff\xfe\xfd", "abc\xffdef ghi jkl mno", "\uFFFD\uFFFD", "\x00",
	"null", "a\"b\\c\nd\te\u2028", "4111111111111111", "line one\nline two is long",
}

type generator struct{ *rand.Rand }

func (g generator) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g generator) numeral() string {
	s := g.pick("", "", "", "-")
	for range g.IntN(12) + 1 {
		s += string(rune('0' + g.IntN(10)))
	}
	if g.IntN(2) == 0 {
		s += "."
		for range g.IntN(9) + 1 {
			s += string(rune('0' + g.IntN(10)))
		}
	}
	return s
}

func (g generator) text() string {
	switch g.IntN(4) {
	case 0:
		return g.numeral()
	case 1:
		s := ""
		for range g.IntN(20) {
			s += g.pick("a", "b", "c", "7", " ", "é", "日", "😀")
		}
		return s
	case 2:
		return fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", 1960+g.IntN(100), 1+g.IntN(12), 1+g.IntN(29), g.IntN(24), g.IntN(60), g.IntN(60))
	}
	return hostile[g.IntN(len(hostile))]
}

var allTypes = []flow.Type{flow.TypeText, flow.TypeText, flow.TypeText, flow.TypeString, flow.TypeJSON, flow.TypeJSON, flow.TypeBoolean, flow.TypeInteger,
	flow.TypeLong, flow.TypeDouble, flow.TypeDecimal, flow.TypeDate, flow.TypeTime, flow.TypeDatetime, flow.TypeBinary}

// kindOf is the kind that columns of a type have.
func kindOf(t flow.Type, dec [2]int32) batch.Kind {
	switch t {
	case flow.TypeText:
		return batch.Kind{Type: batch.Text}
	case flow.TypeString:
		return batch.Kind{Type: batch.String}
	case flow.TypeJSON:
		return batch.Kind{Type: batch.JSON}
	}
	return transform.KindOf(t, dec)
}

func (g generator) value(kind batch.Kind) value {
	v := value{kind: kind, null: g.IntN(12) == 0}
	switch kind.Type {
	case batch.Text, batch.String:
		v.text = g.text()
	case batch.JSON:
		switch g.IntN(4) {
		case 0:
			v.text = g.pick("null", "true", "false", "[1,2]", `{"a":1}`, "0", "-0", "1e400", "1.50", "12345678901234567890", "1E2")
		case 1:
			v.text = fmt.Sprintf("%d.%02d", g.IntN(100000), g.IntN(100))
		default:
			token, _ := json.Marshal(g.text())
			v.text = string(token)
		}
	case batch.Bool:
		v.bool = g.IntN(2) == 0
	case batch.Int32, batch.Date:
		v.int = int64(int32(g.Uint32())) >> g.IntN(32)
		if kind.Type == batch.Date {
			v.int = int64(g.IntN(80000) - 20000)
		}
	case batch.Int64:
		v.int = [...]int64{math.MaxInt64, math.MinInt64, int64(g.Uint64()) >> g.IntN(64), int64(g.Uint64()) >> g.IntN(64), 0, 1704067200000}[g.IntN(6)]
	case batch.Time:
		v.int = g.Int64N(86400e6)
	case batch.Timestamp:
		v.int = (g.Int64N(4e9) - 1e9) * 1e6
	case batch.Float64:
		v.float = [...]float64{0.1, math.NaN(), math.Inf(1), 1e300, -1.5, math.Copysign(0, -1), g.NormFloat64(), float64(g.IntN(100)), 5e-324, 12.5}[g.IntN(10)]
	case batch.Decimal:
		v.big = new(big.Int)
		for range 1 + g.IntN(int(kind.Precision)) {
			v.big.Add(v.big.Mul(v.big, big.NewInt(10)), big.NewInt(int64(g.IntN(10))))
		}
		if g.IntN(2) == 0 {
			v.big.Neg(v.big)
		}
	case batch.Binary:
		v.text = g.text()
	}
	return v
}

// column makes a column of values.
func column(pool *batch.Pool, name string, kind batch.Kind, values []value) batch.Column {
	if kind.IsText() {
		b := batch.NewTextBuilder(pool, len(values))
		for i, v := range values {
			if v.null {
				b.SetNull(i)
			} else {
				b.Append(i, []byte(v.text))
			}
		}
		return b.Build(name, kind.Type)
	}
	b := array.NewBuilder(pool, kind.ArrowType())
	defer b.Release()
	for _, v := range values {
		if v.null {
			b.AppendNull()
			continue
		}
		switch b := b.(type) {
		case *array.BooleanBuilder:
			b.Append(v.bool)
		case *array.Int32Builder:
			b.Append(int32(v.int))
		case *array.Date32Builder:
			b.Append(arrow.Date32(v.int))
		case *array.Int64Builder:
			b.Append(v.int)
		case *array.Time64Builder:
			b.Append(arrow.Time64(v.int))
		case *array.TimestampBuilder:
			b.Append(arrow.Timestamp(v.int))
		case *array.Float64Builder:
			b.Append(v.float)
		case *array.Decimal128Builder:
			b.Append(decimal128.FromBigInt(v.unscaled()))
		case *array.BinaryViewBuilder:
			b.Append([]byte(v.text))
		default:
			panic(fmt.Sprintf("no builder for %v", kind))
		}
	}
	return batch.Column{Name: name, Kind: kind, Data: b.NewArray()}
}

// batchOf makes a batch of rows of values.
func batchOf(pool *batch.Pool, p plan.Program, rows [][]value) *batch.Batch {
	cols := make([]batch.Column, len(p.Input))
	for c, in := range p.Input {
		values := make([]value, len(rows))
		for r := range rows {
			values[r] = rows[r][c]
		}
		cols[c] = column(pool, in.Name, kindOf(in.Type, in.Dec), values)
	}
	return batch.New(cols, len(rows), batch.Origin{Object: "in/a.csv", First: 1})
}

func (g generator) literals(compare flow.Comparison, n int) (list []string) {
	for range n {
		switch compare {
		case flow.CompareNumber:
			l := g.pick("0", "1.5", "-0.25", "1e400", "-1e-30", "9223372036854775807", "12", "123456789012345678901234567890.5", "100000", "0.1", g.numeral())
			list = append(list, l)
		case flow.CompareInstant:
			list = append(list, g.pick("0", "1704067200000", "-1", "9223372036854775807", "-9223372036854775808", fmt.Sprint(g.Int64N(4e12)-1e12)))
		case flow.CompareBoolean:
			list = append(list, g.pick("true", "false", "TRUE"))
		default:
			if l := g.text(); l != "" {
				list = append(list, l)
			} else {
				list = append(list, "a")
			}
		}
	}
	return list
}

// program makes a random program over five fields.
func (g generator) program() plan.Program {
	var p plan.Program
	task := func(format string, args ...any) plan.TaskOrigin {
		return plan.TaskOrigin{Index: g.IntN(10), Label: fmt.Sprintf(format, args...)}
	}
	for i := range 5 {
		p.Input = append(p.Input, plan.Column{Name: fmt.Sprintf("f%d", i), Type: allTypes[g.IntN(len(allTypes))], Dec: [2]int32{int32(5 + g.IntN(30)), int32(g.IntN(5))}})
	}
	field := func() string { return p.Input[g.IntN(len(p.Input))].Name }
	for range g.IntN(3) {
		f := plan.Filter{Field: field(), Compare: []flow.Comparison{flow.CompareText, flow.CompareNumber, flow.CompareNumber, flow.CompareBoolean, flow.CompareInstant}[g.IntN(5)]}
		ops := []flow.Operator{flow.OpEqualTo, flow.OpNotEqualTo, flow.OpNotEqualTo, flow.OpLessThan, flow.OpLessThanOrEqualTo, flow.OpGreaterThan, flow.OpGreaterThanOrEqualTo, flow.OpBetween, flow.OpContains}
		if f.Compare != flow.CompareText {
			ops = ops[:8]
		}
		f.Operator = ops[g.IntN(len(ops))]
		n := 1 + g.IntN(3)
		if f.Operator == flow.OpBetween {
			n = 2
		}
		f.Values = g.literals(f.Compare, n)
		p.Filters = append(p.Filters, f)
	}
	for range g.IntN(3) / 2 {
		p.Validations = append(p.Validations, plan.Validation{Field: field(), Task: task("Validate %d", len(p.Validations)),
			Operator:    []flow.Operator{flow.OpValidateNonNull, flow.OpValidateNonZero, flow.OpValidateNonNegative, flow.OpValidateNumeric}[g.IntN(4)],
			DropDataset: g.IntN(8) == 0})
	}
	for i := range g.IntN(3) {
		d := plan.Derived{Name: fmt.Sprintf("d%d", i), Fields: []string{field(), field()}, Task: task("derive %d", i),
			Operator: []flow.Operator{flow.OpNoOp, flow.OpAddition, flow.OpSubtraction, flow.OpMultiplication, flow.OpDivision}[g.IntN(5)]}
		if d.Operator == flow.OpNoOp {
			d.Format = []flow.ConcatPiece{{Field: d.Fields[0]}, {Literal: g.pick(" ", "", "-ö-", ", a longer literal, ")}, {Field: d.Fields[1]}}
		}
		p.Derived = append(p.Derived, d)
		p.Outputs = append(p.Outputs, plan.Output{Field: d.Name, Name: "out_" + d.Name})
	}
	editedFields := map[string]bool{}
	for range g.IntN(3) {
		e := plan.Edit{Field: field(), With: g.pick("*", "*", "#", "█", "é")}
		if len(p.Derived) > 0 && g.IntN(4) == 0 {
			e.Field = p.Derived[0].Name
		}
		switch g.IntN(4) {
		case 0:
			e.Truncate = 1 + g.IntN(15)
		case 1:
			e.Mask, e.Length = flow.OpMaskAll, g.IntN(2)*g.IntN(20)
		case 2:
			e.Mask, e.Length = flow.OpMaskFirstN, 1+g.IntN(15)
		case 3:
			e.Mask, e.Length = flow.OpMaskLastN, 1+g.IntN(15)
		}
		if editedFields[e.Field] && e.Truncate == 0 { // the order of two masks is another test's
			continue
		}
		editedFields[e.Field] = true
		p.Edits = append(p.Edits, e)
	}
	for i := range 1 + g.IntN(4) {
		o := plan.Output{Field: field(), Name: fmt.Sprintf("o%d", i), Task: task("Map %d", i)}
		if g.IntN(3) == 0 && !editedFields[o.Field] {
			o.Type, o.Dec = allTypes[g.IntN(len(allTypes))], [2]int32{int32(1 + g.IntN(38)), 0}
			o.Dec[1] = int32(g.IntN(int(o.Dec[0]) + 1))
		}
		p.Outputs = append(p.Outputs, o)
	}
	return p
}

// TestRun_SameAsTwinOnRandomBatches compares kernels and twin, row by row and value by value.
func TestRun_SameAsTwinOnRandomBatches(t *testing.T) {
	t.Parallel()
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	for seed := range rounds {
		checkAgainstTwin(t, uint64(seed))
	}
}

// TestRun_SameAsTwinOnMuchText fills several buffers with one column's text.
func TestRun_SameAsTwinOnMuchText(t *testing.T) {
	t.Parallel()
	g := generator{rand.New(rand.NewPCG(7, 7))}
	p := plan.Program{
		Input: []plan.Column{{Name: "a", Type: flow.TypeText}, {Name: "b", Type: flow.TypeJSON}},
		Derived: []plan.Derived{
			{Name: "ab", Fields: []string{"a", "b"}, Operator: flow.OpNoOp, Format: []flow.ConcatPiece{{Field: "b"}, {Literal: " and "}, {Field: "a"}, {Field: "b"}}},
			{Name: "a*a", Fields: []string{"n", "n"}, Operator: flow.OpMultiplication},
		},
		Edits: []plan.Edit{{Field: "a", Mask: flow.OpMaskFirstN, Length: 200, With: "日"}, {Field: "b", Mask: flow.OpMaskLastN, Length: 3, With: "é"}},
	}
	p.Input = append(p.Input, plan.Column{Name: "n", Type: flow.TypeString})
	for _, f := range []string{"a", "b", "ab", "a*a"} {
		p.Outputs = append(p.Outputs, plan.Output{Field: f, Name: f})
	}
	rows := make([][]value, 3000)
	for i := range rows {
		long := g.text() + " 0123456789 0123456789 " + g.text()
		token, err := json.Marshal(long)
		require.NoError(t, err)
		rows[i] = []value{text(long), {kind: batch.Kind{Type: batch.JSON}, text: string(token)}, str(g.numeral() + "0123456789")}
		if strings.Contains(rows[i][2].text, ".") {
			rows[i][2].text = strings.Repeat("9", g.IntN(900)) + rows[i][2].text[1:]
		}
	}
	compareWithTwin(t, p, rows, "much text")
}

func checkAgainstTwin(t *testing.T, seed uint64) {
	t.Helper()
	g := generator{rand.New(rand.NewPCG(seed, 2))}
	p := g.program()
	rows := make([][]value, g.IntN(40))
	if g.IntN(50) == 0 {
		rows = make([][]value, 1200) // more than two blocks
	}
	for r := range rows {
		for _, c := range p.Input {
			rows[r] = append(rows[r], g.value(kindOf(c.Type, c.Dec)))
		}
	}
	compareWithTwin(t, p, rows, fmt.Sprintf("seed %d, program %+v", seed, p))
}

func compareWithTwin(t *testing.T, p plan.Program, rows [][]value, what string) {
	t.Helper()
	pool := new(batch.Pool)
	prog, err := transform.Compile(p, transform.Options{Pool: pool})
	require.NoError(t, err, what)
	res, err := prog.Run(batchOf(pool, p, rows))

	var kept []outcome
	var keptRows []int
	filtered, rejects := 0, 0
	outcomes := make([]outcome, len(rows))
	for r, row := range rows {
		outcomes[r] = twin(p, row, transform.KindOf)
	}
	if first := slices.IndexFunc(outcomes, func(o outcome) bool { return o.fate == "ends the run" }); first >= 0 {
		require.ErrorContains(t, err, "DropDataset", what)
		require.Equal(t, fault.Validation, fault.CodeOf(err))
		require.Zero(t, pool.InUse())
		return
	}
	for r, o := range outcomes {
		row := rows[r]
		switch o.fate {
		case "kept":
			kept, keptRows = append(kept, o), append(keptRows, r)
		case "filtered":
			filtered++
		default:
			require.Less(t, rejects, len(res.Rejects), "row %d %+v should be %s by %q: %s", r, row, o.fate, o.task, what)
			reject := res.Rejects[rejects]
			require.Equal(t, r, reject.Row, "%+v %+v; %s", reject, rows[reject.Row], what)
			require.Equal(t, int64(r+1), reject.Record)
			require.Equal(t, o.task, reject.Task, "row %d %+v, %s", r, row, what)
			require.Equal(t, o.fate == "refused", reject.Refused)
			require.NotEmpty(t, reject.Reason)
			rejects++
		}
	}
	require.NoError(t, err, what)
	require.Len(t, res.Rejects, rejects, what)
	require.Equal(t, int64(filtered), res.Filtered, what)
	require.Equal(t, int64(len(rows)), res.Read)
	if len(kept) == 0 {
		require.Nil(t, res.Out, what)
		require.Zero(t, pool.InUse())
		return
	}
	require.NotNil(t, res.Out, what)
	require.Equal(t, len(kept), res.Out.Rows, what)
	for k, o := range kept {
		require.Equal(t, int64(keptRows[k]+1), res.Out.Origin.Record(k), what)
		for c, want := range o.values {
			col := res.Out.Columns[c]
			if got := render(col, k); got != want.render() {
				t.Fatalf("row %d, output %s: got %s, want %s, from %+v\n%s", keptRows[k], col.Name, got, want.render(), rows[keptRows[k]], what)
			}
		}
	}
	res.Out.Release()
	require.Zero(t, pool.InUse(), what)
}

// render shows a cell of a column, and render of a value what it should be. A missing value of a text kind may stand as a
// null or as what it was.
func render(col batch.Column, row int) string {
	f := batch.OpenForm(col)
	if f.IsNull(row) {
		return "null"
	}
	text := string(f.Append(nil, row))
	if col.Kind.Type == batch.Text && text == "" || col.Kind.Type == batch.JSON && string(f.Text().Bytes(row)) == "null" {
		return "null"
	}
	return fmt.Sprintf("%q", text)
}

func (v value) render() string {
	if v.missing() {
		return "null"
	}
	return fmt.Sprintf("%q", v.form())
}
