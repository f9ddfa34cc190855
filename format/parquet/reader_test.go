package parquet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	parquetgo "github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/format"
)

// stored is a file in memory that counts what is read of it.
type stored struct {
	data  []byte
	bytes int64
	calls int
}

func (s *stored) Name() string { return "in.parquet" }
func (s *stored) Size() int64  { return int64(len(s.data)) }

func (s *stored) OpenAt(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if off < 0 || off+n > s.Size() {
		return nil, fmt.Errorf("bytes %d to %d are not in the file", off, off+n)
	}
	s.calls++
	s.bytes += n
	return io.NopCloser(bytes.NewReader(s.data[off : off+n])), nil
}

// readAll reads the columns, or all for none, as text forms by column, with the kinds.
func readAll(data []byte, opts format.ReadOptions) (names []string, kinds []batch.Kind, got [][]string, err error) {
	ctx := context.Background()
	r, err := NewReader(ctx, &stored{data: data}, opts)
	if err != nil {
		return nil, nil, nil, err
	}
	defer r.Close()
	record := opts.From.Record
	for {
		c, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return names, kinds, got, nil
		}
		if err != nil {
			return nil, nil, nil, err
		}
		b, err := c.Decode()
		if err != nil {
			return nil, nil, nil, err
		}
		if b.Origin.First != record+1 || c.End().Record != record+int64(b.Rows) {
			return nil, nil, nil, fmt.Errorf("batch of %d rows from %d ends at %+v", b.Rows, b.Origin.First, c.End())
		}
		record += int64(b.Rows)
		if got == nil {
			got = make([][]string, len(b.Columns))
			for _, col := range b.Columns {
				names, kinds = append(names, col.Name), append(kinds, col.Kind)
			}
		}
		for i, col := range b.Columns {
			got[i] = append(got[i], cells(col)...)
		}
		b.Release()
	}
}

func TestReader_ReadsWhatTheEncoderWrites(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	in := []*batch.Batch{
		randomBatch(r, allKinds, shapeOf{rows: 5000, nulls: 0.2, distinct: 700}, 1),
		randomBatch(r, allKinds, shapeOf{rows: 3001, nulls: 0.1}, 1),
	}
	enc, err := NewEncoder(allKinds, Options{})
	require.NoError(t, err)
	data := writeFile(t, enc, in[:1], in[1:])
	pool := &batch.Pool{}
	names, kinds, got, err := readAll(data, format.ReadOptions{Pool: pool})
	require.NoError(t, err)
	require.Zero(t, pool.InUse())
	for i, c := range allKinds {
		require.Equal(t, c.Name, names[i])
		want := c.Out
		if want.IsText() {
			want.Type = batch.String
		}
		require.Equal(t, want, kinds[i])
		require.Equal(t, append(cells(in[0].Columns[i]), cells(in[1].Columns[i])...), got[i], c.Name)
	}
}

// writeArrow writes a batch with arrow-go.
func writeArrow(t *testing.T, b *batch.Batch, rowGroup int64, opts ...parquet.WriterProperty) []byte {
	t.Helper()
	var fields []arrow.Field
	var cols []arrow.Array
	for _, c := range b.Columns {
		a := plainArray(c.Data)
		fields = append(fields, arrow.Field{Name: c.Name, Type: a.DataType(), Nullable: true})
		cols = append(cols, a)
	}
	sc := arrow.NewSchema(fields, nil)
	var out bytes.Buffer
	opts = append(opts, parquet.WithMaxRowGroupLength(rowGroup))
	w, err := pqarrow.NewFileWriter(sc, &out, parquet.NewWriterProperties(opts...), pqarrow.DefaultWriterProps())
	require.NoError(t, err)
	require.NoError(t, w.Write(array.NewRecordBatch(sc, cols, int64(b.Rows))))
	require.NoError(t, w.Close())
	return out.Bytes()
}

