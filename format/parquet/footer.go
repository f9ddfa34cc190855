package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"weir.dev/weir/batch"
	"weir.dev/weir/format"
)

const magic = "PAR1"

// createdBy names the writer, for readers that work around other writers' faults.
const createdBy = "weir"

// rowGroup is what the footer says of one block; offsets count from the block's start.
type rowGroup struct {
	rows   int
	chunks []chunkMeta
}

type chunkMeta struct {
	start        int64 // of the first page
	data         int64 // of the first data page
	dictionary   bool  // whether a dictionary page comes first
	pages        int   // data pages
	values       int64 // rows, nulls included
	nulls        int64
	uncompressed int64 // page headers included, as the format wants it
	compressed   int64
	codec        int
	bounds       bounds
}

// bounds are a chunk's smallest and largest value in the column's PLAIN encoding; nil when unknown.
type bounds struct {
	min, max           []byte
	minCut, maxRounded bool // the value is a bound but not itself a value
}

// output implements format.File. Row groups are kept as the bytes they become in the footer.
type output struct {
	cols     []column
	size     int64
	rows     int64
	groups   thrift
	n        int
	finished bool
}

func (f *output) Size() int64 { return f.size }

func (f *output) Append(w io.Writer, b *format.Block) error {
	g, ok := b.Meta.(*rowGroup)
	if !ok || g.rows > 0 && len(g.chunks) != len(f.cols) {
		return errors.New("appending to a parquet file: the block was not made for it")
	}
	if err := f.head(w); err != nil {
		return err
	}
	if g.rows == 0 {
		return nil
	}
	f.add(g, b.Size())
	for _, p := range b.Parts {
		if err := f.write(w, p); err != nil {
			return err
		}
	}
	return nil
}

func (f *output) Finish(w io.Writer) error {
	if f.finished {
		return errors.New("finishing a parquet file: it is finished already")
	}
	if err := f.head(w); err != nil {
		return err
	}
	foot := f.footer()
	if len(foot) > math.MaxInt32 {
		return fmt.Errorf("finishing a parquet file: its %d row groups make a footer of over 2 GiB", f.n)
	}
	foot = binary.LittleEndian.AppendUint32(foot, uint32(len(foot)))
	f.finished = true
	return f.write(w, append(foot, magic...))
}

func (f *output) head(w io.Writer) error {
	if f.size > 0 {
		return nil
	}
	return f.write(w, []byte(magic))
}

func (f *output) write(w io.Writer, p []byte) error {
	n, err := w.Write(p)
	f.size += int64(n)
	if err != nil {
		return fmt.Errorf("writing a parquet file: %w", err)
	}
	return nil
}

// add records the block that starts at the file's present end.
func (f *output) add(g *rowGroup, size int64) {
	t := &f.groups
	t.beginElement()
	t.list(1, thriftStruct, len(g.chunks))
	var uncompressed int64
	for i := range g.chunks {
		addChunk(t, &f.cols[i], &g.chunks[i], f.size)
		uncompressed += g.chunks[i].uncompressed
	}
	t.i64(2, uncompressed)
	t.i64(3, int64(g.rows))
	t.i64(5, f.size)
	t.i64(6, size)
	t.end()
	f.rows += int64(g.rows)
	f.n++
}

func addChunk(t *thrift, col *column, c *chunkMeta, base int64) {
	t.beginElement()
	t.i64(2, base+c.start)
	t.begin(3)
	t.i32(1, int(col.phys))
	encodings := []int{encPlain, encRLE}
	valueEncoding := encPlain
	if c.dictionary {
		encodings, valueEncoding = []int{encPlain, encRLE, encRLEDictionary}, encRLEDictionary
	}
	t.list(2, thriftI32, len(encodings))
	for _, e := range encodings {
		t.varint(int64(e))
	}
	t.list(3, thriftBinary, 1)
	t.textElement(col.name)
	t.i32(4, c.codec)
	t.i64(5, c.values)
	t.i64(6, c.uncompressed)
	t.i64(7, c.compressed)
	t.i64(9, base+c.data)
	if c.dictionary {
		t.i64(11, base+c.start)
	}
	addStatistics(t, c)
	addPageCounts(t, c, valueEncoding)
	t.end()
	t.end()
}

