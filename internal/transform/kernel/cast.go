package kernel

import (
	"bytes"
	"math/big"
	"math/bits"
	"strconv"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir.dev/weir/batch"
)

// Cast makes the lane's rows a dense column of another kind, which must not be a text kind. Null stays null, and a value
// that the kind cannot hold fails its row:
//
//	Int32, Int64  whole numbers in range, however written: 12, 12.0, 1.2e1; never rounded
//	Float64       any number within the range of doubles, rounded to the nearest
//	Decimal       any number whose whole part fits, rounded half to even to the scale
//	Bool          true and false, any case
//	Date          a date; an instant only at midnight UTC
//	Timestamp     an instant or a date, as in filters
//	Time          hh:mm[:ss[.fraction]]
//	Binary        the bytes of a text
//
// Integers and dates are exact or refused; doubles, decimals and times have a precision, and are brought to it.
func Cast(s *Scratch, mem memory.Allocator, lane Lane, kind batch.Kind, failed []Failure) (batch.Column, []Failure) {
	if lane.Col.Kind == kind {
		return Gather(mem, lane), failed
	}
	c := caster{s: s, r: open(lane.Col), rows: lane.Rows, kind: kind, failed: failed}
	c.valid.mem, c.valid.rows = mem, len(lane.Rows)
	values := memory.NewResizableBuffer(mem)
	var bufs []*memory.Buffer
	switch kind.Type {
	case batch.Int32:
		castNumbers(&c, values, func(x *number, row int) (int32, bool) {
			v, ok := c.whole(x, row)
			return int32(v), ok && v == int64(int32(v))
		})
	case batch.Int64:
		castNumbers(&c, values, c.whole)
	case batch.Float64:
		castNumbers(&c, values, c.double)
	case batch.Decimal:
		castNumbers(&c, values, c.decimal)
	case batch.Timestamp:
		castInts(&c, values, (*reader).instants, func(x int64) (int64, bool) { return x, true })
	case batch.Date:
		castInts(&c, values, (*reader).instants, func(x int64) (int32, bool) {
			return int32(x / microsPerDay), x%microsPerDay == 0
		})
	case batch.Time:
		castInts(&c, values, (*reader).times, func(x int64) (int64, bool) { return x, true })
	case batch.Bool:
		c.booleans(values)
	default:
		bufs = c.bytes(values, lane)
	}
	bufs = append([]*memory.Buffer{c.valid.buf, values}, bufs...)
	return batch.Column{Name: lane.Col.Name, Kind: kind, Data: build(kind.ArrowType(), len(lane.Rows), bufs, c.valid.nulls)}, c.failed
}

type caster struct {
	s      *Scratch
	r      reader
	rows   []int32
	kind   batch.Kind
	valid  validity
	failed []Failure
}

// fail makes the row null and reports it.
func (c *caster) fail(at int) {
	c.valid.setNull(at)
	c.failed = append(c.failed, Failure{At: int32(at), Why: NotOfType})
}

// settle deals with a row that has no value of the kind.
func (c *caster) settle(at int, state uint8) {
	if state == isNull {
		c.valid.setNull(at)
		return
	}
	c.fail(at)
}

// castNumbers calls convert for every number; what it is given for a large one is to be read again from the row.
func castNumbers[T any](c *caster, values *memory.Buffer, convert func(x *number, row int) (T, bool)) {
	var zero T
	values.Resize(len(c.rows) * int(unsafe.Sizeof(zero)))
	out := cast[T](values.Bytes())
	xs := &c.s.numbers[0]
	for base := 0; base < len(c.rows); base += blockRows {
		block := c.rows[base:min(base+blockRows, len(c.rows))]
		c.r.numbers(c.s, block, xs[:])
		for i, row := range block {
			at := base + i
			out[at] = zero
			if xs[i].state > isLarge {
				c.settle(at, xs[i].state)
				continue
			}
			v, ok := convert(&xs[i], int(row))
			if !ok {
				c.fail(at)
				continue
			}
			out[at] = v
		}
	}
}

// castInts is castNumbers for kinds that come to an int64.
func castInts[T any](c *caster, values *memory.Buffer, load func(*reader, *Scratch, []int32), convert func(int64) (T, bool)) {
	var zero T
	values.Resize(len(c.rows) * int(unsafe.Sizeof(zero)))
	out := cast[T](values.Bytes())
	for base := 0; base < len(c.rows); base += blockRows {
		block := c.rows[base:min(base+blockRows, len(c.rows))]
		load(&c.r, c.s, block)
		for i := range block {
			at := base + i
			out[at] = zero
			if c.s.state[i] != isGood {
				c.settle(at, c.s.state[i])
				continue
			}
			v, ok := convert(c.s.ints[i])
			if !ok {
				c.fail(at)
				continue
			}
			out[at] = v
		}
	}
}

// reread is the decimal of a number that the fast form does not hold.
func (c *caster) reread(row int) decimal {
	text, _ := c.r.text(c.s, row)
	d, _ := parseDecimal(text)
	return d
}

func (c *caster) whole(x *number, row int) (int64, bool) {
	if x.state == isGood {
		unit := int64(pow10[min(x.scale, maxScale)])
		return x.coef / unit, x.coef%unit == 0
	}
	d := c.reread(row)
	floor, ceil := d.around(0)
	v, scale, ok := d.big()
	if !ok || floor != ceil || scale != 0 {
		return 0, false
	}
	return floor, v.IsInt64()
}

