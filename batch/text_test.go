package batch_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
)

// same checks a column against the cells it should have, through Arrow's own reading and through TextView. A nil cell
// stands for null.
func same(t *testing.T, want []*string, col batch.Column) {
	t.Helper()
	arr := col.Data.(*array.StringView)
	view := batch.OpenText(col)
	require.Equal(t, len(want), arr.Len())
	nulls := 0
	for i, w := range want {
		require.Equal(t, w == nil, arr.IsNull(i), "row %d", i)
		require.Equal(t, w == nil, view.IsNull(i), "row %d", i)
		if w == nil {
			nulls++
			require.Empty(t, view.Bytes(i))
			continue
		}
		require.Equal(t, *w, arr.Value(i), "row %d", i)
		require.Equal(t, *w, string(view.Bytes(i)), "row %d", i)
	}
	require.Equal(t, nulls, arr.NullN())
}

func p(s string) *string { return &s }

func TestTextBuilder_WhatIsSetIsRead(t *testing.T) {
	t.Parallel()
	pool := &batch.Pool{}
	data := pool.Buffer(64)
	copy(data.Bytes(), "0123456789abcdefghijklmnopqrstuvwxyz")
	b := batch.NewTextBuilder(pool, 6)
	index := b.Buffer(data)
	b.Set(0, index, data.Bytes(), 3, 12)
	b.Set(1, index, data.Bytes(), 3, 13)
	b.SetNull(2)
	b.SetNull(2)
	b.Append(3, []byte("kept by the column itself"))
	b.Append(4, []byte("short"))
	col := b.Build("a", batch.String)
	data.Release()
	same(t, []*string{p("3456789abcde"), p("3456789abcdef"), nil, p("kept by the column itself"), p("short"), p("")}, col)
	require.Equal(t, batch.Kind{Type: batch.String}, col.Kind)
	col.Data.Release()
	require.Zero(t, pool.InUse())
}

func TestTextBuilder_AppendKeepsMoreThanOneBuffer(t *testing.T) {
	t.Parallel()
	pool := &batch.Pool{}
	var want []*string
	b := batch.NewTextBuilder(pool, 300)
	for i := range b.Views {
		text := strings.Repeat(string(rune('a'+i%26)), i*10)
		b.Append(i, []byte(text))
		want = append(want, &text)
	}
	huge := strings.Repeat("huge", 100_000)
	b.Append(7, []byte(huge))
	want[7] = &huge
	col := b.Build("a", batch.Text)
	same(t, want, col)
	col.Data.Release()
	require.Zero(t, pool.InUse())
}

func TestTextBuilder_SharedHeadersCanBeCopied(t *testing.T) {
	t.Parallel()
	pool := &batch.Pool{}
	source := column(pool, "a", "first text, rather long", "x", "second text, rather long")
	from := batch.OpenText(source)
	b := batch.NewTextBuilder(pool, 2)
	require.Zero(t, b.Share(source))
	b.Views[0], b.Views[1] = from.Views[2], from.Views[1]
	col := b.Build("b", batch.Text)
	source.Data.Release()
	same(t, []*string{p("second text, rather long"), p("x")}, col)
	col.Data.Release()
	require.Zero(t, pool.InUse())
}

func TestTextBuilder_EmptyAsNull(t *testing.T) {
	t.Parallel()
	for _, rows := range []int{0, 1, 7, 8, 9, 64, 100} {
		pool := &batch.Pool{}
		b := batch.NewRawTextBuilder(pool, rows)
		var want []*string
		for i := range rows {
			if i%3 == 0 {
				b.Append(i, nil)
				want = append(want, nil)
			} else {
				b.Append(i, []byte("x"))
				want = append(want, p("x"))
			}
		}
		col := b.BuildEmptyAsNull("a", batch.Text)
		same(t, want, col)
		col.Data.Release()
		require.Zero(t, pool.InUse())
	}
}

func TestTextBuilder_DiscardGivesEverythingBack(t *testing.T) {
	t.Parallel()
	pool := &batch.Pool{}
	b := batch.NewTextBuilder(pool, 3)
	b.SetNull(1)
	b.Append(0, []byte("a text that is not short"))
	b.Discard()
	require.Zero(t, pool.InUse())
	b.Discard()
}

func TestOpenText_SliceOfAColumn(t *testing.T) {
	t.Parallel()
	b := batch.NewTextBuilder(batch.DefaultPool, 20)
	for i := range b.Views {
		b.Append(i, []byte(strings.Repeat("x", i)))
	}
	b.SetNull(11)
	whole := b.Build("a", batch.Text)
	defer whole.Data.Release()
	part := batch.Column{Name: "a", Kind: whole.Kind, Data: array.NewSlice(whole.Data, 10, 14)}
	defer part.Data.Release()
	same(t, []*string{p(strings.Repeat("x", 10)), nil, p(strings.Repeat("x", 12)), p(strings.Repeat("x", 13))}, part)
}

func TestPutView_EqualsArrowsHeaders(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 1))
	buf := make([]byte, 4096)
	for i := range buf {
		buf[i] = byte(rnd.Uint32())
	}
	for n := range 100 {
		off := rnd.IntN(len(buf) - n - batch.Slack)
		got := arrow.ViewHeader{}
		*(*[16]byte)(unsafe.Pointer(&got)) = [16]byte(bytes.Repeat([]byte{0xaa}, 16))
		batch.PutView(&got, &buf[off], n, batch.At(5, off))
		var want arrow.ViewHeader
		want.SetBytes(buf[off : off+n])
		if n > batch.InlineText {
			want.SetIndexOffset(5, int32(off))
		}
		require.Equal(t, want, got, "%d bytes", n)
		require.Equal(t, buf[off:off+n], append([]byte{}, batch.ViewBytes(&got, buf)...))
	}
}

func BenchmarkPutView(b *testing.B) {
	buf := bytes.Repeat([]byte("some text of a file, "), 4096)
	views := make([]arrow.ViewHeader, 1024)
	for b.Loop() {
		at := 0
		for i := range views {
			n := (i * 7) & 31
			batch.PutView(&views[i], &buf[at], n, batch.At(0, at))
			at += n
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/cell")
}
