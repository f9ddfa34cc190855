package parquet

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"weir.dev/weir/batch"
)

// target is the column that a sink makes.
type target struct {
	name string
	kind batch.Kind
	pool *batch.Pool

	valid *memory.Buffer // nil until the first null
	nulls int
	rows  int // of the slice
}

// null marks a row.
func (t *target) null(row int) {
	if t.valid == nil {
		t.valid = t.pool.Buffer(int(bitutil.BytesForBits(int64(t.rows))))
		bits := t.valid.Bytes()
		for i := range bits {
			bits[i] = 0xff
		}
	}
	bitutil.ClearBit(t.valid.Bytes(), row)
	t.nulls++
}

// column ends the slice with its values.
func (t *target) column(rows int, values *memory.Buffer) batch.Column {
	data := array.NewData(t.kind.ArrowType(), rows, []*memory.Buffer{t.valid, values}, nil, t.nulls, 0)
	defer data.Release()
	col := batch.Column{Name: t.name, Kind: t.kind, Data: array.MakeFromData(data)}
	values.Release()
	t.drop()
	return col
}

func (t *target) drop() {
	if t.valid != nil {
		t.valid.Release()
	}
	t.valid, t.nulls = nil, 0
}

// fixed makes a column of fixed-width values.
type fixed[T, U any] struct {
	target
	convert func(T) U
	buf     *memory.Buffer
	out     []U
}

func newFixed[T, U any](t target, convert func(T) U) *fixed[T, U] {
	return &fixed[T, U]{target: t, convert: convert}
}

func (f *fixed[T, U]) start(rows int) {
	f.rows = rows
	var one U
	f.buf = f.pool.Buffer(rows * int(unsafe.Sizeof(one)))
	clear(f.buf.Bytes())
	f.out = unsafe.Slice((*U)(unsafe.Pointer(unsafe.SliceData(f.buf.Bytes()))), rows)
}

func (f *fixed[T, U]) put(row int, defs []int16, full int16, values []T) {
	out := f.out[row : row+len(defs)]
	if len(values) == len(defs) {
		for i, v := range values {
			out[i] = f.convert(v)
		}
		return
	}
	for i, d := range defs {
		if d != full {
			f.null(row + i)
			continue
		}
		out[i] = f.convert(values[0])
		values = values[1:]
	}
}

func (f *fixed[T, U]) size() int64 { return int64(f.buf.Len()) }

func (f *fixed[T, U]) build(rows int) batch.Column {
	buf := f.buf
	f.buf, f.out = nil, nil
	return f.column(rows, buf)
}

func (f *fixed[T, U]) discard() {
	if f.buf != nil {
		f.buf.Release()
	}
	f.buf, f.out = nil, nil
	f.drop()
}

// bools makes a column of bits.
type bools struct {
	target
	buf *memory.Buffer
}

func (b *bools) start(rows int) {
	b.rows = rows
	b.buf = b.pool.Buffer(int(bitutil.BytesForBits(int64(rows))))
	clear(b.buf.Bytes())
}

func (b *bools) put(row int, defs []int16, full int16, values []bool) {
	for i, d := range defs {
		if d != full {
			b.null(row + i)
			continue
		}
		bitutil.SetBitTo(b.buf.Bytes(), row+i, values[0])
		values = values[1:]
	}
}

func (b *bools) size() int64 { return int64(b.buf.Len()) }

func (b *bools) build(rows int) batch.Column {
	buf := b.buf
	b.buf = nil
	return b.column(rows, buf)
}

func (b *bools) discard() {
	if b.buf != nil {
		b.buf.Release()
	}
	b.buf = nil
	b.drop()
}

// texts makes a column of text or bytes. Values are copied out of the pages, each repetition of a long one only once
// where it is met again soon: what a dictionary repeats must not grow on its way.
type texts[T ~[]byte] struct {
	target
	form  func(dst, v []byte) []byte // nil when the bytes are the text
	text  *batch.TextBuilder
	buf   *memory.Buffer // being filled
	index int32
	fill  int
	bytes int64
	seen  [256]struct {
		src  *byte // where the value stood
		text []byte
		view arrow.ViewHeader
	}
	scratch []byte
}

