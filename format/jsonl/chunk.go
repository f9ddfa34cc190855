package jsonl

import (
	"bytes"
	"math/bits"
	"sync"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir.dev/weir/batch"
	"weir.dev/weir/format"
	"weir.dev/weir/format/internal/bytemask"
)

// chunk is whole records. It owns buf until it is decoded or released.
type chunk struct {
	file    *file
	buf     *memory.Buffer // the records and what lies between them, and padding
	n       int            // bytes without the padding
	start   format.Position
	end     format.Position
	records int
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
	d := newDecoder(c)
	defer scratches.Put(d.scratch)
	if bad := d.run(); bad != nil {
		for i := range d.cells {
			d.cells[i].out.Discard()
		}
		line := c.start.Line + int64(bytes.Count(d.data[:bad.at], []byte("\n"))) + 1
		return nil, refuse(c.file.name, "record %d at line %d %w", c.start.Record+int64(d.row)+1, line, bad.reason)
	}
	return batch.New(d.columns(), c.records, batch.Origin{Object: c.file.name, First: c.start.Record + 1}), nil
}

func newDecoder(c *chunk) *decoder {
	d := &decoder{file: c.file, chunk: c, data: c.buf.Bytes(), n: c.n, lines: c.file.layout == lines}
	clear(d.data[d.n : d.n+2*bytemask.BlockBytes]) // zeros end every scan
	d.cells = make([]cells, len(c.file.names))
	for i := range d.cells {
		d.cells[i].out = batch.NewTextBuilder(c.file.pool, c.records)
	}
	d.states = make([]state, c.file.paths.nodes)
	d.scratch = scratches.Get().(*scratch)
	d.mask()
	return d
}

// columns ends the columns, in the order they were asked for.
func (d *decoder) columns() []batch.Column {
	for i := range d.cells {
		c := &d.cells[i]
		if c.longest > batch.InlineText {
			c.out.Buffer(d.chunk.buf)
		}
		c.built = c.out.BuildEmptyAsNull(d.file.names[i], batch.JSON) // no JSON value is empty
	}
	out := make([]batch.Column, len(d.file.columns))
	for i, n := range d.file.distinct {
		out[i] = d.cells[n].built
		out[i].Data.Retain()
	}
	for i := range d.cells {
		d.cells[i].built.Data.Release()
	}
	return out
}

// scratch is memory that a decoder needs while it works.
type scratch struct {
	masks   [256]bytemask.Strings
	special []uint64 // of the whole chunk, see bytemask.Strings
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// mask finds the bytes of the chunk at which a scan inside a string has to stop, and the first that is not UTF-8.
func (d *decoder) mask() {
	blocks := bytemask.Blocks(d.n + 1) // with a zero behind the last byte
	if cap(d.special) < blocks {
		d.special = make([]uint64, blocks+blocks/4)
	}
	d.special = d.special[:blocks]
	d.badUTF8 = len(d.data)
	checked := 0
	for base := 0; base < blocks; base += len(d.masks) {
		masks := d.masks[:min(len(d.masks), blocks-base)]
		bytemask.ScanStrings(masks, d.data[base*bytemask.BlockBytes:])
		out := d.special[base:][:len(masks)]
		for i := range masks {
			out[i] = masks[i].Special
			if masks[i].High != 0 && d.badUTF8 == len(d.data) {
				checked = d.checkUTF8((base+i)*bytemask.BlockBytes, masks[i].High, checked)
			}
		}
	}
}

// checkUTF8 looks at the bytes outside ASCII of the block that begins at base, which high tells, from offset done on. It
// returns how far it got, and notes the first byte that is no part of UTF-8.
func (d *decoder) checkUTF8(base int, high uint64, done int) int {
	data := d.data[:d.n]
	for high != 0 {
		p := base + bits.TrailingZeros64(high)
		if p < done { // the second half of a rune of the block before
			high &= high - 1
			continue
		}
		for p < len(data) && data[p] >= utf8.RuneSelf {
			if data[p] >= 0xc2 && data[p] < 0xe0 && p+1 < len(data) && data[p+1]&0xc0 == 0x80 {
				p += 2
				continue
			}
			r, size := utf8.DecodeRune(data[p:])
			if r == utf8.RuneError && size == 1 {
				d.badUTF8 = p
				return p
			}
			p += size
		}
		if done = p; p-base >= bytemask.BlockBytes || p >= len(data) {
			break
		}
		high &= ^uint64(0) << (p - base)
	}
	return done
}
