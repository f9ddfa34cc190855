package transform

import (
	"weir.dev/weir/batch"
	"weir.dev/weir/internal/transform/kernel"
)

// derive makes one derived field.
func (r *run) derive(d *derived) {
	if d.arithmetic {
		a, b := r.source(d.from[0]), r.source(d.from[1])
		// The result is text where both operands were; where a source has numbers, it stays a number.
		kind := batch.Text
		if a.Col.Kind.Type != batch.Text || b.Col.Kind.Type != batch.Text {
			kind = batch.JSON
		}
		r.made[d.field], r.failed = kernel.Arithmetic(&r.scratch, r.program.pool, d.op, a, b, kind, r.failed)
	} else {
		pieces := make([]kernel.Piece, len(d.pieces))
		for i, p := range d.pieces {
			pieces[i].Literal = p.literal
			if p.field >= 0 {
				pieces[i].Lane = r.source(p.field)
			}
		}
		r.made[d.field], r.failed = kernel.Merge(&r.scratch, r.program.pool, pieces, len(r.rows), r.failed)
	}
	r.refuse(d.task, d.index, d.field, &d.reasons)
}

// output makes one output column, dense over the rows. The caller owns it.
func (r *run) output(o *output) batch.Column {
	var col batch.Column
	switch edited := r.afterEdits(o.field); {
	case o.kind.Type != 0 && edited.Kind != o.kind:
		col, r.failed = kernel.Cast(&r.scratch, r.program.pool, r.dense(edited), o.kind, r.failed)
		r.refuse(o.task, o.index, o.field, &o.reasons)
	default:
		col = edited
		col.Data.Retain()
	}
	col.Name = o.name
	return col
}

// afterEdits is a field's value for outputs, dense over the rows, made once. The run owns it.
func (r *run) afterEdits(field int) batch.Column {
	if col := r.edited[field]; col.Data != nil {
		return col
	}
	pool, lane := r.program.pool, r.source(field)
	edits := r.program.fields[field].edits
	var col batch.Column
	switch {
	case len(edits) == 0 && len(lane.Rows) == lane.Col.Data.Len():
		col = lane.Col
		col.Data.Retain()
	case len(edits) == 0:
		col = kernel.Gather(pool, lane)
	}
	for i := range edits {
		e := &edits[i]
		if k := lane.Col.Kind.Type; k != batch.Text && k != batch.String {
			col = kernel.TextForm(pool, lane)
			lane = r.dense(col)
		}
		next := r.edit(e, field, lane)
		if col.Data != nil {
			col.Data.Release()
		}
		col, lane = next, r.dense(next)
	}
	r.edited[field] = col
	return col
}

func (r *run) edit(e *edit, field int, lane kernel.Lane) (col batch.Column) {
	if e.truncate > 0 {
		return kernel.Truncate(r.program.pool, lane, e.truncate)
	}
	col, r.failed = kernel.Mask(r.program.pool, lane, e.part, e.length, e.with, r.failed)
	r.refuse(e.task, e.index, field, &e.reasons)
	return col
}