// plainArray is the array in a layout that arrow-go writes.
func plainArray(a arrow.Array) arrow.Array {
	switch a := a.(type) {
	case *array.StringView:
		b := array.NewStringBuilder(memory.DefaultAllocator)
		for i := range a.Len() {
			if a.IsNull(i) {
				b.AppendNull()
			} else {
				b.Append(a.Value(i))
			}
		}
		return b.NewArray()
	case *array.BinaryView:
		b := array.NewBinaryBuilder(memory.DefaultAllocator, arrow.BinaryTypes.Binary)
		for i := range a.Len() {
			if a.IsNull(i) {
				b.AppendNull()
			} else {
				b.Append(a.Value(i))
			}
		}
		return b.NewArray()
	}
	return a
}

func TestReader_ReadsOtherWritersEncodings(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(2, 2))
	in := randomBatch(r, allKinds, shapeOf{rows: 7000, nulls: 0.15, distinct: 900}, 1)
	per := func(enc parquet.Encoding, names ...string) []parquet.WriterProperty {
		opts := []parquet.WriterProperty{parquet.WithDictionaryDefault(false)}
		for _, n := range names {
			opts = append(opts, parquet.WithEncodingFor(n, enc))
		}
		return opts
	}
	for name, opts := range map[string][]parquet.WriterProperty{
		"v1 dictionary":     nil,
		"v2 pages":          {parquet.WithDataPageVersion(parquet.DataPageV2), parquet.WithVersion(parquet.V2_LATEST)},
		"page index":        {parquet.WithPageIndexEnabled(true)},
		"small pages":       {parquet.WithDataPageSize(1000), parquet.WithBatchSize(64)},
		"plain":             {parquet.WithDictionaryDefault(false)},
		"delta":             per(parquet.Encodings.DeltaBinaryPacked, "int32", "int64", "date", "time", "timestamp"),
		"delta length":      per(parquet.Encodings.DeltaLengthByteArray, "text", "string", "json", "binary"),
		"delta bytes":       per(parquet.Encodings.DeltaByteArray, "text", "string", "json", "binary"),
		"byte stream split": per(parquet.Encodings.ByteStreamSplit, "float64", "int64", "int32"),
		"snappy":            {parquet.WithCompression(compress.Codecs.Snappy)},
		"gzip":              {parquet.WithCompression(compress.Codecs.Gzip)},
		"zstd":              {parquet.WithCompression(compress.Codecs.Zstd), parquet.WithDataPageVersion(parquet.DataPageV2)},
		"brotli":            {parquet.WithCompression(compress.Codecs.Brotli)},
		"lz4raw":            {parquet.WithCompression(compress.Codecs.Lz4Raw)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := writeArrow(t, in, 3000, opts...)
			_, kinds, got, err := readAll(data, format.ReadOptions{})
			require.NoError(t, err)
			for i, c := range allKinds {
				if want := in.Columns[i].Kind; want.IsText() {
					require.Equal(t, batch.String, kinds[i].Type)
				} else {
					require.Equal(t, want, kinds[i])
				}
				require.Equal(t, cells(in.Columns[i]), got[i], c.Name)
			}
		})
	}
}

type line struct {
	SKU   string  `parquet:"sku"`
	Price float32 `parquet:"price"`
}

type order struct {
	ID      int64             `parquet:"id"`
	Code    [16]byte          `parquet:"code,uuid"`
	Meta    string            `parquet:"meta,json"`
	Small   uint32            `parquet:"small"`
	Big     uint64            `parquet:"big"`
	Kind    string            `parquet:"kind,enum"`
	Tags    []string          `parquet:"tags,list"`
	Lines   []line            `parquet:"lines"`
	Address *address          `parquet:"address,optional"`
	Labels  map[string]string `parquet:"labels"`
	Old     int64             `parquet:"old,timestamp(nanosecond)"`
}

type address struct {
	City string   `parquet:"city"`
	Geo  *geo     `parquet:"geo,optional"`
	Tags []string `parquet:"tags"`
}

type geo struct {
	Lat float64 `parquet:"lat"`
}

