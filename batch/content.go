package batch

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"sync"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
)

// Content is a sum over the rows of some batches that does not depend on their order, nor on how rows are spread over
// batches, nor on where their text lies. Rows count by where they stood in the source (their Origin), by the lengths of
// their texts, and by their values, all of them or those of a sample, see [HashRows]. Equal multisets of rows have equal
// sums, and different ones differ, but for a chance in 2^64: a row that is lost or doubled shows, and one in which a text
// was cut, and one whose values have changed otherwise if it is in the sample. It is no defence against somebody who means
// to deceive.
//
// The zero value is the sum of no rows. In JSON it is a string of 32 hexadecimal digits.
type Content struct{ a, b uint64 }

// Add adds the rows of o.
func (c *Content) Add(o Content) { c.a, c.b = c.a+o.a, c.b+o.b }

// Sub takes the rows of o away.
func (c *Content) Sub(o Content) { c.a, c.b = c.a-o.a, c.b-o.b }

// MarshalText writes the sum in digits.
func (c Content) MarshalText() ([]byte, error) {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:], c.a)
	binary.BigEndian.PutUint64(raw[8:], c.b)
	return hex.AppendEncode(nil, raw[:]), nil
}

// UnmarshalText reads the digits back.
func (c *Content) UnmarshalText(text []byte) error {
	raw, err := hex.AppendDecode(nil, text)
	if err != nil || len(raw) != 16 {
		return fmt.Errorf("reading a sum of rows: %q is none", text)
	}
	c.a, c.b = binary.BigEndian.Uint64(raw), binary.BigEndian.Uint64(raw[8:])
	return nil
}

// ContentOf is the sum of rows given by their hashes.
func ContentOf(rows []uint64) (c Content) {
	for _, h := range rows {
		c.a += h
		c.b += h * bits.RotateLeft64(h, 32)
	}
	return c
}

const (
	mixA  = 0x9e3779b97f4a7c15
	mixB  = 0xd6e8feb86659fd93
	null  = 0xa0761d6478bd642f
	start = 0x8ebc6af09c88c6e3
)

func mum(x, y uint64) uint64 {
	hi, lo := bits.Mul64(x, y)
	return hi ^ lo
}

// Sample says of how many rows one is looked at with all its values. Which rows those are depends on where they stood in
// the source alone.
type Sample int

// Samples. What looking at every row costs is in docs/data-plane.md.
const (
	EveryRow Sample = 1
	SomeRows Sample = 16
)

// HashRows gives a hash of each row, in dst's memory where it has enough. Values count with their columns' order; names
// do not.
func HashRows(dst []uint64, b *Batch, sample Sample) []uint64 {
	if cap(dst) < b.Rows {
		dst = make([]uint64, b.Rows)
	}
	dst = dst[:b.Rows]
	h := hasherPool.Get().(*hasher)
	defer hasherPool.Put(h)
	h.choose(dst, &b.Origin, sample)
	h.open(b)
	if sample != EveryRow {
		h.addLengths(dst)
	}
	for lo := 0; lo < len(h.rows); lo += tile {
		rows := h.rows[lo:min(lo+tile, len(h.rows))]
		for i := range h.cols {
			h.cols[i].hash(dst, rows)
		}
	}
	clear(h.cols)
	return dst
}

// choose gives every row the hash of its place in the source, and chooses those whose values count.
func (h *hasher) choose(dst []uint64, o *Origin, sample Sample) {
	object := uint64(start)
	for i := range len(o.Object) {
		object = (object ^ uint64(o.Object[i])) * mixA
	}
	h.rows = h.rows[:0]
	mask := uint64(max(sample, 1)-1) << 32
	group, chosen := ^uint64(0), false
	for row := range dst {
		record := uint64(o.Record(row))
		dst[row] = mum(object^record, mixB)
		if g := record / grouped; g != group {
			group, chosen = g, mum(object^g, mixA)&mask == 0
		}
		if chosen {
			h.rows = append(h.rows, int32(row))
		}
	}
}

// grouped is how many records are chosen together: neighbours share cache lines.
const grouped = 16

// tile is how many rows go through all columns together. Long text lies row after row, as it came: column after column
// over a whole batch would fetch it from memory again and again.
const tile = 128

var hasherPool = sync.Pool{New: func() any { return new(hasher) }}

type hasher struct {
	cols    []hashed
	rows    []int32 // whose values count
	lengths []lengths
}

