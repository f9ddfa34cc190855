package batch

import (
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/endian"
)

// Slack is how many bytes must be readable, whatever they hold, from the first byte of any text given to [PutView]:
// parsers keep that much room behind the last byte of their input.
const Slack = 16

// Place is where out-of-line text lies, in the form [PutView] stores it.
type Place uint64

// At is the place at offset off of a column's buffer buf.
func At(buf int32, off int) Place { return Place(uint32(buf)) | Place(off)<<32 }

// PutView makes v the n bytes of text that begin at p and lie at the given place of their column's buffers. It takes no
// branch on n, which is what makes it fit for the inner loop of a parser: short text is copied into the header and padded
// with zeros, long text leaves its first bytes and its place. At least [Slack] bytes must be readable at p.
func PutView(v *arrow.ViewHeader, p *byte, n int, place Place) {
	if endian.IsBigEndian {
		putViewPortable(v, p, n, place)
		return
	}
	m := &viewMasks[min(uint(n), inlineMax+1)]
	w := (*[2]uint64)(unsafe.Pointer(v))
	w[0] = uint64(uint32(n)) | *(*uint64)(unsafe.Pointer(p))<<32&m.first
	w[1] = *(*uint64)(unsafe.Add(unsafe.Pointer(p), 4))&m.rest | uint64(place)&m.place
}

// ViewBytes is the text of v, given the buffer it points into when it is not short. It borrows from both.
func ViewBytes(v *arrow.ViewHeader, buf []byte) []byte {
	n := v.Len()
	if n <= inlineMax {
		return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(v), 4)), n)
	}
	off := int(v.BufferOffset())
	return buf[off : off+n : off+n]
}

// viewMasks says for each length, with all long texts as one, which bytes of a header are text.
var viewMasks = func() (masks [inlineMax + 2]struct{ first, rest, place, _ uint64 }) {
	for n := range masks {
		m := &masks[n]
		switch {
		case n > inlineMax:
			m.first, m.place = ^uint64(0), ^uint64(0)
		case n > 4:
			m.first, m.rest = ^uint64(0), ^uint64(0)>>(8*(inlineMax-n))
		default:
			m.first = 1<<(32+8*n) - 1
		}
	}
	return masks
}()

func putViewPortable(v *arrow.ViewHeader, p *byte, n int, place Place) {
	*v = arrow.ViewHeader{}
	v.SetBytes(unsafe.Slice(p, n))
	if n > inlineMax {
		v.SetIndexOffset(int32(uint32(place)), int32(place>>32))
	}
}