func nestedFile(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	w := parquetgo.NewGenericWriter[order](&out)
	_, err := w.Write([]order{
		{ID: 1, Code: [16]byte{0xde, 0xad, 15: 1}, Meta: `{"a":1}`, Small: 1 << 31, Big: 1 << 63, Kind: "x", Tags: []string{"a", `b"`},
			Lines: []line{{"s1", 1.5}, {"s2", 0}}, Address: &address{City: "Malmö", Geo: &geo{55.6}, Tags: []string{"t"}},
			Labels: map[string]string{"k": "v"}, Old: -1},
		{ID: 2, Meta: "not json", Old: 1_999},
	})
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

func TestReader_NestedFieldsAreJSONAndTheirLeavesReadable(t *testing.T) {
	t.Parallel()
	data := nestedFile(t)
	const null = "\x00null"
	want := []struct {
		name  string
		kind  batch.Kind
		cells []string
	}{
		{"id", batch.Kind{Type: batch.Int64}, []string{"1", "2"}},
		{"code", batch.Kind{Type: batch.String}, []string{"dead0000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000000"}},
		{"meta", batch.Kind{Type: batch.JSON}, []string{`{"a":1}`, `"not json"`}},
		{"small", batch.Kind{Type: batch.Int64}, []string{"2147483648", "0"}},
		{"big", batch.Kind{Type: batch.Decimal, Precision: 20}, []string{"9223372036854775808", "0"}},
		{"kind", batch.Kind{Type: batch.String}, []string{"x", ""}},
		{"tags", batch.Kind{Type: batch.JSON}, []string{`["a","b\""]`, `[]`}},
		{"lines", batch.Kind{Type: batch.JSON}, []string{`[{"sku":"s1","price":1.5},{"sku":"s2","price":0}]`, `[]`}},
		{"address", batch.Kind{Type: batch.JSON}, []string{`{"city":"Malmö","geo":{"lat":55.6},"tags":["t"]}`, null}},
		{"address.city", batch.Kind{Type: batch.String}, []string{"Malmö", null}},
		{"address.geo", batch.Kind{Type: batch.JSON}, []string{`{"lat":55.6}`, null}},
		{"address.geo.lat", batch.Kind{Type: batch.Float64}, []string{"55.6", null}},
		{"address.tags", batch.Kind{Type: batch.JSON}, []string{`["t"]`, null}},
		{"labels", batch.Kind{Type: batch.JSON}, []string{`{"k":"v"}`, `{}`}},
		{"old", batch.Kind{Type: batch.Timestamp}, []string{"1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00.000001Z"}},
	}
	var opts format.ReadOptions
	for _, w := range want {
		opts.Columns = append(opts.Columns, format.ReadColumn{Name: w.name})
	}
	names, kinds, got, err := readAll(data, opts)
	require.NoError(t, err)
	for i, w := range want {
		require.Equal(t, w.name, names[i])
		require.Equal(t, w.kind, kinds[i], w.name)
		require.Equal(t, w.cells, got[i], w.name)
	}
}

func TestSchema_DescribesFieldsAndWhatIsInGroups(t *testing.T) {
	t.Parallel()
	fields, err := Schema(context.Background(), &stored{data: nestedFile(t)})
	require.NoError(t, err)
	require.Len(t, fields, 11)
	require.Equal(t, Field{Name: "id", Kind: batch.Kind{Type: batch.Int64}}, fields[0])
	require.Equal(t, Field{Name: "tags", Kind: batch.Kind{Type: batch.JSON}}, fields[6])
	require.Equal(t, "address", fields[8].Name)
	require.True(t, fields[8].Nullable)
	require.Equal(t, "address.geo", fields[8].Fields[1].Name)
	require.Equal(t, []Field{{Name: "address.geo.lat", Kind: batch.Kind{Type: batch.Float64}}}, fields[8].Fields[1].Fields)
}

func TestReader_LargeRowGroupsComeInSlices(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 3))
	cols := []format.Column{allKinds[1], allKinds[4], allKinds[3]}
	in := randomBatch(r, cols, shapeOf{rows: wholeRows + 2*sliceRows + 5, nulls: 0.1, distinct: 5000}, 1)
	enc, err := NewEncoder(cols, Options{})
	require.NoError(t, err)
	data := writeFile(t, enc, []*batch.Batch{in}, []*batch.Batch{in})
	_, _, got, err := readAll(data, format.ReadOptions{})
	require.NoError(t, err)
	for i := range cols {
		want := cells(in.Columns[i])
		require.Equal(t, append(want, want...), got[i])
	}
	requireResumable(t, data, got)
}

