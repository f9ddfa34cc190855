package engine

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/blob"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/format"
	"weir.dev/weir/internal/plan"
	"weir.dev/weir/internal/transform/kernel"
)

// harm does something to the rows of a batch that must never happen. It consumes the batch.
type harm func(pool *batch.Pool, b *batch.Batch) *batch.Batch

func rowsOf(pool *batch.Pool, b *batch.Batch, rows ...int32) *batch.Batch {
	defer b.Release()
	cols := make([]batch.Column, len(b.Columns))
	index := make([]int32, len(rows))
	for i, row := range rows {
		index[i] = int32(b.Origin.Record(int(row)) - b.Origin.First)
	}
	for i, c := range b.Columns {
		cols[i] = kernel.Gather(pool, kernel.Lane{Col: c, Rows: rows})
	}
	return batch.New(cols, len(rows), batch.Origin{Object: b.Origin.Object, First: b.Origin.First, Index: index})
}

func allRows(b *batch.Batch) (rows []int32) {
	for i := range b.Rows {
		rows = append(rows, int32(i))
	}
	return rows
}

// changed is the batch with one text column replaced by what change makes of its cells.
func changed(pool *batch.Pool, b *batch.Batch, change func(cells [][]byte)) *batch.Batch {
	out := rowsOf(pool, b, allRows(b)...)
	const column = 1
	view := batch.OpenText(out.Columns[column])
	cells := make([][]byte, out.Rows)
	for i := range cells {
		cells[i] = append([]byte(nil), view.Bytes(i)...)
	}
	change(cells)
	text := batch.NewTextBuilder(pool, out.Rows)
	for i, c := range cells {
		text.Append(i, c)
	}
	old := out.Columns[column]
	out.Columns[column] = text.Build(old.Name, old.Kind.Type)
	old.Data.Release()
	return out
}

var harms = map[string]harm{
	"drop": func(pool *batch.Pool, b *batch.Batch) *batch.Batch { return rowsOf(pool, b, allRows(b)[1:]...) },
	"double": func(pool *batch.Pool, b *batch.Batch) *batch.Batch {
		return rowsOf(pool, b, append(allRows(b), int32(b.Rows-1))...)
	},
	"one for another": func(pool *batch.Pool, b *batch.Batch) *batch.Batch {
		return rowsOf(pool, b, append(allRows(b)[1:], int32(b.Rows-1))...)
	},
	"truncate": func(pool *batch.Pool, b *batch.Batch) *batch.Batch {
		return changed(pool, b, func(cells [][]byte) { cells[7] = cells[7][:len(cells[7])-1] })
	},
	"swap": func(pool *batch.Pool, b *batch.Batch) *batch.Batch {
		return changed(pool, b, func(cells [][]byte) { cells[3], cells[4] = cells[4], cells[3] })
	},
	"shift": func(pool *batch.Pool, b *batch.Batch) *batch.Batch { // a column out of step with the others
		return changed(pool, b, func(cells [][]byte) { copy(cells, cells[1:]) })
	},
}

// TestRun_HarmAtAnyHopIsFound lets one batch be harmed at each hop, in every way. Before the program only the number of
// records is known for certain; from there on, every value is.
func TestRun_HarmAtAnyHopIsFound(t *testing.T) {
	t.Parallel()
	counts := []string{"drop", "double"}
	values := []string{"drop", "double", "one for another", "truncate", "swap", "shift"}
	hops := map[string][]string{"decode": counts, "program": counts, "gather": values, "encode": values}
	outs := []string{"file per object CSV", "one JSON file", "target size Parquet", "partitioned CSV"}
	for hop, ways := range hops {
		for _, way := range ways {
			for _, out := range outs {
				if hop == "encode" && way != "drop" && way != "double" {
					continue // an encoder's own faults are those of its tests, and of the readers that judge its files
				}
				t.Run(hop+"/"+way+"/"+out, func(t *testing.T) {
					t.Parallel()
					p := outputs[out]()
					p.Options.Verify = flow.VerifyFull
					pool := &batch.Pool{}
					var batches atomic.Int64
					hurt := func(at string, b *batch.Batch) *batch.Batch {
						if at != hop || b.Rows < 10 || batches.Add(1) != 2 {
							return b
						}
						return harms[way](pool, b)
					}
					opts := Options{Threads: 2, tamper: hurt}
					if hop == "encode" {
						opts.tamper, opts.encoder = nil, func(e format.Encoder) format.Encoder { return &badEncoder{e, hurt} }
					}
					r := newRig(t, p, crmFiles(t, 1500, 700), opts)
					_, err := r.engine.Run(t.Context(), Transfer{Plan: p, Source: r.source, Target: &r.target}, r.ledger)
					require.True(t, fault.Is(err, fault.Internal), "%v", err)
					require.GreaterOrEqual(t, batches.Load(), int64(2), "no harm was done")
				})
			}
		}
	}
}

