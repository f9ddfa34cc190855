package jsonl

import (
	"bytes"
	"encoding/binary"

	"weir.dev/weir/batch"
)

// Records of a file tend to have the same members in the same order. So the decoder does not look names up: it compares
// each with the one that stood there in the record before, a few bytes at once, and knows at once whether anybody asked
// for it. Where records differ it searches, and learns.

// guess is a member that is expected next: its name as it was written last time, up to the closing quote.
type guess struct {
	name   [2]uint64 // its first 16 bytes, zeros behind a shorter one
	mask   [2]uint64 // which of them count
	rest   []byte
	length int
	column int // -1 when nobody asked for it
	rank   int
	many   bool // several ways lead to the column
	below  *node
}

func newGuess(written []byte) guess {
	g := guess{length: len(written), column: -1}
	var first, mask [16]byte
	for i := range min(len(written), 16) {
		first[i], mask[i] = written[i], 0xff
	}
	for i := range g.name {
		g.name[i], g.mask[i] = binary.LittleEndian.Uint64(first[8*i:]), binary.LittleEndian.Uint64(mask[8*i:])
	}
	if len(written) > 16 {
		g.rest = bytes.Clone(written[16:])
	}
	return g
}

// matches reports whether text begins with the name and its closing quote.
func (g *guess) matches(text []byte) bool {
	text = text[:max(g.length, 16)]
	a, b := binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint64(text[8:])
	return (a^g.name[0])&g.mask[0]|(b^g.name[1])&g.mask[1] == 0 && (g.length <= 16 || bytes.Equal(text[16:], g.rest))
}

// maxGuesses bounds the members remembered of a node, and maxSearch how many of them are tried for one name.
const (
	maxGuesses = 1024
	maxSearch  = 48
)

// search finds the member whose name begins at an offset among those that are not next in line, or makes it the next. It
// returns its number.
func (d *decoder) search(at int, n *node, s *state, next int) int {
	for i := range min(maxSearch, len(s.expect)) {
		k := (next + 1 + i) % len(s.expect)
		if s.expect[k].matches(d.data[at:]) {
			return k
		}
	}
	end := d.text(at)
	if end < 0 {
		return -1
	}
	g := newGuess(d.data[at:end])
	name := d.data[at : end-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		d.key = batch.AppendUnescaped(d.key[:0], name)
		name = d.key
	}
	if m := n.members[string(name)]; m != nil {
		g.column, g.rank, g.below = m.column, m.rank, m.below
		g.many = m.column >= 0 && d.file.paths.many[m.column]
	}
	next = min(next, len(s.expect))
	if len(s.expect) >= maxGuesses { // names without end: each takes the place of another
		next %= maxGuesses
		s.expect[next] = g
		return next
	}
	s.expect = append(s.expect, guess{})
	copy(s.expect[next+1:], s.expect[next:])
	s.expect[next] = g
	return next
}
