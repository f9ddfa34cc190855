package transform_test

import (
	"flag"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/plan"
	"weir.dev/weir/internal/transform"
)

var rewrite = flag.Bool("rewrite", false, "write the scripts' results anew")

// TestScripts runs testdata/*.txt. A script is a list of cases, each a title line "== …", a program and rows, a line
// "----" and the result. One line is one thing:
//
//	field NAME TYPE [PRECISION SCALE]         a column of the batch
//	filter FIELD OPERATOR COMPARE A|B         literals separated by bars
//	validate FIELD OPERATOR ACTION
//	merge NAME A,B "FORMAT"
//	arithmetic NAME A,B OPERATOR
//	truncate FIELD N
//	mask FIELD OPERATOR N CHARACTER
//	map FIELD NAME [TYPE [PRECISION SCALE]]
//	partition NAME
//	row CELL | CELL | …                       NULL is null; "…" is quoted as in Go
//
// Run with -rewrite after a change that is meant, and read the diff.
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			head, cases, _ := strings.Cut("\n"+string(data), "\n== ")
			var out strings.Builder
			out.WriteString(strings.TrimPrefix(head, "\n"))
			for _, c := range strings.Split(cases, "\n== ") {
				script, _, _ := strings.Cut(c, "\n----\n")
				got := "== " + script + "\n----\n" + runScript(t, script)
				if out.Len() > 0 {
					out.WriteString("\n")
				}
				out.WriteString(got)
				if !*rewrite {
					want := "== " + strings.TrimRight(c, "\n") + "\n"
					require.Equal(t, want, got, "in %s; if this is meant, run with -rewrite", file)
				}
			}
			if *rewrite {
				require.NoError(t, os.WriteFile(file, []byte(out.String()), 0o644))
			}
		})
	}
}

// runScript is the result of one case.
func runScript(t *testing.T, script string) string {
	t.Helper()
	s := scripted{t: t}
	for _, line := range strings.Split(script, "\n")[1:] {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			s.line(line)
		}
	}
	pool := new(batch.Pool)
	prog, err := transform.Compile(s.program, transform.Options{Pool: pool})
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	res, err := prog.Run(batchOf(pool, s.program, s.rows))
	if err != nil {
		require.Zero(t, pool.InUse())
		return "error: " + err.Error() + "\n"
	}
	var out strings.Builder
	kept := 0
	if res.Out != nil {
		kept = res.Out.Rows
	}
	require.Equal(t, res.Read, res.Filtered+int64(len(res.Rejects))+int64(kept))
	fmt.Fprintf(&out, "read %d, filtered %d, rejected %d, kept %d\n", res.Read, res.Filtered, len(res.Rejects), kept)
	for _, r := range res.Rejects {
		how := map[bool]string{false: "dropped", true: "refused"}[r.Refused]
		fmt.Fprintf(&out, "record %d %s by %s: %s\n", r.Record, how, r.Task, r.Reason)
	}
	if len(res.Partition) > 0 {
		fmt.Fprintf(&out, "partition columns %v\n", res.Partition)
	}
	if res.Out != nil {
		writeBatch(&out, res.Out)
		res.Out.Release()
	}
	require.Zero(t, pool.InUse())
	return out.String()
}

func writeBatch(out *strings.Builder, b *batch.Batch) {
	out.WriteString("record")
	for _, c := range b.Columns {
		fmt.Fprintf(out, " | %s %s", c.Name, c.Kind.Type)
	}
	out.WriteString("\n")
	for row := range b.Rows {
		out.WriteString(strconv.FormatInt(b.Origin.Record(row), 10))
		for _, c := range b.Columns {
			cell := "NULL"
			if f := batch.OpenForm(c); !f.IsNull(row) {
				cell = string(f.Append(nil, row))
				if c.Kind.Type == batch.JSON {
					cell = string(f.Text().Bytes(row))
				} else if cell != strings.TrimSpace(cell) || cell == "" || cell == "NULL" || strconv.Quote(cell) != `"`+cell+`"` {
					cell = strconv.Quote(cell)
				}
			}
			out.WriteString(" | " + cell)
		}
		out.WriteString("\n")
	}
}

// scripted gathers a case.
type scripted struct {
	t       *testing.T
	program plan.Program
	rows    [][]value
}

