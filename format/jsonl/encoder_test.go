package jsonl_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/format"
	"weir.dev/weir/format/formattest"
	"weir.dev/weir/format/jsonl"
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

func TestEncoder_EveryKind(t *testing.T) {
	t.Parallel()
	ints, floats, bools := array.NewInt64Builder(batch.DefaultPool), array.NewFloat64Builder(batch.DefaultPool), array.NewBooleanBuilder(batch.DefaultPool)
	days, stamps := array.NewDate32Builder(batch.DefaultPool), array.NewTimestampBuilder(batch.DefaultPool, arrow.FixedWidthTypes.Timestamp_us.(*arrow.TimestampType))
	decs, bin := array.NewDecimal128Builder(batch.DefaultPool, &arrow.Decimal128Type{Precision: 10, Scale: 2}), array.NewBinaryViewBuilder(batch.DefaultPool)
	ints.Append(-5)
	floats.Append(1.5)
	bools.Append(true)
	days.Append(19_782)
	stamps.Append(1_500_001)
	decs.Append(decimal128.FromI64(-5))
	bin.Append([]byte{0xff})
	for _, b := range []array.Builder{ints, floats, bools, days, stamps, decs, bin} {
		b.AppendNull()
	}
	b := batch.New([]batch.Column{
		{Kind: batch.Kind{Type: batch.Int64}, Data: ints.NewArray()},
		{Kind: batch.Kind{Type: batch.Float64}, Data: floats.NewArray()},
		{Kind: batch.Kind{Type: batch.Bool}, Data: bools.NewArray()},
		{Kind: batch.Kind{Type: batch.Date}, Data: days.NewArray()},
		{Kind: batch.Kind{Type: batch.Timestamp}, Data: stamps.NewArray()},
		{Kind: batch.Kind{Type: batch.Decimal, Precision: 10, Scale: 2}, Data: decs.NewArray()},
		{Kind: batch.Kind{Type: batch.Binary}, Data: bin.NewArray()},
		textColumn(batch.Text, "12", null),
		textColumn(batch.JSON, "{\"a\":\n [1,\r\n\t2]}", null),
		textColumn(batch.JSON, `"kept \u00e9 as it is"`, `17`),
	}, 2, batch.Origin{})
	defer b.Release()
	names := []string{"i", "f", "b", "d", "t", `n"m`, "x", "s", "j", "k"}
	native, text := named(names...), named(names...)
	for i := range text {
		text[i].Out = batch.Kind{Type: batch.String}
	}
	enc, err := jsonl.NewEncoder(native)
	require.NoError(t, err)
	nulls := `{"i":null,"f":null,"b":null,"d":null,"t":null,"n\"m":null,"x":null,"s":null,"j":null,"k":17}` + "\n"
	require.Equal(t, `{"i":-5,"f":1.5,"b":true,"d":"2024-02-29","t":"1970-01-01T00:00:01.500001Z","n\"m":-0.05,"x":"/w==","s":"12","j":{"a": [1,`+"\t"+`2]},"k":"kept \u00e9 as it is"}`+
		"\n"+nulls, write(t, enc, b))
	enc, err = jsonl.NewEncoder(text)
	require.NoError(t, err)
	require.Equal(t, `{"i":"-5","f":"1.5","b":"true","d":"2024-02-29","t":"1970-01-01T00:00:01.500001Z","n\"m":"-0.05","x":"/w==","s":"12","j":{"a": [1,`+"\t"+`2]},"k":"kept \u00e9 as it is"}`+
		"\n"+nulls, write(t, enc, b))
}

func TestEncoder_TextOfAnyLengthIsEscaped(t *testing.T) {
	t.Parallel()
	var cells []string
	for n := range 40 {
		plain := strings.Repeat("é", n/2) + strings.Repeat("x", n%2)
		cells = append(cells, plain)
		for _, c := range []string{"\"", "\\", "\n", "\x00", "\x1f", "\x7f", "\u2028"} {
			cells = append(cells, plain+c, c+plain, plain+c+plain)
		}
	}
	b := batch.New([]batch.Column{textColumn(batch.Text, cells...)}, len(cells), batch.Origin{})
	defer b.Release()
	enc, err := jsonl.NewEncoder(named("a"))
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSuffix(write(t, enc, b), "\n"), "\n")
	require.Len(t, lines, len(cells))
	for i, line := range lines {
		var got struct{ A string }
		require.NoError(t, json.Unmarshal([]byte(line), &got), "%s", line)
		require.Equal(t, cells[i], got.A)
	}
}

func TestEncoder_RefusesWhatIsNoJSONNumber(t *testing.T) {
	t.Parallel()
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		floats := array.NewFloat64Builder(batch.DefaultPool)
		floats.AppendValues([]float64{1, x}, nil)
		b := batch.New([]batch.Column{{Kind: batch.Kind{Type: batch.Float64}, Data: floats.NewArray()}}, 2, batch.Origin{Object: "in/a.csv", First: 10})
		enc, err := jsonl.NewEncoder(named("ratio"))
		require.NoError(t, err)
		_, err = enc.Encode([]*batch.Batch{b})
		require.EqualError(t, err, `writing JSON: column "ratio" of record 11 of "in/a.csv" is a number that JSON does not have`)
		b.Release()
	}
}

func TestEncoder_WhatIsReadIsWrittenTheSame(t *testing.T) {
	t.Parallel()
	in := crm(t, 3000)
	batches := decodeAll(t, in, format.ReadOptions{Columns: columns(formattest.CRMColumns...), ChunkBytes: 50_000})
	enc, err := jsonl.NewEncoder(named(formattest.CRMColumns...))
	require.NoError(t, err)
	require.Equal(t, string(in.Data), write(t, enc, batches...))
	for _, b := range batches {
		b.Release()
	}
}

