package batch

import (
	"encoding/base64"
	"math"
	"math/bits"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Form is a column opened for its text form: what a value becomes where only text fits, in CSV, in a Parquet column of
// strings, in a masked or merged cell.
//
//	Text, String  as it is
//	JSON          a string's text; anything else as its JSON
//	Bool          true, false
//	Int32, Int64  decimal digits
//	Float64       the shortest digits that read back as the same number; with an exponent below 1e-6 and from 1e21;
//	              NaN, Infinity, -Infinity
//	Decimal       digits with Scale decimals, no exponent
//	Date          2006-01-02
//	Time          15:04:05.000, six decimals where the last three are not zero
//	Timestamp     2006-01-02T15:04:05.000Z, in UTC, six decimals where the last three are not zero
//	Binary        base64, standard alphabet, padded
//
// A null has no text form. A Form borrows from its column and may be read by several goroutines.
type Form struct {
	Kind Kind
	text TextView // text kinds

	nulls  arrow.Array // nil when no row is null, and for text kinds
	bools  *array.Boolean
	int32s []int32 // Int32, Date
	int64s []int64 // Int64, Time, Timestamp
	floats []float64
	decs   []decimal128.Num
	binary *array.BinaryView
}

// OpenForm opens a column.
func OpenForm(col Column) Form {
	f := Form{Kind: col.Kind}
	if col.Kind.IsText() {
		f.text = OpenText(col)
		return f
	}
	if col.Data.NullN() != 0 {
		f.nulls = col.Data
	}
	switch a := col.Data.(type) {
	case *array.Boolean:
		f.bools = a
	case *array.Int32:
		f.int32s = a.Int32Values()
	case *array.Date32:
		f.int32s = arrow.Int32Traits.CastFromBytes(arrow.Date32Traits.CastToBytes(a.Date32Values()))
	case *array.Int64:
		f.int64s = a.Int64Values()
	case *array.Time64:
		f.int64s = arrow.Int64Traits.CastFromBytes(arrow.Time64Traits.CastToBytes(a.Time64Values()))
	case *array.Timestamp:
		f.int64s = arrow.Int64Traits.CastFromBytes(arrow.TimestampTraits.CastToBytes(a.TimestampValues()))
	case *array.Float64:
		f.floats = a.Float64Values()
	case *array.Decimal128:
		f.decs = a.Values()
	case *array.BinaryView:
		f.binary = a
	}
	return f
}

// Text is the view of a text kind's column, nil for the others.
func (f *Form) Text() *TextView {
	if f.Kind.IsText() {
		return &f.text
	}
	return nil
}

// IsNull reports whether the row is null.
func (f *Form) IsNull(row int) bool {
	if f.Kind.IsText() {
		return f.text.IsNull(row)
	}
	return f.nulls != nil && f.nulls.IsNull(row)
}

// Float is the number in the row of a Float64 column.
func (f *Form) Float(row int) float64 { return f.floats[row] }

// Append appends the row's text form; nothing for a null.
func (f *Form) Append(dst []byte, row int) []byte {
	if f.IsNull(row) {
		return dst
	}
	switch f.Kind.Type {
	case Text, String:
		return append(dst, f.text.Bytes(row)...)
	case JSON:
		return AppendToken(dst, f.text.Bytes(row))
	case Bool:
		return strconv.AppendBool(dst, f.bools.Value(row))
	case Int32:
		return strconv.AppendInt(dst, int64(f.int32s[row]), 10)
	case Int64:
		return strconv.AppendInt(dst, f.int64s[row], 10)
	case Float64:
		return AppendFloat(dst, f.floats[row])
	case Decimal:
		return AppendDecimal(dst, f.decs[row], f.Kind.Scale)
	case Date:
		return AppendDate(dst, int64(f.int32s[row]))
	case Time:
		return AppendTime(dst, f.int64s[row])
	case Timestamp:
		return AppendTimestamp(dst, f.int64s[row])
	case Binary:
		return base64.StdEncoding.AppendEncode(dst, f.binary.Value(row))
	}
	return dst
}

// AppendText appends the text form of one value. Loops open the column once, with [OpenForm].
func AppendText(dst []byte, col Column, row int) []byte {
	f := OpenForm(col)
	return f.Append(dst, row)
}

// ToText gives the column of text forms, of kind Text or String, under the same name. Text stays where it is, and so
// does the text of a JSON string without escapes: only headers are made. The caller owns the result and still owns col.
func ToText(mem memory.Allocator, col Column, kind Type) Column {
	if col.Kind.Type == Text || col.Kind.Type == String {
		col.Data.Retain()
		return Column{Name: col.Name, Kind: Kind{Type: kind}, Data: col.Data}
	}
	form := OpenForm(col)
	b := NewTextBuilder(mem, col.Data.Len())
	if col.Kind.Type == JSON {
		b.Share(col)
	}
	var scratch []byte
	for row := range b.Views {
		switch {
		case form.IsNull(row):
			b.SetNull(row)
		case col.Kind.Type == JSON:
			scratch = b.setToken(row, &form.text, scratch)
		default:
			scratch = form.Append(scratch[:0], row)
			b.Append(row, scratch)
		}
	}
	return b.Build(col.Name, kind)
}

// setToken makes the row the text of a JSON column's cell; all the column's buffers must have been shared first.
func (b *TextBuilder) setToken(row int, from *TextView, scratch []byte) []byte {
	token := from.Bytes(row)
	inner, plain, ok := StringToken(token)
	if !ok {
		b.Views[row] = from.Views[row]
		return scratch
	}
	if !plain {
		scratch = AppendUnescaped(scratch[:0], inner)
		b.Append(row, scratch)
		return scratch
	}
	v := &b.Views[row]
	v.SetBytes(inner)
	if len(inner) > inlineMax {
		old := &from.Views[row]
		v.SetIndexOffset(old.BufferIndex(), old.BufferOffset()+1)
	}
	return scratch
}

// AppendFloat appends a number in its text form, see [Form].
func AppendFloat(dst []byte, x float64) []byte {
	switch {
	case math.IsNaN(x):
		return append(dst, "NaN"...)
	case math.IsInf(x, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(x, -1):
		return append(dst, "-Infinity"...)
	}
	if abs := math.Abs(x); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		return strconv.AppendFloat(dst, x, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, x, 'f', -1, 64)
}

// AppendDecimal appends an unscaled number with scale decimals.
func AppendDecimal(dst []byte, n decimal128.Num, scale int32) []byte {
	hi, lo := uint64(n.HighBits()), n.LowBits()
	if int64(hi) < 0 {
		dst = append(dst, '-')
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	var digits [80]byte // 39 digits, and zeros to fill the scale
	i := len(digits)
	for hi != 0 || lo != 0 {
		q := hi / 10
		var rest uint64
		lo, rest = bits.Div64(hi%10, lo, 10)
		hi = q
		i--
		digits[i] = byte('0' + rest)
	}
	least := min(max(int(scale), 0), 38) + 1 // one digit before the point
	for len(digits)-i < least {
		i--
		digits[i] = '0'
	}
	point := len(digits) - (least - 1)
	dst = append(dst, digits[i:point]...)
	if least > 1 {
		dst = append(append(dst, '.'), digits[point:]...)
	}
	for ; scale < 0 && !(point-i == 1 && digits[i] == '0'); scale++ {
		dst = append(dst, '0')
	}
	return dst
}
