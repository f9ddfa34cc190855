package kernel

import "weir.dev/weir/batch"

// Rule is what a validation asks of a value.
type Rule uint8

// Rules. A missing value is not a number: it fails all of them.
const (
	NonNull     Rule = iota
	NonZero          // a number other than zero; -0 and 0e5 are zero
	NonNegative      // a number not below zero; -0 passes
	Numeric          // a number
)

// Validate keeps the lane's rows that satisfy the rule: it appends them to dst, which may begin where lane.Rows begins,
// and appends the others to failed.
func Validate(s *Scratch, lane Lane, rule Rule, dst []int32, failed []Failure) ([]int32, []Failure) {
	r := open(lane.Col)
	for rows := lane.Rows; len(rows) > 0; {
		block := rows[:min(blockRows, len(rows))]
		rows = rows[len(block):]
		if rule == NonNull {
			dst, failed = r.nonNull(block, dst, failed)
			continue
		}
		xs := s.numbers[0][:len(block)]
		r.numbers(s, block, xs)
		for i, row := range block {
			why := rule.judge(&xs[i])
			if xs[i].state == isLarge && rule != Numeric {
				why = r.judgeLarge(s, int(row), rule)
			}
			if why != 0 {
				failed = append(failed, Failure{At: row, Why: why})
				continue
			}
			dst = append(dst, row)
		}
	}
	return dst, failed
}

func (r *reader) nonNull(rows, dst []int32, failed []Failure) ([]int32, []Failure) {
	if r.kind != batch.JSON && r.kind != batch.Text && lacksNulls(r) {
		return append(dst, rows...), failed
	}
	for _, row := range rows {
		if r.isNull(int(row)) {
			failed = append(failed, Failure{At: row, Why: Missing})
			continue
		}
		dst = append(dst, row)
	}
	return dst, failed
}

func lacksNulls(r *reader) bool { return r.nulls == nil && r.view.Valid == nil }

// judge says why the number breaks the rule, or 0.
func (rule Rule) judge(x *number) Reason {
	switch {
	case x.state == isNull:
		return Missing
	case x.state == isBad:
		return NotNumber
	case x.state == isLarge:
		return 0
	case rule == NonZero && x.coef == 0:
		return IsZero
	case rule == NonNegative && x.coef < 0:
		return IsNegative
	}
	return 0
}

func (r *reader) judgeLarge(s *Scratch, row int, rule Rule) Reason {
	text, _ := r.text(s, row)
	d, _ := parseDecimal(text)
	switch sign := d.sign(); {
	case rule == NonZero && sign == 0:
		return IsZero
	case rule == NonNegative && sign < 0:
		return IsNegative
	}
	return 0
}
