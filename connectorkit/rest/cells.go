package rest

import (
	"bytes"

	"github.com/apache/arrow-go/v18/arrow"

	"weir.dev/weir/batch"
)

// Cells gives the columns of a batch that was read as CSV the types that [Plan.Decode] gives those read as JSON, for
// vendors who send the same records both ways. The batch's columns are the plan's fields, in that order, as text; a cell
// is written as JSON would write the value, without quotes and escapes. It consumes the batch.
//
// A column with a cell that is not of its field's type stays text.
func (p *Plan) Cells(b *batch.Batch) *batch.Batch {
	out := make([]batch.Column, len(p.fields))
	for i := range p.fields {
		b.Columns[i].Data.Retain()
		out[i] = p.fields[i].ofText(p.pool, b.Columns[i])
	}
	typed := batch.New(out, b.Rows, b.Origin)
	b.Release()
	return typed
}

// ofText is typed for cells of text. It consumes the column.
func (t *target) ofText(pool *batch.Pool, col batch.Column) batch.Column {
	col.Name = t.name
	out, ok := col, false
	switch t.kind {
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
		out, ok = numbers(pool, col, batch.Date, arrow.Int32Traits.CastFromBytes, 4, func(b []byte) (int32, bool) {
			at, ok := parseInstant(b)
			return int32(at / microsPerDay), ok && at%microsPerDay == 0
		})
	case batch.Timestamp:
		out, ok = numbers(pool, col, batch.Timestamp, arrow.Int64Traits.CastFromBytes, 8, parseInstant)
	case batch.Time:
		out, ok = numbers(pool, col, batch.Time, arrow.Int64Traits.CastFromBytes, 8, parseClock)
	case batch.JSON:
		out, ok = plainNumbers(pool, col)
	}
	if !ok {
		out = batch.ToText(pool, col, batch.String)
	}
	out.Name = t.name
	col.Data.Release()
	return out
}

// clock reads a JSON text as microseconds of a day.
func clock(token []byte) (int64, bool) {
	inner, plain, ok := batch.StringToken(token)
	if !ok || !plain {
		return 0, false
	}
	return parseClock(inner)
}

// parseClock reads 15:04:05 with a fraction of any length, in UTC whether a Z says so or not.
func parseClock(b []byte) (int64, bool) {
	if len(b) < 8 || b[2] != ':' || b[5] != ':' {
		return 0, false
	}
	h, m, s := two(b), two(b[3:]), two(b[6:])
	if h > 23 || m > 59 || s > 59 || h < 0 || m < 0 || s < 0 {
		return 0, false
	}
	at := int64(h*3600+m*60+s) * microsPerSecond
	b = bytes.TrimSuffix(b[8:], []byte("Z"))
	if len(b) == 0 {
		return at, true
	}
	if b[0] != '.' || len(b) == 1 {
		return 0, false
	}
	scale := int64(microsPerSecond)
	for _, c := range b[1:] {
		if c-'0' > 9 {
			return 0, false
		}
		scale /= 10
		at += int64(c-'0') * scale
	}
	return at, true
}

// plainNumbers is a column of numbers as JSON, each in the one form that its value has: digits and perhaps a point,
// without exponent and without zeros that say nothing. It fails with the first cell that is no number; what is not
// changed is shared.
func plainNumbers(pool *batch.Pool, col batch.Column) (batch.Column, bool) {
	t := batch.OpenText(col)
	b := batch.NewTextBuilder(pool, len(t.Views))
	b.Share(col)
	var scratch []byte
	for row := range t.Views {
		if t.IsNull(row) {
			b.SetNull(row)
			continue
		}
		token := t.Bytes(row)
		n, ok := plainLength(token)
		switch {
		case !ok:
			b.Discard()
			return col, false
		case n < 0:
			if scratch, ok = appendPlain(scratch[:0], token); !ok {
				b.Discard()
				return col, false
			}
			b.Append(row, scratch)
		case n == len(token):
			b.Views[row] = t.Views[row]
		case n <= batch.InlineText:
			b.Views[row].SetBytes(token[:n])
		default:
			b.Views[row].SetBytes(token[:n])
			b.Views[row].SetIndexOffset(t.Views[row].BufferIndex(), t.Views[row].BufferOffset())
		}
	}
	return b.Build(col.Name, batch.JSON), true
}

// plainLength is how much of a number says something; -1 when it has to be written anew. It fails for what is no number.
func plainLength(b []byte) (int, bool) {
	digits := b
	if len(b) > 0 && b[0] == '-' {
		digits = b[1:]
	}
	point := -1
	for i, c := range digits {
		switch {
		case c-'0' <= 9:
		case c == '.' && point < 0 && i > 0 && i < len(digits)-1:
			point = i
		case (c == 'e' || c == 'E') && i > 0 && i < len(digits)-1:
			return -1, true
		default:
			return 0, false
		}
	}
	if len(digits) == 0 || len(digits) > 1 && digits[0] == '0' && point != 1 {
		return 0, false
	}
	if digits[0] == '0' && len(b) > len(digits) { // -0, perhaps
		return -1, true
	}
	if point < 0 {
		return len(b), true
	}
	n := len(digits)
	for digits[n-1] == '0' {
		n--
	}
	if n-1 == point {
		n--
	}
	return n + len(b) - len(digits), true
}

// maxExponent bounds how long a number may get when its exponent is written out.
const maxExponent = 400

// appendPlain writes a number with an exponent, or a negative one that may be zero, in its plain form.
func appendPlain(dst, b []byte) ([]byte, bool) {
	negative := b[0] == '-'
	if negative {
		b = b[1:]
	}
	mantissa, exponent := b, 0
	if i := bytes.IndexAny(b, "eE"); i >= 0 {
		mantissa = b[:i]
		sign, rest := 1, b[i+1:]
		if rest[0] == '+' || rest[0] == '-' {
			if rest[0] == '-' {
				sign = -1
			}
			rest = rest[1:]
		}
		n, ok := whole(rest)
		if !ok || n > maxExponent || len(rest) == 0 || rest[0] == '-' {
			return dst, false
		}
		exponent = sign * int(n)
	}
	before, after, _ := bytes.Cut(mantissa, []byte("."))
	digits := append(append(make([]byte, 0, len(before)+len(after)), before...), after...)
	point := len(before) + exponent
	for len(digits) > 0 && digits[0] == '0' {
		digits, point = digits[1:], point-1
	}
	digits = bytes.TrimRight(digits, "0")
	if len(digits) == 0 {
		return append(dst, '0'), true
	}
	if negative {
		dst = append(dst, '-')
	}
	zeros := func(n int) {
		for range n {
			dst = append(dst, '0')
		}
	}
	switch {
	case point <= 0:
		dst = append(dst, '0', '.')
		zeros(-point)
		return append(dst, digits...), true
	case point >= len(digits):
		dst = append(dst, digits...)
		zeros(point - len(digits))
		return dst, true
	}
	return append(append(append(dst, digits[:point]...), '.'), digits[point:]...), true
}
