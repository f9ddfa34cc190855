package batch_test

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
)

func TestAppendDate_AgreesWithTimeForEveryDay(t *testing.T) {
	t.Parallel()
	for days := int64(-719_528); days <= 2_932_896; days += 1 { // all of the years 0 to 9999
		if days%11 != 0 && days > -719_000 && days < 2_900_000 {
			continue
		}
		want := time.Unix(days*86_400, 0).UTC().Format("2006-01-02")
		if got := string(batch.AppendDate(nil, days)); got != want {
			require.Equal(t, want, got, days)
		}
	}
	require.Equal(t, "10000-01-01", string(batch.AppendDate(nil, 2_932_897)))
	require.Equal(t, "-0001-12-31", string(batch.AppendDate(nil, -719_529)))
}

func TestAppendTimestamp_Fractions(t *testing.T) {
	t.Parallel()
	cases := map[int64]string{
		0:                       "1970-01-01T00:00:00.000Z",
		-1:                      "1969-12-31T23:59:59.999999Z",
		-1_000:                  "1969-12-31T23:59:59.999Z",
		1_709_210_096_789_000:   "2024-02-29T12:34:56.789Z",
		1_709_210_096_789_010:   "2024-02-29T12:34:56.789010Z",
		253_402_300_799_999_999: "9999-12-31T23:59:59.999999Z",
		-62_167_219_200_000_000: "0000-01-01T00:00:00.000Z",
		math.MinInt64:           "-290308-12-21T19:59:05.224192Z",
		math.MaxInt64:           "294247-01-10T04:00:54.775807Z",
	}
	for micros, want := range cases {
		require.Equal(t, want, string(batch.AppendTimestamp(nil, micros)), micros)
	}
	require.Equal(t, "23:59:59.999", string(batch.AppendTime(nil, 86_399_999_000)))
	require.Equal(t, "00:00:01.000007", string(batch.AppendTime(nil, 1_000_007)))
}

func TestAppendDecimal_Cases(t *testing.T) {
	t.Parallel()
	cases := []struct {
		unscaled string
		scale    int32
		want     string
	}{
		{"0", 0, "0"}, {"0", 2, "0.00"}, {"5", 2, "0.05"}, {"-5", 2, "-0.05"}, {"12345", 2, "123.45"}, {"-12345", 0, "-12345"},
		{"99999999999999999999999999999999999999", 10, "9999999999999999999999999999.9999999999"},
		{"-99999999999999999999999999999999999999", 38, "-0.99999999999999999999999999999999999999"},
		{"18446744073709551616", 1, "1844674407370955161.6"}, {"12", -2, "1200"}, {"0", -2, "0"},
	}
	for _, c := range cases {
		n, ok := new(big.Int).SetString(c.unscaled, 10)
		require.True(t, ok)
		require.Equal(t, c.want, string(batch.AppendDecimal(nil, decimal128.FromBigInt(n), c.scale)))
	}
}

func FuzzTextForm(f *testing.F) {
	f.Add(uint64(0), int64(0), int32(2))
	f.Add(math.Float64bits(1e21), int64(math.MinInt64), int32(38))
	f.Fuzz(func(t *testing.T, bits uint64, n int64, scale int32) {
		x := math.Float64frombits(bits)
		back, err := strconv.ParseFloat(string(batch.AppendFloat(nil, x)), 64)
		require.NoError(t, err)
		require.True(t, back == x || x != x && back != back)

		if micros := n % 253_402_300_800_000_000; micros >= -62_167_219_200_000_000 {
			at, err := time.Parse(time.RFC3339Nano, string(batch.AppendTimestamp(nil, micros)))
			require.NoError(t, err)
			require.Equal(t, micros, at.UnixMicro())
		}

		scale &= 31
		num := decimal128.New(n, bits)
		got, ok := new(big.Rat).SetString(string(batch.AppendDecimal(nil, num, scale)))
		require.True(t, ok)
		unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
		require.Zero(t, got.Cmp(new(big.Rat).SetFrac(num.BigInt(), unit)))
	})
}

func FuzzJSONText(f *testing.F) {
	f.Add("plain")
	f.Add("\"\\\b\f\n\r\t\x01\u2028é😀 a longer text with \"quotes\" in it")
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		quoted := batch.AppendQuoted(nil, []byte(text))
		var back string
		require.NoError(t, json.Unmarshal(quoted, &back), "%s", quoted)
		require.Equal(t, text, back)
		require.Equal(t, text, string(batch.AppendToken(nil, quoted)))

		foreign, err := json.Marshal(text) // escapes more
		require.NoError(t, err)
		require.Equal(t, text, string(batch.AppendToken(nil, foreign)))
	})
}

func TestAppendToken_Escapes(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		`"plain"`: "plain", `""`: "", `12`: "12", `null`: "null", `{"a":"\n"}`: `{"a":"\n"}`, `"\u00e9\u00C9"`: "éÉ", `"\ud83d\ude00!"`: "😀!",
		`"\ud83d"`: "\ufffd", `"\ud83dx"`: "\ufffdx", `"\ude00\ud83d\ude00"`: "\ufffd😀", `"\ud83d\u0041"`: "\ufffdA", `"a\/b\\c\"d\b\f\n\r\t"`: "a/b\\c\"d\b\f\n\r\t",
	}
	for token, want := range cases {
		require.Equal(t, want, string(batch.AppendToken([]byte("x"), []byte(token)))[1:], token)
	}
}

