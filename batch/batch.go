// Package batch holds rows on their way from a source to a destination: a bounded number of rows as Apache Arrow columns.
//
// Text travels in Arrow's view layout (utf8_view): a cell is a 16-byte header that points into the buffer it was read
// into, so that parsing, filtering and mapping move headers and never the bytes. See [Text] for reading such a column
// and [TextBuilder] for making one.
//
// Ownership, in one sentence: whoever receives a batch releases it, and a stage that keeps one longer retains it.
// Nothing here knows flows, vendors, or who calls.
package batch

import (
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
)

// Batch is a bounded set of rows travelling together. It is immutable once handed on; several goroutines may read it.
type Batch struct {
	Columns []Column // all of the same length, Rows
	Rows    int
	Origin  Origin

	refs atomic.Int64
}

// Column is a named Arrow array of one [Kind].
type Column struct {
	Name string
	Kind Kind
	Data arrow.Array // its Arrow type is Kind.ArrowType
}

// Origin says where a batch's rows stood in the source, for error files and messages.
type Origin struct {
	Object string // the source object's name: a key in a bucket, a page of an API
	First  int64  // 1-based number of the first record in that object, headers not counted
	// Index maps a row to its record: record = First + Index[row]. Nil when rows are the records First, First+1, ….
	Index []int32
}

// Record is the 1-based number of the row's record in its source object.
func (o Origin) Record(row int) int64 {
	if o.Index == nil {
		return o.First + int64(row)
	}
	return o.First + int64(o.Index[row])
}

// New makes a batch that owns one reference to each column's data. The caller holds the batch's only reference.
func New(columns []Column, rows int, origin Origin) *Batch {
	b := &Batch{Columns: columns, Rows: rows, Origin: origin}
	b.refs.Store(1)
	return b
}

// Retain adds a reference.
func (b *Batch) Retain() { b.refs.Add(1) }

// Release drops a reference. With the last one the columns are released and their buffers go back to the pool: nothing
// that points into them may be used afterwards.
func (b *Batch) Release() {
	if b.refs.Add(-1) != 0 {
		return
	}
	for i := range b.Columns {
		if d := b.Columns[i].Data; d != nil {
			d.Release()
			b.Columns[i].Data = nil
		}
	}
}

// Find returns the index of the named column, or -1.
func (b *Batch) Find(name string) int {
	for i := range b.Columns {
		if b.Columns[i].Name == name {
			return i
		}
	}
	return -1
}
