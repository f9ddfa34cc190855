package land

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/blob/memblob"
	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
	"weir.dev/weir/format"
	"weir.dev/weir/format/csv"
	"weir.dev/weir/internal/plan"
)

// table makes batches of text rows: an id, a partition key of so many values, and text of a length.
type table struct {
	batches, rows int
	keys          int
	text          int
	object        func(batch int) string
}

func (tb table) make(pool *batch.Pool) []*batch.Batch {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]*batch.Batch, tb.batches)
	for i := range out {
		id, key, text := batch.NewTextBuilder(pool, tb.rows), batch.NewTextBuilder(pool, tb.rows), batch.NewTextBuilder(pool, tb.rows)
		var data []byte
		type at struct{ off, n int }
		var spans []at
		put := func(s string) {
			spans = append(spans, at{len(data), len(s)})
			data = append(data, s...)
		}
		for row := range tb.rows {
			put(fmt.Sprintf("row-%012d", i*tb.rows+row))
			put(fmt.Sprintf("key %d", r.IntN(max(1, tb.keys))))
			put(strings.Repeat(string(rune('a'+r.IntN(26))), tb.text))
		}
		buf := pool.Buffer(len(data))
		copy(buf.Bytes(), data)
		for c, b := range []*batch.TextBuilder{id, key, text} {
			n := b.Buffer(buf)
			for row := range tb.rows {
				s := spans[3*row+c]
				if c == 1 && row%97 == 0 {
					b.SetNull(row)
					continue
				}
				b.Set(row, n, buf.Bytes(), s.off, s.n)
			}
		}
		buf.Release()
		object := "source.csv"
		if tb.object != nil {
			object = tb.object(i)
		}
		cols := []batch.Column{id.Build("id", batch.Text), key.Build("key", batch.Text), text.Build("text", batch.Text)}
		out[i] = batch.New(cols, tb.rows, batch.Origin{Object: object, First: int64(i*tb.rows) + 1})
	}
	return out
}

func tablePlan(out flow.FileOutput, keys ...string) *plan.Plan {
	p := testPlan(out, keys...)
	p.Program.Outputs = []plan.Output{{Field: "id", Name: "id"}, {Field: "key", Name: "key"}, {Field: "text", Name: "text"}}
	return p
}

// landing is one lander with its surroundings.
type landing struct {
	*Lander
	t      testing.TB
	pool   *batch.Pool
	bucket *memblob.Bucket
	budget *Budget
	share  *Share
	target connector.Target
	plan   *plan.Plan

	mu       sync.Mutex
	receipts map[int64]connector.Receipt
}

// shuffled runs jobs on goroutines of their own, so that they end in any order.
func shuffled(job func()) { go job() }

func newLanding(t testing.TB, p *plan.Plan, memory int64, change func(*Options)) *landing {
	t.Helper()
	enc, err := csv.Dialect{}.NewEncoder([]format.Column{{Name: "id"}, {Name: "key"}, {Name: "text"}})
	require.NoError(t, err)
	ld := &landing{t: t, pool: &batch.Pool{}, bucket: memblob.New("lake"), budget: NewBudget(memory), plan: p, receipts: map[int64]connector.Receipt{}}
	ld.share = ld.budget.Join()
	ld.target = connector.Target{Bucket: ld.bucket, Name: "lake", Output: *p.Dest.Files}
	opts := Options{Plan: p, Target: ld.target, Encoder: enc, Pool: ld.pool, TempDir: t.TempDir(), Share: ld.share, Run: shuffled,
		Done: func(n int64, r connector.Receipt) {
			ld.mu.Lock()
			defer ld.mu.Unlock()
			ld.receipts[n] = r
		}}
	if change != nil {
		change(&opts)
	}
	ld.Lander, err = NewLander(t.Context(), opts)
	require.NoError(t, err)
	return ld
}

func (ld *landing) add(batches []*batch.Batch) error {
	var partition []int
	if len(ld.plan.Program.PartitionBy) > 0 {
		partition = []int{1}
	}
	for i, b := range batches {
		object := b.Origin.Object
		p := ld.Prepare(b, partition)
		err := ld.Turn(object)
		if err == nil {
			err = ld.Add(p)
		} else {
			p.Release()
		}
		if err != nil {
			for _, rest := range batches[i+1:] {
				rest.Release()
			}
			return err
		}
	}
	return nil
}