func TestMustEscape_EveryByte(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		for at := range 8 {
			w := uint64(0x7878787878787878)&^(0xff<<(8*at)) | uint64(c)<<(8*at)
			want := uint64(0)
			if c < 0x20 || c == '"' || c == '\\' {
				want = 0x80 << (8 * at)
			}
			require.Equal(t, want, batch.MustEscape(w), "%#x at %d", c, at)
		}
	}
}

// kinds makes a column of each fixed kind: a value and a null.
func kinds(pool *batch.Pool) []batch.Column {
	build := func(kind batch.Kind, b array.Builder, value func()) batch.Column {
		value()
		b.AppendNull()
		defer b.Release()
		return batch.Column{Name: kind.Type.String(), Kind: kind, Data: b.NewArray()}
	}
	bools, small, large, floats := array.NewBooleanBuilder(pool), array.NewInt32Builder(pool), array.NewInt64Builder(pool), array.NewFloat64Builder(pool)
	days, clock := array.NewDate32Builder(pool), array.NewTime64Builder(pool, arrow.FixedWidthTypes.Time64us.(*arrow.Time64Type))
	stamps := array.NewTimestampBuilder(pool, arrow.FixedWidthTypes.Timestamp_us.(*arrow.TimestampType))
	decimals, binary := array.NewDecimal128Builder(pool, &arrow.Decimal128Type{Precision: 20, Scale: 3}), array.NewBinaryViewBuilder(pool)
	return []batch.Column{
		build(batch.Kind{Type: batch.Bool}, bools, func() { bools.Append(true) }),
		build(batch.Kind{Type: batch.Int32}, small, func() { small.Append(-32) }),
		build(batch.Kind{Type: batch.Int64}, large, func() { large.Append(math.MinInt64) }),
		build(batch.Kind{Type: batch.Float64}, floats, func() { floats.Append(0.1) }),
		build(batch.Kind{Type: batch.Decimal, Precision: 20, Scale: 3}, decimals, func() { decimals.Append(decimal128.FromI64(12345)) }),
		build(batch.Kind{Type: batch.Date}, days, func() { days.Append(19_782) }),
		build(batch.Kind{Type: batch.Time}, clock, func() { clock.Append(1_500_000) }),
		build(batch.Kind{Type: batch.Timestamp}, stamps, func() { stamps.Append(1) }),
		build(batch.Kind{Type: batch.Binary}, binary, func() { binary.Append([]byte("any bytes at all")) }),
	}
}

var kindTexts = []string{"true", "-32", "-9223372036854775808", "0.1", "12.345", "2024-02-29", "00:00:01.500", "1970-01-01T00:00:00.000001Z", "YW55IGJ5dGVzIGF0IGFsbA=="}

func TestForm_EveryKind(t *testing.T) {
	t.Parallel()
	pool := &batch.Pool{}
	for i, col := range kinds(pool) {
		form := batch.OpenForm(col)
		require.Equal(t, kindTexts[i], string(form.Append(nil, 0)), col.Name)
		require.True(t, form.IsNull(1))
		require.Equal(t, "x", string(form.Append([]byte("x"), 1)), "a null has no text")
		require.Equal(t, kindTexts[i], string(batch.AppendText(nil, col, 0)))
		part := batch.Column{Kind: col.Kind, Data: array.NewSlice(col.Data, 1, 2)}
		form = batch.OpenForm(part)
		require.True(t, form.IsNull(0), "row 0 of a slice is not row 0 of its column")
		part.Data.Release()
		col.Data.Release()
	}
	require.Zero(t, pool.InUse())
}

func TestToText_EveryKind(t *testing.T) {
	t.Parallel()
	pool := &batch.Pool{}
	for i, col := range kinds(pool) {
		text := batch.ToText(pool, col, batch.String)
		require.Equal(t, col.Name, text.Name)
		same(t, []*string{&kindTexts[i], nil}, text)
		col.Data.Release()
		text.Data.Release()
	}
	require.Zero(t, pool.InUse())
}

func TestToText_JSONLosesQuotesAndEscapes(t *testing.T) {
	t.Parallel()
	pool := &batch.Pool{}
	tokens := []string{`"short"`, `"a long text without escapes"`, `"a long text with \"escapes\" in it"`, `"\n"`, `123`, `{"a":[1,2,3,4,5,6]}`, `""`, `"thirteen char"`, `"exactly 12 b"`}
	want := []*string{p("short"), p("a long text without escapes"), p(`a long text with "escapes" in it`), p("\n"), p("123"), p(`{"a":[1,2,3,4,5,6]}`), p(""), p("thirteen char"), p("exactly 12 b"), nil}
	b := batch.NewTextBuilder(pool, len(tokens)+1)
	for i, token := range tokens {
		b.Append(i, []byte(token))
	}
	b.SetNull(len(tokens))
	col := b.Build("a", batch.JSON)
	text := batch.ToText(pool, col, batch.Text)
	require.Equal(t, batch.Kind{Type: batch.Text}, text.Kind)
	col.Data.Release()
	same(t, want, text)
	text.Data.Release()
	require.Zero(t, pool.InUse())
}

func TestToText_TextIsShared(t *testing.T) {
	t.Parallel()
	pool := &batch.Pool{}
	col := column(pool, "a", "a text that is not short")
	before := pool.InUse()
	text := batch.ToText(pool, col, batch.String)
	require.Equal(t, before, pool.InUse())
	col.Data.Release()
	same(t, []*string{p("a text that is not short")}, text)
	text.Data.Release()
	require.Zero(t, pool.InUse())
}