// badEncoder encodes other rows than it is given.
type badEncoder struct {
	format.Encoder
	hurt func(hop string, b *batch.Batch) *batch.Batch
}

func (e *badEncoder) Encode(batches []*batch.Batch) (*format.Block, error) {
	mine := make([]*batch.Batch, len(batches))
	for i, b := range batches {
		b.Retain()
		mine[i] = e.hurt("encode", b)
		defer mine[i].Release()
	}
	return e.Encoder.Encode(mine)
}

// TestRun_SampleFindsHarmToManyRows is the default: every row is counted by its place and the lengths of its texts, and
// values are looked at here and there.
func TestRun_SampleFindsHarmToManyRows(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"drop", "double", "one for another", "truncate", "shift"} {
		pool := &batch.Pool{}
		var batches atomic.Int64
		p := outputs["one CSV file"]()
		r := newRig(t, p, crmFiles(t, 1500), Options{Threads: 2, tamper: func(at string, b *batch.Batch) *batch.Batch {
			if at != "gather" || batches.Add(1) != 2 {
				return b
			}
			return harms[way](pool, b)
		}})
		_, err := r.engine.Run(t.Context(), Transfer{Plan: p, Source: r.source, Target: &r.target}, r.ledger)
		require.True(t, fault.Is(err, fault.Internal), "%s: %v", way, err)
	}
}

// badPages loses, repeats or swaps pages.
type badPages struct {
	connector.Reader
	way string
}

func (s *badPages) Read(ctx context.Context, req connector.ReadRequest, split connector.Split, from connector.Cursor) (connector.Pages, error) {
	pages, err := s.Reader.Read(ctx, req, split, from)
	return &harmedPages{Pages: pages, way: s.way}, err
}

type harmedPages struct {
	connector.Pages
	way  string
	n    int
	held connector.Page
}

func (p *harmedPages) Next(ctx context.Context) (connector.Page, error) {
	p.n++
	switch {
	case p.held != nil:
		g := p.held
		p.held = nil
		return g, nil
	case p.way == "lose" && p.n == 2:
		g, err := p.Pages.Next(ctx)
		if err != nil {
			return nil, err
		}
		g.Release()
	case p.way == "swap" && p.n == 2:
		first, err := p.Pages.Next(ctx)
		if err != nil {
			return nil, err
		}
		p.held = first
	}
	return p.Pages.Next(ctx)
}

func TestRun_PagesLostOrSwappedAreFound(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"lose", "swap"} {
		r := newRig(t, outputs["one CSV file"](), crmFiles(t, 2000), Options{Threads: 2})
		_, err := r.engine.Run(t.Context(), Transfer{Plan: r.plan, Source: &badPages{r.source, way}, Target: &r.target}, r.ledger)
		require.True(t, fault.Is(err, fault.Internal), "%s: %v", way, err)
		require.ErrorContains(t, err, "should come")
	}
}

