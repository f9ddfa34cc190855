package jsonl

import (
	"errors"
	"math/bits"

	"weir.dev/weir/batch"
)

// decoder parses one chunk. Parsing functions take the offset where something begins and return the offset behind it, or
// -1 after noting why in bad.
type decoder struct {
	file   *file
	chunk  *chunk
	data   []byte // records, then zeros
	n      int    // bytes of records
	lines  bool   // a record must not go on in the next line
	cells  []cells
	states []state // by node
	row    int
	begin  int // of the record
	bad    *flaw

	*scratch
	badUTF8 int  // offset of the first byte that is not UTF-8
	broken  bool // a line break lies between parts of the record
	key     []byte
}

// cells is a column in the making.
type cells struct {
	out     *batch.TextBuilder
	longest int
	rank    []uint8 // by row, of the way its cell was found by plus 1; nil where there is only one way
	built   batch.Column
}

// state is what a decoder knows of a node.
type state struct {
	expect []guess // the members of recent objects, in their order
	row    int     // number of the last row that had such an object, from 1
}

var (
	errSeveral = errors.New("is followed by another value on the same line")
	errSplit   = errors.New("is not complete at the end of the line")
)

// run parses all records.
func (d *decoder) run() *flaw {
	at := 0
	for {
		at = d.between(at)
		if at >= d.n {
			return nil
		}
		d.begin, d.broken = at, false
		if d.data[at] != '{' {
			return &flaw{at: at, reason: errNotObject}
		}
		at = d.object(at, d.file.paths.root, 1)
		if at < 0 {
			return d.failed()
		}
		switch {
		case d.badUTF8 < at:
			return &flaw{at: d.begin, reason: errors.New("holds bytes that are not UTF-8")}
		case at-d.begin > d.file.maxRecord:
			return d.tooLong()
		case d.lines && d.broken:
			return &flaw{at: d.begin, reason: errSplit}
		case d.lines && !d.lineEnds(at):
			return &flaw{at: d.begin, reason: errSeveral}
		}
		d.row++
	}
}

// failed is the flaw of a record that could not be parsed.
func (d *decoder) failed() *flaw {
	switch {
	case d.lines && d.broken:
		return &flaw{at: d.begin, reason: errSplit}
	case d.badUTF8 < d.bad.at:
		return &flaw{at: d.begin, reason: errors.New("holds bytes that are not UTF-8")}
	}
	return &flaw{at: d.begin, reason: d.bad.reason}
}

// between skips what may lie between records. In an array the finder has checked it.
func (d *decoder) between(at int) int {
	for {
		switch c := d.data[at]; {
		case c == ' ' || c == '\n' || c == '\r' || c == '\t':
		case d.file.layout == array && (c == ',' || c == '[' || c == ']'):
		default:
			return at
		}
		at++
	}
}

// lineEnds reports whether nothing but space follows on the line.
func (d *decoder) lineEnds(at int) bool {
	for d.data[at] == ' ' || d.data[at] == '\r' || d.data[at] == '\t' {
		at++
	}
	return d.data[at] == '\n' || at >= d.n
}

// fail notes what is wrong at an offset.
func (d *decoder) fail(at int, reason string) int {
	d.bad = &flaw{at: at, reason: invalid{reason, at - d.begin + 1}}
	return -1
}

// space skips white space, noting line breaks.
func (d *decoder) space(at int) int {
	for {
		switch d.data[at] {
		case '\n':
			d.broken = true
		case ' ', '\r', '\t':
		default:
			return at
		}
		at++
	}
}

