package batch

import (
	"encoding/binary"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
)

// addLengths gives every row, chosen or not, the lengths of its texts and where it has none, so that a text that is cut
// always shows. The headers are read one after another, and no text is touched.
func (h *hasher) addLengths(acc []uint64) {
	h.lengths = h.lengths[:0]
	for i := range h.cols {
		if c := &h.cols[i]; c.isText {
			h.lengths = append(h.lengths, lengths{&c.text, uint64(2*i+1) * mixA})
		}
	}
	for lo := 0; lo < len(acc); lo += lengthTile {
		hi := min(lo+lengthTile, len(acc))
		cols := h.lengths
		for ; len(cols) >= 4; cols = cols[4:] {
			addFour(acc[lo:hi], (*[4]lengths)(cols), lo)
		}
		for i := range cols {
			cols[i].add(acc[lo:hi], lo)
		}
		for i := range h.lengths {
			h.lengths[i].takeNulls(acc[lo:hi], lo)
		}
	}
	clear(h.lengths)
}

// lengthTile is how many rows go through all columns together: their sums stay in the fastest cache. A multiple of 64.
const lengthTile = 1024

// lengths is a column of text, and what its lengths are multiplied with.
type lengths struct {
	*TextView
	factor uint64
}

// addFour is add for four columns at once, which is twice as fast as one after the other.
func addFour(acc []uint64, c *[4]lengths, lo int) {
	a, b := c[0].Views[lo:][:len(acc)], c[1].Views[lo:][:len(acc)]
	d, e := c[2].Views[lo:][:len(acc)], c[3].Views[lo:][:len(acc)]
	fa, fb, fd, fe := c[0].factor, c[1].factor, c[2].factor, c[3].factor
	ones := fa + fb + fd + fe
	for i := range acc {
		acc[i] += ones + lengthOf(&a[i])*fa + lengthOf(&b[i])*fb +
			lengthOf(&d[i])*fd + lengthOf(&e[i])*fe
	}
}

// add adds a length plus one for each of the rows from lo on, as if none were null.
func (l *lengths) add(acc []uint64, lo int) {
	views, factor := l.Views[lo:][:len(acc)], l.factor
	for i := range acc {
		acc[i] += factor + lengthOf(&views[i])*factor
	}
}

// takeNulls takes away again what add has given null rows.
func (l *lengths) takeNulls(acc []uint64, lo int) {
	if l.Valid == nil {
		return
	}
	views := l.Views[lo:][:len(acc)]
	for at := 0; at < len(acc); at += 64 {
		for nulls := ^validWord(l.Valid, l.off+lo+at, min(64, len(acc)-at)); nulls != 0; nulls &= nulls - 1 {
			i := at + bits.TrailingZeros64(nulls)
			acc[i] -= l.factor + lengthOf(&views[i])*l.factor
		}
	}
}

func lengthOf(v *arrow.ViewHeader) uint64 { return uint64(uint32(v.Len())) }

// validWord is n ≤ 64 bits of a bitmap from bit at, and ones behind them.
func validWord(valid []byte, at, n int) uint64 {
	var word uint64
	b, shift := valid[at/8:], uint(at%8)
	if len(b) >= 9 {
		word = binary.LittleEndian.Uint64(b)>>shift | uint64(b[8])<<(64-shift)
	} else {
		for i, x := range b[:min(len(b), 8)] {
			word |= uint64(x) << (8 * i)
		}
		word >>= shift
	}
	return word | ^uint64(0)<<n
}
