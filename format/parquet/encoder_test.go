package parquet

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	arrowfile "github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	parquetgo "github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/format"
)

// allKinds are columns of every kind that a file can hold.
var allKinds = []format.Column{
	{Name: "text", Out: batch.Kind{Type: batch.Text}},
	{Name: "string", Out: batch.Kind{Type: batch.String}},
	{Name: "json", Out: batch.Kind{Type: batch.JSON}},
	{Name: "bool", Out: batch.Kind{Type: batch.Bool}},
	{Name: "int32", Out: batch.Kind{Type: batch.Int32}},
	{Name: "int64", Out: batch.Kind{Type: batch.Int64}},
	{Name: "float64", Out: batch.Kind{Type: batch.Float64}},
	{Name: "decimal", Out: batch.Kind{Type: batch.Decimal, Precision: 12, Scale: 2}},
	{Name: "wide decimal", Out: batch.Kind{Type: batch.Decimal, Precision: 30, Scale: 5}},
	{Name: "date", Out: batch.Kind{Type: batch.Date}},
	{Name: "time", Out: batch.Kind{Type: batch.Time}},
	{Name: "timestamp", Out: batch.Kind{Type: batch.Timestamp}},
	{Name: "binary", Out: batch.Kind{Type: batch.Binary}},
}

// shapeOf says how a random column is filled.
type shapeOf struct {
	rows     int
	nulls    float64
	distinct int // values to choose from; 0 means every value is new
	sorted   bool
}

func randomBatch(r *rand.Rand, cols []format.Column, s shapeOf, first int64) *batch.Batch {
	out := make([]batch.Column, len(cols))
	for i, c := range cols {
		out[i] = randomColumn(r, c, s)
	}
	return batch.New(out, s.rows, batch.Origin{Object: "in.csv", First: first})
}

// randomColumn appends value by value to Arrow's own builders, which know nothing of the encoder.
func randomColumn(r *rand.Rand, c format.Column, s shapeOf) batch.Column {
	b := array.NewBuilder(memory.DefaultAllocator, c.Out.ArrowType())
	defer b.Release()
	for row := range s.rows {
		if r.Float64() < s.nulls {
			b.AppendNull()
			continue
		}
		n := r.Uint64()
		switch {
		case s.sorted:
			n = uint64(row * max(s.distinct, 1) / s.rows)
		case s.distinct > 0:
			n %= uint64(s.distinct)
		}
		appendRandom(b, n, c.Out)
	}
	return batch.Column{Name: c.Name, Kind: c.Out, Data: b.NewArray()}
}

func appendRandom(b array.Builder, n uint64, k batch.Kind) {
	signed := int64(n)
	switch b := b.(type) {
	case *array.StringViewBuilder:
		b.Append(randomText(n))
	case *array.BinaryViewBuilder:
		b.Append([]byte(randomText(n) + "\xff\x00"))
	case *array.BooleanBuilder:
		b.Append(n%2 == 0)
	case *array.Int32Builder:
		b.Append(int32(signed))
	case *array.Int64Builder:
		b.Append(signed)
	case *array.Float64Builder:
		b.Append([]float64{float64(signed) / 7, 0, math.Copysign(0, -1), math.Inf(1)}[n%4])
	case *array.Decimal128Builder:
		v := decimal128.FromI64(signed % 1_000_000_000_000)
		if k.Precision > 18 {
			v = v.Mul(decimal128.FromI64(99_999_999_999_999_999))
		}
		b.Append(v)
	case *array.Date32Builder:
		b.Append(arrow.Date32(signed % 100_000))
	case *array.Time64Builder:
		b.Append(arrow.Time64(n % 86_400_000_000))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(signed % 10_000_000_000_000_000))
	default:
		panic(fmt.Sprintf("no random values for %T", b))
	}
}

// randomText has every length class that the encoder treats apart, empty and non-ASCII text among them.
func randomText(n uint64) string {
	switch n % 9 {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("%x", n%4096)
	case 2:
		return fmt.Sprintf("twelve%06d", n%1_000_000)
	case 3:
		return fmt.Sprintf("thirteen%05d", n%100_000)
	case 4:
		return fmt.Sprintf("sixteen%09d", n%1_000_000_000)
	case 5:
		return fmt.Sprintf("åäö € 🦆 %d", n)
	case 6:
		return fmt.Sprintf("%032x", n)
	case 7:
		return fmt.Sprintf("%d %s", n, strings.Repeat("long ", int(n%64)))
	}
	return fmt.Sprintf("same beginning of sixteen bytes %d", n)
}

