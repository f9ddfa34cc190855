package connectortest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

func testSource(t *testing.T, h Harness) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Harness)
	}{
		{"Check_DoubleIsReachable", testCheck},
		{"Describe_StableAndComplete", testDescribe},
		{"Describe_InvalidPropertiesAreRefused", testDescribeInvalid},
		{"Entities_ListedAndDescribed", testEntities},
		{"Read_EmptySource", testEmpty},
		{"Read_OneRow", testOneRow},
		{"Read_ManyPagesInOrder", testMany},
		{"Read_FieldsInTheOrderAskedFor", testProjection},
		{"Splits_CoverEverythingOnce", testSplits},
		{"Splits_StableAndPlainData", testSplitsStable},
		{"Resume_FromEveryCursorDeliversTheRest", testResume},
		{"Resume_ForeignCursorIsRefused", testForeignCursor},
		{"Pages_DecodedOnOtherGoroutines", testParallelDecode},
		{"Pages_ReleasedUnread", testRelease},
		{"Cancel_BeforeAPage", testCancel},
		{"Cancel_WhileAPageHangs", testHang},
		{"Close_LeavesNothingBehind", testLeftovers},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h.waive(t, c.name)
			c.test(t, h)
		})
	}
}

// opened is a loaded source with a connection.
type opened struct {
	Loaded
	reader connector.Reader
	schema flow.Schema
	data   Data
}

func open(t *testing.T, h Harness, l Loaded, d Data) *opened {
	t.Helper()
	if l.Close != nil {
		t.Cleanup(l.Close)
	}
	reader, ok := connect(t, h, l.Config).(connector.Reader)
	require.True(t, ok, "the connection is no Reader")
	schema, err := reader.Describe(t.Context(), l.Properties)
	require.NoError(t, err)
	t.Cleanup(func() { require.Zero(t, l.Config.Pool.InUse(), "bytes of the pool are still in use") })
	return &opened{Loaded: l, reader: reader, schema: schema, data: d}
}

func load(t *testing.T, h Harness, rows int) *opened {
	t.Helper()
	d := h.Source.data(rows)
	return open(t, h, h.Source.Load(t, d), d)
}

func (o *opened) request() connector.ReadRequest {
	return connector.ReadRequest{Properties: o.Properties, Schema: o.schema, Fields: o.data.Fields, ChunkBytes: o.ChunkBytes}
}

func (o *opened) splits(t *testing.T, want int) []connector.Split {
	t.Helper()
	splits, err := o.reader.Splits(t.Context(), o.request(), want)
	require.NoError(t, err)
	return splits
}

// read delivers a split's rows from a cursor on, and the cursor and number of rows after each page.
func (o *opened) read(t *testing.T, req connector.ReadRequest, s connector.Split, from connector.Cursor) (rows [][]string, marks []mark) {
	t.Helper()
	pages, err := o.reader.Read(t.Context(), req, s, from)
	require.NoError(t, err)
	defer func() { require.NoError(t, pages.Close()) }()
	for {
		p, err := pages.Next(t.Context())
		if errors.Is(err, io.EOF) {
			_, err = pages.Next(t.Context())
			require.Equal(t, io.EOF, err, "the end stays the end")
			return rows, marks
		}
		require.NoError(t, err)
		require.NotEmpty(t, p.Object())
		require.GreaterOrEqual(t, p.Bytes(), int64(0))
		cursor, object := p.Cursor(), p.Object()
		b, err := p.Decode()
		require.NoError(t, err)
		require.Equal(t, object, b.Origin.Object)
		rows = append(rows, Text(t, b, req.Fields)...)
		b.Release()
		p.Release() // a no-op
		require.True(t, json.Valid(cursor), "the cursor %q is JSON", cursor)
		marks = append(marks, mark{cursor: cursor, rows: len(rows)})
	}
}

// mark is a place after a page.
type mark struct {
	cursor connector.Cursor
	rows   int
}

