package transform

import (
	"slices"

	"weir.dev/weir/batch"
	"weir.dev/weir/fault"
	"weir.dev/weir/internal/transform/kernel"
)

// run is one call of Run: what a batch's steps share. Its memory is used again by later calls.
type run struct {
	program *Program
	in      *batch.Batch
	scratch kernel.Scratch

	identity []int32 // 0, 1, 2, …: the selection of a dense column
	rows     []int32 // of in that are still wanted; from the end of the validations on, fixed
	failed   []kernel.Failure

	nulled  []batch.Column // by input: the column with some values left out; nil Data where none were
	made    []batch.Column // by field: derived columns, dense over rows
	edited  []batch.Column // by field: what outputs get, dense over rows; nil Data until asked for
	refused []refusal
	isOut   []bool // by position in rows: refused already
}

// refusal is a row, by its position in rows, that a task could not do.
type refusal struct {
	at           int32
	task, reason string
	index, field int
}

func (r *run) run() (Result, error) {
	p, n := r.program, r.in.Rows
	res := Result{Read: int64(n), Partition: p.partition}
	r.grow(n)
	for i := range p.filters {
		f := &p.filters[i]
		r.rows = f.test.apply(&r.scratch, r.source(f.field), r.rows[:0])
	}
	res.Filtered = int64(n - len(r.rows))
	if err := r.validate(&res); err != nil {
		return Result{}, err
	}
	r.check(&res)
	if len(r.rows) > 0 {
		res.Out = r.produce(&res)
	}
	slices.SortFunc(res.Rejects, func(a, b Reject) int { return a.Row - b.Row })
	return res, nil
}

// grow starts with all rows selected.
func (r *run) grow(n int) {
	for len(r.identity) < n {
		r.identity = append(r.identity, int32(len(r.identity)))
	}
	r.rows = append(r.rows[:0], r.identity[:n]...)
	r.made = slices.Grow(r.made[:0], len(r.program.fields))[:len(r.program.fields)]
	if len(r.program.checks) > 0 {
		r.nulled = slices.Grow(r.nulled[:0], len(r.program.inputs))[:len(r.program.inputs)]
	}
	r.edited = slices.Grow(r.edited[:0], len(r.program.fields))[:len(r.program.fields)]
}

// reset releases what the run made and forgets the batch.
func (r *run) reset() {
	for _, list := range [][]batch.Column{r.nulled, r.made, r.edited} {
		for i := range list {
			if list[i].Data != nil {
				list[i].Data.Release()
			}
			list[i] = batch.Column{}
		}
	}
	clear(r.refused)
	r.refused, r.failed, r.isOut = r.refused[:0], r.failed[:0], r.isOut[:0]
	r.program, r.in = nil, nil
	r.scratch.Forget()
}

// source is a field's value before edits, for the rows still wanted.
func (r *run) source(field int) kernel.Lane {
	if inputs := len(r.program.inputs); field < inputs {
		if field < len(r.nulled) && r.nulled[field].Data != nil {
			return kernel.Lane{Col: r.nulled[field], Rows: r.rows}
		}
		return kernel.Lane{Col: r.in.Columns[field], Rows: r.rows}
	}
	return r.dense(r.made[field])
}

func (r *run) dense(col batch.Column) kernel.Lane {
	return kernel.Lane{Col: col, Rows: r.identity[:col.Data.Len()]}
}

// validate drops the rows that break a rule. Rules that end the run come first, so that the order of the tasks, which has
// no meaning, does not decide whether a row that breaks two rules ends it.
func (r *run) validate(res *Result) error {
	for i := range r.program.validations {
		v := &r.program.validations[i]
		r.rows, r.failed = kernel.Validate(&r.scratch, r.source(v.field), v.rule, r.rows[:0], r.failed[:0])
		if v.dropDataset && len(r.failed) > 0 {
			at := int(r.failed[0].At)
			return &EndError{
				Reject: Reject{
					Row: at, Record: r.in.Origin.Record(at), Task: v.task, Index: v.index, Field: r.program.fields[v.field].name,
					Reason: v.reasons[r.failed[0].Why],
				},
				err: fault.New(fault.Validation, "record %d of %q: %s on %q failed and its action ends the run (DropDataset)",
					r.in.Origin.Record(at), r.in.Origin.Object, v.operator, r.program.fields[v.field].name),
			}
		}
		for _, f := range r.failed {
			res.Rejects = append(res.Rejects, Reject{
				Row: int(f.At), Record: r.in.Origin.Record(int(f.At)), Task: v.task, Index: v.index, Field: r.program.fields[v.field].name, Reason: v.reasons[f.Why],
			})
		}
	}
	r.failed = r.failed[:0]
	return nil
}