func writeFile(t testing.TB, enc format.Encoder, blocks ...[]*batch.Batch) []byte {
	t.Helper()
	var out bytes.Buffer
	f := enc.NewFile()
	for _, b := range blocks {
		block, err := enc.Encode(b)
		require.NoError(t, err)
		require.NoError(t, f.Append(&out, block))
		require.Equal(t, f.Size(), int64(out.Len()))
		block.Release()
	}
	require.NoError(t, f.Finish(&out))
	require.Equal(t, f.Size(), int64(out.Len()))
	return out.Bytes()
}

// cells are a column's values as text, with a mark for null that no value has.
func cells(col batch.Column) []string {
	f := batch.OpenForm(col)
	out := make([]string, col.Data.Len())
	for i := range out {
		out[i] = "\x00null"
		if !f.IsNull(i) {
			if text := f.Text(); text != nil {
				out[i] = string(text.Bytes(i)) // JSON too: as it stands
			} else {
				out[i] = string(f.Append(nil, i))
			}
		}
	}
	return out
}

func requireSameFile(t *testing.T, cols []format.Column, blocks [][]*batch.Batch, data []byte) {
	t.Helper()
	want := make([][]string, len(cols))
	rows := 0
	for _, block := range blocks {
		for _, b := range block {
			rows += b.Rows
			for i, c := range b.Columns {
				want[i] = append(want[i], cells(c)...)
			}
		}
	}
	requireArrowReads(t, cols, want, rows, data)
	requireParquetGoReads(t, cols, want, rows, data)
}

// requireArrowReads compares every cell, and the statistics, with what arrow-go reads.
func requireArrowReads(t *testing.T, cols []format.Column, want [][]string, rows int, data []byte) {
	t.Helper()
	rd, err := arrowfile.NewParquetReader(bytes.NewReader(data))
	require.NoError(t, err)
	defer rd.Close()
	require.EqualValues(t, rows, rd.NumRows())
	fr, err := pqarrow.NewFileReader(rd, pqarrow.ArrowReadProperties{BatchSize: 10_000}, memory.DefaultAllocator)
	require.NoError(t, err)
	table, err := fr.ReadTable(context.Background())
	require.NoError(t, err)
	defer table.Release()
	require.EqualValues(t, len(cols), table.NumCols())
	for i, c := range cols {
		require.Equal(t, c.Name, table.Schema().Field(i).Name)
		require.True(t, table.Schema().Field(i).Nullable)
		var got []string
		for _, a := range table.Column(i).Data().Chunks() {
			got = append(got, arrowCells(t, a, c.Out)...)
		}
		require.Equal(t, len(want[i]), len(got), c.Name)
		for row := range got {
			if got[row] != want[i][row] {
				require.Equal(t, want[i][row], got[row], "column %s row %d", c.Name, row)
			}
		}
	}
}

func arrowCells(t *testing.T, a arrow.Array, k batch.Kind) []string {
	if k.IsText() {
		out := make([]string, a.Len())
		s := a.(*array.String)
		for i := range out {
			if out[i] = "\x00null"; !s.IsNull(i) {
				out[i] = s.Value(i)
			}
		}
		return out
	}
	if k.Type == batch.Binary {
		b := array.NewBinaryViewBuilder(memory.DefaultAllocator)
		for i := range a.Len() {
			if a.IsNull(i) {
				b.AppendNull()
			} else {
				b.Append(a.(*array.Binary).Value(i))
			}
		}
		a = b.NewArray()
	}
	require.Equal(t, k.ArrowType().ID(), a.DataType().ID())
	return cells(batch.Column{Kind: k, Data: a})
}

