package textblock

import (
	"unsafe"

	"weir.dev/weir/batch"
)

// Rows writes batches as lines of text, cell by cell: what stands before the cell, then its text. Cells that need more
// than that (escapes, quotes, kinds that are not text) are left to the format. Where the processor has AVX2 it copies a
// cell and looks for bytes that matter 32 at a time; elsewhere every cell is left to the format.
type Rows struct {
	// Special are the two bytes that a cell's text cannot hold as it is. Bytes below 0x20 never can.
	Special [2]byte
	// Tail ends a line.
	Tail []byte
	// Cell appends what stands before the cell, and the cell. It makes the room it needs.
	Cell func(dst []byte, row, column int) []byte

	lanes []lane
	leads []byte // of the lanes, each with leadBytes for itself
}

// Lane says how a column of text is written.
type Lane struct {
	Text  *batch.TextView // nil leaves all cells to the format
	Nulls int             // null rows
	Lead  string          // what stands before the text, with the quote that opens it if Quoted
	// Quoted says that a quote follows the text. A null row is then the word null in place of the opening quote; else
	// a null row is an empty text.
	Quoted bool
	// Empty says that the format wants to see empty texts.
	Empty bool
}

// lane is a [Lane] as the assembly reads it.
type lane struct {
	views unsafe.Pointer // *arrow.ViewHeader, of row 0
	bufs  unsafe.Pointer // *[]byte, of buffer 0
	lead  unsafe.Pointer // leadBytes readable
	size  int            // of the lead
	how   int
	quote int // 1 when a quote follows, else 0
}

// What becomes of a lane's empty texts; forms leaves all cells to the format.
const (
	emptyText = iota
	emptyNull
	emptyForm
	forms
)

const (
	leadBytes = 64
	tailBytes = 32
	// spare is how much must be free beyond a cell's text: lead, quote, tail, and what is stored too much.
	spare = 256
)

// Open begins a batch. The lanes borrow from its columns.
func (r *Rows) Open(columns []Lane) {
	r.lanes, r.leads = make([]lane, len(columns)), make([]byte, len(columns)*leadBytes)
	for i := range columns {
		c, l := &columns[i], &r.lanes[i]
		if c.Text == nil || len(c.Lead) > leadBytes || len(r.Tail) > tailBytes || len(c.Text.Views) == 0 {
			l.how = forms
			continue
		}
		lead := r.leads[i*leadBytes:]
		copy(lead, c.Lead)
		*l = lane{views: unsafe.Pointer(&c.Text.Views[0]), lead: unsafe.Pointer(&lead[0]), size: len(c.Lead), how: c.empties()}
		if len(c.Text.Bufs) > 0 {
			l.bufs = unsafe.Pointer(&c.Text.Bufs[0])
		}
		if c.Quoted {
			l.quote = 1
		}
	}
}

// empties decides what becomes of empty texts. The text of a null row is empty.
func (c *Lane) empties() int {
	switch {
	case c.Empty:
		return emptyForm
	case c.Nulls == 0 || !c.Quoted:
		return emptyText
	}
	empty := 0
	for i := range c.Text.Views {
		if c.Text.Views[i].Len() == 0 {
			empty++
		}
	}
	if empty == c.Nulls {
		return emptyNull
	}
	return emptyForm
}

// Append appends rows lines.
func (r *Rows) Append(dst []byte, rows int) []byte {
	if !useAVX2 || len(r.lanes) == 0 {
		return r.portable(dst, rows)
	}
	w := writer{lanes: unsafe.Pointer(&r.lanes[0]), columns: len(r.lanes), rows: rows, tailSize: len(r.Tail)}
	w.special = [2]uint64{uint64(r.Special[0]) * Ones, uint64(r.Special[1]) * Ones}
	if len(r.Tail) > tailBytes { // then no lane is written here, and no tail
		return r.portable(dst, rows)
	}
	copy(w.tail[:], r.Tail)
	for w.row < rows {
		dst = Grow(dst, spare+1)
		w.base, w.at, w.size = unsafe.Pointer(unsafe.SliceData(dst)), len(dst), cap(dst)
		writeRows(&w)
		dst = dst[:w.at]
		if w.row < rows && w.column < w.columns {
			dst = r.Cell(dst, w.row, w.column)
			w.column++
		}
	}
	return dst
}

func (r *Rows) portable(dst []byte, rows int) []byte {
	for row := range rows {
		for i := range r.lanes {
			dst = r.Cell(dst, row, i)
		}
		dst = append(Grow(dst, len(r.Tail)), r.Tail...)
	}
	return dst
}

// writer is where the assembly stands, and what it needs. It stops before a cell that is the format's, or for want of
// room.
type writer struct {
	base     unsafe.Pointer // of the text
	at       int            // length so far
	size     int            // capacity
	lanes    unsafe.Pointer
	columns  int
	row      int
	rows     int
	column   int
	special  [2]uint64 // in each byte
	tail     [tailBytes]byte
	tailSize int
}