// land adds all batches, finishes and commits, and returns the published objects.
func (ld *landing) land(batches []*batch.Batch) map[string]string {
	ld.t.Helper()
	require.NoError(ld.t, ld.add(batches))
	require.NoError(ld.t, ld.Finish())
	ld.closed()
	require.Empty(ld.t, ld.objects(), "nothing is visible before commit")
	require.NoError(ld.t, Commit(ld.t.Context(), ld.target, ld.plan, ld.list()))
	require.Empty(ld.t, ld.bucket.Store().Staged())
	return ld.objects()
}

// closed closes the lander and sees that nothing is kept.
func (ld *landing) closed() {
	ld.t.Helper()
	ld.Close(false)
	ld.share.Leave()
	require.Zero(ld.t, ld.budget.used)
	require.Zero(ld.t, ld.pool.InUse())
}

func (ld *landing) list() (list []connector.Receipt) {
	for n := range int64(len(ld.receipts)) {
		list = append(list, ld.receipts[n])
	}
	return list
}

func (ld *landing) objects() map[string]string { return contents(ld.t, ld.bucket) }

func contents(t testing.TB, b *memblob.Bucket) map[string]string {
	t.Helper()
	all := map[string]string{}
	for o, err := range b.List(context.Background(), "") {
		require.NoError(t, err)
		r, err := b.OpenAt(context.Background(), o.Key, 0, -1, "")
		require.NoError(t, err)
		data, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		all[o.Key] = string(data)
	}
	return all
}

// lines are all lines of all objects but the heads, sorted.
func lines(objects map[string]string) []string {
	var all []string
	for _, o := range objects {
		all = append(all, strings.Split(strings.TrimSuffix(o, "\n"), "\n")[1:]...)
	}
	sort.Strings(all)
	return all
}

func TestLander_NoneFollowsSourceObjects(t *testing.T) {
	t.Parallel()
	ld := newLanding(t, tablePlan(flow.FileOutput{Type: flow.FileCSV}), 64<<20, nil)
	objects := ld.land(table{batches: 9, rows: 50, text: 20, object: func(i int) string { return fmt.Sprint("in-", i/3) }}.make(ld.pool))
	require.Len(t, objects, 3)
	for i := range 3 {
		body := objects[fmt.Sprintf("orders/%s-00000-%06d", testExecution, i)]
		require.Equal(t, 151, strings.Count(body, "\n"))
		require.Contains(t, body, fmt.Sprintf("row-%012d", i*150))
	}
}

func TestLander_SingleFileIsOne(t *testing.T) {
	t.Parallel()
	ld := newLanding(t, tablePlan(flow.FileOutput{Type: flow.FileCSV, SingleFile: true}), 64<<20, nil)
	objects := ld.land(table{batches: 20, rows: 500, text: 300, object: func(i int) string { return fmt.Sprint("in-", i) }}.make(ld.pool))
	require.Len(t, objects, 1)
	require.Len(t, lines(objects), 20*500)
	require.True(t, sort.StringsAreSorted(strings.Split(strings.TrimSpace(objects["orders/"+testExecution]), "\n")[1:]), "rows keep their order")
}

func TestLander_EmptyRunWritesNoFile(t *testing.T) {
	t.Parallel()
	ld := newLanding(t, tablePlan(flow.FileOutput{Type: flow.FileCSV, SingleFile: true}), 64<<20, nil)
	require.Empty(t, ld.land(nil))
}

func TestLander_MemoryAndOrderOfJobsNeverChangeBytes(t *testing.T) {
	t.Parallel()
	for _, out := range []flow.FileOutput{
		{Type: flow.FileCSV, SingleFile: true},
		{Type: flow.FileCSV},
		{Type: flow.FileCSV, TargetFileSize: 300_000},
	} {
		for _, keys := range [][]string{nil, {"key"}} {
			rows := table{batches: 12, rows: 700, keys: 40, text: 300, object: func(i int) string { return fmt.Sprint("in-", i/5) }}
			roomy := newLanding(t, tablePlan(out, keys...), 1<<30, nil)
			want := roomy.land(rows.make(roomy.pool))
			require.Len(t, lines(want), 12*700)
			tight := newLanding(t, tablePlan(out, keys...), 200_000, nil)
			require.Equal(t, want, tight.land(rows.make(tight.pool)), "%+v %v", out, keys)
			require.Equal(t, roomy.receiptsWithoutUploads(), tight.receiptsWithoutUploads())
		}
	}
}