// requireParquetGoReads compares every cell with what parquet-go reads.
func requireParquetGoReads(t *testing.T, cols []format.Column, want [][]string, rows int, data []byte) {
	t.Helper()
	f, err := parquetgo.OpenFile(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	require.EqualValues(t, rows, f.NumRows())
	row := 0
	for _, group := range f.RowGroups() {
		rr := group.Rows()
		buf := make([]parquetgo.Row, 1000)
		for {
			n, err := rr.ReadRows(buf)
			for _, values := range buf[:n] {
				require.Len(t, values, len(cols))
				for i, v := range values {
					got := "\x00null"
					if !v.IsNull() {
						got = parquetGoCell(v, cols[i].Out)
					}
					if got != want[i][row] {
						require.Equal(t, want[i][row], got, "column %s row %d", cols[i].Name, row)
					}
				}
				row++
			}
			if err != nil {
				require.EqualError(t, err, "EOF")
				break
			}
		}
		require.NoError(t, rr.Close())
	}
	require.Equal(t, rows, row)
}

func parquetGoCell(v parquetgo.Value, k batch.Kind) string {
	one := func(b array.Builder, add func()) string {
		add()
		return cells(batch.Column{Kind: k, Data: b.NewArray()})[0]
	}
	switch b := array.NewBuilder(memory.DefaultAllocator, k.ArrowType()).(type) {
	case *array.StringViewBuilder:
		return string(v.ByteArray())
	case *array.BinaryViewBuilder:
		return one(b, func() { b.Append(v.ByteArray()) })
	case *array.BooleanBuilder:
		return one(b, func() { b.Append(v.Boolean()) })
	case *array.Int32Builder:
		return one(b, func() { b.Append(v.Int32()) })
	case *array.Int64Builder:
		return one(b, func() { b.Append(v.Int64()) })
	case *array.Float64Builder:
		return one(b, func() { b.Append(v.Double()) })
	case *array.Date32Builder:
		return one(b, func() { b.Append(arrow.Date32(v.Int32())) })
	case *array.Time64Builder:
		return one(b, func() { b.Append(arrow.Time64(v.Int64())) })
	case *array.TimestampBuilder:
		return one(b, func() { b.Append(arrow.Timestamp(v.Int64())) })
	case *array.Decimal128Builder:
		if k.Precision <= 18 {
			return one(b, func() { b.Append(decimal128.FromI64(v.Int64())) })
		}
		n := decimal128.FromI64(int64(int8(v.ByteArray()[0])))
		for _, c := range v.ByteArray()[1:] {
			n = decimal128.New(n.HighBits()<<8|int64(n.LowBits()>>56), n.LowBits()<<8|uint64(c))
		}
		return one(b, func() { b.Append(n) })
	}
	panic("unknown kind")
}

func TestEncode_EveryKindReadsBackInOtherReaders(t *testing.T) {
	t.Parallel()
	shapes := map[string]shapeOf{
		"one row":              {rows: 1},
		"one null":             {rows: 1, nulls: 1},
		"seven rows":           {rows: 7, nulls: 0.3},
		"distinct":             {rows: 5000},
		"distinct with nulls":  {rows: 5000, nulls: 0.2},
		"all null":             {rows: 3000, nulls: 1},
		"few values":           {rows: 9000, distinct: 11, nulls: 0.1},
		"constant":             {rows: 5000, distinct: 1},
		"sorted":               {rows: 9001, distinct: 13, sorted: true},
		"sorted, nulls":        {rows: 9001, distinct: 300, sorted: true, nulls: 0.02},
		"a step exactly":       {rows: step, distinct: 5},
		"a step and one":       {rows: step + 1, distinct: 500, nulls: 0.5},
		"thousands of values":  {rows: 12_000, distinct: 4000},
		"nearly all different": {rows: 8_000, distinct: 60_000},
	}
	for name, s := range shapes {
		for _, codec := range []Codec{Snappy, Zstd, None, Gzip} {
			if codec != Snappy && s.distinct != 11 && s.rows != 7 {
				continue // the codec sees pages, not shapes
			}
			t.Run(fmt.Sprintf("%s/%d", name, codec), func(t *testing.T) {
				t.Parallel()
				r := rand.New(rand.NewPCG(1, uint64(s.rows)))
				enc, err := NewEncoder(allKinds, Options{Codec: codec})
				require.NoError(t, err)
				half := s
				half.rows = s.rows/2 + 1
				blocks := [][]*batch.Batch{
					{randomBatch(r, allKinds, s, 1), randomBatch(r, allKinds, shapeOf{}, 1), randomBatch(r, allKinds, half, 2)},
					{randomBatch(r, allKinds, half, 3)},
				}
				requireSameFile(t, allKinds, blocks, writeFile(t, enc, blocks...))
			})
		}
	}
}

func TestEncode_CardinalityThatGrowsLateFallsBackToPlain(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 5))
	cols := allKinds[1:2]
	blocks := [][]*batch.Batch{{
		randomBatch(r, cols, shapeOf{rows: 40_000, distinct: 3}, 1),
		randomBatch(r, cols, shapeOf{rows: 150_001, nulls: 0.01}, 40_001),
	}}
	enc, err := NewEncoder(cols, Options{})
	require.NoError(t, err)
	requireSameFile(t, cols, blocks, writeFile(t, enc, blocks...))
}

