package kernel

import "weir.dev/weir/batch"

// FilterNumber keeps the lane's rows whose number satisfies the test: it appends them to dst, which may begin where
// lane.Rows begins, and must have room. Numbers are compared exactly, however they are written: 1.50 equals 1.5 and
// 15e-1. The exception is a column of doubles, whose values are compared as doubles, with the literal rounded to the
// nearest one, so that 0.1 finds 0.1. What is null or not a number satisfies nothing, NotEqual included.
func FilterNumber(s *Scratch, lane Lane, t *NumberTest, dst []int32) []int32 {
	r := open(lane.Col)
	for rows := lane.Rows; len(rows) > 0; {
		block := rows[:min(blockRows, len(rows))]
		rows = rows[len(block):]
		if r.kind == batch.Float64 {
			r.testDoubles(s, block, t)
		} else {
			r.testNumbers(s, block, t)
		}
		dst = keep(dst, block, s.pass[:], s.state[:])
	}
	return dst
}

func (r *reader) testNumbers(s *Scratch, rows []int32, t *NumberTest) {
	xs, pass, state := s.numbers[0][:len(rows)], s.pass[:len(rows)], s.state[:len(rows)]
	r.numbers(s, rows, xs)
	t.op.start(pass)
	all := t.op.all()
	for l := range t.bounds {
		b := &t.bounds[l]
		accept := t.op.accepts(l)
		for i := range xs {
			x := &xs[i]
			scale := min(x.scale, maxScale)
			pass[i] = settle(pass[i], accept, outcome(x.coef < b.ceil[scale], x.coef > b.floor[scale]), all)
		}
	}
	for i := range xs {
		state[i] = xs[i].state
		if state[i] == isLarge {
			pass[i] = r.testLarge(s, int(rows[i]), t)
		}
	}
}

// testLarge decides for one number of more digits than the fast form holds.
func (r *reader) testLarge(s *Scratch, row int, t *NumberTest) uint8 {
	text, _ := r.text(s, row)
	d, _ := parseDecimal(text)
	all := t.op.all()
	pass := uint8(0)
	if all {
		pass = 1
	}
	for l := range t.bounds {
		c := d.compare(&t.bounds[l].exact)
		pass = settle(pass, t.op.accepts(l), outcome(c < 0, c > 0), all)
	}
	return pass
}

func (r *reader) testDoubles(s *Scratch, rows []int32, t *NumberTest) {
	pass, state := s.pass[:len(rows)], s.state[:len(rows)]
	t.op.start(pass)
	all := t.op.all()
	for l := range t.bounds {
		bound, accept := t.bounds[l].float, t.op.accepts(l)
		for i, row := range rows {
			x := r.f64[row]
			pass[i] = settle(pass[i], accept, outcome(x < bound, x > bound), all)
		}
	}
	for i, row := range rows {
		state[i] = isGood
		if x := r.f64[row]; x-x != 0 {
			state[i] = isBad
		}
		if r.nulls != nil && r.nulls.IsNull(int(row)) {
			state[i] = isNull
		}
	}
}