func TestReader_GoesOnFromAnyPosition(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(4, 4))
	in := randomBatch(r, allKinds, shapeOf{rows: 1000, nulls: 0.1}, 1)
	enc, err := NewEncoder(allKinds, Options{})
	require.NoError(t, err)
	data := writeFile(t, enc, []*batch.Batch{in}, []*batch.Batch{in}, []*batch.Batch{in})
	_, _, got, err := readAll(data, format.ReadOptions{})
	require.NoError(t, err)
	requireResumable(t, data, got)

	_, _, rest, err := readAll(data, format.ReadOptions{From: format.Position{Offset: 1, Record: 1999}})
	require.NoError(t, err)
	require.Equal(t, got[0][1999:], rest[0])
	for _, from := range []format.Position{{Offset: 4}, {Offset: -1}, {Offset: 1, Record: 999}, {Offset: 1, Record: 2000}, {Offset: 3, Record: 3001}} {
		_, _, _, err := readAll(data, format.ReadOptions{From: from})
		require.Error(t, err, from)
	}
}

// requireResumable reads the file again from the end of every chunk.
func requireResumable(t *testing.T, data []byte, all [][]string) {
	t.Helper()
	ctx := context.Background()
	r, err := NewReader(ctx, &stored{data: data}, format.ReadOptions{})
	require.NoError(t, err)
	defer r.Close()
	chunks := 0
	for {
		c, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		chunks++
		c.Release()
		_, _, rest, err := readAll(data, format.ReadOptions{From: c.End()})
		require.NoError(t, err)
		for i := range rest {
			require.Equal(t, all[i][c.End().Record:], rest[i])
		}
	}
	require.Greater(t, chunks, 1)
}

func TestReader_ReadsOnlyTheColumnsAskedFor(t *testing.T) {
	t.Parallel()
	enc, err := NewEncoder(textColumns(crmNames), Options{})
	require.NoError(t, err)
	data := writeFile(t, enc, crmBatches(1, 2, 20_000))
	s := &stored{data: data}
	r, err := NewReader(context.Background(), s, format.ReadOptions{Columns: []format.ReadColumn{{Name: "Status"}, {Name: "Currency"}}})
	require.NoError(t, err)
	c, err := r.Next(context.Background())
	require.NoError(t, err)
	b, err := c.Decode()
	require.NoError(t, err)
	require.Equal(t, 40_000, b.Rows)
	require.Less(t, s.bytes, s.Size()/8)
	require.LessOrEqual(t, s.calls, 3)
}

func TestReader_CastsAndFillsMissingColumns(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 5))
	in := randomBatch(r, allKinds, shapeOf{rows: 2000, nulls: 0.2}, 1)
	enc, err := NewEncoder(allKinds, Options{})
	require.NoError(t, err)
	data := writeFile(t, enc, []*batch.Batch{in})
	text, wide, float := batch.Kind{Type: batch.Text}, batch.Kind{Type: batch.Int64}, batch.Kind{Type: batch.Float64}
	_, kinds, got, err := readAll(data, format.ReadOptions{MissingIsNull: true, Columns: []format.ReadColumn{
		{Name: "int32", Kind: wide}, {Name: "decimal", Kind: text}, {Name: "none"}, {Name: "gone", Kind: float}, {Name: "timestamp", Kind: text},
	}})
	require.NoError(t, err)
	require.Equal(t, []batch.Kind{wide, text, {Type: batch.String}, float, text}, kinds)
	require.Equal(t, cells(in.Columns[4]), got[0])
	require.Equal(t, cells(in.Columns[7]), got[1])
	require.Equal(t, cells(in.Columns[11]), got[4])
	for i := range 2000 {
		require.Equal(t, "\x00null", got[2][i])
		require.Equal(t, "\x00null", got[3][i])
	}

	_, _, _, err = readAll(data, format.ReadOptions{Columns: []format.ReadColumn{{Name: "none"}}})
	require.ErrorContains(t, err, `"in.parquet": it has no column "none"`)
	_, _, _, err = readAll(data, format.ReadOptions{Columns: []format.ReadColumn{{Name: "string", Kind: wide}}})
	require.ErrorContains(t, err, `column "string": it is of kind string, which cannot be read as int64`)
}

