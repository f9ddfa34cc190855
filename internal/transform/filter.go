package transform

import (
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/plan"
	"weir.dev/weir/internal/transform/kernel"
)

// test is a filter's comparison: one of the three is set.
type test struct {
	number *kernel.NumberTest
	int    *kernel.IntTest
	text   *kernel.TextTest
}

func (t *test) apply(s *kernel.Scratch, lane kernel.Lane, dst []int32) []int32 {
	switch {
	case t.number != nil:
		return kernel.FilterNumber(s, lane, t.number, dst)
	case t.int != nil:
		return kernel.FilterInt(s, lane, t.int, dst)
	}
	return kernel.FilterText(s, lane, t.text, dst)
}

var comparisons = map[flow.Operator]kernel.Op{
	flow.OpEqualTo: kernel.Equal, flow.OpNotEqualTo: kernel.NotEqual, flow.OpLessThan: kernel.Less,
	flow.OpLessThanOrEqualTo: kernel.LessOrEqual, flow.OpGreaterThan: kernel.Greater,
	flow.OpGreaterThanOrEqualTo: kernel.GreaterOrEqual, flow.OpBetween: kernel.Between, flow.OpContains: kernel.Contains,
}

func newTest(f plan.Filter) (t test, err error) {
	op, ok := comparisons[f.Operator]
	switch {
	case !ok:
		return t, failed(f.Task, "%s is no comparison", f.Operator)
	case len(f.Values) == 0:
		return t, failed(f.Task, "there is nothing to compare with")
	case f.Operator == flow.OpContains && f.Compare != flow.CompareText:
		return t, failed(f.Task, "CONTAINS compares texts, and DATA_TYPE %q is none", f.DataType)
	}
	switch f.Compare {
	case flow.CompareNumber:
		t.number, ok = kernel.NewNumberTest(op, f.Values)
	case flow.CompareInstant:
		t.int, ok = kernel.NewInstantTest(op, f.Values)
	case flow.CompareBoolean:
		t.int, ok = kernel.NewBooleanTest(op, f.Values)
	case flow.CompareText:
		t.text, ok = kernel.NewTextTest(op, f.Values)
	default:
		return t, failed(f.Task, "cannot compare as %q", f.Compare)
	}
	if !ok {
		return t, failed(f.Task, "its value cannot be read as DATA_TYPE %q", f.DataType)
	}
	return t, nil
}
