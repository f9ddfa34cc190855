package batch

import (
	"math/bits"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// TextView is a text column opened for loops: headers, the buffers they point into, and the validity bitmap. It borrows
// from the column and is good until the column's batch is released.
type TextView struct {
	Views []arrow.ViewHeader // one per row
	Bufs  [][]byte           // what out-of-line headers point into
	Valid []byte             // bitmap in Arrow's order, nil when no row is null
	off   int                // of row 0 in Valid
}

// OpenText opens a Text, String or JSON column. It must not be called on another kind.
func OpenText(col Column) TextView {
	d := col.Data.Data()
	bufs := d.Buffers()
	t := TextView{off: d.Offset()}
	if n := d.Len(); n > 0 {
		t.Views = arrow.ViewHeaderTraits.CastFromBytes(bufs[1].Bytes())[d.Offset() : d.Offset()+n]
	}
	if d.NullN() != 0 && bufs[0] != nil {
		t.Valid = bufs[0].Bytes()
	}
	t.Bufs = make([][]byte, len(bufs)-2)
	for i, b := range bufs[2:] {
		t.Bufs[i] = b.Bytes()
	}
	return t
}

// IsNull reports whether the row is null.
func (t *TextView) IsNull(row int) bool {
	return t.Valid != nil && !bitutil.BitIsSet(t.Valid, t.off+row)
}

// Bytes is the row's text; empty for a null row. The result borrows from the column and must not be written to.
func (t *TextView) Bytes(row int) []byte {
	v := &t.Views[row]
	n := v.Len()
	if n <= inlineMax {
		return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(v), 4)), n)
	}
	off := int(v.BufferOffset())
	return t.Bufs[v.BufferIndex()][off : off+n : off+n]
}

// InlineText is the longest text that Arrow keeps inside the 16-byte header, apart from any buffer.
const InlineText = 12

const inlineMax = InlineText

// TextBuilder makes a text column of a known number of rows. The zero value is not ready: use [NewTextBuilder].
// Not for concurrent use.
type TextBuilder struct {
	Views []arrow.ViewHeader // set rows here directly, or with the Set methods
	views *memory.Buffer
	valid *memory.Buffer // nil until the first null
	nulls int
	bufs  []*memory.Buffer
	mem   memory.Allocator

	own      *memory.Buffer // the one of bufs that Append fills
	ownIndex int32
}

// NewTextBuilder starts a column of rows rows, all of them empty text and none of them null.
func NewTextBuilder(mem memory.Allocator, rows int) *TextBuilder {
	b := &TextBuilder{mem: mem, views: memory.NewResizableBuffer(mem)}
	b.views.Resize(rows * arrow.ViewHeaderSizeBytes)
	clear(b.views.Bytes())
	b.Views = arrow.ViewHeaderTraits.CastFromBytes(b.views.Bytes())
	return b
}

// NewRawTextBuilder is [NewTextBuilder] for a caller that sets every row: the headers' content is undefined until then.
func NewRawTextBuilder(mem memory.Allocator, rows int) *TextBuilder {
	b := &TextBuilder{mem: mem, views: memory.NewResizableBuffer(mem)}
	b.views.Resize(rows * arrow.ViewHeaderSizeBytes)
	b.Views = arrow.ViewHeaderTraits.CastFromBytes(b.views.Bytes())
	return b
}

// Buffer adds a buffer that headers may point into and returns its index. The builder retains it.
func (b *TextBuilder) Buffer(buf *memory.Buffer) int32 {
	buf.Retain()
	b.bufs = append(b.bufs, buf)
	return int32(len(b.bufs) - 1)
}

// Share adds all buffers of a column, so that its out-of-line headers can be copied as they are when the column is the
// first one shared. It returns the index of the first.
func (b *TextBuilder) Share(col Column) int32 {
	first := int32(len(b.bufs))
	for _, buf := range col.Data.Data().Buffers()[2:] {
		buf.Retain()
		b.bufs = append(b.bufs, buf)
	}
	return first
}

// Set makes the row the bytes data[off:off+n] of buffer buf; data must be that buffer's bytes. Short text is copied
// into the header, as Arrow wants it.
func (b *TextBuilder) Set(row int, buf int32, data []byte, off, n int) {
	v := &b.Views[row]
	if n <= inlineMax {
		v.SetBytes(data[off : off+n])
		return
	}
	v.SetBytes(data[off : off+n]) // length and prefix
	v.SetIndexOffset(buf, int32(off))
}