func TestReader_RefusesBrokenFiles(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(6, 6))
	enc, err := NewEncoder(allKinds, Options{})
	require.NoError(t, err)
	good := writeFile(t, enc, []*batch.Batch{randomBatch(r, allKinds, shapeOf{rows: 500}, 1)})
	edit := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(good)) }
	n := len(good)
	for name, data := range map[string][]byte{
		"empty":            {},
		"text":             []byte("a,b\n1,2\n"),
		"truncated":        good[:n/2],
		"without its end":  good[:n-1],
		"without its head": good[n/2:],
		"long footer":      edit(func(b []byte) []byte { copy(b[n-8:], "\xff\xff\xff\x7f"); return b }),
		"short footer":     edit(func(b []byte) []byte { copy(b[n-8:], "\x10\x00\x00\x00"); return b }),
		"no footer":        edit(func(b []byte) []byte { copy(b[n-8:], "\x00\x00\x00\x00"); return b }),
		"encrypted":        edit(func(b []byte) []byte { copy(b[n-4:], "PARE"); return b }),
		"zeroed pages":     edit(func(b []byte) []byte { clear(b[4 : n/2]); return b }),
		"thrift bomb":      footerOnly([]byte("\x15\x04\x19\xfc\xff\xff\xff\xff\x07" + strings.Repeat("\x00", 100))),
		"deep thrift":      footerOnly(bytes.Repeat([]byte{0x1c}, 5000)),
		"deep schema":      footerOnly(deepSchema(5000)),
	} {
		_, _, _, err := readAll(data, format.ReadOptions{})
		require.Error(t, err, name)
		require.ErrorContains(t, err, `"in.parquet"`, name)
	}
}

func footerOnly(foot []byte) []byte {
	b := append([]byte(magic), foot...)
	b = append(b, byte(len(foot)), byte(len(foot)>>8), byte(len(foot)>>16), 0)
	return append(b, magic...)
}

func deepSchema(n int) []byte {
	var t thrift
	t.i32(1, 2)
	t.list(2, thriftStruct, n+1)
	for i := range n + 1 {
		t.beginElement()
		t.text(4, "g")
		if i < n {
			t.i32(5, 1)
		}
		t.end()
	}
	t.stop()
	return t.buf
}

func TestReader_StopsWhenCanceled(t *testing.T) {
	t.Parallel()
	enc, err := NewEncoder(textColumns(crmNames), Options{})
	require.NoError(t, err)
	in := &stored{data: writeFile(t, enc, crmBatches(1, 1, 100))}
	r, err := NewReader(context.Background(), in, format.ReadOptions{})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = r.Next(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func FuzzReader_Footer(f *testing.F) {
	r := rand.New(rand.NewPCG(7, 7))
	enc, err := NewEncoder(allKinds, Options{})
	require.NoError(f, err)
	f.Add(writeFile(f, enc, []*batch.Batch{randomBatch(r, allKinds, shapeOf{rows: 20, nulls: 0.2}, 1)}))
	f.Add(writeFile(f, enc))
	f.Add(nestedFile(f))
	few, err := NewEncoder(allKinds[1:2], Options{Codec: Zstd})
	require.NoError(f, err)
	f.Add(writeFile(f, few, []*batch.Batch{randomBatch(r, allKinds[1:2], shapeOf{rows: 50, distinct: 3}, 1)}))
	f.Fuzz(func(t *testing.T, data []byte) {
		pool := &batch.Pool{}
		_, _, _, err := readAll(data, format.ReadOptions{Pool: pool, MaxRecord: 1 << 20})
		if err == nil && pool.InUse() != 0 {
			t.Fatalf("%d bytes were not given back", pool.InUse())
		}
		_, _ = Schema(context.Background(), &stored{data: data})
	})
}