func TestEncode_SlicedArraysKeepTheirNulls(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(6, 6))
	whole := randomBatch(r, allKinds, shapeOf{rows: 2000, nulls: 0.4}, 1)
	part := make([]batch.Column, len(whole.Columns))
	for i, c := range whole.Columns {
		part[i] = batch.Column{Name: c.Name, Kind: c.Kind, Data: array.NewSlice(c.Data, 13, 1811)}
	}
	blocks := [][]*batch.Batch{{batch.New(part, 1798, batch.Origin{Object: "a", First: 14})}}
	enc, err := NewEncoder(allKinds, Options{})
	require.NoError(t, err)
	requireSameFile(t, allKinds, blocks, writeFile(t, enc, blocks...))
}

func TestEncode_ManyColumns(t *testing.T) {
	t.Parallel()
	var cols []format.Column
	for i := range 3*together + 5 {
		c := allKinds[(i/10)%len(allKinds)]
		c.Name = fmt.Sprintf("%s %d", c.Name, i)
		cols = append(cols, c)
	}
	r := rand.New(rand.NewPCG(7, 7))
	blocks := [][]*batch.Batch{{randomBatch(r, cols, shapeOf{rows: 500, nulls: 0.1}, 1)}}
	enc, err := NewEncoder(cols, Options{})
	require.NoError(t, err)
	requireSameFile(t, cols, blocks, writeFile(t, enc, blocks...))
}

func TestEncode_EveryKindAsText(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(8, 8))
	in := []*batch.Batch{randomBatch(r, allKinds, shapeOf{rows: 3000, nulls: 0.1}, 1)}
	in[0].Columns[2] = randomColumn(r, format.Column{Name: "json", Out: batch.Kind{Type: batch.Text}}, shapeOf{rows: 3000})
	cols := make([]format.Column, len(allKinds))
	want := make([][]string, len(cols))
	for i, c := range allKinds {
		cols[i] = format.Column{Name: c.Name, Out: batch.Kind{Type: batch.String}}
		want[i] = cells(in[0].Columns[i])
	}
	enc, err := NewEncoder(cols, Options{})
	require.NoError(t, err)
	data := writeFile(t, enc, in)
	requireArrowReads(t, cols, want, 3000, data)
	requireParquetGoReads(t, cols, want, 3000, data)
}

func TestEncode_NoRowsIsAValidFile(t *testing.T) {
	t.Parallel()
	enc, err := NewEncoder(allKinds, Options{})
	require.NoError(t, err)
	requireSameFile(t, allKinds, nil, writeFile(t, enc))
	requireSameFile(t, allKinds, nil, writeFile(t, enc, nil, nil))
}

func TestEncode_WideCells(t *testing.T) {
	t.Parallel()
	wide := strings.Repeat("0123456789abcdef", 100<<20/16)
	b := array.NewStringViewBuilder(memory.DefaultAllocator)
	b.SetBlockSize(128 << 20)
	for _, s := range []string{"a", wide, "b", wide[:3<<20], "", wide[:70_000]} {
		b.Append(s)
	}
	cols := allKinds[1:2]
	in := [][]*batch.Batch{{batch.New([]batch.Column{{Name: "string", Kind: cols[0].Out, Data: b.NewArray()}}, 6, batch.Origin{})}}
	enc, err := NewEncoder(cols, Options{})
	require.NoError(t, err)
	requireSameFile(t, cols, in, writeFile(t, enc, in...))
}

