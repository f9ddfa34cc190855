package kernel

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir.dev/weir/batch"
)

// reader is a column opened for loops. It borrows from the column.
type reader struct {
	kind  batch.Type
	scale int32 // Decimal only
	view  batch.TextView
	form  batch.Form  // kinds that are not text
	nulls arrow.Array // nil when no row is null, and for text kinds
	bools *array.Boolean
	i32   []int32 // Int32, Date
	i64   []int64 // Int64, Time, Timestamp
	f64   []float64
	dec   []decimal128.Num
}

func open(col batch.Column) reader {
	r := reader{kind: col.Kind.Type, scale: col.Kind.Scale}
	if col.Kind.IsText() {
		r.view = batch.OpenText(col)
		return r
	}
	r.form = batch.OpenForm(col)
	if col.Data.NullN() != 0 {
		r.nulls = col.Data
	}
	switch a := col.Data.(type) {
	case *array.Boolean:
		r.bools = a
	case *array.Int32:
		r.i32 = a.Int32Values()
	case *array.Date32:
		r.i32 = arrow.Int32Traits.CastFromBytes(arrow.Date32Traits.CastToBytes(a.Date32Values()))
	case *array.Int64:
		r.i64 = a.Int64Values()
	case *array.Time64:
		r.i64 = arrow.Int64Traits.CastFromBytes(arrow.Time64Traits.CastToBytes(a.Time64Values()))
	case *array.Timestamp:
		r.i64 = arrow.Int64Traits.CastFromBytes(arrow.TimestampTraits.CastToBytes(a.TimestampValues()))
	case *array.Float64:
		r.f64 = a.Float64Values()
	case *array.Decimal128:
		r.dec = a.Values()
	}
	return r
}

// isNull applies the package's one meaning of null.
func (r *reader) isNull(row int) bool {
	switch r.kind {
	case batch.Text:
		return r.view.Views[row].Len() == 0 || r.view.IsNull(row)
	case batch.String:
		return r.view.IsNull(row)
	case batch.JSON:
		return r.view.IsNull(row) || isJSONNull(r.view.Bytes(row))
	}
	return r.nulls != nil && r.nulls.IsNull(row)
}

// isJSONNull also takes an empty token, which no reader makes, for a null.
func isJSONNull(token []byte) bool { return len(token) == 0 || token[0] == 'n' }

// text is the row's text form, and whether there is one. It borrows from the column or from s.text; what it gave before
// stays good.
func (r *reader) text(s *Scratch, row int) ([]byte, bool) {
	if r.isNull(row) {
		return nil, false
	}
	switch r.kind {
	case batch.Text, batch.String:
		return r.view.Bytes(row), true
	case batch.JSON:
		token := r.view.Bytes(row)
		inner, plain, ok := batch.StringToken(token)
		switch {
		case !ok:
			return token, true
		case plain:
			return inner, true
		}
		from := len(s.text)
		s.text = batch.AppendUnescaped(s.text, inner)
		return s.text[from:len(s.text):len(s.text)], true
	}
	from := len(s.text)
	s.text = r.form.Append(s.text, row)
	return s.text[from:len(s.text):len(s.text)], true
}

// texts brings a block of rows into s.texts and s.state.
func (r *reader) texts(s *Scratch, rows []int32) {
	s.text = s.text[:0]
	texts, state := s.texts[:len(rows)], s.state[:len(rows)]
	for i, row := range rows {
		t, ok := r.text(s, int(row))
		texts[i], state[i] = t, isNull
		if ok {
			state[i] = isGood
		}
	}
}