func TestEncoder_NestsColumnsByTheirPaths(t *testing.T) {
	t.Parallel()
	for want, paths := range map[string][]string{
		`{"a":null,"b":null}`:                                   {"a", "b"},
		`{"a":{"x":null,"y":null},"b":null}`:                    {"a/x", "a/y", "b"},
		`{"a":{"x":{"p":null},"y":{"q":null,"r":null}}}`:        {"a/x/p", "a/y/q", "a/y/r"},
		`{"id":null,"a":{"x":{"p":null}},"b":{"x":{"p":null}}}`: {"id", "a/x/p", "b/x/p"},
		`{"a.b":{"c\"":null}}`:                                  {`a.b/c"`},
	} {
		var columns []format.Column
		for _, p := range paths {
			columns = append(columns, format.Column{Name: strings.ReplaceAll(p, "/", "."), Path: strings.Split(p, "/")})
		}
		enc, err := jsonl.NewEncoder(columns)
		require.NoError(t, err)
		pool := &batch.Pool{}
		var made []batch.Column
		for _, c := range columns {
			made = append(made, batch.NewTextBuilder(pool, 2).BuildEmptyAsNull(c.Name, batch.Text))
		}
		b := batch.New(made, 2, batch.Origin{})
		require.Equal(t, want+"\n"+want+"\n", write(t, enc, b))
		b.Release()
	}
}

func TestEncoder_FileWithoutBlocksIsEmpty(t *testing.T) {
	t.Parallel()
	enc, err := jsonl.NewEncoder(named("a"))
	require.NoError(t, err)
	require.Empty(t, write(t, enc))
}

func TestSample_FieldsOfAllRecords(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		in   string
		want []jsonl.Field
	}{
		"types": {`{"s":"x","b":true,"l":1,"d":1.5,"a":[{"x":1}],"n":null}` + "\n" + `{"s":"y","l":2,"new":"z"}`,
			[]jsonl.Field{{Name: "s", Type: batch.String}, {Name: "b", Type: batch.Bool}, {Name: "l", Type: batch.Int64}, {Name: "d", Type: batch.Float64}, {Name: "a", Type: batch.JSON}, {Name: "n", Type: batch.String}, {Name: "new", Type: batch.String}}},
		"mixtures": {`{"a":1,"b":1,"c":true,"d":[1],"e":9223372036854775808,"f":1}` + "\n" + `{"a":1.5,"b":"x","c":1,"d":2,"e":1,"f":null}`,
			[]jsonl.Field{{Name: "a", Type: batch.Float64}, {Name: "b", Type: batch.String}, {Name: "c", Type: batch.String}, {Name: "d", Type: batch.JSON}, {Name: "e", Type: batch.Float64}, {Name: "f", Type: batch.Int64}}},
		"nested": {`{"id":1,"address":{"city":"x","geo":{"lat":1.5}},"z":1}` + "\n" + `{"address":null}` + "\n" + `{"address":{"zip":"1"}}`,
			[]jsonl.Field{{Name: "id", Type: batch.Int64}, {Name: "address.city", Path: []string{"address", "city"}, Type: batch.String}, {Name: "address.geo.lat", Path: []string{"address", "geo", "lat"}, Type: batch.Float64}, {Name: "z", Type: batch.Int64}, {Name: "address.zip", Path: []string{"address", "zip"}, Type: batch.String}}},
		"object or not":    {`{"a":{"b":1}}` + "\n" + `{"a":"x"}`, []jsonl.Field{{Name: "a", Type: batch.JSON}}},
		"empty object":     {`{"a":{},"b":1}`, []jsonl.Field{{Name: "a", Type: batch.JSON}, {Name: "b", Type: batch.Int64}}},
		"names with dots":  {`{"a.b":1,"":2}`, []jsonl.Field{{Name: "a.b", Type: batch.Int64}}},
		"array file":       {`[{"a":1},{"b":"}{"}]`, []jsonl.Field{{Name: "a", Type: batch.Int64}, {Name: "b", Type: batch.String}}},
		"laid out":         {"{\n \"a\": 1\n}\n{\n \"b\": 2\n}", []jsonl.Field{{Name: "a", Type: batch.Int64}, {Name: "b", Type: batch.Int64}}},
		"nothing":          {"", nil},
		"nothing in array": {"[]", nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := jsonl.Sample(t.Context(), file(c.in), 1<<20)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestSample_ReadsNoMoreThanAsked(t *testing.T) {
	t.Parallel()
	got, err := jsonl.Sample(t.Context(), file(`{"a":1}`+"\n"+`{"b":1}`+"\n"), 8)
	require.NoError(t, err)
	require.Equal(t, []jsonl.Field{{Name: "a", Type: batch.Int64}}, got)
}

func TestSample_RefusesWhatReadingRefuses(t *testing.T) {
	t.Parallel()
	_, err := jsonl.Sample(t.Context(), file(`{"a":1,}`), 1<<20)
	require.EqualError(t, err, `reading "in/a.json": record 1 at line 1 is not valid JSON: a member's name is missing, at byte 8 of the record`)
}

func TestSample_FieldsCanBeReadBack(t *testing.T) {
	t.Parallel()
	in := file(`{"a":{"b.c":1,"d":{"e":"x"}},"f.g":{"h":true}}`)
	fields, err := jsonl.Sample(t.Context(), in, 1<<20)
	require.NoError(t, err)
	var names []string
	for _, f := range fields {
		names = append(names, f.Name)
	}
	rows, _, err := drain(t, in, format.ReadOptions{Columns: columns(names...)})
	require.NoError(t, err)
	require.Equal(t, [][]string{{"1", `"x"`, "true"}}, rows)
}