// check deals with values that do not fit their field's type: they become null, or their rows leave.
func (r *run) check(res *Result) {
	for i := range r.program.checks {
		c := &r.program.checks[i]
		lane := r.source(c.field)
		if lane.Col.Kind == c.kind || len(r.rows) == 0 {
			continue
		}
		col, failed := kernel.Cast(&r.scratch, r.program.pool, lane, c.kind, r.failed[:0])
		col.Data.Release()
		if r.failed = failed[:0]; len(failed) == 0 {
			continue
		}
		rows := make([]int32, len(failed))
		for k, f := range failed {
			rows[k] = r.rows[f.At]
			x := Reject{
				Row: int(rows[k]), Record: r.in.Origin.Record(int(rows[k])), Task: c.task, Index: c.index,
				Field: r.program.fields[c.field].name, Reason: c.reasons[f.Why], Refused: !c.isNull,
			}
			if c.isNull {
				res.Nulled = append(res.Nulled, x)
			} else {
				res.Rejects = append(res.Rejects, x)
			}
		}
		if !c.isNull {
			r.leave(rows)
			continue
		}
		next := kernel.Nulled(r.program.pool, lane.Col, rows)
		if old := r.nulled[c.field]; old.Data != nil {
			old.Data.Release()
		}
		r.nulled[c.field] = next
	}
}

// leave takes rows, which ascend, out of the selection.
func (r *run) leave(rows []int32) {
	kept := r.rows[:0]
	for _, row := range r.rows {
		if len(rows) > 0 && rows[0] == row {
			rows = rows[1:]
			continue
		}
		kept = append(kept, row)
	}
	r.rows = kept
}

// produce makes the output columns. Refusals are settled after the last step, so that all columns stay aligned until
// then; a row refused by several steps keeps the first reason.
func (r *run) produce(res *Result) *batch.Batch {
	p := r.program
	for i := range p.derived {
		r.derive(&p.derived[i])
	}
	columns := make([]batch.Column, len(p.outputs))
	for i := range p.outputs {
		columns[i] = r.output(&p.outputs[i])
	}
	rows := r.rows
	if len(r.refused) > 0 {
		columns, rows = r.settle(columns, res)
	}
	out := batch.New(columns, len(rows), r.origin(rows))
	if len(rows) == 0 {
		out.Release()
		return nil
	}
	return out
}

// refuse takes over the failures of a step.
func (r *run) refuse(task string, index, field int, reasons *[kernel.Reasons]string) {
	if len(r.failed) == 0 {
		return
	}
	if len(r.isOut) == 0 {
		r.isOut = slices.Grow(r.isOut, len(r.rows))[:len(r.rows)]
		clear(r.isOut)
	}
	for _, f := range r.failed {
		if !r.isOut[f.At] {
			r.isOut[f.At] = true
			r.refused = append(r.refused, refusal{at: f.At, task: task, reason: reasons[f.Why], index: index, field: field})
		}
	}
	r.failed = r.failed[:0]
}

// settle takes the refused rows out of the columns, which it takes over, and returns the rows of the batch that are left.
func (r *run) settle(columns []batch.Column, res *Result) ([]batch.Column, []int32) {
	for _, f := range r.refused {
		row := int(r.rows[f.at])
		res.Rejects = append(res.Rejects, Reject{
			Row: row, Record: r.in.Origin.Record(row), Task: f.task, Index: f.index, Field: r.program.fields[f.field].name,
			Reason: f.reason, Refused: true,
		})
	}
	keep := make([]int32, 0, len(r.rows)-len(r.refused))
	for at, out := range r.isOut {
		if !out {
			keep = append(keep, int32(at))
		}
	}
	for i, c := range columns {
		columns[i] = kernel.Gather(r.program.pool, kernel.Lane{Col: c, Rows: keep})
		c.Data.Release()
	}
	for i, at := range keep {
		keep[i] = r.rows[at]
	}
	return columns, keep
}

// origin says where the rows of the output stood.
func (r *run) origin(rows []int32) batch.Origin {
	o := r.in.Origin
	if len(rows) == r.in.Rows {
		return o
	}
	index := make([]int32, len(rows))
	for i, row := range rows {
		index[i] = row
		if o.Index != nil {
			index[i] = o.Index[row]
		}
	}
	return batch.Origin{Object: o.Object, First: o.First, Index: index}
}
