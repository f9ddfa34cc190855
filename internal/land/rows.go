package land

import (
	"encoding/binary"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir.dev/weir/batch"
	"weir.dev/weir/fault"
)

// shape is the columns of a batch. Batches of a split have the same names, but a file may hold a column's values as
// another kind than the file before it.
type shape struct {
	names []string
	kinds []batch.Kind
}

// shapes keeps one shape for all batches that have the same. Safe for concurrent use; the zero value is ready.
type shapes struct {
	mu    sync.Mutex
	known []*shape
}

func (s *shapes) of(b *batch.Batch) *shape {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.known {
		if slices.EqualFunc(k.kinds, b.Columns, func(kind batch.Kind, c batch.Column) bool { return kind == c.Kind }) {
			return k
		}
	}
	k := &shape{}
	for _, c := range b.Columns {
		k.names = append(k.names, c.Name)
		k.kinds = append(k.kinds, c.Kind)
	}
	s.known = append(s.known, k)
	return k
}

// viewBytes is what decoding adds to copied rows: the headers and numbers of one row.
func (s *shape) viewBytes() (n int64) {
	for _, k := range s.kinds {
		if isView(k) {
			n += int64(arrow.ViewHeaderSizeBytes)
		} else {
			n += int64(fixedWidth(k))
		}
	}
	return n
}

// errDamaged says that copied rows do not read back: the temporary file has been changed by someone else.
var errDamaged = fault.New(fault.Internal, "reading rows back from the temporary file: they are damaged")

// decodeRows makes a batch of copied rows, see [cells]. Text stays in data, which the batch retains and which must have
// batch.Slack bytes of capacity behind size.
func (s *shape) decodeRows(mem memory.Allocator, data *memory.Buffer, size, rows int, object string) (*batch.Batch, error) {
	builders := make([]rowBuilder, len(s.kinds))
	for i, k := range s.kinds {
		builders[i] = newRowBuilder(mem, k, rows, data)
	}
	origin := batch.Origin{Object: object, Index: make([]int32, rows)}
	bytes, at := data.Bytes(), 0
	ok := true
	for row := 0; row < rows && ok; row++ {
		record, n := binary.Uvarint(bytes[at:size])
		if row == 0 {
			origin.First = int64(record)
		}
		origin.Index[row] = int32(int64(record) - origin.First)
		bitmap := at + n
		if at = bitmap + (len(builders)+7)/8; n <= 0 || at > size {
			ok = false
			break
		}
		for i := range builders {
			if bytes[bitmap+i/8]&(1<<(i%8)) != 0 {
				builders[i].setNull(row)
				continue
			}
			if at = builders[i].set(row, bytes, at, size); at < 0 {
				ok = false
				break
			}
		}
	}
	cols := make([]batch.Column, len(builders))
	for i := range builders {
		cols[i] = builders[i].build(s.names[i])
	}
	b := batch.New(cols, rows, origin)
	if !ok || at != size {
		b.Release()
		return nil, errDamaged
	}
	return b, nil
}

// rowBuilder makes one column, row by row.
type rowBuilder struct {
	kind  batch.Kind
	text  *batch.TextBuilder // text and binary
	buf   int32
	fixed *memory.Buffer // other kinds
	width int            // 0 for text and binary
	valid *memory.Buffer // of other kinds; nil until the first null
	rows  int
	nulls int
	mem   memory.Allocator
}

func newRowBuilder(mem memory.Allocator, k batch.Kind, rows int, data *memory.Buffer) rowBuilder {
	b := rowBuilder{kind: k, rows: rows, mem: mem}
	if isView(k) {
		b.text = batch.NewTextBuilder(mem, rows)
		b.buf = b.text.Buffer(data)
		return b
	}
	b.width = fixedWidth(k)
	b.fixed = memory.NewResizableBuffer(mem)
	b.fixed.Resize(b.bytes())
	clear(b.fixed.Bytes())
	return b
}

func (b *rowBuilder) bytes() int {
	if b.kind.Type == batch.Bool {
		return int(bitutil.BytesForBits(int64(b.rows)))
	}
	return b.rows * b.width
}

// set reads the cell at from data, which ends at size, and returns where the next one begins; -1 when it is damaged.
func (b *rowBuilder) set(row int, data []byte, at, size int) int {
	if b.width == 0 {
		n, used := binary.Uvarint(data[at:size])
		at += used
		if used <= 0 || n > uint64(size-at) {
			return -1
		}
		if n > 0 {
			batch.PutView(&b.text.Views[row], &data[at], int(n), batch.At(b.buf, at))
		}
		return at + int(n)
	}
	end := at + b.width
	switch {
	case end > size:
		return -1
	case b.kind.Type == batch.Bool:
		if data[at] != 0 {
			bitutil.SetBit(b.fixed.Bytes(), row)
		}
	default:
		copy(b.fixed.Bytes()[row*b.width:], data[at:end])
	}
	return end
}

func (b *rowBuilder) setNull(row int) {
	if b.width == 0 {
		b.text.SetNull(row)
		return
	}
	if b.valid == nil {
		b.valid = memory.NewResizableBuffer(b.mem)
		b.valid.Resize(int(bitutil.BytesForBits(int64(b.rows))))
		bitmap := b.valid.Bytes()
		for i := range bitmap {
			bitmap[i] = 0xff
		}
	}
	bitutil.ClearBit(b.valid.Bytes(), row)
	b.nulls++
}

func (b *rowBuilder) build(name string) batch.Column {
	if b.width == 0 {
		col := b.text.Build(name, b.kind.Type)
		if b.kind.Type == batch.Binary {
			old := col.Data
			d := array.NewData(b.kind.ArrowType(), b.rows, old.Data().Buffers(), nil, old.NullN(), 0)
			col.Data = array.MakeFromData(d)
			d.Release()
			old.Release()
		}
		return col
	}
	d := array.NewData(b.kind.ArrowType(), b.rows, []*memory.Buffer{b.valid, b.fixed}, nil, b.nulls, 0)
	col := batch.Column{Name: name, Kind: b.kind, Data: array.MakeFromData(d)}
	d.Release()
	b.fixed.Release()
	if b.valid != nil {
		b.valid.Release()
	}
	return col
}

// skipRow walks over one copied row and returns where the next begins and what [cells.measure] adds up.
func (s *shape) skipRow(data []byte, at int) (next int, text int64) {
	text = int64(len(s.kinds))
	_, n := binary.Uvarint(data[at:])
	bitmap := at + n
	at = bitmap + (len(s.kinds)+7)/8
	for i, k := range s.kinds {
		if data[bitmap+i/8]&(1<<(i%8)) != 0 {
			continue
		}
		width := 0
		if isView(k) {
			size, used := binary.Uvarint(data[at:])
			at += used
			width = int(size)
		} else {
			width = fixedWidth(k)
		}
		at += width
		text += int64(width)
	}
	return at, text
}
