package engine

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/blob/memblob"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/format/formattest"
	"weir.dev/weir/internal/land"
	"weir.dev/weir/internal/plan"
)

// crmPlan copies all columns of the generated contacts into files.
func crmPlan(out flow.FileOutput, partitionBy ...string) *plan.Plan {
	p := &plan.Plan{
		ExecutionID: "9f2a60a7-55f6-4d0f-8a35-6d8f5f0f3f6e", FlowName: "contacts", SchemaVersion: 1,
		StartedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Dest:      plan.Dest{Connector: flow.S3, Files: &out},
		OneSplit:  out.SingleFile && out.TargetFileSize == 0,
	}
	p.Source.Read.ChunkBytes = 64 << 10
	p.Program.PartitionBy = partitionBy
	for _, name := range formattest.CRMColumns {
		p.Source.Read.Fields = append(p.Source.Read.Fields, name)
		p.Program.Input = append(p.Program.Input, plan.Column{Name: name, Type: flow.TypeText})
		p.Program.Outputs = append(p.Program.Outputs, plan.Output{Field: name, Name: name})
	}
	return p
}

// ledger is hooks that remember, as the store does: checkpoints and receipts go through JSON.
type ledger struct {
	t testing.TB

	mu          sync.Mutex // guards all below
	checkpoints []Checkpoint
	receipts    []connector.Receipt
	rejects     []flow.Reject
	counts      []int // receipts at each checkpoint
	samples     []int // rejects at each checkpoint
	errorFiles  []connector.Receipt
	lastWords   *LastErrors
	progress    []time.Time
	now         func() time.Time
	fail        func(n int) error // asked before the n-th checkpoint
}

func (l *ledger) Progress(flow.Totals) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now != nil {
		l.progress = append(l.progress, l.now())
	}
}

func (l *ledger) Checkpoint(_ context.Context, c Checkpoint, receipts []connector.Receipt, rejects []flow.Reject) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		if err := l.fail(len(l.checkpoints)); err != nil {
			return err
		}
	}
	l.checkpoints = append(l.checkpoints, through(l.t, c))
	for _, r := range receipts {
		l.receipts = append(l.receipts, through(l.t, r))
	}
	l.rejects = append(l.rejects, rejects...)
	l.errorFiles, l.lastWords = append(l.errorFiles, c.ErrorFiles...), nil
	l.counts = append(l.counts, len(l.receipts))
	l.samples = append(l.samples, len(l.rejects))
	if !c.Totals.Closes() || c.Sequence != int64(len(l.receipts)) {
		l.t.Errorf("checkpoint %+v after %d receipts does not close", c, len(l.receipts))
	}
	if rows := land.Rows(l.receipts); rows != c.Totals.Written {
		l.t.Errorf("receipts hold %d rows, totals say %d", rows, c.Totals.Written)
	}
	return nil
}

func (l *ledger) Failed(_ context.Context, last LastErrors) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lastWords = through(l.t, &last)
	return nil
}

func (l *ledger) last() *Checkpoint {
	if len(l.checkpoints) == 0 {
		return nil
	}
	return &l.checkpoints[len(l.checkpoints)-1]
}

// at is the ledger as it stood after its n-th checkpoint, in another process.
func (l *ledger) at(n int) *ledger {
	return &ledger{t: l.t, checkpoints: l.checkpoints[: n+1 : n+1], counts: l.counts[: n+1 : n+1], samples: l.samples[: n+1 : n+1],
		receipts: l.receipts[:l.counts[n]:l.counts[n]], rejects: l.rejects[:l.samples[n]:l.samples[n]]}
}

// through returns v after a way through JSON.
func through[T any](t testing.TB, v T) (back T) {
	data, err := json.Marshal(v)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &back))
	return back
}

// outcome is what a run left: objects, totals, receipts but for the uploads' names.
type outcome struct {
	objects  map[string]string
	totals   flow.Totals
	receipts []connector.Receipt
	rejects  []flow.Reject
}

// rig is an engine with a source and a bucket.
type rig struct {
	t      testing.TB
	engine *Engine
	pool   *batch.Pool
	source *filesSource
	bucket *memblob.Bucket
	target connector.Target
	errors *memblob.Bucket // of error files, where the plan has them
	plan   *plan.Plan
	ledger *ledger
}

func newRig(t testing.TB, p *plan.Plan, files []formattest.File, opts Options) *rig {
	pool := &batch.Pool{}
	opts.Pool, opts.TempDir = pool, t.TempDir()
	bucket := memblob.New("lake")
	return &rig{t: t, errors: memblob.New("errors"), engine: New(opts), pool: pool, source: &filesSource{files: files, pool: pool}, bucket: bucket, plan: p,
		target: connector.Target{Bucket: bucket, Name: "lake", Output: *p.Dest.Files}, ledger: &ledger{t: t}}
}

func (r *rig) run(ctx context.Context) (flow.Totals, error) {
	totals, err := r.engine.Run(ctx, Transfer{Plan: through(r.t, r.plan), From: r.ledger.last(), Source: r.source, Target: &r.target, Errors: r.errors}, r.ledger)
	require.Zero(r.t, r.pool.InUse(), "buffers that are lost")
	return totals, err
}

// retry runs until it succeeds, from the last checkpoint each time.
func (r *rig) retry(ctx context.Context) flow.Totals {
	for range 1000 {
		totals, err := r.run(ctx)
		if err == nil {
			return totals
		}
		class, _ := fault.RetryOf(err)
		require.Equal(r.t, fault.Transient, class, "%v", err)
		require.NoError(r.t, land.DiscardSplit(ctx, r.target, r.plan, 0, r.ledger.receipts))
	}
	require.Fail(r.t, "no end of retries")
	return flow.Totals{}
}

// commit publishes what the ledger knows.
func (r *rig) commit(totals flow.Totals) outcome {
	r.t.Helper()
	ctx := context.Background()
	target := connector.Target{Bucket: r.bucket}
	require.Empty(r.t, r.objects(), "nothing is visible before commit")
	require.NoError(r.t, land.Commit(ctx, target, r.plan, r.ledger.receipts))
	require.Empty(r.t, r.bucket.Store().Staged())
	require.Equal(r.t, r.ledger.last().Totals, totals)
	o := outcome{objects: r.objects(), totals: totals, rejects: r.ledger.rejects}
	for _, receipt := range r.ledger.receipts {
		receipt.Staged = nil
		o.receipts = append(o.receipts, receipt)
	}
	return o
}

func (r *rig) whole() outcome {
	r.t.Helper()
	totals, err := r.run(context.Background())
	require.NoError(r.t, err)
	return r.commit(totals)
}

func (r *rig) objects() map[string]string {
	all := map[string]string{}
	for o, err := range r.bucket.List(context.Background(), "") {
		require.NoError(r.t, err)
		body, err := r.bucket.OpenAt(context.Background(), o.Key, 0, -1, "")
		require.NoError(r.t, err)
		data, err := io.ReadAll(body)
		require.NoError(r.t, err)
		sum := sha256.Sum256(data)
		all[o.Key] = fmt.Sprintf("%d bytes %x", len(data), sum[:8]) // short enough to be shown when it differs
	}
	return all
}
