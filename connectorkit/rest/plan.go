package rest

import (
	"time"

	"weir.dev/weir/batch"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/format"
	"weir.dev/weir/format/jsonl"
)

// Form is how a vendor writes values that JSON has no type for.
type Form string

// Forms of times.
const (
	ISO         Form = ""       // texts as RFC 3339 writes them
	EpochSecond Form = "epoch"  // seconds from 1970, as a number or as text
	EpochMilli  Form = "millis" // milliseconds
)

// Forms of values that are otherwise left as the vendor wrote them.
const (
	Clock Form = "clock" // times of day, as 15:04:05.000Z
	// PlainNumber is decimals that the vendor writes now in one way, now in another: 1.0E3, 1000.0 and 1000 become one.
	PlainNumber Form = "plain"
)

// PlanOptions say how a plan reads records.
type PlanOptions struct {
	Fields []string // to deliver, in this order
	// At is where a field stands in a record, when that is not its name; dots lead into objects.
	At   map[string]string
	Form map[string]Form // of fields of date and time
	// Window keeps the records whose field By lies in [From, To). A record without that time is left out.
	Window *flow.Window
	By     string
	// Key are fields that [Plan.Keys] makes keys of.
	Key  []string
	Pool *batch.Pool
}

// Plan is how the records of one entity become batches. It is made once for a split. Safe for concurrent use.
type Plan struct {
	entity string
	fields []target // as delivered
	read   []format.ReadColumn
	by     int // of read; -1 without a window
	byForm Form
	window *flow.Window
	keys   []format.ReadColumn
	pool   *batch.Pool
}

// target is one column to deliver: read as JSON, then given its type.
type target struct {
	name string
	kind batch.Type // 0 leaves it as JSON
	form Form
}

// kinds are the column types that values of a canonical type get. Decimals, times of day and binary values stay as the
// vendor wrote them: text that says exactly what was sent is better than a type chosen here.
var kinds = map[flow.Type]batch.Type{
	flow.TypeString: batch.String, flow.TypeText: batch.String, flow.TypeBoolean: batch.Bool, flow.TypeInteger: batch.Int32,
	flow.TypeLong: batch.Int64, flow.TypeDouble: batch.Float64, flow.TypeDate: batch.Date, flow.TypeDatetime: batch.Timestamp,
}

// NewPlan makes a plan. Its errors are Validation: a field that the schema does not have.
func NewPlan(schema flow.Schema, o PlanOptions) (*Plan, error) {
	p := &Plan{entity: schema.Entity, by: -1, window: o.Window, pool: o.Pool, byForm: o.Form[o.By]}
	if p.pool == nil {
		p.pool = batch.DefaultPool
	}
	at := func(name string) format.ReadColumn {
		if path := o.At[name]; path != "" {
			name = path
		}
		return format.ReadColumn{Name: name}
	}
	for _, name := range o.Fields {
		i := schema.Find(name)
		if i < 0 && !schema.Open {
			return nil, fault.New(fault.Validation, "reading entity %q: it has no field %q", schema.Entity, name)
		}
		t := target{name: name, form: o.Form[name]}
		if i >= 0 {
			t.kind = kinds[schema.Fields[i].Type]
			switch t.form {
			case Clock:
				t.kind = batch.Time
			case PlainNumber:
				t.kind = batch.JSON
			}
		}
		p.fields, p.read = append(p.fields, t), append(p.read, at(name))
	}
	if o.Window != nil {
		i := schema.Find(o.By)
		if i < 0 || schema.Fields[i].Type != flow.TypeDatetime && schema.Fields[i].Type != flow.TypeDate {
			return nil, fault.New(fault.Validation, "reading entity %q: %q is no field of date and time", schema.Entity, o.By)
		}
		p.by, p.read = len(p.read), append(p.read, at(o.By))
	}
	for _, name := range o.Key {
		p.keys = append(p.keys, at(name))
	}
	return p, nil
}

// Fields are the fields that batches have, in their order.
func (p *Plan) Fields() []string {
	names := make([]string, len(p.fields))
	for i := range p.fields {
		names[i] = p.fields[i].name
	}
	return names
}

