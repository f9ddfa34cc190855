package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/connector/memory"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/plan"
)

// rowRig is an engine between two in-memory vendors.
type rowRig struct {
	t      *testing.T
	pool   *batch.Pool
	engine *Engine
	source *memory.Vendor
	dest   *memory.Vendor
	plan   *plan.Plan
	ledger *ledger
}

func newRowRig(t *testing.T, rows int, source, dest memory.Options) *rowRig {
	table := memory.Table{Name: "accounts", Fields: []flow.Field{{Name: "id", Type: flow.TypeLong}, {Name: "name", Type: flow.TypeString}}}
	for i := range rows {
		table.Rows = append(table.Rows, []any{int64(i), fmt.Sprint("name ", i)})
	}
	r := &rowRig{t: t, pool: &batch.Pool{}, source: memory.New(source), dest: memory.New(dest), ledger: &ledger{t: t}}
	r.source.Put(table)
	r.engine = New(Options{Threads: 3, Pool: r.pool})
	r.plan = &plan.Plan{ExecutionID: "5a0b", FlowName: "to-crm", Dest: plan.Dest{Properties: memory.Properties("contacts"), Write: &connector.WriteRequest{Properties: memory.Properties("contacts")}}}
	r.plan.Source.Read = connector.ReadRequest{Properties: memory.Properties("accounts"), Fields: []string{"id", "name"}}
	r.plan.Program = plan.Program{
		Input:   []plan.Column{{Name: "id", Type: flow.TypeLong}, {Name: "name", Type: flow.TypeString}},
		Outputs: []plan.Output{{Field: "id", Name: "id"}, {Field: "name", Name: "name"}},
	}
	return r
}

func connect[T any](r *rowRig, v *memory.Vendor) T {
	c, err := v.Connect(r.t.Context(), connector.Config{Pool: r.pool})
	require.NoError(r.t, err)
	return c.(T)
}

func (r *rowRig) run(ctx context.Context) (flow.Totals, error) {
	reader := connect[connector.Reader](r, r.source)
	splits, err := reader.Splits(r.t.Context(), r.plan.Source.Read, 1)
	require.NoError(r.t, err)
	totals, err := r.engine.Run(ctx, Transfer{Plan: r.plan, Split: splits[0], From: r.ledger.last(), Source: reader, Writer: connect[connector.Writer](r, r.dest)}, r.ledger)
	require.Zero(r.t, r.pool.InUse())
	return totals, err
}

func TestRun_RowsCheckpointAfterEachBatch(t *testing.T) {
	t.Parallel()
	r := newRowRig(t, 1050, memory.Options{PageRows: 100}, memory.Options{Refuse: func(row []any) string {
		if row[0].(int64)%7 == 0 {
			return "sevenths are not taken"
		}
		return ""
	}})
	totals, err := r.run(t.Context())
	require.NoError(t, err)
	require.Len(t, r.ledger.checkpoints, 11)
	require.Equal(t, totals, r.ledger.last().Totals)
	require.EqualValues(t, 11, r.ledger.last().Sequence)
	require.EqualValues(t, 1050, totals.Read)
	require.EqualValues(t, 150, totals.Rejected)
	require.EqualValues(t, 150, totals.PutFailures)
	require.EqualValues(t, 900, totals.Written)
	require.Len(t, r.dest.Received("contacts"), 900)
	require.Len(t, r.ledger.rejects, maxRejects)
	require.Equal(t, flow.Reject{Object: "accounts", Record: 8, Task: "Write", Reason: "sevenths are not taken", Action: "refused"}, r.ledger.rejects[1])
}

func TestRun_RowsWrittenOnceWhateverFails(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		fails := map[int64]bool{}
		r := newRowRig(t, 730, memory.Options{PageRows: 50}, memory.Options{OnWrite: func(_ context.Context, sequence int64, now bool) error {
			if now != after || fails[sequence] {
				return nil
			}
			fails[sequence] = true
			return fault.Temporary(fault.ConnectorServer, nil, "the answer is lost")
		}})
		var totals flow.Totals
		err := fault.Temporary(fault.ConnectorServer, nil, "not tried yet")
		for tries := 0; err != nil && tries < 20; tries++ {
			totals, err = r.run(t.Context())
		}
		require.NoError(t, err)
		require.EqualValues(t, 730, totals.Written)
		rows := r.dest.Received("contacts")
		require.Len(t, rows, 730)
		for i, row := range rows {
			require.EqualValues(t, i, row.Cells[0])
		}
	}
}