func (s *scripted) line(line string) {
	word, rest, _ := strings.Cut(line, " ")
	w := strings.Fields(rest)
	p := &s.program
	task := plan.TaskOrigin{Index: len(p.Filters) + len(p.Validations) + len(p.Derived) + len(p.Edits) + len(p.Outputs)}
	label := func(kind flow.TaskType, about ...string) {
		task.Label = strings.TrimSpace(string(kind) + " " + strings.Join(about, " "))
	}
	switch word {
	case "field":
		p.Input = append(p.Input, plan.Column{Name: w[0], Type: flow.Type(w[1]), Dec: s.dec(w[2:])})
	case "filter":
		label(flow.TaskFilter, w[1], w[0])
		parts := strings.SplitN(rest, " ", 4)
		p.Filters = append(p.Filters, plan.Filter{Field: w[0], Operator: flow.Operator(w[1]), Compare: flow.Comparison(w[2]), DataType: w[2],
			Values: strings.Split(parts[3], "|"), Task: task})
	case "validate":
		label(flow.TaskValidate, w[1], w[0])
		p.Validations = append(p.Validations, plan.Validation{Field: w[0], Operator: flow.Operator(w[1]), DropDataset: w[2] == flow.ActionDropDataset, Task: task})
	case "merge":
		label(flow.TaskMerge, w[0])
		format, err := strconv.Unquote(strings.SplitN(rest, " ", 3)[2])
		require.NoError(s.t, err)
		fields := strings.Split(w[1], ",")
		pieces, err := flow.ParseConcatFormat(format, fields)
		require.NoError(s.t, err)
		p.Derived = append(p.Derived, plan.Derived{Name: w[0], Fields: fields, Operator: flow.OpNoOp, Format: pieces, Task: task})
	case "arithmetic":
		label(flow.TaskArithmetic, w[2], w[0])
		p.Derived = append(p.Derived, plan.Derived{Name: w[0], Fields: strings.Split(w[1], ","), Operator: flow.Operator(w[2]), Task: task})
	case "truncate":
		label(flow.TaskTruncate, w[0])
		p.Edits = append(p.Edits, plan.Edit{Field: w[0], Truncate: s.int(w[1]), Task: task})
	case "mask":
		label(flow.TaskMask, w[1], w[0])
		p.Edits = append(p.Edits, plan.Edit{Field: w[0], Mask: flow.Operator(w[1]), Length: s.int(w[2]), With: w[3], Task: task})
	case "map":
		label(flow.TaskMap, w[0])
		o := plan.Output{Field: w[0], Name: w[1], Task: task}
		if len(w) > 2 {
			o.Type, o.Dec = flow.Type(w[2]), s.dec(w[3:])
		}
		p.Outputs = append(p.Outputs, o)
	case "partition":
		p.PartitionBy = append(p.PartitionBy, w[0])
	case "row":
		cells := strings.Split(rest, "|")
		require.Len(s.t, cells, len(p.Input), line)
		var row []value
		for i, c := range cells {
			row = append(row, s.cell(strings.TrimSpace(c), kindOf(p.Input[i].Type, p.Input[i].Dec)))
		}
		s.rows = append(s.rows, row)
	default:
		s.t.Fatalf("unknown line %q", line)
	}
}

func (s *scripted) int(w string) int {
	n, err := strconv.Atoi(w)
	require.NoError(s.t, err)
	return n
}

func (s *scripted) dec(w []string) (d [2]int32) {
	for i := range w {
		d[i] = int32(s.int(w[i]))
	}
	return d
}

func (s *scripted) cell(c string, kind batch.Kind) value {
	v := value{kind: kind, null: c == "NULL"}
	if v.null {
		return v
	}
	var err error
	switch kind.Type {
	case batch.JSON:
		v.text = c
	case batch.Text, batch.String, batch.Binary:
		if v.text = c; strings.HasPrefix(c, `"`) {
			v.text, err = strconv.Unquote(c)
		}
	case batch.Bool:
		v.bool, err = strconv.ParseBool(c)
	case batch.Int32, batch.Int64:
		v.int, err = strconv.ParseInt(c, 10, 64)
	case batch.Float64:
		v.float, err = strconv.ParseFloat(c, 64)
	case batch.Decimal:
		r, ok := new(big.Rat).SetString(c)
		require.True(s.t, ok, c)
		v.big = r.Mul(r, new(big.Rat).SetInt(pow10(int(kind.Scale)))).Num()
	default:
		layout := map[batch.Type]string{batch.Date: "2006-01-02", batch.Time: "15:04:05.999999", batch.Timestamp: time.RFC3339Nano}[kind.Type]
		var at time.Time
		at, err = time.Parse(layout, c)
		switch kind.Type {
		case batch.Date:
			v.int = at.Unix() / 86400
		case batch.Time:
			v.int = int64(at.Sub(at.Truncate(24*time.Hour)) / time.Microsecond)
		default:
			v.int = at.UnixMicro()
		}
	}
	require.NoError(s.t, err, c)
	return v
}