// Decode makes a batch of the records of one page, an array as [Split] gives it. First is the number of the first one in
// its entity. Records whose number in the page is in drop are left out.
//
// Columns have the type of their field, as far as the values of the page are of it; a column with a value that is not
// stays JSON, as the vendor sent it, so that what becomes of that value is decided for its record alone.
func (p *Plan) Decode(records []byte, first int64, drop map[int]bool) (*batch.Batch, error) {
	b, err := jsonl.DecodeArray(p.entity, records, first, format.ReadOptions{Columns: p.read, Pool: p.pool})
	if err != nil {
		return nil, err
	}
	index, err := p.kept(b, drop)
	if err != nil {
		b.Release()
		return nil, err
	}
	rows := b.Rows
	if index != nil {
		rows = len(index)
	}
	out := make([]batch.Column, len(p.fields))
	for i := range p.fields {
		col := b.Columns[i]
		if index != nil {
			col = gather(p.pool, col, index)
		} else {
			col.Data.Retain()
		}
		out[i] = p.fields[i].typed(p.pool, col)
	}
	b.Release()
	return batch.New(out, rows, batch.Origin{Object: p.entity, First: first, Index: index}), nil
}

// kept lists the rows that stay; nil when all do.
func (p *Plan) kept(b *batch.Batch, drop map[int]bool) ([]int32, error) {
	if p.by < 0 && len(drop) == 0 {
		return nil, nil
	}
	var times batch.TextView
	var from, to int64
	if p.by >= 0 {
		times = batch.OpenText(b.Columns[p.by])
		from, to = micros(p.window.From), micros(p.window.To)
	}
	index := make([]int32, 0, b.Rows)
	for row := range b.Rows {
		if drop[row] {
			continue
		}
		if p.by >= 0 {
			if times.IsNull(row) {
				continue
			}
			at, ok := instant(times.Bytes(row), p.byForm)
			if !ok {
				return nil, fault.New(fault.ConnectorServer, "reading entity %q: the time in %q of record %d cannot be read", p.entity, p.read[p.by].Name, b.Origin.Record(row))
			}
			if at < from || at >= to {
				continue
			}
		}
		index = append(index, int32(row))
	}
	if len(index) == b.Rows {
		return nil, nil
	}
	return index, nil
}

// micros is an instant in microseconds, rounded up: a value in whole microseconds is before the instant exactly when it
// is less than this.
func micros(t time.Time) int64 {
	m := t.UnixMicro()
	if t.Nanosecond()%1000 != 0 {
		m++
	}
	return m
}

// Count is how many records a page holds. Its error is ConnectorServer, worth another try: a page that cannot be counted
// was torn on its way.
func (p *Plan) Count(records []byte, first int64) (int, error) {
	n, err := jsonl.CountArray(p.entity, records, first)
	if err != nil {
		return 0, fault.Temporary(fault.ConnectorServer, err, "counting the records of the answer")
	}
	return n, nil
}

// Keys gives each record of a page a number that is the same for the same values of the key fields.
func (p *Plan) Keys(records []byte) ([]uint64, error) {
	b, err := jsonl.DecodeArray(p.entity, records, 1, format.ReadOptions{Columns: p.keys, Pool: p.pool})
	if err != nil {
		return nil, err
	}
	defer b.Release()
	sums := make([]uint64, b.Rows)
	for i := range sums {
		sums[i] = 14695981039346656037 // FNV-1a
	}
	for _, col := range b.Columns {
		t := batch.OpenText(col)
		for row := range sums {
			h := sums[row]
			for _, c := range t.Bytes(row) {
				h = (h ^ uint64(c)) * 1099511628211
			}
			sums[row] = (h ^ 0xff) * 1099511628211 // no value of JSON holds this byte
		}
	}
	return sums, nil
}

// MetadataPlan is for lists that are not decoded.
func MetadataPlan() *Plan { return &Plan{entity: "metadata", by: -1, pool: batch.DefaultPool} }
