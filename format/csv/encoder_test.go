package csv_test

import (
	"bytes"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/format"
	"weir.dev/weir/format/csv"
	"weir.dev/weir/format/formattest"
)

// write encodes each batch as a block of its own and puts them into one file.
func write(t testing.TB, enc format.Encoder, batches ...*batch.Batch) string {
	t.Helper()
	var out bytes.Buffer
	file := enc.NewFile()
	for i := range batches {
		block, err := enc.Encode(batches[i : i+1])
		require.NoError(t, err)
		require.Equal(t, batches[i].Rows, block.Rows)
		require.NoError(t, file.Append(&out, block))
		block.Release()
	}
	require.NoError(t, file.Finish(&out))
	require.Equal(t, int64(out.Len()), file.Size())
	return out.String()
}

func named(names ...string) (cols []format.Column) {
	for _, n := range names {
		cols = append(cols, format.Column{Name: n, Out: batch.Kind{Type: batch.String}})
	}
	return cols
}

// textColumn makes a column; null is a null.
func textColumn(kind batch.Type, cells ...string) batch.Column {
	b := batch.NewTextBuilder(batch.DefaultPool, len(cells))
	for i, c := range cells {
		if c == null {
			b.SetNull(i)
		} else {
			b.Append(i, []byte(c))
		}
	}
	return b.Build("x", kind)
}

func TestEncoder_QuotesOnlyWhatNeedsIt(t *testing.T) {
	t.Parallel()
	enc, err := csv.NewEncoder(named("plain", `a "quoted", long name`))
	require.NoError(t, err)
	cells := []string{"", "x", "a,b", `say "hi"`, "a\nb", "a\rb", " spaced ", "exactly 12 ch", "a longer text, with a comma", `and "another" one`, "a longer text that needs none", "1234567", "12345,7", "é", "\x00\ttab", "a tab \t in a longer text", null}
	a := textColumn(batch.Text, cells...)
	b := batch.New([]batch.Column{a, textColumn(batch.String, cells...)}, len(cells), batch.Origin{})
	defer b.Release()
	want := "plain,\"a \"\"quoted\"\", long name\"\n"
	for _, c := range []string{"", "x", `"a,b"`, `"say ""hi"""`, "\"a\nb\"", "\"a\rb\"", " spaced ", "exactly 12 ch", `"a longer text, with a comma"`, `"and ""another"" one"`, "a longer text that needs none", "1234567", `"12345,7"`, "é", "\x00\ttab", "a tab \t in a longer text", ""} {
		want += c + "," + c + "\n"
	}
	require.Equal(t, want, write(t, enc, b))
}

func TestEncoder_EveryKindHasItsTextForm(t *testing.T) {
	t.Parallel()
	ints, floats, bools := array.NewInt64Builder(batch.DefaultPool), array.NewFloat64Builder(batch.DefaultPool), array.NewBooleanBuilder(batch.DefaultPool)
	days, stamps := array.NewDate32Builder(batch.DefaultPool), array.NewTimestampBuilder(batch.DefaultPool, arrow.FixedWidthTypes.Timestamp_us.(*arrow.TimestampType))
	decs, bin := array.NewDecimal128Builder(batch.DefaultPool, &arrow.Decimal128Type{Precision: 10, Scale: 2}), array.NewBinaryViewBuilder(batch.DefaultPool)
	ints.AppendValues([]int64{-5, 0}, []bool{true, false})
	floats.AppendValues([]float64{1.5, 1e30}, nil)
	bools.AppendValues([]bool{true, false}, nil)
	days.AppendValues([]arrow.Date32{0, 19_782}, nil)
	stamps.AppendValues([]arrow.Timestamp{1_500_000, 1_500_001}, nil)
	decs.AppendValues([]decimal128.Num{decimal128.FromI64(-5), decimal128.FromI64(12345)}, nil)
	bin.Append([]byte{0xff, 0xfe})
	bin.AppendNull()
	b := batch.New([]batch.Column{
		{Kind: batch.Kind{Type: batch.Int64}, Data: ints.NewArray()},
		{Kind: batch.Kind{Type: batch.Float64}, Data: floats.NewArray()},
		{Kind: batch.Kind{Type: batch.Bool}, Data: bools.NewArray()},
		{Kind: batch.Kind{Type: batch.Date}, Data: days.NewArray()},
		{Kind: batch.Kind{Type: batch.Timestamp}, Data: stamps.NewArray()},
		{Kind: batch.Kind{Type: batch.Decimal, Precision: 10, Scale: 2}, Data: decs.NewArray()},
		{Kind: batch.Kind{Type: batch.Binary}, Data: bin.NewArray()},
		textColumn(batch.JSON, `"a \"b\", \u00e9"`, `{"a":1,"b":[2]}`),
		textColumn(batch.JSON, `17`, `"plain"`),
	}, 2, batch.Origin{})
	defer b.Release()
	enc, err := csv.NewEncoder(named("i", "f", "b", "d", "t", "n", "x", "j", "k"))
	require.NoError(t, err)
	require.Equal(t, "i,f,b,d,t,n,x,j,k\n"+
		`-5,1.5,true,1970-01-01,1970-01-01T00:00:01.500Z,-0.05,//4=,"a ""b"", é",17`+"\n"+
		`,1e+30,false,2024-02-29,1970-01-01T00:00:01.500001Z,123.45,,"{""a"":1,""b"":[2]}",plain`+"\n", write(t, enc, b))
}

func TestEncoder_OneEmptyColumnIsStillALine(t *testing.T) {
	t.Parallel()
	enc, err := csv.NewEncoder(named("a"))
	require.NoError(t, err)
	b := batch.New([]batch.Column{textColumn(batch.Text, "x", null, "y")}, 3, batch.Origin{})
	defer b.Release()
	require.Equal(t, "a\nx\n\"\"\ny\n", write(t, enc, b))
}

func TestEncoder_FileWithoutBlocksHasAHeader(t *testing.T) {
	t.Parallel()
	enc, err := csv.NewEncoder(named("a", "b"))
	require.NoError(t, err)
	require.Equal(t, "a,b\n", write(t, enc))
}

func TestEncoder_WhatIsWrittenReadsBack(t *testing.T) {
	t.Parallel()
	in := crm(t, 3000)
	batches := decodeAll(t, in, format.ReadOptions{Columns: columns(formattest.CRMColumns...), ChunkBytes: 50_000})
	enc, err := csv.NewEncoder(named(formattest.CRMColumns...))
	require.NoError(t, err)
	got := write(t, enc, batches...)
	require.Equal(t, string(in.Data), got, "the generator quotes by the same rules")
	for _, b := range batches {
		b.Release()
	}
}