// TestRun_ResumedElsewhereIsFound gives a resumed run another place than the checkpoint's, or another source.
func TestRun_ResumedElsewhereIsFound(t *testing.T) {
	t.Parallel()
	first := make(chan struct{})
	r := newRig(t, crmPlan(flow.FileOutput{Type: flow.FileJSON, TargetFileSize: 100_000}), crmFiles(t, 2000), Options{Threads: 2})
	r.ledger.fail = func(n int) error {
		if n == 1 {
			close(first)
			return errors.New("the end")
		}
		return nil
	}
	r.source.onPage = func(ctx context.Context, page int) error {
		if page < 6 {
			return nil
		}
		select {
		case <-first:
		case <-ctx.Done():
		}
		return nil
	}
	_, err := r.run(t.Context())
	require.Error(t, err)
	at := *r.ledger.last()
	require.NotZero(t, at.Content)
	resume := func(c Checkpoint, files []int) error {
		rest := newRig(t, r.plan, crmFiles(t, files...), Options{Threads: 2})
		_, err := rest.engine.Run(t.Context(), Transfer{Plan: r.plan, From: &c, Source: rest.source, Target: &rest.target}, forget{})
		return err
	}
	require.NoError(t, resume(at, []int{2000}))
	place := at
	place.Place.Record--
	require.True(t, at.Place.Record == 0 || fault.Is(resume(place, []int{2000}), fault.Internal))
	if at.Skipped != (batch.Content{}) {
		other := at
		other.Skipped.Add(at.Content)
		require.True(t, fault.Is(resume(other, []int{2000}), fault.Internal))
	}
	sum := at
	sum.Content.Add(batch.ContentOf([]uint64{1}))
	sum.Skipped.Add(batch.ContentOf([]uint64{1}))
	require.True(t, at.Skipped == (batch.Content{}) || fault.Is(resume(sum, []int{2000}), fault.Internal))
}

// shortBucket loses or changes bytes of what it stages.
type shortBucket struct {
	blob.Bucket
}

type shortWriter struct {
	blob.Writer
	n int
}

func (b shortBucket) Stage(ctx context.Context, owner, key string) (blob.Writer, error) {
	w, err := b.Bucket.Stage(ctx, owner, key)
	return &shortWriter{Writer: w}, err
}

func (w *shortWriter) Write(p []byte) (int, error) {
	if w.n++; w.n == 2 {
		if _, err := w.Writer.Write(p[:len(p)-1]); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	return w.Writer.Write(p)
}

func TestRun_BytesLostOnTheWayToTheBucketAreFound(t *testing.T) {
	t.Parallel()
	for name, p := range outputs {
		r := newRig(t, p(), crmFiles(t, 1500, 700), Options{Threads: 2})
		r.target.Bucket = shortBucket{r.bucket}
		_, err := r.run(t.Context())
		require.ErrorContains(t, err, "are staged instead of", name)
	}
}

func TestRun_ValuesThatDoNotFitAreNulledOrTheirRowsRefused(t *testing.T) {
	t.Parallel()
	csv := "id,amount\n1,10\n2,ten thousand euros\n3,30\n4,\n"
	for _, isNull := range []bool{true, false} {
		p := errorPlan("id", "amount")
		p.Program.Checks = []plan.Check{{Field: "amount", Type: flow.TypeLong, Null: isNull, Task: plan.TaskOrigin{Index: 1, Label: "Map amount"}}}
		r := newRig(t, p, csvFile(csv), Options{Threads: 1})
		totals, err := r.run(t.Context())
		require.NoError(t, err)
		o := r.commit(totals)
		require.EqualValues(t, 4, totals.Read)
		require.Len(t, o.rejects, 1)
		require.Equal(t, "Map amount", o.rejects[0].Task)
		require.Equal(t, `field "amount" as long: the value does not fit the type`, o.rejects[0].Reason)
		require.EqualValues(t, 2, o.rejects[0].Record)
		got := r.body(t)
		if isNull {
			require.EqualValues(t, 1, totals.Nulled)
			require.EqualValues(t, 4, totals.Written)
			require.Equal(t, "nulled", o.rejects[0].Action)
			require.Equal(t, "id,amount\n1,10\n2,\n3,30\n4,\n", got)
			continue
		}
		require.EqualValues(t, 1, totals.PutFailures)
		require.Equal(t, "refused", o.rejects[0].Action)
		require.Equal(t, "id,amount\n1,10\n3,30\n4,\n", got)
	}
}

// body is the content of the one published object.
func (r *rig) body(t *testing.T) string {
	t.Helper()
	for o, err := range r.bucket.List(t.Context(), "") {
		require.NoError(t, err)
		in, err := r.bucket.OpenAt(t.Context(), o.Key, 0, -1, "")
		require.NoError(t, err)
		data, err := io.ReadAll(in)
		require.NoError(t, err)
		return string(data)
	}
	require.Fail(t, "there is no object")
	return ""
}
