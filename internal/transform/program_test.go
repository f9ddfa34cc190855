package transform_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/plan"
	"weir.dev/weir/internal/transform"
)

func compile(t *testing.T, p plan.Program, pool *batch.Pool) *transform.Program {
	t.Helper()
	prog, err := transform.Compile(p, transform.Options{Pool: pool})
	require.NoError(t, err)
	return prog
}

func TestRun_KeepingEveryRowCopiesNothing(t *testing.T) {
	t.Parallel()
	pool := new(batch.Pool)
	in := contacts(t, pool, 100)
	data := in.Columns[0].Data
	held := pool.InUse()
	res, err := compile(t, plan.Program{Input: contactInput(), Outputs: []plan.Output{{Field: "id", Name: "key"}, {Field: "id", Name: "again"}}}, pool).Run(in)
	require.NoError(t, err)
	require.Same(t, data, res.Out.Columns[0].Data)
	require.Same(t, data, res.Out.Columns[1].Data)
	require.Equal(t, "key", res.Out.Columns[0].Name)
	require.Less(t, pool.InUse(), held, "columns that no output has are released")
	res.Out.Release()
	require.Zero(t, pool.InUse())
}

func TestRun_SharesTextOfRowsItDrops(t *testing.T) {
	t.Parallel()
	pool := new(batch.Pool)
	p := plan.Program{
		Input:   contactInput(),
		Filters: []plan.Filter{{Field: "is_active", Operator: flow.OpEqualTo, Compare: flow.CompareText, Values: []string{"true"}}},
		Outputs: []plan.Output{{Field: "company", Name: "company"}},
	}
	in := contacts(t, pool, 100)
	source := in.Columns[6].Data.Data().Buffers()[2]
	res, err := compile(t, p, pool).Run(in)
	require.NoError(t, err)
	require.Less(t, res.Out.Rows, 100)
	require.Same(t, source, res.Out.Columns[0].Data.Data().Buffers()[2])
	res.Out.Release()
	require.Zero(t, pool.InUse())
}

// TestRun_MaskedColumnHoldsNoText looks at what leaves with a masked column, not only at its cells.
func TestRun_MaskedColumnHoldsNoText(t *testing.T) {
	t.Parallel()
	const secret = "a secret of more than twelve bytes"
	for _, e := range []plan.Edit{
		{Mask: flow.OpMaskAll}, {Mask: flow.OpMaskAll, Length: 20}, {Mask: flow.OpMaskFirstN, Length: 100}, {Mask: flow.OpMaskLastN, Length: 100},
	} {
		pool := new(batch.Pool)
		e.Field, e.With = "s", "*"
		p := plan.Program{Input: []plan.Column{{Name: "s", Type: flow.TypeText}}, Edits: []plan.Edit{e}, Outputs: []plan.Output{{Field: "s", Name: "s"}}}
		res, err := compile(t, p, pool).Run(batchOf(pool, p, [][]value{{text(secret)}, {text("short")}}))
		require.NoError(t, err)
		for _, buf := range res.Out.Columns[0].Data.Data().Buffers() {
			if buf != nil {
				require.NotContains(t, string(buf.Bytes()), "secret")
				require.NotContains(t, string(buf.Bytes()), "hort")
			}
		}
		res.Out.Release()
	}
}

func TestRun_ReleasesTheBatchOnEveryWayOut(t *testing.T) {
	t.Parallel()
	pool := new(batch.Pool)
	input := []plan.Column{{Name: "a", Type: flow.TypeText}}
	ends := plan.Program{Input: input, Outputs: []plan.Output{{Field: "a", Name: "a"}},
		Validations: []plan.Validation{{Field: "a", Operator: flow.OpValidateNonNull, DropDataset: true}}}

	_, err := compile(t, ends, pool).Run(batchOf(pool, ends, [][]value{{text("")}}))
	require.Equal(t, fault.Validation, fault.CodeOf(err))
	require.Zero(t, pool.InUse())

	other := plan.Program{Input: []plan.Column{{Name: "b", Type: flow.TypeText}}}
	_, err = compile(t, ends, pool).Run(batchOf(pool, other, [][]value{{text("x")}}))
	require.Equal(t, fault.Internal, fault.CodeOf(err), "a batch of other columns")
	require.Zero(t, pool.InUse())

	res, err := compile(t, ends, pool).Run(batchOf(pool, ends, nil))
	require.NoError(t, err)
	require.Nil(t, res.Out)
	require.Zero(t, pool.InUse())
}

