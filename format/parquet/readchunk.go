package parquet

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir.dev/weir/batch"
	"weir.dev/weir/format"
)

// chunk implements format.Chunk: a row group yet to be decoded, or a batch made already.
type chunk struct {
	*reader
	made *batch.Batch

	storage *storage
	group   int
	skip    int64
	rows    int64
	first   int64

	bytes int64
	end   format.Position
}

func (c *chunk) End() format.Position { return c.end }
func (c *chunk) Bytes() int64         { return c.bytes }

func (c *chunk) Release() {
	if c.made != nil {
		c.made.Release()
	}
	c.made, c.storage = nil, nil
}

func (c *chunk) Decode() (*batch.Batch, error) {
	if b := c.made; b != nil {
		c.made = nil
		return b, nil
	}
	g := c.openAt(c.storage, c.group)
	c.storage = nil
	defer func() { _ = guard(func() error { g.close(); return nil }) }()
	var cols []batch.Column
	err := guard(func() error {
		left := c.rows + c.skip
		if err := g.skip(&left, c.skip); err != nil {
			return err
		}
		got, n, err := g.read(int(c.rows), wholeUnfold)
		if err != nil {
			return err
		}
		cols = got
		if int64(n) < c.rows {
			batch.New(got, n, batch.Origin{}).Release()
			return fmt.Errorf("it unfolds to more than %d bytes, many times what it says", int64(wholeUnfold))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading parquet file %q, row group %d: %w", c.in.Name(), c.group, err)
	}
	return batch.New(cols, int(c.rows), batch.Origin{Object: c.in.Name(), First: c.first}), nil
}

// missing is a column that the file does not have.
type missing struct {
	name string
	kind batch.Kind
	pool *batch.Pool
	rows int
}

func (m *missing) start(int)        { m.rows = 0 }
func (m *missing) read(n int) error { m.rows += n; return nil }
func (m *missing) size() int64      { return 0 }
func (m *missing) discard()         {}

func (m *missing) build() batch.Column {
	k := m.kind
	if k.Type == 0 {
		k.Type = batch.String
	}
	const widest = 16 // a view header, a decimal
	values, valid := m.pool.Buffer(m.rows*widest), m.pool.Buffer((m.rows+7)/8)
	clear(values.Bytes())
	clear(valid.Bytes())
	data := array.NewData(k.ArrowType(), m.rows, []*memory.Buffer{valid, values}, nil, m.rows, 0)
	defer data.Release()
	col := batch.Column{Name: m.name, Kind: k, Data: array.MakeFromData(data)}
	values.Release()
	valid.Release()
	return col
}

// cast delivers a field as another kind.
type cast struct {
	field
	to      batch.Kind
	convert func(batch.Column) batch.Column
}

func (c *cast) build() batch.Column {
	col := c.field.build()
	defer col.Data.Release()
	return c.convert(col)
}

// as casts the field to the kind that was asked for.
func as(f field, want format.ReadColumn, pool *batch.Pool) (field, error) {
	if _, isMissing := f.(*missing); isMissing || want.Kind.Type == 0 {
		return f, nil
	}
	from := deliveredKind(f)
	switch to := want.Kind; {
	case from == to:
		return f, nil
	case to.Type == batch.Text || to.Type == batch.String:
		return &cast{f, to, func(c batch.Column) batch.Column { return batch.ToText(pool, c, to.Type) }}, nil
	case from.Type == batch.Int32 && to.Type == batch.Int64:
		return &cast{f, to, func(c batch.Column) batch.Column {
			return widen(pool, c, to, c.Data.(*array.Int32).Int32Values(), func(v int32) int64 { return int64(v) })
		}}, nil
	case from.Type == batch.Int32 && to.Type == batch.Float64:
		return &cast{f, to, func(c batch.Column) batch.Column {
			return widen(pool, c, to, c.Data.(*array.Int32).Int32Values(), func(v int32) float64 { return float64(v) })
		}}, nil
	case from.Type == batch.Int64 && to.Type == batch.Float64:
		return &cast{f, to, func(c batch.Column) batch.Column {
			return widen(pool, c, to, c.Data.(*array.Int64).Int64Values(), func(v int64) float64 { return float64(v) })
		}}, nil
	default:
		return nil, fmt.Errorf("it is of kind %v, which cannot be read as %v", from.Type, to.Type)
	}
}

// deliveredKind is the kind of the columns that the field builds.
func deliveredKind(f field) batch.Kind {
	if k, ok := f.(interface{ kindOf() batch.Kind }); ok {
		return k.kindOf()
	}
	return batch.Kind{Type: batch.JSON}
}

func (l *leaf[T]) kindOf() batch.Kind { return l.kind }

func widen[T, U any](pool *batch.Pool, c batch.Column, to batch.Kind, values []T, convert func(T) U) batch.Column {
	f := newFixed(target{name: c.Name, kind: to, pool: pool}, convert)
	f.start(len(values))
	defs := make([]int16, len(values))
	f.put(0, defs, 0, values)
	buf := f.buf
	f.buf, f.out = nil, nil
	var valid *memory.Buffer
	if c.Data.NullN() > 0 {
		valid = c.Data.Data().Buffers()[0]
	}
	data := array.NewData(to.ArrowType(), len(values), []*memory.Buffer{valid, buf}, nil, c.Data.NullN(), 0)
	defer data.Release()
	buf.Release()
	return batch.Column{Name: c.Name, Kind: to, Data: array.MakeFromData(data)}
}
