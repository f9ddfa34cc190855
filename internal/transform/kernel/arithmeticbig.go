package kernel

import (
	"bytes"
	"math/big"
)

// rare computes what the fast form cannot: nulls, failures, long numbers. It gives the text of the result, empty for
// null, or a reason.
func (op ArithmeticOp) rare(s *Scratch, ra, rb *reader, x, y *number, xrow, yrow int) ([]byte, Reason) {
	switch {
	case x.state == isBad || y.state == isBad:
		return nil, NotNumber
	case x.state == isNull || y.state == isNull:
		return nil, 0
	}
	xt, _ := ra.text(s, xrow)
	yt, _ := rb.text(s, yrow)
	xd, _ := parseDecimal(xt)
	yd, _ := parseDecimal(yt)
	if op == Divide && yd.sign() == 0 {
		return nil, DivisionByZero
	}
	xb, xs, ok1 := xd.big()
	yb, ys, ok2 := yd.big()
	if !ok1 || !ok2 {
		return nil, TooManyDigits
	}
	var text []byte
	switch op {
	case Multiply:
		text = formatBig(xb.Mul(xb, yb), xs+ys)
	case Divide:
		text = formatBig(divideBig(xb, yb, ys-xs))
	default:
		if op == Subtract {
			yb.Neg(yb)
		}
		scale := max(xs, ys)
		xb.Mul(xb, bigPow10(scale-xs))
		yb.Mul(yb, bigPow10(scale-ys))
		text = formatBig(xb.Add(xb, yb), scale)
	}
	if tooManyDigits(text) {
		return nil, TooManyDigits
	}
	return text, 0
}

func tooManyDigits(text []byte) bool {
	whole, frac, _ := bytes.Cut(bytes.TrimPrefix(text, []byte("-")), []byte("."))
	return len(whole) > maxDigits || len(frac) > maxDigits
}

// divideBig gives x/y × 10^scale as a whole number of units of 10^-places, rounded half to even. Y is not zero.
func divideBig(x, y *big.Int, scale int) (quotient *big.Int, places int) {
	neg := x.Sign()*y.Sign() < 0
	x.Abs(x)
	y.Abs(y)
	places = quotientDigits
	if x.Sign() != 0 {
		// A quotient below one has places for the zeros after its point as well. The lengths tell its size to within one
		// place, and the loop settles that one.
		places += max(0, len(y.String())-len(x.String())-scale-1)
	}
	for {
		q, rest := divideBigAt(x, y, scale+places)
		one := bigPow10(places)
		if rest.Sign() != 0 && q.Cmp(one) < 0 && q.Cmp(bigPow10(quotientDigits-1)) < 0 {
			places++
			continue
		}
		unit := divisorAt(y, scale+places)
		if c := rest.Lsh(rest, 1).Cmp(unit); c > 0 || c == 0 && q.Bit(0) == 1 {
			q.Add(q, big.NewInt(1))
		}
		if neg {
			q.Neg(q)
		}
		return q, places
	}
}

func divideBigAt(x, y *big.Int, e int) (quotient, rest *big.Int) {
	n := new(big.Int).Set(x)
	if e > 0 {
		n.Mul(n, bigPow10(e))
	}
	return new(big.Int).QuoRem(n, divisorAt(y, e), new(big.Int))
}

// divisorAt is what divideBigAt divides by: a negative power of ten moves to the divisor.
func divisorAt(y *big.Int, e int) *big.Int {
	if e >= 0 {
		return y
	}
	return new(big.Int).Mul(y, bigPow10(-e))
}

// formatBig is the canonical text of unscaled × 10^-scale.
func formatBig(unscaled *big.Int, scale int) []byte {
	text := new(big.Int).Abs(unscaled).String()
	for len(text) <= scale {
		text = "0" + text
	}
	whole, frac := text[:len(text)-scale], bytes.TrimRight([]byte(text[len(text)-scale:]), "0")
	var out []byte
	if unscaled.Sign() < 0 {
		out = append(out, '-')
	}
	out = append(out, whole...)
	if len(frac) > 0 {
		out = append(append(out, '.'), frac...)
	}
	return out
}