func testCheck(t *testing.T, h Harness) {
	l := h.Source.Load(t, h.Source.data(1))
	if checker, ok := connect(t, h, l.Config).(connector.Checker); ok {
		require.NoError(t, checker.Check(t.Context()))
	}
}

func testDescribe(t *testing.T, h Harness) {
	o := load(t, h, 50)
	again, err := o.reader.Describe(t.Context(), o.Properties)
	require.NoError(t, err)
	require.Equal(t, o.schema, again)
	seen := map[string]bool{}
	for _, f := range o.schema.Fields {
		require.NotEmpty(t, f.Name)
		require.NotEmpty(t, f.VendorType, f.Name)
		require.NotEmpty(t, f.Type, f.Name)
		require.False(t, seen[f.Name], "%s is described twice", f.Name)
		require.True(t, f.IsRetrievable, f.Name)
		seen[f.Name] = true
	}
	last := -1
	for _, name := range o.data.Fields {
		i := o.schema.Find(name)
		require.Greater(t, i, last, "%s is missing or out of order", name)
		last = i
	}
	raw, err := json.Marshal(o.schema)
	require.NoError(t, err)
	var back flow.Schema
	require.NoError(t, json.Unmarshal(raw, &back))
	require.Equal(t, o.schema, back, "a schema is plain data")
}

func testDescribeInvalid(t *testing.T, h Harness) {
	o := load(t, h, 1)
	require.NotEmpty(t, h.Source.Invalid)
	for _, props := range h.Source.Invalid {
		_, err := o.reader.Describe(t.Context(), props)
		requireCode(t, fault.Validation, err, string(props))
	}
}

func testEntities(t *testing.T, h Harness) {
	o := load(t, h, 5)
	lister, ok := o.reader.(connector.EntityLister)
	require.True(t, ok)
	entities, err := lister.ListEntities(t.Context(), o.Path)
	require.NoError(t, err)
	require.NotEmpty(t, entities)
	seen := map[string]bool{}
	for _, e := range entities {
		require.NotEmpty(t, e.Name)
		require.NotEmpty(t, e.Label)
		require.False(t, seen[e.Name], "%s is listed twice", e.Name)
		seen[e.Name] = true
	}
	describer, ok := o.reader.(connector.EntityDescriber)
	require.True(t, ok)
	schema, err := describer.DescribeEntity(t.Context(), o.Entity)
	require.NoError(t, err)
	for _, name := range o.data.Fields {
		require.GreaterOrEqual(t, schema.Find(name), 0, name)
	}
}

func testEmpty(t *testing.T, h Harness) {
	o := load(t, h, 0)
	total := 0
	for _, s := range o.splits(t, 4) { // none, or slices that turn out to hold nothing
		rows, _ := o.read(t, o.request(), s, nil)
		total += len(rows)
	}
	require.Zero(t, total)
}

func testOneRow(t *testing.T, h Harness) {
	o := load(t, h, 1)
	splits := o.splits(t, 4)
	require.Len(t, splits, 1)
	rows, marks := o.read(t, o.request(), splits[0], nil)
	require.Equal(t, o.data.Rows, rows)
	rest, _ := o.read(t, o.request(), splits[0], marks[len(marks)-1].cursor)
	require.Empty(t, rest)
}

func testMany(t *testing.T, h Harness) {
	o := load(t, h, manyRows)
	splits := o.splits(t, 1)
	require.Len(t, splits, 1)
	rows, marks := o.read(t, o.request(), splits[0], nil)
	require.Equal(t, o.data.Rows, rows)
	require.Greater(t, len(marks), 3, "the source makes several pages")
}

// manyRows makes several pages and splits of any source.
const manyRows = 1_500

func testProjection(t *testing.T, h Harness) {
	o := load(t, h, 30)
	for _, fields := range [][]int{{2, 0}, {1}, {2, 1, 0}} {
		req := o.request()
		req.Fields = nil
		for _, f := range fields {
			req.Fields = append(req.Fields, o.data.Fields[f])
		}
		splits, err := o.reader.Splits(t.Context(), req, 1)
		require.NoError(t, err)
		rows, _ := o.read(t, req, splits[0], nil)
		require.Len(t, rows, len(o.data.Rows))
		for i, row := range rows {
			for j, f := range fields {
				require.Equal(t, o.data.Rows[i][f], row[j])
			}
		}
	}
}

