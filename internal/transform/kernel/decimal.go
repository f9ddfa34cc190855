package kernel

import (
	"bytes"
	"math/big"
)

// decimal is a number as it is written, cut into its parts: ±whole.frac × 10^exp. Whole has no leading zeros and frac no
// trailing ones; both are empty for zero. It borrows from the text.
type decimal struct {
	neg         bool
	whole, frac []byte
	exp         int
}

// parseDecimal reads the one form of number that tasks know: an optional sign, ASCII digits with at most one point among
// or around them, and an optional exponent of up to nine digits. Spaces and tabs around it are left out, because
// fixed-width exports pad numbers with them. Anything else is not a number: other scripts' digits, separators of
// thousands, hexadecimal, NaN, infinities.
func parseDecimal(b []byte) (d decimal, ok bool) {
	b = trim(b)
	if len(b) == 0 {
		return d, false
	}
	if b[0] == '-' || b[0] == '+' {
		d.neg = b[0] == '-'
		b = b[1:]
	}
	n := digits(b)
	d.whole, b = b[:n], b[n:]
	if len(b) > 0 && b[0] == '.' {
		m := digits(b[1:])
		d.frac, b = b[1:1+m], b[1+m:]
		n += m
	}
	if n == 0 {
		return d, false
	}
	if len(b) > 0 && !d.exponent(b) {
		return d, false
	}
	d.whole = bytes.TrimLeft(d.whole, "0")
	d.frac = bytes.TrimRight(d.frac, "0")
	return d, true
}

func (d *decimal) exponent(b []byte) bool {
	if b[0]|0x20 != 'e' {
		return false
	}
	b = b[1:]
	neg := false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg = b[0] == '-'
		b = b[1:]
	}
	n := digits(b)
	if n == 0 || n != len(b) || n > 9 {
		return false
	}
	for _, c := range b {
		d.exp = d.exp*10 + int(c-'0')
	}
	if neg {
		d.exp = -d.exp
	}
	return true
}

// digits is how many bytes at the start are ASCII digits.
func digits(b []byte) int {
	for i, c := range b {
		if c-'0' > 9 {
			return i
		}
	}
	return len(b)
}

func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// sign is -1, 0 or 1. There is one zero: -0 is 0.
func (d *decimal) sign() int {
	switch {
	case len(d.whole) == 0 && len(d.frac) == 0:
		return 0
	case d.neg:
		return -1
	}
	return 1
}

// magnitude is the power of ten just above the number: 1 for 1…9, 0 for 0.1…0.9. Not for zero.
func (d *decimal) magnitude() int {
	if n := len(d.whole); n > 0 {
		return n + d.exp
	}
	return d.exp - d.leadingZeros()
}

// leadingZeros is how many zeros follow the point of a number below one.
func (d *decimal) leadingZeros() int {
	if len(d.whole) > 0 {
		return 0
	}
	return len(d.frac) - len(bytes.TrimLeft(d.frac, "0"))
}

// compare orders two numbers exactly, whatever their length, without arithmetic: by sign, by magnitude, then digit by
// digit.
func (d *decimal) compare(o *decimal) int {
	s, t := d.sign(), o.sign()
	if s != t || s == 0 {
		return order(s, t)
	}
	if m, n := d.magnitude(), o.magnitude(); m != n {
		return s * order(m, n)
	}
	i, j := d.leadingZeros(), o.leadingZeros()
	for i < d.len() || j < o.len() {
		if x, y := d.digit(i), o.digit(j); x != y {
			return s * order(int(x), int(y))
		}
		i++
		j++
	}
	return 0
}

func (d *decimal) len() int { return len(d.whole) + len(d.frac) }

func (d *decimal) digit(i int) byte {
	if i < len(d.whole) {
		return d.whole[i]
	}
	if i -= len(d.whole); i < len(d.frac) {
		return d.frac[i]
	}
	return '0'
}

func order(a, b int) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// maxDigits bounds the numbers that arithmetic computes with, before and after the point: without a bound, a cell of
// twelve characters could ask for a result of a thousand million digits.
const maxDigits = 1000

// big gives the number as unscaled × 10^-scale with scale ≥ 0, or false when it is beyond maxDigits.
func (d *decimal) big() (unscaled *big.Int, scale int, ok bool) {
	if d.sign() == 0 {
		return new(big.Int), 0, true
	}
	whole, exp := d.whole, d.exp
	if len(d.frac) == 0 {
		whole = bytes.TrimRight(whole, "0")
		exp += len(d.whole) - len(whole)
	}
	scale = len(d.frac) - exp
	if d.magnitude() > maxDigits || scale > maxDigits {
		return nil, 0, false
	}
	text := make([]byte, 0, d.len()+1)
	text = append(append(text, whole...), d.frac...)
	unscaled, _ = new(big.Int).SetString(string(text), 10)
	if scale < 0 {
		unscaled.Mul(unscaled, bigPow10(-scale))
		scale = 0
	}
	if d.neg {
		unscaled.Neg(unscaled)
	}
	return unscaled, scale, true
}

// units cuts the magnitude of d × 10^scale at its point: the whole part, and the digits of the rest without zeros at the
// end. The caller has bounded the magnitude.
func (d *decimal) units(scale int) (whole *big.Int, rest []byte) {
	digits := append(append(make([]byte, 0, d.len()+1), d.whole...), d.frac...)
	point := len(d.whole) + d.exp + scale
	if point < 0 { // one zero says as much as many
		digits = append([]byte{'0'}, digits...)
		point = 0
	}
	if point < len(digits) {
		rest = bytes.TrimRight(digits[point:], "0")
		digits = digits[:point:point]
	}
	for len(digits) < point {
		digits = append(digits, '0')
	}
	whole, ok := new(big.Int).SetString(string(digits), 10)
	if !ok { // no digits before the point
		whole = new(big.Int)
	}
	return whole, rest
}

func bigPow10(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}