func (ld *landing) receiptsWithoutUploads() (list []connector.Receipt) {
	for _, r := range ld.list() {
		r.Staged = nil
		list = append(list, r)
	}
	return list
}

func TestLander_PartitionsHoldTheirRows(t *testing.T) {
	t.Parallel()
	ld := newLanding(t, tablePlan(flow.FileOutput{Type: flow.FileCSV, SingleFile: true}, "key"), 64<<20, nil)
	objects := ld.land(table{batches: 5, rows: 1000, keys: 7, text: 30}.make(ld.pool))
	require.Len(t, objects, 8) // seven keys and null
	for key, body := range objects {
		value := strings.TrimPrefix(strings.Split(key, "/")[1], "key=")
		if value == "null" {
			value = ""
		}
		rows := strings.Split(strings.TrimSpace(body), "\n")[1:]
		require.True(t, sort.StringsAreSorted(rows), "rows keep their order")
		for _, row := range rows {
			require.Equal(t, value, strings.Split(row, ",")[1])
		}
	}
}

func TestLander_TenThousandPartitionsWithinASmallBudget(t *testing.T) {
	t.Parallel()
	const memory = 8 << 20
	ld := newLanding(t, tablePlan(flow.FileOutput{Type: flow.FileCSV, SingleFile: true}, "key"), memory, nil)
	rows := table{batches: 1, rows: 5000, keys: 10_000, text: 500}
	var most int64
	for range 20 { // 50 MB of text
		require.NoError(t, ld.add(rows.make(ld.pool)))
		most = max(most, ld.pool.InUse())
	}
	require.NoError(t, ld.Finish())
	ld.closed()
	require.Less(t, most, int64(2*memory))
	var total int64
	for _, r := range ld.list() {
		total += r.Rows
	}
	require.EqualValues(t, 20*5000, total)
	require.Greater(t, len(ld.receipts), 3000)
}

func TestLander_TargetSizeIsMetWithinTenPercent(t *testing.T) {
	t.Parallel()
	for _, target := range []int64{100_000, 1 << 20, 5 << 20} {
		ld := newLanding(t, tablePlan(flow.FileOutput{Type: flow.FileCSV, TargetFileSize: target}), 64<<20, nil)
		ld.land(table{batches: 40, rows: 2000, text: 200}.make(ld.pool))
		list := ld.list()
		require.Greater(t, len(list), 2)
		for _, r := range list[:len(list)-1] {
			require.InEpsilon(t, target, r.Bytes, 0.1)
		}
	}
}

func TestLander_GoesOnFromEveryBoundary(t *testing.T) {
	t.Parallel()
	rows := table{batches: 10, rows: 900, text: 150}
	p := tablePlan(flow.FileOutput{Type: flow.FileCSV, TargetFileSize: 100_000})
	type stop struct {
		mark  Mark
		batch int
	}
	var stops []stop
	at := 0
	var whole *landing
	whole = newLanding(t, p, 64<<20, func(o *Options) {
		o.Boundary = func(rows int) {
			mark := whole.Mark()
			mark.Skip = rows
			stops = append(stops, stop{mark, at})
		}
	})
	for i, b := range rows.make(whole.pool) {
		at = i
		require.NoError(t, whole.add([]*batch.Batch{b}))
	}
	require.NoError(t, whole.Finish())
	whole.closed()
	want := whole.receiptsWithoutUploads()
	require.Greater(t, len(stops), 10)
	for _, s := range stops {
		rest := newLanding(t, p, 64<<20, func(o *Options) { o.From = &s.mark })
		batches := rows.make(rest.pool)
		for _, b := range batches[:s.batch] {
			b.Release()
		}
		require.NoError(t, rest.add(batches[s.batch:]))
		require.NoError(t, rest.Finish())
		rest.closed()
		var got []connector.Receipt
		for n := s.mark.Next; n < int64(len(want)); n++ {
			r := rest.receipts[n]
			r.Staged = nil
			got = append(got, r)
		}
		require.Equal(t, want[s.mark.Next:], got)
	}
}

func TestLander_CloseDropsEverything(t *testing.T) {
	t.Parallel()
	for _, keys := range [][]string{nil, {"key"}} {
		ld := newLanding(t, tablePlan(flow.FileOutput{Type: flow.FileCSV, SingleFile: true}, keys...), 1<<20, nil)
		require.NoError(t, ld.add(table{batches: 10, rows: 500, keys: 100, text: 500}.make(ld.pool)))
		ld.closed()
		require.Empty(t, ld.bucket.Store().Staged())
		left, err := os.ReadDir(ld.opts.TempDir)
		require.NoError(t, err)
		require.Empty(t, left)
	}
}

