package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/connector/memory"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// gatherer makes of a vendor's writer one that wants its rows in one piece, and that notes down what it is about to write.
type gatherer struct {
	connector.Writer
	prefer int
	fail   func(sequence int64) error // asked when the note is kept, before anything is written; may be nil

	sizes  []int    // rows of each write
	found  []string // notes that attempts were given
	inside connector.RowWriter
	keep   func(json.RawMessage) error
}

func (g *gatherer) OpenWriter(ctx context.Context, req connector.WriteRequest) (_ connector.RowWriter, err error) {
	g.inside, err = g.Writer.OpenWriter(ctx, req)
	return g, err
}

func (g *gatherer) PreferredRows() int { return g.prefer }

func (g *gatherer) Resume(note json.RawMessage, keep func(json.RawMessage) error) error {
	g.found, g.keep = append(g.found, string(note)), keep
	return nil
}

func (g *gatherer) Write(ctx context.Context, sequence int64, b *batch.Batch) (connector.Receipt, []connector.Refusal, error) {
	return g.WriteAll(ctx, sequence, []*batch.Batch{b})
}

func (g *gatherer) WriteAll(ctx context.Context, sequence int64, batches []*batch.Batch) (all connector.Receipt, refused []connector.Refusal, err error) {
	if err := g.keep(json.RawMessage(fmt.Sprintf(`"about to write %d"`, sequence))); err != nil {
		return all, nil, err
	}
	if g.fail != nil {
		if err := g.fail(sequence); err != nil {
			return all, nil, err
		}
	}
	rows := 0
	for i, b := range batches {
		receipt, some, err := g.inside.Write(ctx, sequence*1000+int64(i), b)
		if err != nil {
			return all, nil, err
		}
		for _, r := range some {
			refused = append([]connector.Refusal{{Row: rows + r.Row, Reason: r.Reason}}, refused...) // any order will do
		}
		rows += b.Rows
		all.Rows += receipt.Rows
	}
	all.Name = fmt.Sprint("write ", sequence)
	g.sizes = append(g.sizes, rows)
	return all, refused, nil
}

func (g *gatherer) Close(ctx context.Context) error { return g.inside.Close(ctx) }

func (r *rowRig) runInto(w connector.Writer) (flow.Totals, error) {
	reader := connect[connector.Reader](r, r.source)
	splits, err := reader.Splits(r.t.Context(), r.plan.Source.Read, 1)
	require.NoError(r.t, err)
	totals, err := r.engine.Run(r.t.Context(), Transfer{Plan: r.plan, Split: splits[0], From: r.ledger.last(), Source: reader, Writer: w}, r.ledger)
	require.Zero(r.t, r.pool.InUse())
	return totals, err
}

func TestRun_RowsAreGatheredForWritersWhoPreferIt(t *testing.T) {
	t.Parallel()
	refuse := func(row []any) string {
		if row[0].(int64)%7 == 0 {
			return "sevenths are not taken"
		}
		return ""
	}
	plain := newRowRig(t, 1050, memory.Options{PageRows: 100}, memory.Options{Refuse: refuse})
	want, err := plain.run(t.Context())
	require.NoError(t, err)
	r := newRowRig(t, 1050, memory.Options{PageRows: 100}, memory.Options{Refuse: refuse})
	w := &gatherer{Writer: connect[connector.Writer](r, r.dest), prefer: 250}
	totals, err := r.runInto(w)
	require.NoError(t, err)
	require.Equal(t, []int{300, 300, 300, 150}, w.sizes)
	want.BytesWritten = 0
	require.Equal(t, want, totals)
	require.Equal(t, plain.ledger.rejects, r.ledger.rejects)
	require.Equal(t, plain.ledger.last().Content, r.ledger.last().Content)
	require.Len(t, r.dest.Received("contacts"), 900)
	require.Equal(t, []string{""}, w.found)
	require.Empty(t, r.ledger.last().Write, "the note is forgotten")
}

func TestRun_GatheredRowsKeepToTheMemory(t *testing.T) {
	t.Parallel()
	r := newRowRig(t, 1000, memory.Options{PageRows: 100}, memory.Options{})
	page := int64(100 * (8 + 16)) // numbers, and names that fit into their headers
	r.engine = New(Options{Threads: 2, Pool: r.pool, Memory: 8 * 2 * page})
	w := &gatherer{Writer: connect[connector.Writer](r, r.dest), prefer: 1_000_000}
	_, err := r.runInto(w)
	require.NoError(t, err)
	require.Equal(t, []int{200, 200, 200, 200, 200}, w.sizes)
}

