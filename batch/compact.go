package batch

import (
	"math"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Compact gives the columns' text memory of its own where it pins more than twice what it needs, so that few rows of a
// large page do not keep the page. Short text lies in the headers: only the rest is copied, column by column. Rows,
// order and values stay. It consumes b and returns a batch that the caller owns.
func Compact(mem memory.Allocator, b *Batch) *Batch {
	columns := make([]Column, len(b.Columns))
	for i, col := range b.Columns {
		columns[i] = compactColumn(mem, col)
	}
	out := New(columns, b.Rows, b.Origin)
	b.Release()
	return out
}

// compactColumn returns a column with a reference of its own.
func compactColumn(mem memory.Allocator, col Column) Column {
	const small = 4 << 10
	d := col.Data.Data()
	if isView := col.Kind.IsText() || col.Kind.Type == Binary; isView && d.Offset() == 0 {
		t, pins, needs := OpenText(col), 0, 0
		for _, buf := range d.Buffers()[2:] {
			pins += buf.Cap()
		}
		for i := range t.Views {
			if n := t.Views[i].Len(); n > inlineMax {
				needs += n
			}
		}
		if pins > 2*needs+small && needs <= math.MaxInt32 {
			return t.compact(mem, col, needs)
		}
	}
	col.Data.Retain()
	return col
}

// compact copies the column's long text, size bytes in all.
func (t *TextView) compact(mem memory.Allocator, col Column, size int) Column {
	views, text := memory.NewResizableBuffer(mem), memory.NewResizableBuffer(mem)
	views.Resize(len(t.Views) * arrow.ViewHeaderSizeBytes)
	text.Resize(size)
	out, to := arrow.ViewHeaderTraits.CastFromBytes(views.Bytes()), text.Bytes()
	at := 0
	for i := range t.Views {
		v := t.Views[i]
		if n := v.Len(); n > inlineMax {
			off := int(v.BufferOffset())
			CopyLong(unsafe.Pointer(&to[at : at+n][0]), unsafe.Pointer(&t.Bufs[v.BufferIndex()][off : off+n][0]), n)
			v.SetIndexOffset(0, int32(at))
			at += n
		}
		out[i] = v
	}
	old := col.Data.Data()
	buffers := []*memory.Buffer{old.Buffers()[0], views, text}
	data := array.NewData(old.DataType(), len(t.Views), buffers, nil, old.NullN(), 0)
	col.Data = array.MakeFromData(data)
	data.Release()
	views.Release()
	text.Release()
	return col
}

// CopyLong copies n bytes, more than [InlineText] of them, in two words that overlap where that is enough. It touches no
// byte outside, and the two must not overlap.
func CopyLong(dst, src unsafe.Pointer, n int) {
	type word = [8]byte
	switch {
	case n <= 16:
		*(*word)(dst) = *(*word)(src)
		*(*word)(unsafe.Add(dst, n-8)) = *(*word)(unsafe.Add(src, n-8))
	case n <= 32:
		type pair = [16]byte
		*(*pair)(dst) = *(*pair)(src)
		*(*pair)(unsafe.Add(dst, n-16)) = *(*pair)(unsafe.Add(src, n-16))
	default:
		copy(unsafe.Slice((*byte)(dst), n), unsafe.Slice((*byte)(src), n))
	}
}