// object parses an object that paths go through.
func (d *decoder) object(at int, n *node, depth int) int {
	s := &d.states[n.id]
	if s.row == d.row+1 { // of two members of the same name the last one counts
		d.forget(n)
	}
	s.row = d.row + 1
	data := d.data
	if at = d.space(at + 1); data[at] == '}' {
		return at + 1
	}
	for next := 0; ; next++ {
		if data[at] != '"' {
			return d.fail(at, "a member's name is missing")
		}
		at++
		if next >= len(s.expect) || !s.expect[next].matches(data[at:]) {
			if next = d.search(at, n, s, next); next < 0 {
				return -1
			}
		}
		g := &s.expect[next]
		at += g.length
		if data[at] != ':' {
			if at = d.space(at); data[at] != ':' {
				return d.fail(at, "a colon is missing")
			}
		}
		if at++; data[at] <= ' ' {
			at = d.space(at)
		}
		if begin := at; data[at] == '"' && g.below == nil { // most values are texts: these few lines spare them three calls
			at++
			w := uint(at) / 64
			found := d.special[w] >> (uint(at) % 64)
			if found != 0 {
				at += bits.TrailingZeros64(found)
			}
			if found != 0 && data[at] == '"' {
				at++
			} else if at = d.text(at); at < 0 {
				return -1
			}
			if g.column >= 0 {
				d.set(g, begin, at)
			}
		} else if at = d.member(at, g, depth); at < 0 {
			return -1
		}
		if data[at] <= ' ' {
			at = d.space(at)
		}
		switch data[at] {
		case ',':
			if at++; data[at] != '"' {
				at = d.space(at)
			}
		case '}':
			return at + 1
		default:
			return d.fail(at, "a comma or the end of the object is missing")
		}
	}
}

// member parses a member's value and delivers it where it was asked for.
func (d *decoder) member(at int, g *guess, depth int) int {
	begin := at
	if g.below != nil {
		at = d.through(at, g.below, depth)
	} else {
		at = d.value(at, depth)
	}
	if at >= 0 && g.column >= 0 {
		d.set(g, begin, at)
	}
	return at
}

// through parses the value of a member that paths go through. They end in null where it is no object.
func (d *decoder) through(at int, below *node, depth int) int {
	if d.data[at] == '{' {
		if depth >= maxDepth {
			return d.fail(at, "it is too deep")
		}
		return d.object(at, below, depth+1)
	}
	if d.states[below.id].row == d.row+1 {
		d.forget(below)
	}
	return d.value(at, depth)
}

// text parses a string whose text begins at an offset.
func (d *decoder) text(at int) int {
	for {
		w := uint(at) / 64
		found := d.special[w] >> (uint(at) % 64)
		if found != 0 {
			at += bits.TrailingZeros64(found)
		} else {
			for w++; d.special[w] == 0; w++ { // the zero behind the last byte ends it
			}
			at = int(w)*64 + bits.TrailingZeros64(d.special[w])
		}
		if d.data[at] == '"' {
			return at + 1
		}
		if at = d.escape(at); at < 0 {
			return -1
		}
	}
}

// set delivers the value that lies between two offsets.
func (d *decoder) set(g *guess, begin, end int) {
	c := &d.cells[g.column]
	if g.many && !c.better(d.row, g.rank) {
		return
	}
	n := end - begin
	if d.data[begin] == 'n' {
		n = 0
	}
	batch.PutView(&c.out.Views[d.row], &d.data[begin], n, batch.At(0, begin))
	c.longest = max(c.longest, n)
}

// better reports whether a cell found by a way of some rank replaces what the row has, and takes note.
func (c *cells) better(row, rank int) bool {
	if c.rank == nil {
		c.rank = make([]uint8, len(c.out.Views))
	}
	if have := int(c.rank[row]); have != 0 && have-1 < rank {
		return false
	}
	c.rank[row] = uint8(rank + 1)
	return true
}

// forget makes null, in this row, what has been found below a node.
func (d *decoder) forget(n *node) {
	for _, r := range n.columns {
		c := &d.cells[r.column]
		if c.rank != nil && int(c.rank[d.row]) != r.rank+1 {
			continue
		}
		if c.rank != nil {
			c.rank[d.row] = 0
		}
		batch.PutView(&c.out.Views[d.row], &d.data[0], 0, 0)
	}
}