func TestEncode_BytesDependOnRowsAlone(t *testing.T) {
	t.Parallel()
	const blocks = 6
	r := rand.New(rand.NewPCG(9, 9))
	in := make([][]*batch.Batch, blocks)
	for i := range in {
		in[i] = []*batch.Batch{randomBatch(r, allKinds, shapeOf{rows: 3000, nulls: 0.1, distinct: 1 << i}, 1)}
	}
	enc, err := NewEncoder(allKinds, Options{})
	require.NoError(t, err)
	want := writeFile(t, enc, in...)
	for range 2 * runtime.GOMAXPROCS(0) {
		made := make([]*format.Block, blocks)
		var wg sync.WaitGroup
		for _, i := range r.Perm(blocks) {
			wg.Go(func() {
				var err error
				made[i], err = enc.Encode(in[i])
				require.NoError(t, err)
			})
		}
		wg.Wait()
		var out bytes.Buffer
		f := enc.NewFile()
		for _, b := range made {
			require.NoError(t, f.Append(&out, b))
			b.Release()
		}
		require.NoError(t, f.Finish(&out))
		require.True(t, bytes.Equal(want, out.Bytes()), "the bytes changed with the order of work")
	}
}

func TestEncode_ReturnsEveryBuffer(t *testing.T) {
	t.Parallel()
	pool := &batch.Pool{}
	enc, err := NewEncoder(textColumns(crmNames), Options{Pool: pool})
	require.NoError(t, err)
	in := crmBatches(3, 2, 3000)
	block, err := enc.Encode(in)
	require.NoError(t, err)
	require.Positive(t, pool.InUse())
	block.Release()
	block.Release()
	require.Zero(t, pool.InUse())

	in[1].Columns[19].Kind = batch.Kind{Type: batch.Int64} // lies about its data
	_, err = enc.Encode(in)
	require.ErrorContains(t, err, `column "IsActive"`)
	require.ErrorContains(t, err, `"accounts.csv" record 1 to "accounts.csv" record 6000`)
	require.Zero(t, pool.InUse())
}

func TestNewEncoder_RefusesWhatFilesCannotHold(t *testing.T) {
	t.Parallel()
	text := batch.Kind{Type: batch.String}
	for name, cols := range map[string][]format.Column{
		"no columns":           nil,
		"no name":              {{Out: text}},
		"same name twice":      {{Name: "a", Out: text}, {Name: "a", Out: text}},
		"no kind":              {{Name: "a"}},
		"39 digits":            {{Name: "a", Out: batch.Kind{Type: batch.Decimal, Precision: 39}}},
		"negative scale":       {{Name: "a", Out: batch.Kind{Type: batch.Decimal, Precision: 5, Scale: -1}}},
		"scale over precision": {{Name: "a", Out: batch.Kind{Type: batch.Decimal, Precision: 5, Scale: 6}}},
	} {
		_, err := NewEncoder(cols, Options{})
		require.Error(t, err, name)
	}
}

func TestEncode_RefusesADecimalWithTooManyDigits(t *testing.T) {
	t.Parallel()
	k := batch.Kind{Type: batch.Decimal, Precision: 4, Scale: 2}
	b := array.NewDecimal128Builder(memory.DefaultAllocator, k.ArrowType().(*arrow.Decimal128Type))
	b.Append(decimal128.FromI64(9999))
	b.Append(decimal128.FromI64(-9999))
	b.Append(decimal128.FromI64(-10_000))
	in := batch.New([]batch.Column{{Name: "d", Kind: k, Data: b.NewArray()}}, 3, batch.Origin{Object: "in.csv", First: 11})
	enc, err := NewEncoder([]format.Column{{Name: "d", Out: k}}, Options{})
	require.NoError(t, err)
	_, err = enc.Encode([]*batch.Batch{in})
	require.ErrorContains(t, err, `record 13 of "in.csv" has more digits than decimal(4,2)`)
}

func TestEncode_RefusesOtherKindsAndWidths(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(2, 2))
	in := randomBatch(r, allKinds[:1], shapeOf{rows: 3}, 1)
	enc, err := NewEncoder([]format.Column{{Name: "n", Out: batch.Kind{Type: batch.Int64}}}, Options{})
	require.NoError(t, err)
	_, err = enc.Encode([]*batch.Batch{in})
	require.ErrorContains(t, err, `column "n"`)
	require.ErrorContains(t, err, "kind text cannot be written as int64")

	two := randomBatch(r, allKinds[:2], shapeOf{rows: 3}, 1)
	_, err = enc.Encode([]*batch.Batch{two})
	require.ErrorContains(t, err, "has 2 columns instead of 1")
}
