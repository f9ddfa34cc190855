package engine

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/blob/memblob"
	"weir.dev/weir/connector"
	"weir.dev/weir/connector/memory"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/format/formattest"
	"weir.dev/weir/internal/land"
	"weir.dev/weir/internal/plan"
)

// errorPlan copies the columns into CSV files, and has error files.
func errorPlan(columns ...string) *plan.Plan {
	p := crmPlan(flow.FileOutput{Type: flow.FileCSV})
	p.Program.Input, p.Program.Outputs, p.Source.Read.Fields = nil, nil, columns
	for _, name := range columns {
		p.Program.Input = append(p.Program.Input, plan.Column{Name: name, Type: flow.TypeText})
		p.Program.Outputs = append(p.Program.Outputs, plan.Output{Field: name, Name: name})
	}
	p.Dest.ErrorFiles = &plan.ErrorDest{Bucket: "errors", Prefix: "bad"}
	return p
}

func csvFile(content string) []formattest.File {
	return []formattest.File{{Label: "in/a.csv", Data: []byte(content)}}
}

// published commits the error files of a ledger and returns their lines.
func published(t *testing.T, b *memblob.Bucket, p *plan.Plan, l *ledger) []string {
	t.Helper()
	files := l.errorFiles
	var tails []string
	switch {
	case l.lastWords != nil:
		files, tails = append(slices.Clone(files), l.lastWords.Files...), []string{l.lastWords.Tail}
	case l.last() != nil:
		tails = []string{l.last().Errors.Tail}
	}
	for range 2 { // it may be repeated
		_, err := land.CommitErrors(t.Context(), b, p, 1, files, tails)
		require.NoError(t, err)
	}
	require.Empty(t, b.Store().Staged())
	var lines []string
	for o, err := range b.List(t.Context(), "") {
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(o.Key, strings.TrimPrefix(p.Dest.ErrorFiles.Prefix+"/", "/")+p.FlowName+"/"+p.ExecutionID+"/"), o.Key)
		in, err := b.OpenAt(t.Context(), o.Key, 0, -1, "")
		require.NoError(t, err)
		data, err := io.ReadAll(in)
		require.NoError(t, err)
		for line := range strings.Lines(string(data)) {
			require.True(t, json.Valid([]byte(line)), line)
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

func TestRun_ErrorLinesTellSourceTaskReasonAndRecord(t *testing.T) {
	t.Parallel()
	p := errorPlan("id", "card", "amount")
	p.Program.Validations = []plan.Validation{{Field: "id", Operator: flow.OpValidateNonNull, Task: plan.TaskOrigin{Index: 2, Label: "Validate VALIDATE_NON_NULL id"}}}
	p.Program.Edits = []plan.Edit{{Field: "card", Mask: flow.OpMaskAll, With: "*", Task: plan.TaskOrigin{Index: 4, Label: "Mask MASK_ALL card"}}}
	r := newRig(t, p, csvFile("id,card,amount\n1,4111-secret,a\n,4222-secret,\"b \"\"q\"\"\nc\"\n"), Options{Threads: 1})
	totals, err := r.run(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, totals.Rejected)
	lines := published(t, r.errors, p, r.ledger)
	require.Equal(t, []string{`{"source":{"object":"in/a.csv","record":2},"task":{"number":3,"type":"Validate","field":"id"},"action":"dropped",` +
		`"error":"field \"id\": the value is missing","record":{"id":null,"amount":"b \"q\"\nc"},"masked":["card"]}`}, lines)
}

func TestRun_MaskedValuesAreInNoErrorLine(t *testing.T) {
	t.Parallel()
	p := errorPlan("id", "address", "address.city", "first", "last")
	p.Program.Derived = []plan.Derived{{Name: "first,last", Fields: []string{"first", "last"}, Operator: flow.OpNoOp,
		Format: []flow.ConcatPiece{{Field: "first"}, {Field: "last"}}}}
	for _, field := range []string{"address.city", "first,last"} {
		p.Program.Edits = append(p.Program.Edits, plan.Edit{Field: field, Mask: flow.OpMaskAll, With: "*"})
	}
	l := newLiner(p)
	require.Equal(t, []bool{false, true, true, true, true}, l.masked)
}

// TestRun_ErrorLinesAreOnceWhateverFails resumes from every checkpoint, with tails and files of all sizes.
func TestRun_ErrorLinesAreOnceWhateverFails(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*plan.Plan{"file per object": errorPlan("id", "text"), "one file": errorPlan("id", "text")} {
		p.Dest.Files.SingleFile = name == "one file"
		p.Program.Validations = []plan.Validation{{Field: "id", Operator: flow.OpValidateNonNull}}
		var files []formattest.File
		var want []string
		for f := range 4 {
			var b strings.Builder
			b.WriteString("id,text\n")
			for i := range 2000 {
				id := ""
				if i%(f+2) == 0 {
					id = fmt.Sprint(i)
				} else {
					want = append(want, fmt.Sprintf("%d/%d", f, i+1))
				}
				fmt.Fprintf(&b, "%s,a text of file %d and record %d\n", id, f, i)
			}
			files = append(files, formattest.File{Label: fmt.Sprintf("%d", f), Data: []byte(b.String())})
		}
		r := newRig(t, p, files, Options{Threads: 2})
		_, err := r.run(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, positions(t, published(t, r.errors, p, r.ledger)), name)
		require.NotEmpty(t, r.ledger.errorFiles, "too few lines for a file")
		for n := range r.ledger.checkpoints {
			rest := newRig(t, p, files, Options{Threads: 2})
			rest.errors = r.errors
			rest.ledger = r.ledger.at(n)
			next := rest.ledger.last().Errors.Next
			rest.ledger.errorFiles = r.ledger.errorFiles[:next:next]
			_, err := rest.run(t.Context())
			require.NoError(t, err)
			var rows int64
			for _, f := range rest.ledger.errorFiles {
				rows += f.Rows
			}
			rows += int64(strings.Count(rest.ledger.last().Errors.Tail, "\n"))
			require.EqualValues(t, len(want), rows, "%s, from checkpoint %d", name, n)
		}
	}
}

func positions(t *testing.T, lines []string) (list []string) {
	t.Helper()
	for _, line := range lines {
		var l struct {
			Source struct {
				Object string
				Record int
			}
		}
		require.NoError(t, json.Unmarshal([]byte(line), &l))
		list = append(list, fmt.Sprintf("%s/%d", l.Source.Object, l.Source.Record))
	}
	slices.SortStableFunc(list, func(a, b string) int { return strings.Compare(a[:2], b[:2]) })
	return list
}

func TestRun_RecordThatEndsTheRunIsInTheErrorFile(t *testing.T) {
	t.Parallel()
	p := errorPlan("id", "text")
	p.Program.Validations = []plan.Validation{
		{Field: "id", Operator: flow.OpValidateNumeric, Task: plan.TaskOrigin{Label: "Validate VALIDATE_NUMERIC id"}},
		{Field: "text", Operator: flow.OpValidateNonNull, DropDataset: true, Task: plan.TaskOrigin{Index: 1, Label: "Validate VALIDATE_NON_NULL text"}},
	}
	p.Source.Read.ChunkBytes = 32 // a record or two a page
	r := newRig(t, p, csvFile("id,text\none,a text of one\n2,a text of two\n3,\n4,a text of four\n"), Options{Threads: 1})
	_, err := r.run(t.Context())
	require.True(t, fault.Is(err, fault.Validation))
	require.ErrorContains(t, err, `record 3 of "in/a.csv"`)
	require.Empty(t, r.objects())
	lines := published(t, r.errors, p, r.ledger)
	require.Len(t, lines, 2)
	require.Contains(t, lines[0], `"record":1},"task":{"number":1,"type":"Validate","field":"id"},"action":"dropped"`)
	require.Contains(t, lines[1], `"record":3},"task":{"number":2,"type":"Validate","field":"text"},"action":"failed"`)
}

func TestRun_RefusalsOfTheDestinationAreInTheErrorFile(t *testing.T) {
	t.Parallel()
	for _, failOnFirst := range []bool{false, true} {
		r := newRowRig(t, 500, memory.Options{PageRows: 100}, memory.Options{Refuse: func(row []any) string {
			if row[0].(int64)%200 == 150 {
				return "no room"
			}
			return ""
		}})
		r.plan.Dest.ErrorFiles, r.plan.Dest.FailOnFirstError, r.plan.Dest.Connector = &plan.ErrorDest{Bucket: "errors"}, failOnFirst, memory.Type
		b := memblob.New("errors")
		reader := connect[connector.Reader](r, r.source)
		splits, err := reader.Splits(t.Context(), r.plan.Source.Read, 1)
		require.NoError(t, err)
		totals, err := r.engine.Run(t.Context(), Transfer{Plan: r.plan, Split: splits[0], Source: reader, Writer: connect[connector.Writer](r, r.dest), Errors: b}, r.ledger)
		require.Zero(t, r.pool.InUse())
		lines := published(t, b, r.plan, r.ledger)
		first := `{"source":{"object":"accounts","record":151},"destination":"Memory","action":"refused","error":"no room","record":{"id":150,"name":"name 150"}}`
		require.Equal(t, first, lines[0])
		if failOnFirst {
			require.ErrorContains(t, err, "record 151 of")
			require.Len(t, lines, 1)
			require.Len(t, r.dest.Received("contacts"), 199, "nothing beyond the batch")
			continue
		}
		require.NoError(t, err)
		require.Len(t, lines, 2)
		require.EqualValues(t, 2, totals.PutFailures)
	}
}
