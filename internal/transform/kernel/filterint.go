package kernel

import (
	"math"
	"strconv"

	"weir.dev/weir/batch"
)

// IntTest is a comparison of values that come to an int64: instants and booleans, compiled.
type IntTest struct {
	op     Op
	bounds []int64
	load   func(r *reader, s *Scratch, rows []int32) // once per block
}

// NewInstantTest reads literals in milliseconds since 1970; false when one is not a whole number that fits 64 bits.
func NewInstantTest(op Op, literals []string) (*IntTest, bool) {
	t := &IntTest{op: op, load: (*reader).instants}
	for _, l := range literals {
		ms, err := strconv.ParseInt(l, 10, 64)
		if err != nil {
			return nil, false
		}
		t.bounds = append(t.bounds, saturatedMicros(ms))
	}
	return t, op != Contains && (op != Between || len(literals) == 2)
}

// saturatedMicros turns milliseconds into microseconds. Literals out of range lie beyond every instant a column can hold.
func saturatedMicros(ms int64) int64 {
	switch {
	case ms > math.MaxInt64/1000:
		return math.MaxInt64
	case ms < math.MinInt64/1000:
		return math.MinInt64
	}
	return ms * 1000
}

// NewBooleanTest reads the literals true and false in any case; false when one is neither. False is less than true.
func NewBooleanTest(op Op, literals []string) (*IntTest, bool) {
	t := &IntTest{op: op, load: (*reader).booleans}
	for _, l := range literals {
		b, ok := parseBoolean([]byte(l))
		if !ok {
			return nil, false
		}
		t.bounds = append(t.bounds, b)
	}
	return t, op != Contains && (op != Between || len(literals) == 2)
}

// FilterInt keeps the lane's rows that satisfy the test; see [FilterNumber] for dst. What is null or cannot be read as
// the test's type satisfies nothing.
func FilterInt(s *Scratch, lane Lane, t *IntTest, dst []int32) []int32 {
	r := open(lane.Col)
	all := t.op.all()
	for rows := lane.Rows; len(rows) > 0; {
		block := rows[:min(blockRows, len(rows))]
		rows = rows[len(block):]
		t.load(&r, s, block)
		xs, pass := s.ints[:len(block)], s.pass[:len(block)]
		t.op.start(pass)
		for l, bound := range t.bounds {
			accept := t.op.accepts(l)
			for i, x := range xs {
				pass[i] = settle(pass[i], accept, outcome(x < bound, x > bound), all)
			}
		}
		dst = keep(dst, block, pass, s.state[:])
	}
	return dst
}

// booleans brings a block of rows into s.ints, as 0 and 1, and s.state.
func (r *reader) booleans(s *Scratch, rows []int32) {
	xs, state := s.ints[:len(rows)], s.state[:len(rows)]
	switch {
	case r.kind == batch.Bool:
		for i, row := range rows {
			xs[i], state[i] = 0, isGood
			if r.bools.Value(int(row)) {
				xs[i] = 1
			}
			if r.isNull(int(row)) {
				state[i] = isNull
			}
		}
	case r.kind <= batch.JSON:
		r.texts(s, rows)
		for i, text := range s.texts[:len(rows)] {
			if state[i] != isGood {
				continue
			}
			x, ok := parseBoolean(text)
			if xs[i] = x; !ok {
				state[i] = isBad
			}
		}
	default:
		r.noneOf(s, rows)
	}
}

// noneOf is for kinds none of whose values have the wanted form.
func (r *reader) noneOf(s *Scratch, rows []int32) {
	for i, row := range rows {
		s.state[i] = isBad
		if r.isNull(int(row)) {
			s.state[i] = isNull
		}
	}
}

// parseBoolean reads true and false in any case of ASCII letters, spaces and tabs around them left out. Digits and yes
// or no are not booleans: which of them a source means is not ours to guess.
func parseBoolean(b []byte) (int64, bool) {
	b = trim(b)
	switch {
	case foldsTo(b, "true"):
		return 1, true
	case foldsTo(b, "false"):
		return 0, true
	}
	return 0, false
}

// foldsTo compares with lower-case ASCII letters.
func foldsTo(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i := range b {
		if b[i]|0x20 != word[i] || b[i] < 'A' {
			return false
		}
	}
	return true
}
