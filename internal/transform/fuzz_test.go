package transform_test

import (
	"strconv"
	"testing"
	"unicode/utf8"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/plan"
	"weir.dev/weir/internal/transform"
)

// fuzzAgainstTwin runs a program over one row of text columns a, b, …, and its twin.
func fuzzAgainstTwin(t *testing.T, p plan.Program, row ...string) {
	t.Helper()
	var values []value
	for i, s := range row {
		p.Input = append(p.Input, plan.Column{Name: string(rune('a' + i)), Type: flow.TypeText})
		values = append(values, text(s))
		p.Outputs = append(p.Outputs, plan.Output{Field: p.Input[i].Name, Name: p.Input[i].Name})
	}
	compareWithTwin(t, p, [][]value{values}, strconv.Quote(row[0]))
}

// affordable keeps exponents to what the twin can write out.
func affordable(s string) bool {
	m := numeral.FindStringSubmatch(s)
	if m == nil {
		return true
	}
	exp, _ := strconv.Atoi(m[4])
	return exp > -3000 && exp < 3000 && len(s) < 3000
}

func FuzzDecimalCompare(f *testing.F) {
	for _, s := range hostile {
		f.Add(s, "1.5")
		f.Add("12", s)
	}
	ops := []flow.Operator{flow.OpEqualTo, flow.OpLessThan, flow.OpGreaterThan}
	f.Fuzz(func(t *testing.T, cell, literal string) {
		if !affordable(cell) || !affordable(literal) {
			return
		}
		if _, ok := number(literal); !ok {
			return
		}
		for _, op := range ops {
			fuzzAgainstTwin(t, plan.Program{Filters: []plan.Filter{{Field: "a", Operator: op, Compare: flow.CompareNumber, Values: []string{literal}}}}, cell)
		}
	})
}

func FuzzArithmetic(f *testing.F) {
	for i, s := range hostile {
		f.Add(s, hostile[(i*7+3)%len(hostile)])
	}
	f.Add("1", "3")
	f.Add("2", "30000000000000000000")
	f.Fuzz(func(t *testing.T, a, b string) {
		if !affordable(a) || !affordable(b) {
			return
		}
		for _, op := range []flow.Operator{flow.OpAddition, flow.OpSubtraction, flow.OpMultiplication, flow.OpDivision} {
			fuzzAgainstTwin(t, plan.Program{
				Derived: []plan.Derived{{Name: "r", Fields: []string{"a", "b"}, Operator: op}},
				Outputs: []plan.Output{{Field: "r", Name: "r"}},
			}, a, b)
		}
	})
}

func FuzzInstant(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, to := range []flow.Type{flow.TypeDatetime, flow.TypeDate, flow.TypeTime} {
			fuzzAgainstTwin(t, plan.Program{Outputs: []plan.Output{{Field: "a", Name: "t", Type: to}}}, s)
		}
	})
}

func FuzzCast(f *testing.F) {
	for _, s := range hostile {
		f.Add(s, uint8(38), uint8(10))
	}
	f.Fuzz(func(t *testing.T, s string, precision, scale uint8) {
		if !affordable(s) || precision == 0 || precision > 38 || scale > precision {
			return
		}
		for _, to := range []flow.Type{flow.TypeInteger, flow.TypeLong, flow.TypeDouble, flow.TypeDecimal, flow.TypeBoolean} {
			fuzzAgainstTwin(t, plan.Program{Outputs: []plan.Output{{Field: "a", Name: "t", Type: to, Dec: [2]int32{int32(precision), int32(scale)}}}}, s)
		}
	})
}

func FuzzMask(f *testing.F) {
	for i, s := range hostile {
		f.Add(s, i%15, "*")
		f.Add(s, i%15, "日")
	}
	f.Fuzz(func(t *testing.T, s string, n int, with string) {
		if n < 0 || n > 1<<16 || utf8.RuneCountInString(with) != 1 || !utf8.ValidString(with) {
			return
		}
		edits := []plan.Edit{
			{Field: "a", Mask: flow.OpMaskAll, Length: n, With: with},
			{Field: "a", Mask: flow.OpMaskFirstN, Length: n, With: with},
			{Field: "a", Mask: flow.OpMaskLastN, Length: n, With: with},
			{Field: "a", Truncate: n + 1},
		}
		for _, e := range edits {
			fuzzAgainstTwin(t, plan.Program{Edits: []plan.Edit{e}}, s)
		}
	})
}

// FuzzFilterLiteral holds what flows are checked for when they are saved against what programs can compile: no run may
// fail for a literal that was accepted, and none be refused that rows could be compared with.
func FuzzFilterLiteral(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, literal string) {
		for _, as := range []flow.Comparison{flow.CompareNumber, flow.CompareBoolean, flow.CompareInstant, flow.CompareText} {
			p := plan.Program{
				Input:   []plan.Column{{Name: "a", Type: flow.TypeText}},
				Filters: []plan.Filter{{Field: "a", Operator: flow.OpEqualTo, Compare: as, Values: []string{literal}}},
			}
			_, err := transform.Compile(p, transform.Options{})
			if accepted := as.CheckLiteral(literal) == ""; accepted != (err == nil) {
				t.Fatalf("%q as %s: accepted is %v, compiling says %v", literal, as, accepted, err)
			}
		}
	})
}
