package parquet

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
)

// textSpan follows the smallest and the largest text of a chunk by unsigned bytes. The first 16 bytes of both are kept
// as numbers, zeros behind short ones, which settles nearly every comparison.
type textSpan struct {
	any      bool
	min, max []byte // in the batches' buffers
	lo, hi   [2]uint64
}

func (s *textSpan) add(views []arrow.ViewHeader, bufs [][]byte) {
	for i := range views {
		v := &views[i]
		var a, b uint64
		if v.Len() <= inlineMax {
			p := (*[12]byte)(unsafe.Add(unsafe.Pointer(v), 4))
			a, b = binary.BigEndian.Uint64(p[:8]), uint64(binary.BigEndian.Uint32(p[8:]))<<32
		} else {
			a, b = ends(long(v, bufs))
		}
		// Strictly inside: nothing to do. Strictly beyond: nothing to compare.
		switch above, below := less(s.lo[0], s.lo[1], a, b), less(a, b, s.hi[0], s.hi[1]); {
		case above && below:
		case above && s.any && less(s.hi[0], s.hi[1], a, b):
			s.max, s.hi = textOf(v, bufs), [2]uint64{a, b}
		default:
			s.addBytes(textOf(v, bufs))
		}
	}
}

func textOf(v *arrow.ViewHeader, bufs [][]byte) []byte {
	if v.Len() <= inlineMax {
		return inline(v)
	}
	return long(v, bufs)
}

func less(a0, a1, b0, b1 uint64) bool {
	_, borrow := bits.Sub64(a1, b1, 0)
	_, borrow = bits.Sub64(a0, b0, borrow)
	return borrow != 0
}

// ends is the first 16 bytes of a text of more than 12.
func ends(b []byte) (uint64, uint64) {
	if len(b) >= 16 {
		return binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
	}
	return binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[len(b)-8:]) << (8 * (16 - len(b)))
}

// key is the first 16 bytes of any text.
func key(b []byte) [2]uint64 {
	var k [16]byte
	copy(k[:], b)
	return [2]uint64{binary.BigEndian.Uint64(k[:8]), binary.BigEndian.Uint64(k[8:])}
}

func (s *textSpan) addBytes(b []byte) {
	if !s.any || bytes.Compare(b, s.min) < 0 {
		s.min, s.lo = b, key(b)
	}
	if !s.any || bytes.Compare(b, s.max) > 0 {
		s.max, s.hi = b, key(b)
	}
	s.any = true
}

// boundBytes is the longest bound that is written in full.
const boundBytes = 64

// bounds copies the span into a footer's statistics. A long minimum is cut, a long maximum is cut and rounded up, and
// left out where no byte can go up; text is cut between characters.
func (s *textSpan) bounds(text bool) bounds {
	if !s.any {
		return bounds{}
	}
	var b bounds
	b.min, b.minCut = cut(s.min, text)
	b.max, b.maxRounded = cut(s.max, text)
	if b.maxRounded {
		b.max = roundUp(b.max, text)
	}
	return b
}

func cut(b []byte, text bool) (head []byte, isCut bool) {
	if len(b) <= boundBytes {
		return append([]byte{}, b...), false
	}
	n := boundBytes
	if text {
		for n > boundBytes-utf8.UTFMax && !utf8.RuneStart(b[n]) {
			n--
		}
	}
	return append([]byte{}, b[:n]...), true
}

// roundUp makes b larger than everything that starts with it, or returns nil.
func roundUp(b []byte, text bool) []byte {
	top := byte(0xff)
	if text {
		top = 0x7f // going up from here would break the encoding
	}
	for n := len(b); n > 0; n-- {
		if c := b[n-1]; c < top {
			b[n-1]++
			return b[:n]
		}
	}
	return nil
}