func (c *caster) double(x *number, row int) (float64, bool) {
	// Both fit a double exactly, so the one division rounds once.
	if x.state == isGood && x.coef < 1<<53 && x.coef > -1<<53 {
		return float64(x.coef) / float64(pow10[min(x.scale, maxScale)]), true
	}
	text, _ := c.r.text(c.s, row)
	text = trim(text)
	v, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(text), len(text)), 64)
	return v, err == nil
}

func (c *caster) decimal(x *number, row int) (decimal128.Num, bool) {
	to := int(c.kind.Scale)
	if x.state == isLarge {
		d := c.reread(row)
		return d.decimal128(c.kind)
	}
	neg, m := split(x.coef)
	var hi, lo uint64
	switch up := to - int(x.scale); {
	case up < 0:
		unit := pow10[-up]
		lo = m / unit
		if rest := m % unit; rest > unit-rest || rest == unit-rest && lo&1 == 1 {
			lo++
		}
	case up < len(pow10):
		hi, lo = bits.Mul64(m, pow10[up])
	default:
		d := c.reread(row)
		return d.decimal128(c.kind)
	}
	return signed(neg, decimal128.New(int64(hi), lo), c.kind)
}

// signed checks that a magnitude fits the kind and gives it its sign.
func signed(neg bool, v decimal128.Num, kind batch.Kind) (decimal128.Num, bool) {
	if v.HighBits() < 0 || !v.FitsInPrecision(kind.Precision) {
		return decimal128.Num{}, false
	}
	if neg {
		v = v.Negate()
	}
	return v, true
}

// decimal128 rounds half to even to the kind's scale.
func (d *decimal) decimal128(kind batch.Kind) (v decimal128.Num, ok bool) {
	if d.sign() == 0 || d.magnitude() < -int(kind.Scale) { // below half a unit
		return v, true
	}
	if d.magnitude() > int(kind.Precision-kind.Scale) {
		return v, false
	}
	units, rest := d.units(int(kind.Scale))
	if up := bytes.Compare(rest, []byte("5")); up > 0 || up == 0 && units.Bit(0) == 1 {
		units.Add(units, big.NewInt(1))
	}
	if units.BitLen() > 127 {
		return v, false
	}
	return signed(d.neg, decimal128.FromBigInt(units), kind)
}

func (c *caster) booleans(values *memory.Buffer) {
	values.Resize(int(bitutil.BytesForBits(int64(len(c.rows)))))
	out := values.Bytes()
	clear(out)
	for base := 0; base < len(c.rows); base += blockRows {
		block := c.rows[base:min(base+blockRows, len(c.rows))]
		c.r.booleans(c.s, block)
		for i := range block {
			switch {
			case c.s.state[i] != isGood:
				c.settle(base+i, c.s.state[i])
			case c.s.ints[i] == 1:
				bitutil.SetBit(out, base+i)
			}
		}
	}
}

// times brings a block of rows into s.ints, as microseconds since midnight, and s.state.
func (r *reader) times(s *Scratch, rows []int32) {
	if r.kind > batch.JSON {
		r.noneOf(s, rows)
		return
	}
	r.texts(s, rows)
	for i, text := range s.texts[:len(rows)] {
		if s.state[i] != isGood {
			continue
		}
		x, ok := parseTime(text)
		if s.ints[i] = x; !ok {
			s.state[i] = isBad
		}
	}
}

// bytes makes the headers of a binary column, which Arrow lays out like a text column.
func (c *caster) bytes(values *memory.Buffer, lane Lane) []*memory.Buffer {
	values.Resize(len(c.rows) * arrow.ViewHeaderSizeBytes)
	clear(values.Bytes())
	if c.r.kind != batch.Text && c.r.kind != batch.String {
		c.none()
		return nil
	}
	out := arrow.ViewHeaderTraits.CastFromBytes(values.Bytes())
	for at, row := range c.rows {
		if c.r.isNull(int(row)) {
			c.valid.setNull(at)
			continue
		}
		out[at] = c.r.view.Views[row]
	}
	bufs := lane.Col.Data.Data().Buffers()[2:]
	for _, b := range bufs {
		b.Retain()
	}
	return append([]*memory.Buffer(nil), bufs...)
}

// none is for columns none of whose values can be had in the kind.
func (c *caster) none() {
	for at, row := range c.rows {
		if c.r.isNull(int(row)) {
			c.valid.setNull(at)
			continue
		}
		c.fail(at)
	}
}

// validity is a column's null bitmap, made when the first null comes.
type validity struct {
	mem   memory.Allocator
	rows  int
	buf   *memory.Buffer
	nulls int
}

func (v *validity) setNull(at int) {
	if v.buf == nil {
		v.buf = memory.NewResizableBuffer(v.mem)
		v.buf.Resize(int(bitutil.BytesForBits(int64(v.rows))))
		bitmap := v.buf.Bytes()
		for i := range bitmap {
			bitmap[i] = 0xff
		}
	}
	bitutil.ClearBit(v.buf.Bytes(), at)
	v.nulls++
}
