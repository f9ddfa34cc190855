package csv

import (
	"math/bits"

	"weir.dev/weir/format/internal/bytemask"
)

// survey finds what a chunk must know before it can be parsed on its own: where its last record ends, and how many
// records and lines it holds. It implements cut.Finder for the reader.
type survey struct {
	delim   byte
	columns int // of the header; 0 while the header itself is looked for

	end     int  // offset behind the last record
	records int  // up to there, empty lines not counted
	lines   int  // newlines up to there, those in quotes included
	hollow  bool // there are empty lines among them
	masks   [64]bytemask.Fields
}

// Find implements cut.Finder.
func (s *survey) Find(data []byte, atEnd bool) (int, error) {
	n := len(data)
	if atEnd && data[n-1] != '\n' {
		data = data[:n+1] // into the padding: the last line needs no newline of its own
		data[n] = '\n'
	}
	s.scan(data)
	if atEnd && s.end == 0 {
		return 0, errUnclosed
	}
	return min(s.end, n), nil
}

func (s *survey) scan(data []byte) {
	s.end, s.records, s.lines, s.hollow = 0, 0, 0, false
	state, empty := atRecord(), blanksAtRecord()
	records, lines := 0, 0
	for base := 0; base < len(data); base += len(s.masks) * bytemask.BlockBytes {
		masks := s.masks[:min(len(s.masks), bytemask.Blocks(len(data)-base))]
		bytemask.ScanFields(masks, data[base:], quote, s.delim)
		cutOff(masks, len(data)-base)
		for i := range masks {
			m := &masks[i]
			newlines := state.block(m) & m.Newline
			if newlines == 0 {
				empty.before = 0
				lines += bits.OnesCount64(m.Newline)
				continue
			}
			at, last := base+i*bytemask.BlockBytes, bytemask.Last(newlines)
			records += bits.OnesCount64(newlines)
			if hollow := empty.block(newlines, data, at); hollow != 0 && s.columns != 1 {
				records -= bits.OnesCount64(hollow)
				s.hollow = true
			}
			s.end, s.records = at+last+1, records
			s.lines = lines + bits.OnesCount64(m.Newline<<(63-last))
			lines += bits.OnesCount64(m.Newline)
		}
	}
}

// cutOff clears what lies behind the n bytes that masks stand for.
func cutOff(masks []bytemask.Fields, n int) {
	if over := len(masks)*bytemask.BlockBytes - n; over > 0 {
		m, keep := &masks[len(masks)-1], ^uint64(0)>>over
		m.Quote, m.Delim, m.Newline = m.Quote&keep, m.Delim&keep, m.Newline&keep
		m.Parity = bytemask.PrefixXOR(m.Quote)
	}
}