func addStatistics(t *thrift, c *chunkMeta) {
	t.begin(12)
	t.i64(3, c.nulls)
	if c.bounds.max != nil {
		t.bytes(5, c.bounds.max)
	}
	if c.bounds.min != nil {
		t.bytes(6, c.bounds.min)
	}
	if c.bounds.max != nil {
		t.boolean(7, !c.bounds.maxRounded)
	}
	if c.bounds.min != nil {
		t.boolean(8, !c.bounds.minCut)
	}
	t.end()
}

// addPageCounts says how many pages have which encoding: readers that filter by dictionary look here.
func addPageCounts(t *thrift, c *chunkMeta, valueEncoding int) {
	n := 1
	if c.dictionary {
		n = 2
	}
	t.list(13, thriftStruct, n)
	one := func(page, encoding, count int) {
		t.beginElement()
		t.i32(1, page)
		t.i32(2, encoding)
		t.i32(3, count)
		t.end()
	}
	if c.dictionary {
		one(pageDictionary, encPlain, 1)
	}
	one(pageData, valueEncoding, c.pages)
}

// footer is the file's metadata without the length and magic behind it.
func (f *output) footer() []byte {
	var t thrift
	t.i32(1, 2) // format version 2: what writers of logical types say
	t.list(2, thriftStruct, 1+len(f.cols))
	t.beginElement()
	t.text(4, "schema")
	t.i32(5, len(f.cols))
	t.end()
	for i := range f.cols {
		addSchema(&t, &f.cols[i])
	}
	t.i64(3, f.rows)
	t.list(4, thriftStruct, f.n)
	t.buf = append(t.buf, f.groups.buf...)
	t.text(6, createdBy)
	t.list(7, thriftStruct, len(f.cols))
	for range f.cols {
		t.beginElement() // ColumnOrder: TypeDefinedOrder
		t.begin(1)
		t.end()
		t.end()
	}
	t.stop()
	return t.buf
}

func addSchema(t *thrift, col *column) {
	const optional = 1
	t.beginElement()
	t.i32(1, int(col.phys))
	if col.phys == physFixed {
		t.i32(2, col.width)
	}
	t.i32(3, optional)
	t.text(4, col.name)
	if col.converted != convNone {
		t.i32(6, col.converted)
	}
	if col.converted == convDecimal {
		t.i32(7, int(col.out.Scale))
		t.i32(8, int(col.out.Precision))
	}
	addLogicalType(t, col.out)
	t.end()
}

func addLogicalType(t *thrift, k batch.Kind) {
	const (
		logicalString    = 1
		logicalDecimal   = 5
		logicalDate      = 6
		logicalTime      = 7
		logicalTimestamp = 8
	)
	unit := func(utc bool) {
		t.boolean(1, utc)
		t.begin(2)
		t.begin(2) // MICROS
		t.end()
		t.end()
	}
	switch k.Type {
	case batch.Text, batch.String, batch.JSON:
		t.begin(10)
		t.begin(logicalString)
	case batch.Decimal:
		t.begin(10)
		t.begin(logicalDecimal)
		t.i32(1, int(k.Scale))
		t.i32(2, int(k.Precision))
	case batch.Date:
		t.begin(10)
		t.begin(logicalDate)
	case batch.Time:
		t.begin(10)
		t.begin(logicalTime)
		unit(false) // a time of day has no zone; said as UTC it would read as "time with time zone"
	case batch.Timestamp:
		t.begin(10)
		t.begin(logicalTimestamp)
		unit(true)
	default:
		return
	}
	t.end()
	t.end()
}
