package parquet

import (
	"encoding/binary"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow/bitutil"
)

// nulls is a column's validity over all rows of a block: Arrow's bitmap, which is also the bit-packed form of
// definition levels 0 and 1.
type nulls struct {
	valid []byte // nil when no row is null
	count int
}

// validIn is the number of rows of [first, first+n) that are not null.
func (u *nulls) validIn(first, n int) int {
	if u.valid == nil {
		return n
	}
	return bitutil.CountSetBits(u.valid, first, n)
}

// levelRoom is how many bytes appendLevels may need for a page of so many rows.
func levelRoom(rows int) int { return 4 + 2*binary.MaxVarintLen32 + (rows+7)/8 }

// appendLevels writes the definition levels of the rows [first, first+n) as version 1 pages have them: length, then
// the run-length/bit-packed hybrid of width 1. One run is enough either way.
func appendLevels(dst []byte, u *nulls, first, n int) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	switch valid := u.validIn(first, n); valid {
	case n:
		dst = append(binary.AppendUvarint(dst, uint64(n)<<1), 1)
	case 0:
		dst = append(binary.AppendUvarint(dst, uint64(n)<<1), 0)
	default:
		groups := (n + 7) / 8
		dst = binary.AppendUvarint(dst, uint64(groups)<<1|1)
		dst = appendBits(dst, u.valid, first, n)
	}
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

// appendBits copies n bits from bit first of src to whole bytes, the last one padded with zeros.
func appendBits(dst, src []byte, first, n int) []byte {
	if n == 0 {
		return dst
	}
	at, size := len(dst), (n+7)/8
	src, shift := src[first/8:], uint(first%8)
	if shift == 0 {
		dst = append(dst, src[:size]...)
	} else {
		for i := range size {
			b := src[i] >> shift
			if i+1 < len(src) {
				b |= src[i+1] << (8 - shift)
			}
			dst = append(dst, b)
		}
	}
	if n%8 != 0 {
		dst[at+size-1] &= byte(1)<<(n%8) - 1
	}
	return dst
}

// indexWidth is the number of bits that dictionary indices below n take.
func indexWidth(n int) int { return max(1, bits.Len(uint(n-1))) }

// appendIndices writes dictionary indices: the bit width, then the hybrid. Where neighbours are mostly equal, as in a
// sorted column, runs are looked for; elsewhere one bit-packed run takes all.
func appendIndices(dst []byte, index []uint16, width int) []byte {
	dst = append(dst, byte(width))
	if repeats(index)*4 > len(index)*3 {
		return appendRuns(dst, index, width)
	}
	return appendPacked(dst, index, width)
}

func repeats(index []uint16) int {
	n := 0
	for i := 1; i < len(index); i++ {
		if index[i] == index[i-1] {
			n++
		}
	}
	return n
}

// minRun is the shortest repetition that a run of its own is worth.
const minRun = 16

func appendRuns(dst []byte, index []uint16, width int) []byte {
	packed := 0 // start of the values not written yet; a bit-packed run holds whole groups of 8
	for i := 0; i < len(index); {
		end := i + 1
		for end < len(index) && index[end] == index[i] {
			end++
		}
		start := i
		if rest := (start - packed) % 8; rest != 0 {
			start += 8 - rest // lend the run's head to the packed run before it
		}
		if end-start >= minRun {
			dst = appendPacked(dst, index[packed:start], width)
			dst = binary.AppendUvarint(dst, uint64(end-start)<<1)
			dst = append(dst, byte(index[i]))
			if width > 8 {
				dst = append(dst, byte(index[i]>>8))
			}
			packed = end
		}
		i = end
	}
	return appendPacked(dst, index[packed:], width)
}

// appendPacked writes the values as one bit-packed run, padded with zeros to a multiple of 8.
func appendPacked(dst []byte, index []uint16, width int) []byte {
	if len(index) == 0 {
		return dst
	}
	groups := (len(index) + 7) / 8
	dst = binary.AppendUvarint(dst, uint64(groups)<<1|1)
	at, size := len(dst), groups*width
	dst = grow(dst, size+16) // the packers store whole words
	out := dst[at : at+size+16]
	whole := len(index) / 8 * 8
	pos := pack(out, index[:whole], width)
	if whole < len(index) {
		var last [8]uint16
		copy(last[:], index[whole:])
		pack(out[pos:], last[:], width)
	}
	return dst[:at+size]
}

// pack writes groups of eight values of width bits, 1 to 16, and returns the bytes they take. It may scribble on the
// 16 bytes behind them.
func pack(out []byte, index []uint16, width int) int {
	pos, w := 0, uint(width)
	if width <= 8 {
		for ; len(index) >= 8; index = index[8:] {
			g := (*[8]uint16)(index)
			v := uint64(g[0]) | uint64(g[1])<<w | uint64(g[2])<<(2*w) | uint64(g[3])<<(3*w) |
				uint64(g[4])<<(4*w) | uint64(g[5])<<(5*w) | uint64(g[6])<<(6*w) | uint64(g[7])<<(7*w)
			binary.LittleEndian.PutUint64(out[pos:], v)
			pos += width
		}
		return pos
	}
	for ; len(index) >= 8; index = index[8:] {
		g := (*[8]uint16)(index)
		lo := uint64(g[0]) | uint64(g[1])<<w | uint64(g[2])<<(2*w) | uint64(g[3])<<(3*w)
		hi := uint64(g[4]) | uint64(g[5])<<w | uint64(g[6])<<(2*w) | uint64(g[7])<<(3*w)
		binary.LittleEndian.PutUint64(out[pos:], lo|hi<<(4*w)) // a shift by 64 gives 0, as it should
		binary.LittleEndian.PutUint64(out[pos+8:], hi>>(64-4*w))
		pos += width
	}
	return pos
}

// grow extends b by n bytes of undefined content.
func grow(b []byte, n int) []byte {
	if len(b)+n <= cap(b) {
		return b[:len(b)+n]
	}
	return append(b, make([]byte, n)...)
}