func testSplits(t *testing.T, h Harness) {
	o := load(t, h, manyRows)
	for _, want := range []int{1, 2, 3, 7, 64} {
		splits := o.splits(t, want)
		require.NotEmpty(t, splits)
		if want == 1 {
			require.Len(t, splits, 1)
		}
		var all [][]string
		for i, s := range splits {
			require.Equal(t, i, s.Index)
			require.NotEmpty(t, s.Label)
		}
		for _, s := range slices.Backward(splits) { // in any order
			rows, _ := o.read(t, o.request(), s, nil)
			all = append(all, rows...)
		}
		slices.SortFunc(all, func(x, y []string) int { return strings.Compare(x[0], y[0]) })
		require.Equal(t, o.data.Rows, all, "want %d", want)
	}
}

func testSplitsStable(t *testing.T, h Harness) {
	o := load(t, h, manyRows)
	splits := o.splits(t, 5)
	require.Equal(t, splits, o.splits(t, 5))
	raw, err := json.Marshal(splits)
	require.NoError(t, err)
	var back []connector.Split
	require.NoError(t, json.Unmarshal(raw, &back))
	req, err := json.Marshal(o.request())
	require.NoError(t, err)
	var request connector.ReadRequest
	require.NoError(t, json.Unmarshal(req, &request))

	// Another process, with a connection of its own, reads what the plan says.
	other, ok := connect(t, h, o.Config).(connector.Reader)
	require.True(t, ok)
	there := &opened{Loaded: o.Loaded, reader: other, data: o.data}
	for i := range splits {
		want, _ := o.read(t, o.request(), splits[i], nil)
		got, _ := there.read(t, request, back[i], nil)
		require.Equal(t, want, got)
	}
}

func testResume(t *testing.T, h Harness) {
	o := load(t, h, manyRows)
	for _, s := range o.splits(t, 2) {
		all, marks := o.read(t, o.request(), s, nil)
		step := max(len(marks)/16, 1)
		for i := 0; i < len(marks); i += step {
			rest, _ := o.read(t, o.request(), s, marks[i].cursor)
			require.Equal(t, len(all)-marks[i].rows, len(rest), "after page %d", i)
			if len(rest) > 0 {
				require.Equal(t, all[marks[i].rows:], rest, "after page %d", i)
			}
		}
		rest, _ := o.read(t, o.request(), s, marks[len(marks)-1].cursor)
		require.Empty(t, rest, "after the last page")
	}
}

func testForeignCursor(t *testing.T, h Harness) {
	o := load(t, h, 30)
	split := o.splits(t, 1)[0]
	for _, cursor := range []string{`"x"`, `{"row":-1,"object":-1}`, `[]`, `{`} {
		pages, err := o.reader.Read(t.Context(), o.request(), split, connector.Cursor(cursor))
		if err == nil {
			_, err = pages.Next(t.Context())
			require.NoError(t, pages.Close())
		}
		require.Error(t, err, cursor)
		require.NotEqual(t, io.EOF, err, "%s must not look like the end", cursor)
	}
}

func testParallelDecode(t *testing.T, h Harness) {
	o := load(t, h, manyRows)
	pages, err := o.reader.Read(t.Context(), o.request(), o.splits(t, 1)[0], nil)
	require.NoError(t, err)
	var fetched []connector.Page
	for {
		p, err := pages.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		fetched = append(fetched, p)
	}
	decoded := make([][][]string, len(fetched))
	var wait sync.WaitGroup
	for i, p := range slices.Backward(fetched) {
		wait.Go(func() {
			b, err := p.Decode()
			if err != nil {
				t.Errorf("decoding page %d: %v", i, err)
				return
			}
			decoded[i] = Text(t, b, o.data.Fields)
			b.Release()
		})
	}
	wait.Wait()
	require.NoError(t, pages.Close())
	require.Equal(t, o.data.Rows, slices.Concat(decoded...))
}

