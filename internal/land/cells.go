package land

import (
	"encoding/binary"
	"math/bits"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir.dev/weir/batch"
)

// cells is a batch opened for copying single rows out of it. It borrows from the batch.
//
// A copied row stands by itself:
//
//	record number (uvarint), null bitmap, then each cell that is not null:
//	text and binary  length (uvarint), bytes
//	boolean          one byte
//	other kinds      their fixed width, as Arrow holds them
type cells struct {
	cols   []cell
	origin batch.Origin
	bitmap int // bytes of the null bitmap
}

// cell is one column of cells.
type cell struct {
	view  batch.TextView // text and binary
	fixed []byte         // other kinds but boolean: width bytes a row, from row 0
	width int
	bools *array.Boolean
	nulls arrow.Array // nil when no row is null
}

func openCells(b *batch.Batch) *cells {
	c := &cells{cols: make([]cell, len(b.Columns)), origin: b.Origin, bitmap: (len(b.Columns) + 7) / 8}
	for i, col := range b.Columns {
		c.cols[i] = openCell(col)
	}
	return c
}

func openCell(col batch.Column) cell {
	var c cell
	if col.Data.NullN() != 0 {
		c.nulls = col.Data
	}
	if isView(col.Kind) {
		c.view = batch.OpenText(col) // binary_view lies in memory as utf8_view does
		return c
	}
	if b, ok := col.Data.(*array.Boolean); ok {
		c.bools, c.width = b, 1
		return c
	}
	c.width = fixedWidth(col.Kind)
	if d := col.Data.Data(); d.Len() > 0 {
		c.fixed = d.Buffers()[1].Bytes()[d.Offset()*c.width:]
	}
	return c
}

func isView(k batch.Kind) bool { return k.IsText() || k.Type == batch.Binary }

// fixedWidth is the bytes of a value of a kind that is neither text nor binary.
func fixedWidth(k batch.Kind) int {
	if k.Type == batch.Bool {
		return 1
	}
	return k.ArrowType().(arrow.FixedWidthDataType).Bytes()
}

func (c *cell) isNull(row int) bool { return c.nulls != nil && c.nulls.IsNull(row) }

// measure adds up, for rows first to first+len(text), the bytes of text and numbers in each and one for every cell, and,
// unless size is nil, the bytes of each as a copied row.
func (c *cells) measure(first int, text, size []int64) {
	for i := range text {
		text[i] += int64(len(c.cols))
	}
	for i := range size {
		size[i] += int64(c.bitmap + uvarintLen(uint64(c.origin.Record(first+i))))
	}
	for i := range c.cols {
		c.cols[i].measure(first, text, size)
	}
}

func (c *cell) measure(first int, text, size []int64) {
	if c.width != 0 {
		for i := range text {
			if !c.isNull(first + i) {
				text[i] += int64(c.width)
			}
		}
		for i := range size {
			if !c.isNull(first + i) {
				size[i] += int64(c.width)
			}
		}
		return
	}
	views := c.view.Views[first : first+len(text)]
	for i := range views {
		text[i] += int64(views[i].Len()) // 0 for a null
	}
	for i := range size {
		n := views[i].Len()
		switch {
		case c.nulls != nil && c.isNull(first+i):
		case n < 0x80:
			size[i] += int64(n + 1)
		default:
			size[i] += int64(n + uvarintLen(uint64(n)))
		}
	}
}

// total is the bytes of text and numbers in all rows and one for every cell.
func (c *cells) total(rows int) int64 {
	n := int64(rows) * int64(len(c.cols))
	for i := range c.cols {
		col := &c.cols[i]
		if col.width != 0 {
			valid := rows
			if col.nulls != nil {
				valid -= col.nulls.NullN()
			}
			n += int64(col.width * valid)
			continue
		}
		for r := range col.view.Views {
			n += int64(col.view.Views[r].Len())
		}
	}
	return n
}

// writeRow writes a copy of the row to dst from at on, and returns where it ends. Behind that, batch.Slack bytes of dst
// must be free to be written to.
func (c *cells) writeRow(dst []byte, at, row int) int {
	at += binary.PutUvarint(dst[at:], uint64(c.origin.Record(row)))
	bitmap := at
	clear(dst[at : at+c.bitmap])
	at += c.bitmap
	for i := range c.cols {
		col := &c.cols[i]
		switch {
		case col.nulls != nil && col.isNull(row):
			dst[bitmap+i/8] |= 1 << (i % 8)
		case col.width == 0:
			at = writeText(dst, at, &col.view, row)
		case col.bools != nil:
			dst[at] = 0
			if col.bools.Value(row) {
				dst[at] = 1
			}
			at++
		default:
			at += copy(dst[at:], col.fixed[row*col.width:][:col.width])
		}
	}
	return at
}

// writeText writes a cell of text. Short ones lie in the view itself, and are moved as one word of 12 bytes whatever
// their length, which is several times as fast as a copy of so many.
func writeText(dst []byte, at int, view *batch.TextView, row int) int {
	v := &view.Views[row]
	n := v.Len()
	if n <= inlineBytes {
		dst[at] = byte(n)
		*(*[inlineBytes]byte)(dst[at+1:]) = *(*[inlineBytes]byte)(unsafe.Add(unsafe.Pointer(v), 4))
		return at + 1 + n
	}
	if n < 0x80 {
		dst[at] = byte(n)
		at++
	} else {
		at += binary.PutUvarint(dst[at:], uint64(n))
	}
	return at + copy(dst[at:], view.Bytes(row))
}

// inlineBytes is the longest text that Arrow keeps in the 16 bytes of a view, behind its length.
const inlineBytes = 12

func uvarintLen(n uint64) int { return (bits.Len64(n|1) + 6) / 7 }
