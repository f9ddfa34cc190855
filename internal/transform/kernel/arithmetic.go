package kernel

import (
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir.dev/weir/batch"
)

// ArithmeticOp is one of the four operations.
type ArithmeticOp uint8

// Operations.
const (
	Add ArithmeticOp = iota
	Subtract
	Multiply
	Divide
)

// Arithmetic computes a op b for the lanes' rows, pairwise, as a dense column of the canonical text of the results. Kind
// is Text, or JSON, where that text is a JSON number.
//
// Operands are exact decimals and so are sums, differences and products. A quotient is rounded, half to even, to 16 digits
// after the point, or to 16 significant digits when it is below one. Canonical text has no exponent, no
// plus sign, no zeros it does not need, and no minus zero. If an operand is null, so is the result; an operand that is
// not a number, a division by zero, and more than maxDigits digits fail the row.
func Arithmetic(s *Scratch, mem memory.Allocator, op ArithmeticOp, a, b Lane, kind batch.Type, failed []Failure) (batch.Column, []Failure) {
	ra, rb := open(a.Col), open(b.Col)
	out := batch.NewRawTextBuilder(mem, len(a.Rows))
	w := arena{mem: mem, b: out}
	defer w.close()
	for base := 0; base < len(a.Rows); base += blockRows {
		end := min(base+blockRows, len(a.Rows))
		xs, ys := s.numbers[0][:end-base], s.numbers[1][:end-base]
		ra.numbers(s, a.Rows[base:end], xs)
		rb.numbers(s, b.Rows[base:end], ys)
		for i := range xs {
			x, y, at := &xs[i], &ys[i], base+i
			if x.state|y.state == isGood {
				if n, ok := op.small(w.room(smallText), x, y); ok {
					w.put(&out.Views[at], n)
					continue
				}
			}
			text, why := op.rare(s, &ra, &rb, x, y, int(a.Rows[at]), int(b.Rows[at]))
			if why != 0 {
				failed = append(failed, Failure{At: int32(at), Why: why})
			}
			if len(text) == 0 {
				out.SetNull(at)
				continue
			}
			w.put(&out.Views[at], copy(w.room(len(text)), text))
		}
	}
	return out.Build("", kind), failed
}

// smallText is room for the text of any result of small operands: 38 digits, a sign, a point, and a zero before it.
const smallText = 48

// small computes with operands in the fast form, writes the text to dst and returns its length. Sums and products fit
// 128 bits: a coefficient has 63 bits, and bringing it to another scale multiplies it by up to 10^18, which has 60. False
// means that a quotient needs more than that, or that the divisor is zero.
func (op ArithmeticOp) small(dst []byte, x, y *number) (int, bool) {
	xn, xm := split(x.coef)
	yn, ym := split(y.coef)
	xs, ys := min(x.scale, maxScale), min(y.scale, maxScale)
	switch op {
	case Multiply:
		hi, lo := bits.Mul64(xm, ym)
		return formatDecimal(dst, xn != yn, hi, lo, int(xs+ys)), true
	case Divide:
		return divideSmall(dst, xn != yn, xm, ym, int(ys)-int(xs))
	case Subtract:
		yn = !yn
	}
	scale := max(xs, ys)
	xhi, xlo := bits.Mul64(xm, pow10[scale-xs])
	yhi, ylo := bits.Mul64(ym, pow10[scale-ys])
	if xn == yn {
		lo, carry := bits.Add64(xlo, ylo, 0)
		hi, _ := bits.Add64(xhi, yhi, carry)
		return formatDecimal(dst, xn, hi, lo, int(scale)), true
	}
	lo, borrow := bits.Sub64(xlo, ylo, 0)
	hi, borrow := bits.Sub64(xhi, yhi, borrow)
	if borrow != 0 { // y was larger: turn the difference around
		xn = yn
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	return formatDecimal(dst, xn, hi, lo, int(scale)), true
}

// split gives sign and magnitude.
func split(x int64) (neg bool, magnitude uint64) {
	if x < 0 {
		return true, uint64(-x)
	}
	return false, uint64(x)
}

// quotientDigits is how many digits a quotient keeps after the point, or in all when it is below one.
const quotientDigits = 16

// divideSmall writes x/y × 10^scale where a 128-bit dividend can hold the digits wanted.
func divideSmall(dst []byte, neg bool, x, y uint64, scale int) (int, bool) {
	// With the dividend times 10^(scale+places) the quotient is a whole number that counts units of 10^-places.
	places := quotientDigits
	quotient, rest, ok := divideAt(x, y, scale+places)
	if ok && rest != 0 && quotient < pow10[quotientDigits] { // below one: significant digits count
		if quotient == 0 {
			return 0, false
		}
		places += quotientDigits - digitsOf(quotient)
		quotient, rest, ok = divideAt(x, y, scale+places)
	}
	if !ok {
		return 0, false
	}
	if half := y - rest; rest > half || rest == half && quotient&1 == 1 {
		quotient++
	}
	return formatDecimal(dst, neg, 0, quotient, places), true
}

// divideAt divides x × 10^e by y.
func divideAt(x, y uint64, e int) (quotient, rest uint64, ok bool) {
	const most = len(pow10) - 1
	if e > most && e <= 2*most { // as much of the power as a small dividend takes
		var over uint64
		if over, x = bits.Mul64(x, pow10[e-most]); over != 0 {
			return 0, 0, false
		}
		e = most
	}
	if e < 0 || e > most {
		return 0, 0, false
	}
	hi, lo := bits.Mul64(x, pow10[e])
	if hi >= y { // the quotient has more than 64 bits, or y is zero
		return 0, 0, false
	}
	quotient, rest = bits.Div64(hi, lo, y)
	return quotient, rest, true
}

// digitsOf is the number of decimal digits of x; 1 for zero.
func digitsOf(x uint64) int {
	n := bits.Len64(x|1) * 1233 >> 12 // log10(2) as a fraction: right, or one too few
	if x >= pow10[n] {
		n++
	}
	return max(n, 1)
}
