package memory

import (
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir.dev/weir/batch"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// kinds are the columns that the fields' types become.
var kinds = map[flow.Type]batch.Type{
	flow.TypeString: batch.String, flow.TypeText: batch.Text, flow.TypeJSON: batch.JSON, flow.TypeBoolean: batch.Bool,
	flow.TypeInteger: batch.Int32, flow.TypeLong: batch.Int64, flow.TypeDouble: batch.Float64,
	flow.TypeDate: batch.Date, flow.TypeTime: batch.Time, flow.TypeDatetime: batch.Timestamp, flow.TypeBinary: batch.Binary,
}

// build makes one column of the rows' cells at index field.
func build(pool *batch.Pool, f flow.Field, rows [][]any, field int) (batch.Column, error) {
	kind := batch.Kind{Type: kinds[f.Type]}
	if kind.Type == 0 {
		return batch.Column{}, fault.New(fault.Validation, "reading field %q: the in-memory vendor has no values of type %q", f.Name, f.Type)
	}
	if kind.IsText() {
		return buildText(pool, f.Name, kind.Type, rows, field)
	}
	b := array.NewBuilder(pool, kind.ArrowType())
	defer b.Release()
	for _, row := range rows {
		if row[field] == nil {
			b.AppendNull()
		} else if !appendValue(b, row[field]) {
			return batch.Column{}, fault.New(fault.Internal, "reading field %q: a cell is a %T", f.Name, row[field])
		}
	}
	return batch.Column{Name: f.Name, Kind: kind, Data: b.NewArray()}, nil
}

// nulls is a column that the table lacks.
func nulls(pool *batch.Pool, name string, rows int) batch.Column {
	b := batch.NewTextBuilder(pool, rows)
	for row := range rows {
		b.SetNull(row)
	}
	return b.Build(name, batch.String)
}

func buildText(pool *batch.Pool, name string, kind batch.Type, rows [][]any, field int) (batch.Column, error) {
	total := 0
	for _, row := range rows {
		if s, ok := row[field].(string); ok {
			total += len(s)
		} else if row[field] != nil {
			return batch.Column{}, fault.New(fault.Internal, "reading field %q: a cell is a %T", name, row[field])
		}
	}
	text := batch.NewTextBuilder(pool, len(rows))
	buf := pool.Buffer(total)
	at, index := 0, text.Buffer(buf)
	for i, row := range rows {
		s, ok := row[field].(string)
		if !ok {
			text.SetNull(i)
			continue
		}
		copy(buf.Bytes()[at:], s)
		text.Set(i, index, buf.Bytes(), at, len(s))
		at += len(s)
	}
	buf.Release() // the builder has its own reference
	return text.Build(name, kind), nil
}

// appendValue appends a cell that is not null; false when it is of another type than the column.
func appendValue(b array.Builder, cell any) bool {
	switch b := b.(type) {
	case *array.BooleanBuilder:
		return appendAs(cell, b.Append)
	case *array.Int32Builder:
		return appendAs(cell, b.Append)
	case *array.Int64Builder:
		return appendAs(cell, b.Append)
	case *array.Float64Builder:
		return appendAs(cell, b.Append)
	case *array.BinaryViewBuilder:
		return appendAs(cell, b.Append)
	case *array.Date32Builder:
		return appendAs(cell, func(t time.Time) { b.Append(arrow.Date32FromTime(t)) })
	case *array.Time64Builder:
		return appendAs(cell, func(t time.Time) {
			midnight := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
			b.Append(arrow.Time64(t.Sub(midnight).Microseconds()))
		})
	case *array.TimestampBuilder:
		return appendAs(cell, func(t time.Time) { b.Append(arrow.Timestamp(t.UnixMicro())) })
	}
	return false
}

func appendAs[T any](cell any, add func(T)) bool {
	v, ok := cell.(T)
	if ok {
		add(v)
	}
	return ok
}

// cell reads a value back; numbers, booleans and texts as they are, everything else in its text form.
func cell(col batch.Column, form *batch.Form, row int) any {
	if form.IsNull(row) {
		return nil
	}
	switch a := col.Data.(type) {
	case *array.Boolean:
		return a.Value(row)
	case *array.Int32:
		return a.Value(row)
	case *array.Int64:
		return a.Value(row)
	case *array.Float64:
		return a.Value(row)
	}
	return string(form.Append(nil, row))
}