func TestRun_NotesReachTheNextAttempt(t *testing.T) {
	t.Parallel()
	r := newRowRig(t, 500, memory.Options{PageRows: 100}, memory.Options{})
	failed := false
	w := &gatherer{Writer: connect[connector.Writer](r, r.dest), prefer: 200, fail: func(sequence int64) error {
		if sequence == 1 && !failed {
			failed = true
			return fault.Temporary(fault.ConnectorServer, nil, "the answer is lost")
		}
		return nil
	}}
	_, err := r.runInto(w)
	require.Error(t, err)
	require.JSONEq(t, `"about to write 1"`, string(r.ledger.last().Write))
	require.EqualValues(t, 200, r.ledger.last().Totals.Written, "the note is about what comes after")
	totals, err := r.runInto(w)
	require.NoError(t, err)
	require.Equal(t, []string{"", `"about to write 1"`}, w.found)
	require.Equal(t, []int{200, 200, 100}, w.sizes)
	require.EqualValues(t, 500, totals.Written)
}

func TestRun_FailOnFirstErrorNamesTheFirstOfTheGathered(t *testing.T) {
	t.Parallel()
	r := newRowRig(t, 500, memory.Options{PageRows: 100}, memory.Options{Refuse: func(row []any) string {
		if row[0].(int64) >= 150 {
			return "no"
		}
		return ""
	}})
	r.plan.Dest.FailOnFirstError = true
	_, err := r.runInto(&gatherer{Writer: connect[connector.Writer](r, r.dest), prefer: 300})
	require.ErrorContains(t, err, "record 151 of")
	require.EqualValues(t, 150, r.ledger.last().Totals.PutFailures)
	require.EqualValues(t, 150, r.ledger.last().Totals.Written)
}

// A source that fails is not the destination's fault: what was gathered is written.
func TestRun_GatheredRowsAreWrittenWhenTheSourceFails(t *testing.T) {
	t.Parallel()
	failed := false
	r := newRowRig(t, 500, memory.Options{PageRows: 100, OnPage: func(_ context.Context, at memory.At) error {
		if at.Page == 3 && !failed {
			failed = true
			return fault.Temporary(fault.ConnectorServer, nil, "away")
		}
		return nil
	}}, memory.Options{})
	w := &gatherer{Writer: connect[connector.Writer](r, r.dest), prefer: 10_000}
	_, err := r.runInto(w)
	require.ErrorContains(t, err, "away")
	require.EqualValues(t, 300, r.ledger.last().Totals.Written)
	_, err = r.runInto(w)
	require.NoError(t, err)
	require.Equal(t, []int{300, 200}, w.sizes)
	require.Len(t, r.dest.Received("contacts"), 500)
}

// Pages that count their records are followed while they wait, and a retry goes on behind those that were written.
func TestRun_GatheredPagesAreFollowed(t *testing.T) {
	t.Parallel()
	r := newRig(t, crmPlan(flow.FileOutput{Type: "CSV"}), crmFiles(t, 900, 700), Options{Threads: 2})
	r.plan.Source.Read.ChunkBytes = 8 << 10
	r.plan.Dest.Files = nil
	dest := memory.New(memory.Options{})
	conn, err := dest.Connect(t.Context(), connector.Config{Pool: r.pool})
	require.NoError(t, err)
	r.plan.Dest.Write = &connector.WriteRequest{Properties: memory.Properties("contacts")}
	failed := false
	w := &gatherer{Writer: conn.(connector.Writer), prefer: 300, fail: func(sequence int64) error {
		if sequence == 2 && !failed {
			failed = true
			return fault.Temporary(fault.ConnectorServer, nil, "the answer is lost")
		}
		return nil
	}}
	run := func() (flow.Totals, error) {
		return r.engine.Run(t.Context(), Transfer{Plan: through(t, r.plan), From: r.ledger.last(), Source: r.source, Writer: w}, r.ledger)
	}
	_, err = run()
	require.ErrorContains(t, err, "the answer is lost")
	totals, err := run()
	require.NoError(t, err)
	require.EqualValues(t, 1600, totals.Written)
	require.Len(t, dest.Received("contacts"), 1600)
	require.Greater(t, len(w.sizes), 3)
	require.Zero(t, r.pool.InUse())
}