func testRelease(t *testing.T, h Harness) {
	o := load(t, h, manyRows)
	pages, err := o.reader.Read(t.Context(), o.request(), o.splits(t, 1)[0], nil)
	require.NoError(t, err)
	for range 2 {
		p, err := pages.Next(t.Context())
		require.NoError(t, err)
		p.Release()
		p.Release()
	}
	require.NoError(t, pages.Close()) // long before the end; the pool is checked when the test ends
}

func testCancel(t *testing.T, h Harness) {
	o := load(t, h, manyRows)
	ctx, cancel := context.WithCancel(t.Context())
	pages, err := o.reader.Read(ctx, o.request(), o.splits(t, 1)[0], nil)
	require.NoError(t, err)
	p, err := pages.Next(ctx)
	require.NoError(t, err)
	p.Release()
	cancel()
	for range 3 {
		_, err := pages.Next(ctx)
		requireCode(t, fault.Canceled, err)
	}
	require.NoError(t, pages.Close())
	_, err = o.reader.Describe(ctx, o.Properties)
	requireCode(t, fault.Canceled, err)
	_, err = o.reader.Splits(ctx, o.request(), 1)
	requireCode(t, fault.Canceled, err)
}

// promptly is how long a canceled call may take.
const promptly = 10 * time.Second

func testHang(t *testing.T, h Harness) {
	if h.Source.Hang == nil {
		t.Skip("the harness cannot make the source hang")
	}
	d := h.Source.data(manyRows)
	o := open(t, h, h.Source.Hang(t, d), d)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	pages, err := o.reader.Read(ctx, o.request(), o.splits(t, 1)[0], nil)
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() {
		for {
			p, err := pages.Next(ctx)
			if err != nil {
				ended <- err
				return
			}
			p.Release()
		}
	}()
	time.AfterFunc(50*time.Millisecond, cancel)
	select {
	case err := <-ended:
		requireCode(t, fault.Canceled, err)
	case <-time.After(promptly):
		require.Fail(t, "a canceled page still hangs")
	}
	require.NoError(t, pages.Close())
}

// testLeftovers reads half of a source under a label that goroutines inherit, and looks for any that still carry it.
func testLeftovers(t *testing.T, h Harness) {
	label := t.Name()
	pprof.Do(t.Context(), pprof.Labels("leftovers", label), func(ctx context.Context) {
		l := h.Source.Load(t, h.Source.data(manyRows))
		conn, err := h.Connector.Connect(ctx, l.Config)
		require.NoError(t, err)
		reader := conn.(connector.Reader)
		req := connector.ReadRequest{Properties: l.Properties, Fields: h.Source.data(0).Fields, ChunkBytes: l.ChunkBytes}
		req.Schema, err = reader.Describe(ctx, l.Properties)
		require.NoError(t, err)
		splits, err := reader.Splits(ctx, req, 1)
		require.NoError(t, err)
		pages, err := reader.Read(ctx, req, splits[0], nil)
		require.NoError(t, err)
		p, err := pages.Next(ctx)
		require.NoError(t, err)
		p.Release()
		require.NoError(t, pages.Close())
		require.NoError(t, conn.Close())
		if l.Close != nil {
			l.Close()
		}
		require.Zero(t, l.Config.Pool.InUse())
	})
	var stacks strings.Builder
	require.Eventually(t, func() bool {
		stacks.Reset()
		return pprof.Lookup("goroutine").WriteTo(&stacks, 1) == nil && !strings.Contains(stacks.String(), `"leftovers":"`+label+`"`)
	}, promptly, 10*time.Millisecond, "goroutines are left: %s", limited{&stacks})
}

// limited shows the beginning of a long text, at the time it is printed.
type limited struct{ *strings.Builder }

func (l limited) String() string {
	s := l.Builder.String()
	return s[:min(len(s), math.MaxInt16)]
}
