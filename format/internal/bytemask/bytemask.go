// Package bytemask turns text into bitmasks, 64 bytes to a word: bit j of word i says whether byte 64*i+j is one of the
// bytes looked for. Parsers then walk the set bits and never look at the bytes between them.
//
// With AVX2 it runs at memory speed; elsewhere it works on 8 bytes at a time. Both give the same masks. It knows
// nothing of any format's rules: what a quote or a comma means is the caller's business.
package bytemask

import (
	"encoding/binary"
	"math/bits"
)

// BlockBytes is how many bytes one mask covers.
const BlockBytes = 64

// Fields are the masks of one block of delimited text.
type Fields struct {
	Quote   uint64
	Delim   uint64
	Newline uint64
	High    uint64 // bytes of 0x80 and above: not ASCII
	Parity  uint64 // PrefixXOR of Quote
}

// Strings are the masks of one block of JSON text.
type Strings struct {
	Special uint64 // what a scan inside a string stops at: the quote, the backslash, control characters below 0x20
	High    uint64 // bytes of 0x80 and above: not ASCII
}

// Blocks is the number of masks that n bytes need.
func Blocks(n int) int { return (n + BlockBytes - 1) / BlockBytes }

// ScanFields fills one element of dst for each block of src. src must be readable for len(dst)*BlockBytes bytes, within
// its capacity where it is shorter; bits past its length mean nothing unless the caller cleared those bytes.
func ScanFields(dst []Fields, src []byte, quote, delim byte) {
	if len(dst) == 0 {
		return
	}
	src = src[:len(dst)*BlockBytes]
	if useAVX2 {
		fieldsAVX2(&dst[0], &src[0], len(dst), quote, delim)
		return
	}
	fieldsPortable(dst, src, quote, delim)
}

// ScanStrings is [ScanFields] for the bytes that matter inside JSON strings.
func ScanStrings(dst []Strings, src []byte) {
	if len(dst) == 0 {
		return
	}
	src = src[:len(dst)*BlockBytes]
	if useAVX2 {
		stringsAVX2(&dst[0], &src[0], len(dst))
		return
	}
	stringsPortable(dst, src)
}

const (
	ones = 0x0101010101010101
	lows = 0x7f7f7f7f7f7f7f7f
	tops = 0x8080808080808080
)

// gather moves the top bit of each byte to one byte of 8 bits, the lowest byte first.
func gather(x uint64) uint64 { return (x & tops >> 7) * 0x0102040810204080 >> 56 }

// equal sets the top bit of each byte of w that equals the byte repeated in pattern, exactly: no borrow between bytes.
func equal(w, pattern uint64) uint64 {
	x := w ^ pattern
	return ^((x&lows + lows) | x)
}

// below20 sets the top bit of each byte of w that is below 0x20.
func below20(w uint64) uint64 { return ^((w&lows + (0x60 * ones)) | w) }

func fieldsPortable(dst []Fields, src []byte, quote, delim byte) {
	q, d := ones*uint64(quote), ones*uint64(delim)
	for i := range dst {
		var f Fields
		block := src[i*BlockBytes:][:BlockBytes]
		for j := 0; j < BlockBytes; j += 8 {
			w := binary.LittleEndian.Uint64(block[j:])
			f.Quote |= gather(equal(w, q)) << j
			f.Delim |= gather(equal(w, d)) << j
			f.Newline |= gather(equal(w, ones*'\n')) << j
			f.High |= gather(w) << j
		}
		f.Parity = PrefixXOR(f.Quote)
		dst[i] = f
	}
}

func stringsPortable(dst []Strings, src []byte) {
	for i := range dst {
		var s Strings
		block := src[i*BlockBytes:][:BlockBytes]
		for j := 0; j < BlockBytes; j += 8 {
			w := binary.LittleEndian.Uint64(block[j:])
			s.Special |= gather(equal(w, ones*'"')|equal(w, ones*'\\')|below20(w)) << j
			s.High |= gather(w) << j
		}
		dst[i] = s
	}
}

// PrefixXOR sets bit i of the result to the parity of bits 0 to i of x: between an odd and the next even set bit the
// result is ones. It is how quotes become the spans they enclose.
func PrefixXOR(x uint64) uint64 {
	x ^= x << 1
	x ^= x << 2
	x ^= x << 4
	x ^= x << 8
	x ^= x << 16
	return x ^ x<<32
}

// Last is the position of the highest set bit of x, which must not be zero.
func Last(x uint64) int { return 63 - bits.LeadingZeros64(x) }