func newTexts[T ~[]byte](t target, form func(dst, v []byte) []byte) *texts[T] {
	return &texts[T]{target: t, form: form}
}

func (s *texts[T]) start(rows int) {
	s.text, s.bytes = batch.NewTextBuilder(s.pool, rows), int64(rows*arrow.ViewHeaderSizeBytes)
}

func (s *texts[T]) put(row int, defs []int16, full int16, values []T) {
	for i, d := range defs {
		if d != full {
			s.text.SetNull(row + i)
			continue
		}
		v := []byte(values[0])
		values = values[1:]
		if s.form != nil {
			s.scratch = s.form(s.scratch[:0], v)
			v = s.scratch
		}
		s.set(row+i, v)
	}
}

func (s *texts[T]) set(row int, v []byte) {
	if len(v) <= inlineMax {
		s.text.Views[row].SetBytes(v)
		return
	}
	src := unsafe.SliceData(v)
	seen := &s.seen[(uintptr(unsafe.Pointer(src))>>2)%uintptr(len(s.seen))]
	// A page's memory is used again for the next page: the place alone says nothing.
	if seen.src == src && bytes.Equal(seen.text, v) {
		s.text.Views[row] = seen.view
		return
	}
	off := s.keep(v)
	s.text.Set(row, s.index, s.buf.Bytes(), off, len(v))
	seen.src, seen.text, seen.view = src, s.buf.Bytes()[off:off+len(v)], s.text.Views[row]
	s.bytes += int64(len(v))
}

// keep copies v to the buffer and returns its place.
func (s *texts[T]) keep(v []byte) int {
	const size = 256 << 10
	if s.buf == nil || s.buf.Len()-s.fill < len(v) {
		if s.buf != nil {
			s.buf.Release() // the builder has it
		}
		s.buf, s.fill = s.pool.Buffer(max(size, len(v))), 0
		s.index = s.text.Buffer(s.buf)
	}
	off := s.fill
	s.fill += copy(s.buf.Bytes()[off:], v)
	return off
}

func (s *texts[T]) size() int64 { return s.bytes }

func (s *texts[T]) build(rows int) batch.Column {
	built := s.text.Build(s.name, batch.String)
	s.text = nil
	s.forget()
	data := built.Data.Data()
	cut := array.NewData(s.kind.ArrowType(), rows, data.Buffers(), nil, array.UnknownNullCount, 0)
	if built.Data.NullN() == 0 {
		cut.Release()
		cut = array.NewData(s.kind.ArrowType(), rows, data.Buffers(), nil, 0, 0)
	}
	defer cut.Release()
	defer built.Data.Release()
	col := batch.Column{Name: s.name, Kind: s.kind, Data: array.MakeFromData(cut)}
	col.Data.NullN() // counted now, by one goroutine
	return col
}

// forget lets go of the buffer: what is remembered points into it.
func (s *texts[T]) forget() {
	if s.buf != nil {
		s.buf.Release()
	}
	s.buf, s.fill = nil, 0
	clear(s.seen[:])
}

func (s *texts[T]) discard() {
	if s.text != nil {
		s.text.Discard()
		s.text = nil
	}
	s.forget()
}

// formOf is how a leaf's bytes become text; nil when they are it.
func formOf(c *schema.Column, k batch.Kind) func(dst, v []byte) []byte {
	switch {
	case k.Type == batch.JSON:
		return func(dst, v []byte) []byte {
			if json.Valid(v) {
				return append(dst, v...)
			}
			return batch.AppendQuoted(dst, v)
		}
	case logicalOf(c).Equals(schema.UUIDLogicalType{}):
		return appendUUID
	}
	return nil
}

func appendUUID(dst, v []byte) []byte {
	if len(v) != 16 {
		return hex.AppendEncode(dst, v)
	}
	for i, part := range [][]byte{v[:4], v[4:6], v[6:8], v[8:10], v[10:]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, part)
	}
	return dst
}
