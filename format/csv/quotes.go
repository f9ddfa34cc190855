package csv

import (
	"math/bits"

	"weir.dev/weir/format/internal/bytemask"
)

const quote = '"'

// quotes follows quoting through a text, 64 bytes at a time. It is the three-state machine
//
//	open    (a field begins, or a quoted field was just closed)  quote → quoted; delimiter, newline → open; else → bare
//	quoted                                                       quote → open; else → quoted
//	bare    (inside an unquoted field)                           delimiter, newline → open; else → bare
//
// so that "" inside a quoted field closes and opens it again, and a quote inside an unquoted field is data. The zero
// value is not a start: use [atRecord].
type quotes struct {
	quoted uint64 // all ones while inside quotes, else 0
	open   uint64 // 1 in state open, else 0
}

// atRecord is the state at the beginning of a record.
func atRecord() quotes { return quotes{open: 1} }

// block returns the delimiters and newlines of a block that are not inside quotes, and moves the state behind it.
//
// Quotes that open and close take turns, so what is quoted is the parity of the quotes before it, as long as every
// quote that opens stands where a field begins or right behind a closing one. Text with stray quotes is rarer.
func (s *quotes) block(m *bytemask.Fields) uint64 {
	ends, q := m.Delim|m.Newline, m.Quote
	quoted := m.Parity ^ s.quoted // from an opening quote up to the byte before the closing one
	if q&quoted&^((ends|q)<<1|s.open) != 0 {
		q, quoted = s.withoutStrays(ends, q)
	}
	s.quoted = uint64(int64(quoted) >> 63)
	s.open = (ends | q) >> 63 &^ s.quoted
	return ends &^ quoted
}

// withoutStrays returns the quotes of a block that are no data, and what they quote. The first quote that opens where none
// can is data: it is taken out, and parity starts over.
func (s *quotes) withoutStrays(ends, q uint64) (_, quoted uint64) {
	for {
		quoted = bytemask.PrefixXOR(q) ^ s.quoted
		stray := q & quoted &^ ((ends|q)<<1 | s.open)
		if stray == 0 {
			return q, quoted
		}
		q &^= stray & -stray
	}
}

// machine is [quotes] byte by byte, for headers and messages.
type machine struct{ quoted, bare bool }

func (m *machine) step(c, delim byte) {
	switch {
	case c == quote && !m.bare:
		m.quoted = !m.quoted
	case !m.quoted:
		m.bare = c != delim && c != '\n'
	}
}

// lastOpening is the offset of the quote that opens the quoted field data ends in, or -1. Data begins at a record.
func lastOpening(data []byte, delim byte) int {
	var m machine
	opening := -1
	for i, c := range data {
		was := m.quoted
		m.step(c, delim)
		if m.quoted && !was && (i == 0 || data[i-1] != quote) { // behind a closing quote the field goes on
			opening = i
		}
	}
	if !m.quoted {
		return -1
	}
	return opening
}

// recordLength is the length of the record that data begins with, its newline included, or 0 when it does not end.
func recordLength(data []byte, delim byte) int {
	var m machine
	for i, c := range data {
		if c == '\n' && !m.quoted {
			return i + 1
		}
		m.step(c, delim)
	}
	return 0
}

// fieldLength is the length of the field that a record begins with.
func fieldLength(record []byte, delim byte) int {
	var m machine
	for i, c := range record {
		if c == delim && !m.quoted {
			return i
		}
		m.step(c, delim)
	}
	return len(record)
}

// blanks finds empty lines. The zero value is not a start: use [blanksAtRecord].
type blanks struct{ before uint64 } // newlines of the block before

// blanksAtRecord is the state at the beginning of a record: behind a newline.
func blanksAtRecord() blanks { return blanks{before: 1 << 63} }

// block returns those of the newlines that end an empty line: nothing, or a lone CR, between them and the newline before.
// Newlines are those outside quotes, of the block that begins at data[at].
func (b *blanks) block(newlines uint64, data []byte, at int) uint64 {
	empty := newlines & (newlines<<1 | b.before>>63)
	for two := newlines & (newlines<<2 | b.before>>62) &^ empty; two != 0; two &= two - 1 {
		if i := bits.TrailingZeros64(two); data[at+i-1] == '\r' {
			empty |= 1 << i
		}
	}
	b.before = newlines
	return empty
}