// SetNull makes the row null.
func (b *TextBuilder) SetNull(row int) {
	if b.valid == nil {
		b.valid = memory.NewResizableBuffer(b.mem)
		b.valid.Resize(int(bitutil.BytesForBits(int64(len(b.Views)))))
		bits := b.valid.Bytes()
		for i := range bits {
			bits[i] = 0xff
		}
	}
	if bits := b.valid.Bytes(); bitutil.BitIsSet(bits, row) {
		bitutil.ClearBit(bits, row)
		b.nulls++
		b.Views[row] = arrow.ViewHeader{}
	}
}

// Append makes the row a copy of text, kept in memory of the column's own.
func (b *TextBuilder) Append(row int, text []byte) {
	if len(text) <= inlineMax {
		b.Views[row] = arrow.ViewHeader{}
		b.Views[row].SetBytes(text)
		return
	}
	if b.own == nil || b.own.Cap()-b.own.Len() < len(text) {
		b.own = memory.NewResizableBuffer(b.mem)
		b.own.Reserve(max(ownBytes, len(text)))
		b.bufs = append(b.bufs, b.own)
		b.ownIndex = int32(len(b.bufs) - 1)
	}
	off := b.own.Len()
	b.own.ResizeNoShrink(off + len(text))
	copy(b.own.Bytes()[off:], text)
	v := &b.Views[row]
	v.SetBytes(text) // length and prefix
	v.SetIndexOffset(b.ownIndex, int32(off))
}

// ownBytes is how much memory a builder takes at a time for the texts it is given to keep.
const ownBytes = 64 << 10

// BuildEmptyAsNull is [TextBuilder.Build] for sources that have no null of their own: every row of empty text becomes
// null. It must not follow SetNull.
func (b *TextBuilder) BuildEmptyAsNull(name string, kind Type) Column {
	b.valid, b.nulls = nonEmpty(b.mem, b.Views)
	return b.Build(name, kind)
}

// nonEmpty is the validity bitmap whose zeros are the empty texts, and how many there are. It is nil when there are none.
func nonEmpty(mem memory.Allocator, views []arrow.ViewHeader) (*memory.Buffer, int) {
	valid := memory.NewResizableBuffer(mem)
	valid.Resize(int(bitutil.BytesForBits(int64(len(views)))))
	out, texts := valid.Bytes(), 0
	for i := range len(views) / 8 {
		v := (*[8]arrow.ViewHeader)(views[i*8:])
		b := hasText(&v[0]) | hasText(&v[1])<<1 | hasText(&v[2])<<2 | hasText(&v[3])<<3 |
			hasText(&v[4])<<4 | hasText(&v[5])<<5 | hasText(&v[6])<<6 | hasText(&v[7])<<7
		out[i] = b
		texts += bits.OnesCount8(b)
	}
	if rest := views[len(views)&^7:]; len(rest) > 0 {
		b := byte(0)
		for j := range rest {
			b |= hasText(&rest[j]) << j
		}
		out[len(out)-1] = b
		texts += bits.OnesCount8(b)
	}
	if texts == len(views) {
		valid.Release()
		return nil, 0
	}
	return valid, len(views) - texts
}

// hasText is 1 for a header of text, 0 for an empty one, without a branch.
func hasText(v *arrow.ViewHeader) byte { return byte(uint32(-int32(v.Len())) >> 31) }

// Discard drops what was built so far, for the way out after an error. A no-op after Build.
func (b *TextBuilder) Discard() {
	for _, buf := range append(b.bufs, b.valid, b.views) {
		if buf != nil {
			buf.Release()
		}
	}
	*b = TextBuilder{}
}

// Build ends the column. The builder must not be used afterwards; the caller owns the column.
func (b *TextBuilder) Build(name string, kind Type) Column {
	buffers := make([]*memory.Buffer, 0, 2+len(b.bufs))
	buffers = append(append(buffers, b.valid, b.views), b.bufs...)
	data := array.NewData(arrow.BinaryTypes.StringView, len(b.Views), buffers, nil, b.nulls, 0)
	col := Column{Name: name, Kind: Kind{Type: kind}, Data: array.NewStringViewData(data)}
	data.Release()
	for _, buf := range buffers {
		if buf != nil {
			buf.Release()
		}
	}
	*b = TextBuilder{}
	return col
}
