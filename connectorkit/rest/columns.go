package rest

import (
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir.dev/weir/batch"
)

// gather is the column's rows at some places, sharing its text.
func gather(pool *batch.Pool, col batch.Column, index []int32) batch.Column {
	t := batch.OpenText(col)
	out := batch.NewTextBuilder(pool, len(index))
	out.Share(col)
	for i, row := range index {
		if t.IsNull(int(row)) {
			out.SetNull(i)
			continue
		}
		out.Views[i] = t.Views[row]
	}
	return out.Build(col.Name, batch.JSON)
}

// typed gives a column of JSON values the target's name and, if all its values are of it, the target's type. It consumes
// the column.
func (t *target) typed(pool *batch.Pool, col batch.Column) batch.Column {
	col.Name = t.name
	out, ok := col, true
	switch t.kind {
	case batch.String:
		out = batch.ToText(pool, col, batch.String)
	case batch.Bool:
		out, ok = booleans(pool, col)
	case batch.Int32:
		out, ok = numbers(pool, col, batch.Int32, arrow.Int32Traits.CastFromBytes, 4, func(b []byte) (int32, bool) {
			n, ok := whole(b)
			return int32(n), ok && n == int64(int32(n))
		})
	case batch.Int64:
		out, ok = numbers(pool, col, batch.Int64, arrow.Int64Traits.CastFromBytes, 8, whole)
	case batch.Float64:
		out, ok = numbers(pool, col, batch.Float64, arrow.Float64Traits.CastFromBytes, 8, double)
	case batch.Date:
		out, ok = numbers(pool, col, batch.Date, arrow.Int32Traits.CastFromBytes, 4, date)
	case batch.Timestamp:
		out, ok = numbers(pool, col, batch.Timestamp, arrow.Int64Traits.CastFromBytes, 8, func(b []byte) (int64, bool) { return instant(b, t.form) })
	case batch.Time:
		out, ok = numbers(pool, col, batch.Time, arrow.Int64Traits.CastFromBytes, 8, clock)
	case batch.JSON:
		out, ok = plainNumbers(pool, col)
	default:
		return col
	}
	if !ok {
		return col
	}
	out.Name = t.name
	col.Data.Release()
	return out
}

// numbers parses a column's values into one of fixed width. It fails with the first value that does not fit, and then
// leaves nothing behind.
func numbers[T any](pool *batch.Pool, col batch.Column, kind batch.Type, cast func([]byte) []T, width int, parse func([]byte) (T, bool)) (batch.Column, bool) {
	t := batch.OpenText(col)
	buf := pool.Buffer(len(t.Views) * width)
	out := cast(buf.Bytes())
	var zero T
	for row := range t.Views {
		if t.IsNull(row) {
			out[row] = zero
			continue
		}
		v, ok := parse(t.Bytes(row))
		if !ok {
			buf.Release()
			return col, false
		}
		out[row] = v
	}
	return fixedWidth(col, kind, buf), true
}

func booleans(pool *batch.Pool, col batch.Column) (batch.Column, bool) {
	t := batch.OpenText(col)
	buf := pool.Buffer(int(bitutil.BytesForBits(int64(len(t.Views)))))
	bits := buf.Bytes()
	clear(bits)
	for row := range t.Views {
		switch v := t.Bytes(row); {
		case t.IsNull(row) || string(v) == "false":
		case string(v) == "true":
			bitutil.SetBit(bits, row)
		default:
			buf.Release()
			return col, false
		}
	}
	return fixedWidth(col, batch.Bool, buf), true
}

// fixedWidth makes a column of values whose nulls are those of another. It takes the buffer.
func fixedWidth(col batch.Column, kind batch.Type, values *memory.Buffer) batch.Column {
	old := col.Data.Data()
	k := batch.Kind{Type: kind}
	data := array.NewData(k.ArrowType(), old.Len(), []*memory.Buffer{old.Buffers()[0], values}, nil, old.NullN(), 0)
	out := batch.Column{Name: col.Name, Kind: k, Data: array.MakeFromData(data)}
	data.Release()
	values.Release()
	return out
}

// whole reads a JSON number that is written as an integer.
func whole(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	digits, negative := b, b[0] == '-'
	if negative {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > 18 {
		n, err := strconv.ParseInt(string(b), 10, 64)
		return n, err == nil
	}
	n := int64(0)
	for _, c := range digits {
		if c-'0' > 9 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}

// double reads a JSON number.
func double(b []byte) (float64, bool) {
	if len(b) == 0 || b[0] != '-' && b[0]-'0' > 9 { // texts, and words that ParseFloat takes for numbers
		return 0, false
	}
	f, err := strconv.ParseFloat(string(b), 64)
	return f, err == nil
}
