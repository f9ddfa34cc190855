package csv

import (
	"bytes"
	"fmt"
	"math/bits"
	"unicode/utf8"

	"weir.dev/weir/batch"
	"weir.dev/weir/format/internal/bytemask"
)

// fill makes the cells of a column that is neither the first nor the last, in a window without quotes.
func (d *decoder) fill(c *cells, records int) {
	views := c.out.Views[d.row:][:records]
	ends, data, columns := d.ends[c.field:], d.data, d.chunk.table.columns
	at, longest := 0, c.longest
	for r := range views {
		start := int(ends[at]) + 1
		n := int(ends[at+1]) - start
		batch.PutView(&views[r], &data[start], n, batch.At(0, start))
		longest = max(longest, n)
		at += columns
	}
	c.longest = longest
}

// fillQuoted is fill for a window with quotes.
func (d *decoder) fillQuoted(c *cells, records int) {
	views := c.out.Views[d.row:][:records]
	ends, data, columns := d.ends[c.field:], d.data, d.chunk.table.columns
	at, longest := 0, c.longest
	for r := range views {
		start := int(ends[at]) + 1
		n := int(ends[at+1]) - start
		at += columns
		if data[start] == quote { // so it is not empty: then a delimiter or a newline would stand here
			var ok bool
			if n, ok = unquoteInPlace(data[start : start+n]); !ok {
				d.refuseQuote(c, r)
				break
			}
			start++
		}
		batch.PutView(&views[r], &data[start], n, batch.At(0, start))
		longest = max(longest, n)
	}
	c.longest = longest
}

// fillEdge is fill for the first column, which empty lines may precede, and the last, which a carriage return may follow.
func (d *decoder) fillEdge(c *cells, records int) {
	views := c.out.Views[d.row:][:records]
	ends, data, columns := d.ends[c.field:], d.data, d.chunk.table.columns
	last := c.field == columns-1
	for r := range views {
		start, end := int(ends[r*columns])+1, int(ends[r*columns+1])
		if c.field == 0 {
			start = d.recordStart(start)
		}
		if last && end > start && data[end-1] == '\r' {
			end--
		}
		n := end - start
		if data[start] == quote {
			var ok bool
			if n, ok = unquoteInPlace(data[start:end]); !ok {
				d.refuseQuote(c, r)
				break
			}
			start++
		}
		batch.PutView(&views[r], &data[start], n, batch.At(0, start))
		c.longest = max(c.longest, n)
	}
}

func (d *decoder) refuseQuote(c *cells, record int) {
	d.refuse(record, d.start(record), fmt.Errorf("has text after the closing quote of column %q", d.name(c)))
}

// unquoteInPlace gives the text of a field that begins with a quote as n bytes behind that quote, and false when text
// follows the closing quote. It only moves bytes about, so that the newlines of a chunk can still be counted afterwards.
func unquoteInPlace(field []byte) (n int, ok bool) {
	last := len(field) - 1
	if last < 1 || field[last] != quote {
		return 0, false
	}
	inner := field[1:last]
	w := bytes.IndexByte(inner, quote)
	if w < 0 {
		return len(inner), true
	}
	for r := w; r < len(inner); {
		if r+1 == len(inner) || inner[r+1] != quote {
			return 0, false
		}
		inner[w] = quote
		w, r = w+1, r+2
		next := bytes.IndexByte(inner[r:], quote)
		if next < 0 {
			next = len(inner) - r
		}
		copy(inner[w:], inner[r:r+next])
		w, r = w+next, r+next
	}
	for i := w; i < len(inner); i++ {
		inner[i] = quote
	}
	return w, true
}

// start is where the window's record begins.
func (d *decoder) start(record int) int {
	return d.recordStart(int(d.ends[record*d.chunk.table.columns]) + 1)
}

func (d *decoder) name(c *cells) string {
	for _, w := range d.chunk.table.wanted {
		if w.field == c.field {
			return w.name
		}
	}
	return ""
}

// validate looks at the bytes of a window that are not ASCII, and notes whether they are UTF-8.
func (d *decoder) validate(masks []bytemask.Fields, base int) {
	data := d.data[:d.n]
	for i := range masks {
		at := base + i*bytemask.BlockBytes
		for high := masks[i].High; high != 0; {
			p := at + bits.TrailingZeros64(high)
			if p < d.utf8To { // the second half of a rune of the block before
				high &= high - 1
				continue
			}
			for p < len(data) && data[p] >= utf8.RuneSelf {
				if p+1 < len(data) && data[p] >= 0xc2 && data[p] < 0xe0 && data[p+1]&0xc0 == 0x80 {
					p += 2
					continue
				}
				r, size := utf8.DecodeRune(data[p:])
				if r == utf8.RuneError && size == 1 {
					d.notUTF8 = true
					return
				}
				p += size
			}
			d.utf8To = p
			if p -= at; p >= bytemask.BlockBytes {
				break
			}
			high &= ^uint64(0) << p
		}
	}
}

// checkUTF8 refuses the first of the window's records with a delivered cell that is not UTF-8. It is called only when the
// chunk is known to have such bytes, delivered or not.
func (d *decoder) checkUTF8(records int) {
	for i := range d.cells {
		c := &d.cells[i]
		for r := range records {
			if d.bad != nil && d.row+r >= d.bad.row {
				break
			}
			if !utf8.Valid(batch.ViewBytes(&c.out.Views[d.row+r], d.data)) {
				d.refuse(r, d.start(r), fmt.Errorf("holds bytes that are not UTF-8, in column %q", d.name(c)))
			}
		}
	}
}