func TestRun_CountsThroughABatchThatWasFilteredBefore(t *testing.T) {
	t.Parallel()
	pool := new(batch.Pool)
	p := plan.Program{Input: []plan.Column{{Name: "a", Type: flow.TypeText}}, Outputs: []plan.Output{{Field: "a", Name: "a"}},
		Filters:     []plan.Filter{{Field: "a", Operator: flow.OpNotEqualTo, Compare: flow.CompareText, Values: []string{"skip"}}},
		Validations: []plan.Validation{{Field: "a", Operator: flow.OpValidateNumeric}}}
	in := batchOf(pool, p, [][]value{{text("1")}, {text("skip")}, {text("x")}, {text("2")}})
	in.Origin = batch.Origin{Object: "in/b.csv", First: 10, Index: []int32{0, 5, 7, 9}}
	res, err := compile(t, p, pool).Run(in)
	require.NoError(t, err)
	require.Equal(t, int64(17), res.Rejects[0].Record)
	require.Equal(t, []int64{10, 19}, []int64{res.Out.Origin.Record(0), res.Out.Origin.Record(1)})
	require.Equal(t, "in/b.csv", res.Out.Origin.Object)
	res.Out.Release()
	require.Zero(t, pool.InUse())
}

// TestRun_IsSafeForConcurrentUse is for the race detector, and compares with what one goroutine makes.
func TestRun_IsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	pool := new(batch.Pool)
	prog := compile(t, contactProgram(), pool)
	in := contacts(t, pool, 2000)
	show := func() string {
		in.Retain()
		res, err := prog.Run(in)
		if err != nil || res.Out == nil {
			return fmt.Sprint(err)
		}
		defer res.Out.Release()
		var all []byte
		for _, c := range res.Out.Columns {
			f := batch.OpenForm(c)
			for row := range res.Out.Rows {
				all = append(f.Append(all, row), '|')
			}
		}
		return string(all)
	}
	want := show()
	var wg sync.WaitGroup
	got := make([]string, 8)
	for i := range got {
		wg.Go(func() { got[i] = show() })
	}
	wg.Wait()
	for _, g := range got {
		require.True(t, g == want)
	}
	in.Release()
	require.Zero(t, pool.InUse())
}

func TestCompile_SaysWhichTaskIsWrong(t *testing.T) {
	t.Parallel()
	input := []plan.Column{{Name: "a", Type: flow.TypeText}}
	task := plan.TaskOrigin{Index: 3, Label: "the task"}
	for name, p := range map[string]plan.Program{
		"unknown filter field":   {Filters: []plan.Filter{{Field: "b", Operator: flow.OpEqualTo, Compare: flow.CompareText, Values: []string{"x"}, Task: task}}},
		"no comparison":          {Filters: []plan.Filter{{Field: "a", Operator: flow.OpNoOp, Compare: flow.CompareText, Values: []string{"x"}, Task: task}}},
		"no literal":             {Filters: []plan.Filter{{Field: "a", Operator: flow.OpEqualTo, Compare: flow.CompareText, Task: task}}},
		"one bound":              {Filters: []plan.Filter{{Field: "a", Operator: flow.OpBetween, Compare: flow.CompareNumber, Values: []string{"1"}, Task: task}}},
		"literal is no instant":  {Filters: []plan.Filter{{Field: "a", Operator: flow.OpEqualTo, Compare: flow.CompareInstant, Values: []string{"2024-01-01"}, Task: task}}},
		"literal is no boolean":  {Filters: []plan.Filter{{Field: "a", Operator: flow.OpEqualTo, Compare: flow.CompareBoolean, Values: []string{"1"}, Task: task}}},
		"unknown validation":     {Validations: []plan.Validation{{Field: "a", Operator: flow.OpEqualTo, Task: task}}},
		"arithmetic of one":      {Derived: []plan.Derived{{Name: "d", Fields: []string{"a"}, Operator: flow.OpAddition, Task: task}}},
		"merge of unknown":       {Derived: []plan.Derived{{Name: "d", Operator: flow.OpNoOp, Format: []flow.ConcatPiece{{Field: "b"}}, Task: task}}},
		"two of one name":        {Derived: []plan.Derived{{Name: "d", Operator: flow.OpNoOp}, {Name: "d", Operator: flow.OpNoOp, Task: task}}},
		"mask of two characters": {Edits: []plan.Edit{{Field: "a", Mask: flow.OpMaskAll, With: "**", Task: task}}},
		"mask without end":       {Edits: []plan.Edit{{Field: "a", Mask: flow.OpMaskAll, Length: 1 << 30, With: "*", Task: task}}},
		"no mask":                {Edits: []plan.Edit{{Field: "a", Mask: flow.OpNoOp, With: "*", Task: task}}},
		"decimal of 39 digits":   {Outputs: []plan.Output{{Field: "a", Name: "a", Type: flow.TypeDecimal, Dec: [2]int32{39, 0}, Task: task}}},
	} {
		p.Input = input
		_, err := transform.Compile(p, transform.Options{})
		require.ErrorContains(t, err, "task 4 (the task)", name)
		require.Equal(t, fault.Validation, fault.CodeOf(err), name)
	}
	_, err := transform.Compile(plan.Program{Input: append(input, input...)}, transform.Options{})
	require.ErrorContains(t, err, `two fields "a"`)
	_, err = transform.Compile(plan.Program{Input: input, Outputs: []plan.Output{{Field: "a", Name: "a"}}, PartitionBy: []string{"b"}}, transform.Options{})
	require.ErrorContains(t, err, `partition key "b"`)
}

