package kernel

import (
	"math"
	"math/big"
	"strconv"
)

// Op is how a filter compares a value with its literals.
type Op uint8

// Comparisons. Between includes both bounds.
const (
	Equal Op = iota
	NotEqual
	Less
	LessOrEqual
	Greater
	GreaterOrEqual
	Between
	Contains // texts only
)

// Outcomes of a comparison, as bits: what an operator accepts is a set of them.
const (
	less    uint8 = 1
	equal   uint8 = 2
	greater uint8 = 4
)

// accepts is the set of outcomes that satisfy the operator against its literal number i.
func (op Op) accepts(i int) uint8 {
	switch op {
	case Equal:
		return equal
	case NotEqual:
		return less | greater
	case Less:
		return less
	case LessOrEqual:
		return less | equal
	case Greater:
		return greater
	case GreaterOrEqual:
		return greater | equal
	case Between:
		if i == 0 {
			return greater | equal
		}
		return less | equal
	}
	return 0
}

// all reports whether every literal must be satisfied, rather than one of them. A value differs from a list when it
// differs from each: "differs from one of them" would be true of everything.
func (op Op) all() bool { return op == Between || op == NotEqual }

// start sets the verdict before the first literal.
func (op Op) start(pass []uint8) {
	first := uint8(0)
	if op.all() {
		first = 1
	}
	for i := range pass {
		pass[i] = first
	}
}

// settle adds one literal's outcome to a row's verdict.
func settle(pass, accept, outcome uint8, all bool) uint8 {
	hit := uint8(0)
	if accept&outcome != 0 {
		hit = 1
	}
	if all {
		return pass & hit
	}
	return pass | hit
}

// outcome compares two ordered values without a branch.
func outcome(isLess, isGreater bool) uint8 {
	var lt, gt uint8
	if isLess {
		lt = 1
	}
	if isGreater {
		gt = 1
	}
	return lt*less | gt*greater | (1^lt^gt)*equal
}

// keep copies the rows that pass to dst, which may begin where rows begins, and returns dst made longer.
func keep(dst, rows []int32, pass, state []uint8) []int32 {
	n := len(dst)
	dst = dst[:n+len(rows)]
	pass, state = pass[:len(rows)], state[:len(rows)]
	for i, row := range rows {
		dst[n] = row
		value := uint8(0) // added rather than branched on: no predictor knows the data
		if state[i] <= isLarge {
			value = 1
		}
		n += int(pass[i] & value)
	}
	return dst[:n]
}

// NumberTest is a comparison of numbers, compiled.
type NumberTest struct {
	op     Op
	bounds []numberBound
}

// numberBound is a literal, ready to be compared with a coefficient of any scale: floor and ceil are the whole numbers
// around literal × 10^scale, equal when it is whole, and at int64's ends when it is beyond them.
type numberBound struct {
	exact       decimal
	float       float64 // the nearest
	floor, ceil [maxScale + 1]int64
}

// NewNumberTest reads the literals; false when one is not a number. Between takes two.
func NewNumberTest(op Op, literals []string) (*NumberTest, bool) {
	t := &NumberTest{op: op}
	for _, l := range literals {
		d, ok := parseDecimal([]byte(l))
		if !ok {
			return nil, false
		}
		b := numberBound{exact: d}
		b.float, _ = strconv.ParseFloat(string(trim([]byte(l))), 64)
		for scale := range b.floor {
			b.floor[scale], b.ceil[scale] = d.around(scale)
		}
		t.bounds = append(t.bounds, b)
	}
	return t, op != Contains && (op != Between || len(literals) == 2)
}

// around gives the whole numbers just below and above d × 10^scale, both d × 10^scale itself when it is whole.
func (d *decimal) around(scale int) (floor, ceil int64) {
	s := d.sign()
	if s == 0 {
		return 0, 0
	}
	if d.magnitude()+scale > 19 {
		if s < 0 {
			return math.MinInt64, math.MinInt64
		}
		return math.MaxInt64, math.MaxInt64
	}
	if d.magnitude()+scale <= 0 {
		return min(int64(s), 0), max(int64(s), 0)
	}
	units, rest := d.units(scale)
	if d.neg {
		units.Neg(units)
	}
	floor = clamp(units)
	ceil = floor
	if len(rest) > 0 && s < 0 {
		floor = clamp(units.Sub(units, big.NewInt(1)))
	} else if len(rest) > 0 {
		ceil = clamp(units.Add(units, big.NewInt(1)))
	}
	return floor, ceil
}

func clamp(x *big.Int) int64 {
	switch {
	case x.IsInt64():
		return x.Int64()
	case x.Sign() < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}