func TestCommit_RepeatedPublishesOnce(t *testing.T) {
	t.Parallel()
	ld := newLanding(t, tablePlan(flow.FileOutput{Type: flow.FileCSV}), 64<<20, nil)
	once := ld.land(table{batches: 3, rows: 10, text: 10, object: func(i int) string { return fmt.Sprint(i) }}.make(ld.pool))
	require.NoError(t, Commit(t.Context(), ld.target, ld.plan, ld.list()))
	require.Equal(t, once, ld.objects())
}

func TestDiscard_KeepsReceiptsAndOtherSplits(t *testing.T) {
	t.Parallel()
	p := tablePlan(flow.FileOutput{Type: flow.FileCSV})
	ld := newLanding(t, p, 64<<20, nil)
	l, err := NewLayout(p)
	require.NoError(t, err)
	stage := func(split int, n int64) connector.Receipt {
		key := l.Key(l.Folder(), split, n)
		w, err := ld.bucket.Stage(t.Context(), Owner(p, split), key)
		require.NoError(t, err)
		_, err = w.Write([]byte("x"))
		require.NoError(t, err)
		s, err := w.Finish(t.Context())
		require.NoError(t, err)
		return connector.Receipt{Name: key, Rows: 1, Bytes: 1, Staged: &s}
	}
	kept, other := stage(0, 0), stage(1, 0)
	stage(0, 1)
	require.NoError(t, DiscardSplit(t.Context(), ld.target, p, 0, []connector.Receipt{kept}))
	require.ElementsMatch(t, []string{kept.Name, other.Name}, ld.bucket.Store().Staged())
	require.NoError(t, Discard(t.Context(), ld.target, p, 2, []connector.Receipt{other}))
	require.Equal(t, []string{other.Name}, ld.bucket.Store().Staged())
	require.NoError(t, Discard(t.Context(), ld.target, p, 2, nil))
	require.Empty(t, ld.bucket.Store().Staged())
	ld.closed()
}

func TestRows_EveryKindSurvivesTheCopy(t *testing.T) {
	t.Parallel()
	pool := &batch.Pool{}
	b := everyKind(pool, 200)
	sh := new(shapes).of(b)
	want := render(b)
	data := copyRows(pool, openCells(b), 0, b.Rows)
	b.Release()
	sp := &spool{dir: t.TempDir()}
	defer sp.close()
	first, rest := (&piece{rows: 200, copy: data, object: "o", shape: sh}).cut(pool, 70, 1<<40)
	require.Equal(t, 70, first.rows)
	require.NoError(t, rest.spill(pool, sp))
	batches, err := load(pool, sp, []piece{first, rest})
	require.NoError(t, err)
	require.Len(t, batches, 1)
	require.Equal(t, want, render(batches[0]))
	require.EqualValues(t, 1007, batches[0].Origin.Record(7))
	batches[0].Release()
	require.Zero(t, pool.InUse())
}

func TestRows_DamageIsAnError(t *testing.T) {
	t.Parallel()
	pool := &batch.Pool{}
	b := everyKind(pool, 20)
	sh := new(shapes).of(b)
	data := copyRows(pool, openCells(b), 0, b.Rows)
	b.Release()
	r := rand.New(rand.NewPCG(3, 4))
	failed := 0
	for range 2000 {
		buf := pool.Buffer(len(data) + batch.Slack)
		copy(buf.Bytes(), data)
		for range 3 {
			buf.Bytes()[r.IntN(len(data))] = byte(r.Uint32())
		}
		size := len(data) - r.IntN(3)
		if got, err := sh.decodeRows(pool, buf, size, 20, "o"); err != nil {
			require.ErrorIs(t, err, errDamaged)
			failed++
		} else {
			got.Release()
		}
		buf.Release()
	}
	require.Greater(t, failed, 100)
	freeChunk(pool, data)
	require.Zero(t, pool.InUse())
}

// render is the batch as text.
func render(b *batch.Batch) string {
	var out bytes.Buffer
	for row := range b.Rows {
		for _, col := range b.Columns {
			if f := batch.OpenForm(col); f.IsNull(row) {
				out.WriteString("∅|")
			} else {
				out.Write(append(f.Append(nil, row), '|'))
			}
		}
		out.WriteByte('\n')
	}
	return out.String()
}
