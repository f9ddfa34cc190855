package kernel

import (
	"math"
	"math/bits"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/endian"

	"weir.dev/weir/batch"
)

// number is a cell in the fast form: coef × 10^-scale, with scale at most 18 and coef strictly between the ends of
// int64, which comparisons use as "beyond". State is isGood, isNull, isBad, or isLarge for a number that does not fit
// the form; its cell has to be read again.
type number struct {
	coef  int64
	scale uint8
	state uint8
}

const maxScale = 18

var pow10 = func() (p [20]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// numbers brings a block of rows into the fast form.
func (r *reader) numbers(s *Scratch, rows []int32, out []number) {
	s.text = s.text[:0]
	out = out[:len(rows)]
	switch r.kind {
	case batch.Text, batch.String:
		r.textNumbers(rows, out)
	case batch.JSON:
		r.jsonNumbers(s, rows, out)
	case batch.Int32:
		for i, row := range rows {
			out[i] = number{coef: int64(r.i32[row])}
		}
	case batch.Int64:
		for i, row := range rows {
			out[i] = integer(r.i64[row])
		}
	case batch.Float64:
		for i, row := range rows {
			out[i] = r.double(s, int(row))
		}
	case batch.Decimal:
		for i, row := range rows {
			out[i] = r.decimal(s, int(row))
		}
	default:
		for i := range out {
			out[i] = number{state: isBad}
		}
	}
	if r.nulls != nil {
		for i, row := range rows {
			if r.nulls.IsNull(int(row)) {
				out[i] = number{state: isNull}
			}
		}
	}
}

func (r *reader) textNumbers(rows []int32, out []number) {
	views := r.view.Views
	for i, row := range rows {
		w := words(&views[row])
		n := uint32(w[0])
		if n-1 < inlineMax && !endian.IsBigEndian {
			if x, ok := parseInline(w[0]>>32|w[1]<<32, w[1]>>32, n); ok {
				out[i] = x
				continue
			}
		}
		if n == 0 && r.kind == batch.Text {
			out[i] = number{state: isNull}
			continue
		}
		out[i] = parseNumber(r.view.Bytes(int(row)))
	}
	if r.view.Valid != nil {
		for i, row := range rows {
			if r.view.IsNull(int(row)) {
				out[i] = number{state: isNull}
			}
		}
	}
}

// jsonNumbers reads numbers and, as CSV has nothing else, strings that hold a number.
func (r *reader) jsonNumbers(s *Scratch, rows []int32, out []number) {
	for i, row := range rows {
		w := words(&r.view.Views[row])
		if n := uint32(w[0]); n-1 < inlineMax && !endian.IsBigEndian && !r.view.IsNull(int(row)) {
			if x, ok := parseInline(w[0]>>32|w[1]<<32, w[1]>>32, n); ok {
				out[i] = x
				continue
			}
		}
		text, ok := r.text(s, int(row))
		if !ok {
			out[i] = number{state: isNull}
			continue
		}
		out[i] = parseNumber(text)
	}
}

func integer(x int64) number {
	if x == math.MinInt64 || x == math.MaxInt64 {
		return number{state: isLarge}
	}
	return number{coef: x}
}

// double reads a float64 as the shortest decimal that reads back as it, which is what its text form is: 0.1 is one
// tenth. Infinities and NaN are not numbers.
func (r *reader) double(s *Scratch, row int) number {
	x := r.f64[row]
	if i := int64(x); float64(i) == x && i > -1<<53 && i < 1<<53 {
		return number{coef: i}
	}
	if x-x != 0 {
		return number{state: isBad}
	}
	text, _ := r.text(s, row)
	return parseNumber(text)
}

func (r *reader) decimal(s *Scratch, row int) number {
	d := r.dec[row]
	if lo := int64(d.LowBits()); d.HighBits() == lo>>63 && r.scale >= 0 && r.scale <= maxScale {
		if x := integer(lo); x.state == isGood {
			x.scale = uint8(r.scale)
			return x
		}
	}
	text, ok := r.text(s, row)
	if !ok {
		return number{state: isNull}
	}
	return parseNumber(text)
}

// parseNumber reads any text.
func parseNumber(b []byte) number {
	d, ok := parseDecimal(b)
	if !ok {
		return number{state: isBad}
	}
	return d.small()
}

// small is the fast form of a number of up to 18 digits, else isLarge.
func (d *decimal) small() number {
	scale := len(d.frac) - d.exp
	zeros := max(-scale, 0) // to append to the digits
	if d.len()+zeros > 18 || scale > maxScale {
		if d.sign() == 0 {
			return number{}
		}
		return number{state: isLarge}
	}
	var coef int64
	for _, c := range d.whole {
		coef = coef*10 + int64(c-'0')
	}
	for _, c := range d.frac {
		coef = coef*10 + int64(c-'0')
	}
	coef *= int64(pow10[zeros])
	if d.neg {
		coef = -coef
	}
	return number{coef: coef, scale: uint8(max(scale, 0))}
}

// inlineMax is the longest text that Arrow keeps inside the 16-byte header.
const inlineMax = 12

// words is a header as two machine words: the length and four bytes of text, then eight bytes of text or a place.
func words(v *arrow.ViewHeader) *[2]uint64 { return (*[2]uint64)(unsafe.Pointer(v)) }

// lengthBits are the bits of a header's first word that hold the length.
var lengthBits = func() uint64 {
	var v arrow.ViewHeader
	const low = 1<<32 - 1
	words(&v)[0] = low
	if v.Len() == 0 { // big endian
		return ^uint64(low)
	}
	return low
}()

const (
	ones   = 0x0101010101010101
	tops   = 0x8080808080808080
	zeros8 = '0' * ones
)

// inlineFill pads a text of n bytes, moved to the end of 16 bytes, with zeros at the start.
var inlineFill = func() (fill [inlineMax + 1][2]uint64) {
	for n := range fill {
		free := 16 - n
		fill[n][0] = zeros8
		if free < 8 {
			fill[n][0] = zeros8 >> (8 * (8 - free))
		}
		if free > 8 {
			fill[n][1] = zeros8 >> (8 * (16 - free))
		}
	}
	return fill
}()

// parseInline reads a number of n bytes, 1 to 12, that lie in x0 and x1 in memory order (little endian), with plain
// digits and at most one point that has up to seven digits behind it. It says false for everything else, spaces and
// exponents included, which parseNumber decides. There is no loop over the text, so that
// numbers of mixed lengths cost few mispredictions. Bytes beyond n are ignored.
func parseInline(x0, x1 uint64, n uint32) (number, bool) {
	neg := x0&0xff == '-'
	if neg {
		x0, x1 = x0>>8|x1<<56, x1>>8
		n--
	}
	if n-1 >= inlineMax {
		return number{}, false
	}
	// Move the text to the end of 16 bytes, y0 then y1, and fill the front with '0'. Masked counts keep the compiler from
	// caring for shifts of 64 and more.
	shift := 8 * (16 - uint(n)) & 63
	y0 := x0 << shift
	y1 := x1<<shift | x0>>1>>(63-shift&63)
	if n <= 8 {
		y0, y1 = 0, x0<<shift
	}
	fill := &inlineFill[n]
	y0 |= fill[0]
	y1 |= fill[1]
	var scale uint
	// Adding 0x7f to the low seven bits carries into the top bit unless they are zero: only a byte equal to '.' stays clear.
	p := y1 ^ '.'*ones
	if p = ^(p&^uint64(tops) + ^uint64(tops) | p) & tops; p != 0 {
		at := uint(bits.TrailingZeros64(p)) & 56 // the bit where the point's byte begins
		below := uint64(1)<<at - 1
		y1 = y1&^(below<<8|0xff) | (y1&below)<<8 | y0>>56
		y0 = y0<<8 | '0'
		scale = 7 - at/8
		if n == 1 {
			return number{}, false // nothing but the point
		}
	}
	// A byte is a digit when neither subtracting '0' nor adding 0x46 sets its top bit.
	if ((y0-zeros8)|(y0+0x46*ones)|(y1-zeros8)|(y1+0x46*ones)|y0|y1)&tops != 0 {
		return number{}, false
	}
	coef := int64(eightDigits(y1))
	if y0 != zeros8 { // amounts seldom have more
		coef += int64(eightDigits(y0)) * 100_000_000
	}
	if neg {
		coef = -coef
	}
	return number{coef: coef, scale: uint8(scale)}, true
}

// eightDigits is the value of eight ASCII digits, the first in the lowest byte: pairs, then fours, then all.
func eightDigits(w uint64) uint64 {
	w -= zeros8
	w = w*10 + w>>8
	const mask = 0x000000ff000000ff
	return ((w&mask)*(100+1_000_000<<32) + (w>>16&mask)*(1+10_000<<32)) >> 32
}