// hashed is a column opened for hashing.
type hashed struct {
	text   TextView
	isText bool
	width  int // of other values in bytes; 0 for booleans
	values []byte
	bools  *array.Boolean
	nulls  arrow.Array // nil when there are none, and for text
}

func (h *hasher) open(b *Batch) {
	h.cols = h.cols[:0]
	for _, col := range b.Columns {
		var c hashed
		if c.isText = col.Kind.IsText() || col.Kind.Type == Binary; c.isText {
			c.text = OpenText(col) // a binary_view lies in memory as a utf8_view does
			h.cols = append(h.cols, c)
			continue
		}
		if col.Data.NullN() != 0 {
			c.nulls = col.Data
		}
		if a, ok := col.Data.(*array.Boolean); ok {
			c.bools = a
		} else if d := col.Data.Data(); d.Len() > 0 {
			c.width = col.Kind.ArrowType().(arrow.FixedWidthDataType).Bytes()
			c.values = d.Buffers()[1].Bytes()[d.Offset()*c.width:]
		}
		h.cols = append(h.cols, c)
	}
}

// hash mixes the rows' values into their hashes.
func (c *hashed) hash(acc []uint64, rows []int32) {
	switch {
	case c.isText:
		hashTexts(acc, &c.text, rows)
	case c.bools != nil:
		for _, row := range rows {
			v := uint64(null)
			if c.nulls == nil || !c.nulls.IsNull(int(row)) {
				v = 1
				if c.bools.Value(int(row)) {
					v = 2
				}
			}
			acc[row] = mum(acc[row]^v, mixA)
		}
	case c.width == 4:
		hashFixed[uint32](acc, c, rows)
	case c.width == 8:
		hashFixed[uint64](acc, c, rows)
	case c.width == 16:
		hashWide(acc, c, rows)
	}
}

func valuesOf[T any](c *hashed) []T {
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(c.values))), len(c.values)/c.width)
}

func hashFixed[T uint32 | uint64](acc []uint64, c *hashed, rows []int32) {
	values := valuesOf[T](c)
	for _, row := range rows {
		if c.nulls != nil && c.nulls.IsNull(int(row)) {
			acc[row] = mum(acc[row]^null, mixA)
			continue
		}
		acc[row] = mum(acc[row]^mixB, uint64(values[row])^mixA)
	}
}

func hashWide(acc []uint64, c *hashed, rows []int32) {
	values := valuesOf[[2]uint64](c)
	for _, row := range rows {
		if c.nulls != nil && c.nulls.IsNull(int(row)) {
			acc[row] = mum(acc[row]^null, mixA)
			continue
		}
		acc[row] = mum(acc[row]^values[row][0], values[row][1]^mixA)
	}
}

// hashTexts takes a short text from its header, where it lies padded with zeros, and a long one from its buffer.
func hashTexts(acc []uint64, t *TextView, rows []int32) {
	words := unsafe.Slice((*[2]uint64)(unsafe.Pointer(unsafe.SliceData(t.Views))), len(t.Views))
	for _, row := range rows {
		w := &words[row]
		switch {
		case t.Valid != nil && !bitutil.BitIsSet(t.Valid, t.off+int(row)):
			acc[row] = mum(acc[row]^null, mixA)
		case uint32(w[0]) <= inlineMax:
			acc[row] = mum(acc[row]^w[0]^mixB, w[1]^mixA)
		default:
			// The prefix is part of the text, and the length is all that is left of the header.
			acc[row] = mum(acc[row]^uint64(uint32(w[0]))^mixB, hashLong(t, int(row))^mixA)
		}
	}
}

// hashLong hashes a text of more than [InlineText] bytes, the last sixteen of which may overlap those before.
func hashLong(t *TextView, row int) uint64 {
	v := &t.Views[row]
	text := t.Bufs[v.BufferIndex()][v.BufferOffset():][:v.Len()]
	h := uint64(start)
	if len(text) < 16 {
		return mum(binary.LittleEndian.Uint64(text)^h, binary.LittleEndian.Uint64(text[len(text)-8:])^mixA)
	}
	tail := text[len(text)-16:]
	for ; len(text) > 16; text = text[16:] {
		h = mum(binary.LittleEndian.Uint64(text)^h, binary.LittleEndian.Uint64(text[8:])^mixA)
	}
	return mum(binary.LittleEndian.Uint64(tail)^h, binary.LittleEndian.Uint64(tail[8:])^mixA)
}
