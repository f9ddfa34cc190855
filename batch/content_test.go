package batch

import (
	"bytes"
	"encoding/json"
	"strconv"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/stretchr/testify/require"
)

// table makes a batch of a text column and a number column; nil is null. Each text lies at another place.
func table(pool *Pool, texts []string, numbers []int64, nulls ...int) *Batch {
	buf := pool.Buffer(1 << 16)
	b := NewTextBuilder(pool, len(texts))
	at, index := 0, b.Buffer(buf)
	for i, s := range texts {
		at += copy(buf.Bytes()[at:], s)
		b.Set(i, index, buf.Bytes(), at-len(s), len(s))
	}
	buf.Release()
	for _, row := range nulls {
		b.SetNull(row)
	}
	n := array.NewInt64Builder(pool)
	defer n.Release()
	n.AppendValues(numbers, nil)
	return New([]Column{b.Build("text", String), {Name: "n", Kind: Kind{Type: Int64}, Data: n.NewArray()}}, len(texts), Origin{First: 1})
}

// sumOf is of rows of unknown places, with all their values.
func sumOf(b *Batch) Content {
	b.Origin = Origin{Index: make([]int32, b.Rows)}
	return ContentOf(HashRows(nil, b, EveryRow))
}

func TestContent_EqualForEqualRowsAlone(t *testing.T) {
	t.Parallel()
	pool := &Pool{}
	long := func(c string) string {
		return string(bytes.Repeat([]byte("0123456789"), 5)) + c + string(bytes.Repeat([]byte("x"), 40))
	}
	texts := []string{"a", "", "exactly 12 b", "thirteen byte", long("a"), long("b"), "seventeen bytes !"}
	numbers := []int64{1, 2, 3, 4, 5, 6, 7}
	want := sumOf(table(pool, texts, numbers))
	back := []string{texts[6], texts[5], texts[4], texts[3], texts[2], texts[1], texts[0]}
	require.Equal(t, want, sumOf(table(pool, back, []int64{7, 6, 5, 4, 3, 2, 1})), "another order")
	parts := sumOf(table(pool, texts[:3], numbers[:3]))
	parts.Add(sumOf(table(pool, texts[3:], numbers[3:])))
	require.Equal(t, want, parts, "other batches")

	others := map[string]*Batch{
		"a row less":            table(pool, texts[:6], numbers[:6]),
		"a row twice":           table(pool, append(texts[:7:7], "a"), append(numbers[:7:7], 1)),
		"a row in place of one": table(pool, append(texts[:6:6], "a"), append(numbers[:6:6], 1)),
		"values of two rows":    table(pool, texts, []int64{2, 1, 3, 4, 5, 6, 7}),
		"null for empty":        table(pool, texts, numbers, 1),
		"null for long":         table(pool, texts, numbers, 4),
	}
	for i := range texts {
		for at := range texts[i] {
			other := append([]string(nil), texts...)
			flipped := []byte(texts[i])
			flipped[at] ^= 1
			other[i] = string(flipped)
			require.NotEqual(t, want, sumOf(table(pool, other, numbers)), "text %d, byte %d", i, at)
		}
		if n := len(texts[i]); n > 0 {
			other := append([]string(nil), texts...)
			other[i] = texts[i][:n-1]
			require.NotEqual(t, want, sumOf(table(pool, other, numbers)), "text %d cut", i)
		}
	}
	for name, b := range others {
		require.NotEqual(t, want, sumOf(b), name)
	}
	data, err := json.Marshal(want)
	require.NoError(t, err)
	var read Content
	require.NoError(t, json.Unmarshal(data, &read))
	require.Equal(t, want, read)
	require.Error(t, json.Unmarshal([]byte(`"12"`), &read))
}

func TestHashRows_SlicesAndEveryKind(t *testing.T) {
	t.Parallel()
	pool := &Pool{}
	whole := table(pool, []string{"one", "two, and a long text besides", "three"}, []int64{1, 2, 3})
	part := New([]Column{whole.Columns[0], whole.Columns[1]}, 2, Origin{First: 2})
	for i := range part.Columns {
		part.Columns[i].Data = array.NewSlice(whole.Columns[i].Data, 1, 3)
	}
	require.Equal(t, HashRows(nil, whole, EveryRow)[1:], HashRows(nil, part, EveryRow))

	bools := array.NewBooleanBuilder(pool)
	bools.AppendValues([]bool{true, false, false}, []bool{true, true, false})
	col := Column{Kind: Kind{Type: Bool}, Data: bools.NewArray()}
	got := HashRows(nil, New([]Column{col}, 3, Origin{Index: make([]int32, 3)}), EveryRow)
	require.NotEqual(t, got[0], got[1])
	require.NotEqual(t, got[1], got[2])
}

func BenchmarkHashRows(b *testing.B) {
	pool := &Pool{}
	texts, numbers := make([]string, 1000), make([]int64, 1000)
	for i := range texts {
		texts[i], numbers[i] = []string{"short", "a text of thirty bytes or so...", "tiny"}[i%3], int64(i)
	}
	rows := table(pool, texts, numbers)
	for _, sample := range []Sample{EveryRow, SomeRows} {
		b.Run(strconv.Itoa(int(sample)), func(b *testing.B) {
			var dst []uint64
			for b.Loop() {
				dst = HashRows(dst, rows, sample)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/row")
		})
	}
}

func TestHashRows_SampleSeesEveryRowAndSomeValues(t *testing.T) {
	t.Parallel()
	const rows = 10_000
	pool := &Pool{}
	texts, numbers := make([]string, rows), make([]int64, rows)
	for i := range texts {
		texts[i], numbers[i] = strconv.Itoa(i), int64(i)
	}
	a := table(pool, texts, numbers)
	for i := range numbers {
		numbers[i]++
	}
	b := table(pool, texts, numbers)
	x, y := HashRows(nil, a, SomeRows), HashRows(nil, b, SomeRows)
	seen, all := 0, map[uint64]bool{}
	for i := range x {
		all[x[i]] = true
		if x[i] != y[i] {
			seen++
		}
	}
	require.Len(t, all, rows, "every row has a hash of its own")
	require.InDelta(t, rows/int(SomeRows), seen, rows/float64(SomeRows)/3)
}

func TestHashRows_SampleSeesEveryTextThatIsCut(t *testing.T) {
	t.Parallel()
	const rows = 2_000
	pool := &Pool{}
	texts, numbers := make([]string, rows), make([]int64, rows)
	for i := range texts {
		texts[i] = "text of row " + strconv.Itoa(i)
	}
	whole := ContentOf(HashRows(nil, table(pool, texts, numbers), SomeRows))
	for i := range texts {
		kept := texts[i]
		texts[i] = kept[:len(kept)-1]
		require.NotEqual(t, whole, ContentOf(HashRows(nil, table(pool, texts, numbers), SomeRows)), "row %d", i)
		texts[i] = kept
	}
}
