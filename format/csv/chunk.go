package csv

import (
	"bytes"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir.dev/weir/batch"
	"weir.dev/weir/format"
	"weir.dev/weir/format/internal/bytemask"
)

// chunk is whole records, with what the survey found out about them. It owns buf until it is decoded or released.
type chunk struct {
	table   *table
	buf     *memory.Buffer // the records, and padding
	n       int            // bytes of records
	start   format.Position
	end     format.Position
	records int
	hollow  bool // there are empty lines that are no records
	stored  int64
}

// End implements format.Chunk.
func (c *chunk) End() format.Position { return c.end }

// Bytes implements format.Chunk.
func (c *chunk) Bytes() int64 { return c.stored }

// Release implements format.Chunk.
func (c *chunk) Release() {
	if c.buf != nil {
		c.buf.Release()
		c.buf = nil
	}
}

// Decode implements format.Chunk.
func (c *chunk) Decode() (*batch.Batch, error) {
	defer c.Release()
	d := decoder{chunk: c, data: c.buf.Bytes(), n: c.n}
	if d.data[d.n-1] != '\n' { // the last line of the file
		d.data[d.n] = '\n'
		d.n++
	}
	clear(d.data[d.n : d.n+bytemask.BlockBytes])
	for _, w := range c.table.wanted {
		if w.field >= 0 && d.find(w.field) == nil {
			d.cells = append(d.cells, cells{field: w.field, out: batch.NewRawTextBuilder(c.table.pool, c.records)})
		}
	}
	d.scratch = scratches.Get().(*scratch)
	defer scratches.Put(d.scratch)
	d.run()
	if d.bad != nil {
		for i := range d.cells {
			d.cells[i].out.Discard()
		}
		return nil, d.explain()
	}
	return batch.New(d.columns(), c.records, batch.Origin{Object: c.table.name, First: c.start.Record + 1}), nil
}

// find returns the cells of a field of the file, or nil when they are not delivered.
func (d *decoder) find(field int) *cells {
	for i := range d.cells {
		if d.cells[i].field == field {
			return &d.cells[i]
		}
	}
	return nil
}

// columns ends the columns, in the order they were asked for.
func (d *decoder) columns() []batch.Column {
	out := make([]batch.Column, len(d.chunk.table.wanted))
	for i, w := range d.chunk.table.wanted {
		cells := d.find(w.field)
		switch {
		case cells == nil:
			out[i] = batch.NewTextBuilder(d.chunk.table.pool, d.chunk.records).BuildEmptyAsNull(w.name, batch.Text)
		case cells.built.Data != nil: // asked for twice
			cells.built.Data.Retain()
			out[i] = batch.Column{Name: w.name, Kind: cells.built.Kind, Data: cells.built.Data}
		default:
			if cells.longest > batch.InlineText {
				cells.out.Buffer(d.chunk.buf)
			}
			cells.built = cells.out.BuildEmptyAsNull(w.name, batch.Text)
			out[i] = cells.built
		}
	}
	return out
}

// flaw is the first thing in a chunk that has to be refused.
type flaw struct {
	row    int
	start  int // of the record, in the chunk
	reason error
}

// explain names the record and the line of the flaw.
func (d *decoder) explain() error {
	c := d.chunk
	record := c.start.Record + int64(d.bad.row) + 1
	line := c.start.Line + int64(bytes.Count(d.data[:d.bad.start], []byte("\n"))) + 1
	return refuse(c.table.name, "record %d at line %d %w", record, line, d.bad.reason)
}

// scratch is memory that a decoder needs while it works. It holds what one window of text gives.
type scratch struct {
	masks [windowBlocks]bytemask.Fields
	// ends are the offsets of the delimiters and newlines that end fields, behind one more: of what ended the field before
	// the first. Field f of the window's record r lies between ends[r*columns+f]+1 and ends[r*columns+f+1].
	ends []int32
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}