func TestRun_FailOnFirstErrorEndsAtTheRefusal(t *testing.T) {
	t.Parallel()
	r := newRowRig(t, 500, memory.Options{PageRows: 100}, memory.Options{Refuse: func(row []any) string {
		if row[0].(int64) == 250 {
			return "no"
		}
		return ""
	}})
	r.plan.Dest.FailOnFirstError = true
	_, err := r.run(t.Context())
	require.True(t, fault.Is(err, fault.ConnectorServer))
	require.ErrorContains(t, err, "record 251 of")
	require.Len(t, r.ledger.checkpoints, 3, "the batch that was acknowledged is counted")
	require.EqualValues(t, 1, r.ledger.last().Totals.PutFailures)
}

func TestRun_DestinationThatMiscountsIsCaught(t *testing.T) {
	t.Parallel()
	r := newRowRig(t, 100, memory.Options{}, memory.Options{})
	reader := connect[connector.Reader](r, r.source)
	splits, err := reader.Splits(t.Context(), r.plan.Source.Read, 1)
	require.NoError(t, err)
	for name, answer := range map[string]lyingWriter{
		"too few rows":  {receipt: connector.Receipt{Rows: 99}},
		"unknown row":   {receipt: connector.Receipt{Rows: 99}, refused: []connector.Refusal{{Row: 100}}},
		"one row twice": {receipt: connector.Receipt{Rows: 98}, refused: []connector.Refusal{{Row: 1}, {Row: 1}}},
	} {
		_, err = r.engine.Run(t.Context(), Transfer{Plan: r.plan, Split: splits[0], Source: reader, Writer: answer}, r.ledger)
		require.Error(t, err, name)
		require.Empty(t, r.ledger.checkpoints, name)
	}
}

// lyingWriter answers every batch alike.
type lyingWriter struct {
	receipt connector.Receipt
	refused []connector.Refusal
}

func (w lyingWriter) OpenWriter(context.Context, connector.WriteRequest) (connector.RowWriter, error) {
	return w, nil
}
func (w lyingWriter) Write(context.Context, int64, *batch.Batch) (connector.Receipt, []connector.Refusal, error) {
	return w.receipt, w.refused, nil
}
func (w lyingWriter) Close(context.Context) error { return nil }

func TestRun_CountsCloseForAnyProgram(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		files := crmFiles(t, 200+rnd.IntN(500), rnd.IntN(300))
		planOf := outputs[[]string{"file per object CSV", "partitioned CSV", "target size JSON", "one Parquet file"}[rnd.IntN(4)]]
		p := planOf()
		p.Source.Read.ChunkBytes = 4<<10 + rnd.IntN(60<<10)
		if rnd.IntN(2) == 0 {
			p.Program.Filters = append(p.Program.Filters, plan.Filter{Field: "amount", Operator: flow.OpGreaterThan, Compare: flow.CompareNumber, DataType: "double", Values: []string{fmt.Sprint(rnd.IntN(110_000))}})
		}
		if rnd.IntN(2) == 0 {
			p.Program.Validations = append(p.Program.Validations, plan.Validation{Field: "website", Operator: flow.OpValidateNonNull})
		}
		if rnd.IntN(2) == 0 {
			p.Program.Validations = append(p.Program.Validations, plan.Validation{Field: "birth_date", Operator: flow.OpValidateNonNull})
		}
		r := newRig(t, p, files, Options{Threads: 1 + rnd.IntN(4), Memory: 1 << (18 + rnd.IntN(10))})
		o := r.whole()
		require.True(t, o.totals.Closes())
		require.Len(t, o.rejects, int(min(maxRejects, o.totals.Rejected)))
		var rows, bytes int64
		for _, receipt := range o.receipts {
			rows += receipt.Rows
			bytes += receipt.Bytes
		}
		require.Equal(t, o.totals.Written, rows)
		require.Equal(t, o.totals.BytesWritten, bytes)
		require.Len(t, o.objects, len(o.receipts))
	}
}
