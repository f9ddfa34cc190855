package csv

import (
	"fmt"
	"math/bits"

	"weir.dev/weir/batch"
	"weir.dev/weir/format/internal/bytemask"
)

// A chunk is decoded window by window, small enough to stay in the fastest cache, in three steps: masks of the bytes
// that matter, the offsets where fields end, and then, column by column, the cells. Columns nobody asked for cost the
// first two steps only.
const windowBlocks = 256

// decoder parses one chunk.
type decoder struct {
	chunk *chunk
	data  []byte // records, then padding
	n     int    // bytes of records, the last newline included
	cells []cells
	bad   *flaw

	*scratch
	fields int // elements of ends in use, the first one not counted
	row    int // of the window's first record, in the chunk

	quotes   quotes
	blanks   blanks
	newlines int  // among the window's ends
	quoted   bool // the window has quotes
	carried  bool // so has the beginning of the window's first record, in windows before
	utf8To   int  // data is valid UTF-8 up to here, as far as it is known
	notUTF8  bool // it is not, somewhere
}

// cells is a column in the making.
type cells struct {
	field   int
	out     *batch.TextBuilder
	longest int // text so far
	built   batch.Column
}

func (d *decoder) run() {
	d.quotes, d.blanks = atRecord(), blanksAtRecord()
	if room := 1 + d.chunk.table.columns + (windowBlocks+1)*bytemask.BlockBytes; len(d.ends) < room {
		d.ends = make([]int32, room)
	}
	d.ends[0] = -1
	for base := 0; base < d.n && d.bad == nil; base += windowBlocks * bytemask.BlockBytes {
		masks := d.masks[:min(windowBlocks, bytemask.Blocks(d.n-base))]
		bytemask.ScanFields(masks, d.data[base:], quote, d.chunk.table.delim)
		d.findEnds(masks, base)
		d.takeRecords()
	}
}

// findEnds appends the ends of the fields in a window that begins at base.
func (d *decoder) findEnds(masks []bytemask.Fields, base int) {
	state, quoted, high := d.quotes, uint64(0), uint64(0)
	for i := range masks {
		m := &masks[i]
		ends := state.block(m)
		quoted |= m.Quote
		high |= m.High
		newlines := ends & m.Newline
		at := base + i*bytemask.BlockBytes
		if d.chunk.hollow {
			empty := d.blanks.block(newlines, d.data, at)
			ends, newlines = ends&^empty, newlines&^empty
		}
		d.newlines += bits.OnesCount64(newlines)
		spread((*[bytemask.BlockBytes]int32)(d.ends[d.fields+1:]), ends, int32(at))
		d.fields += bits.OnesCount64(ends)
	}
	d.quotes, d.quoted = state, quoted != 0
	if high != 0 && !d.notUTF8 {
		d.validate(masks, base)
	}
}

// spread writes the positions of the set bits of mask. It writes in groups of eight whether there are as many or not:
// what is too much is overwritten by the next block.
func spread(out *[bytemask.BlockBytes]int32, mask uint64, base int32) {
	for i := 0; mask != 0; i += 8 {
		group := (*[8]int32)(out[i&(bytemask.BlockBytes-8):])
		for j := range group {
			group[j] = base + int32(bits.TrailingZeros64(mask))
			mask &= mask - 1
		}
	}
}

// takeRecords makes cells of the complete records among the ends, and moves the rest to the front.
func (d *decoder) takeRecords() {
	columns, records := d.chunk.table.columns, d.newlines
	good := d.regular(records)
	for i := range d.cells {
		switch c := &d.cells[i]; {
		case c.field == columns-1 || c.field == 0 && d.chunk.hollow:
			d.fillEdge(c, good)
		case useAVX2:
			d.fillFast(c, good)
		case d.quoted || d.carried:
			d.fillQuoted(c, good)
		default:
			d.fill(c, good)
		}
	}
	if d.notUTF8 {
		d.checkUTF8(good)
	}
	if d.bad != nil {
		return
	}
	used := records * columns
	copy(d.ends, d.ends[used:d.fields+1])
	d.fields -= used
	d.row += records
	d.newlines = 0
	d.carried = d.quoted || d.carried && records == 0
	if d.fields >= columns { // it goes on where it should have ended
		d.misfit(0, int(d.ends[0])+1)
	}
}

// regular returns how many of the window's records, from the first on, have the fields and the length they should have.
// It notes the first that has not.
func (d *decoder) regular(records int) int {
	// As many newlines as there are records, each where a record must end: then no other end is a newline.
	columns, ends := d.chunk.table.columns, d.ends[:d.fields+1]
	for at, r := columns, 0; r < records; at, r = at+columns, r+1 {
		if at >= len(ends) || d.data[ends[at]] != '\n' {
			return d.firstMisfit()
		}
	}
	if limit := d.chunk.table.maxRecord; d.n > limit {
		for r := range records {
			start := d.recordStart(int(ends[r*columns]) + 1)
			if int(ends[(r+1)*columns])+1-start > limit {
				d.refuse(r, start, fmt.Errorf("is longer than %d bytes", limit))
				return r
			}
		}
	}
	return records
}

// firstMisfit notes the first record of the window whose number of fields is wrong, and returns its number.
func (d *decoder) firstMisfit() int {
	record, fields, start := 0, 0, int(d.ends[0])+1
	for _, end := range d.ends[1 : d.fields+1] {
		fields++
		if d.data[end] != '\n' {
			continue
		}
		if fields != d.chunk.table.columns {
			break
		}
		record, fields, start = record+1, 0, int(end)+1
	}
	d.misfit(record, start)
	return record
}

// misfit refuses a record for the number of its fields.
func (d *decoder) misfit(record, start int) {
	t := d.chunk.table
	start = d.recordStart(start)
	rest := d.data[start:d.n]
	rest = rest[:recordLength(rest, t.delim)]
	fields := 1
	for n := fieldLength(rest, t.delim); n < len(rest); n = fieldLength(rest, t.delim) {
		rest = rest[n+1:]
		fields++
	}
	d.refuse(record, start, fmt.Errorf("has %d fields, the header has %d", fields, t.columns))
}

// refuse notes a flaw of a record of the window, unless an earlier one has one.
func (d *decoder) refuse(record, start int, reason error) {
	if row := d.row + record; d.bad == nil || row < d.bad.row {
		d.bad = &flaw{row: row, start: start, reason: reason}
	}
}

// recordStart is where a record begins, behind the empty lines before it.
func (d *decoder) recordStart(at int) int {
	if d.chunk.hollow {
		for n := blankLine(d.data[at:d.n]); n > 0; n = blankLine(d.data[at:d.n]) {
			at += n
		}
	}
	return at
}