// TestRun_HugeExponentsCostNothing would not end if anything wrote such a number out.
func TestRun_HugeExponentsCostNothing(t *testing.T) {
	t.Parallel()
	pool := new(batch.Pool)
	rows := [][]value{{text("1e999999999")}, {text("-1e999999999")}, {text("1e-999999999")}, {text("0e999999999")}, {text("1e9999999999")}}
	input := []plan.Column{{Name: "a", Type: flow.TypeText}}
	for name, c := range map[string]struct {
		p    plan.Program
		kept []string
	}{
		"compare": {kept: []string{"1e999999999"}, p: plan.Program{
			Filters: []plan.Filter{{Field: "a", Operator: flow.OpGreaterThan, Compare: flow.CompareNumber, Values: []string{"1e400"}}},
			Outputs: []plan.Output{{Field: "a", Name: "o"}}}},
		"compare with such a literal": {kept: []string{"-1e999999999", "1e-999999999", "0e999999999"}, p: plan.Program{
			Filters: []plan.Filter{{Field: "a", Operator: flow.OpLessThan, Compare: flow.CompareNumber, Values: []string{"1e999999998"}}},
			Outputs: []plan.Output{{Field: "a", Name: "o"}}}},
		"validate": {kept: []string{"1e999999999", "1e-999999999"}, p: plan.Program{
			Validations: []plan.Validation{{Field: "a", Operator: flow.OpValidateNonNegative}, {Field: "a", Operator: flow.OpValidateNonZero}},
			Outputs:     []plan.Output{{Field: "a", Name: "o"}}}},
		"add": {kept: []string{"0"}, p: plan.Program{
			Derived: []plan.Derived{{Name: "d", Fields: []string{"a", "a"}, Operator: flow.OpAddition}},
			Outputs: []plan.Output{{Field: "d", Name: "o"}}}},
		"long":    {kept: []string{"0"}, p: plan.Program{Outputs: []plan.Output{{Field: "a", Name: "o", Type: flow.TypeLong}}}},
		"double":  {kept: []string{"0", "0"}, p: plan.Program{Outputs: []plan.Output{{Field: "a", Name: "o", Type: flow.TypeDouble}}}},
		"decimal": {kept: []string{"0.0000000000", "0.0000000000"}, p: plan.Program{Outputs: []plan.Output{{Field: "a", Name: "o", Type: flow.TypeDecimal}}}},
	} {
		c.p.Input = input
		res, err := compile(t, c.p, pool).Run(batchOf(pool, c.p, rows))
		require.NoError(t, err, name)
		var got []string
		for row := range res.Out.Rows {
			got = append(got, string(batch.AppendText(nil, res.Out.Columns[0], row)))
		}
		require.Equal(t, c.kept, got, name)
		res.Out.Release()
	}
	require.Zero(t, pool.InUse())
}
