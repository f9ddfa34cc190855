package kernel

import (
	"encoding/binary"
	"math/bits"
	"strings"
)

// formatDecimal writes hi:lo × 10^-scale in canonical form and returns the length: at most 40. Dst has room for
// smallText, and what lies behind the text is undefined. Scale is at most 36.
func formatDecimal(dst []byte, neg bool, hi, lo uint64, scale int) int {
	if hi == 0 && lo < 1e16 && uint(scale) < 16 {
		return formatShort(dst, neg, lo, scale)
	}
	return formatWide(dst, neg, hi, lo, scale)
}

// formatShort is formatDecimal for up to 16 digits. It makes all 16, zeros included, and copies those that count to both
// sides of the point, so that neither the number of digits nor of zeros decides a branch.
func formatShort(dst []byte, neg bool, x uint64, scale int) int {
	sign := 0
	if neg && x != 0 {
		dst[0] = '-'
		sign = 1
	}
	dst = dst[sign:smallText]
	first, last := eightBytes(x/1e8), eightBytes(x%1e8)
	leading, trailing := bits.TrailingZeros64(first)/8, bits.LeadingZeros64(last)/8
	if first == 0 {
		leading = 8 + bits.TrailingZeros64(last)/8
	}
	if last == 0 {
		trailing = 8 + bits.LeadingZeros64(first)/8
	}
	leading = min(leading, 15-scale) // one digit before the point
	var text [32]byte
	binary.LittleEndian.PutUint64(text[:], first+zeros8)
	binary.LittleEndian.PutUint64(text[8:], last+zeros8)
	whole, frac := 16-scale-leading, scale-min(trailing, scale)
	*(*[16]byte)(dst) = *(*[16]byte)(text[leading&15:])
	*(*[16]byte)(dst[whole+1:]) = *(*[16]byte)(text[(16-scale)&31:])
	dst[whole] = '.'
	n := sign + whole
	if frac > 0 {
		n += 1 + frac
	}
	return n
}

// eightBytes is the eight decimal digits of x, one a byte, the first in the lowest: fours, then pairs, then all.
func eightBytes(x uint64) uint64 {
	x = x/10_000 | x%10_000<<32
	q := x * 10_486 >> 20 & 0x7f_0000_007f // by 100
	x = q | (x-q*100)<<16
	q = x * 103 >> 10 & 0x000f_000f_000f_000f // by 10
	return q | (x-q*10)<<8
}

// formatWide is formatDecimal for any result.
func formatWide(dst []byte, neg bool, hi, lo uint64, scale int) int {
	text := zeros64
	i := len(text)
	for hi != 0 || lo >= 1e16 {
		var rest uint64
		hi, lo, rest = hi/1e16, hi%1e16, lo
		lo, rest = bits.Div64(lo, rest, 1e16)
		i -= 16
		putSixteen(text[i:], rest)
	}
	i -= 16
	putSixteen(text[i:], lo)
	point, end := len(text)-scale, len(text)
	for i < point-1 && text[i] == '0' {
		i++
	}
	i = min(i, point-1)
	for end > point && text[end-1] == '0' {
		end--
	}
	n := 0
	if neg && !(i == point-1 && text[i] == '0' && end == point) {
		dst[0] = '-'
		n = 1
	}
	n += copy(dst[n:], text[i:point])
	if end > point {
		dst[n] = '.'
		n += 1 + copy(dst[n+1:], text[point:end])
	}
	return n
}

// zeros64 is more digits than 128 bits come to.
var zeros64 = [64]byte([]byte(strings.Repeat("0", 64)))

func putSixteen(dst []byte, x uint64) {
	binary.LittleEndian.PutUint64(dst, eightBytes(x/1e8)+zeros8)
	binary.LittleEndian.PutUint64(dst[8:], eightBytes(x%1e8)+zeros8)
}
