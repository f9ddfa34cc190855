package parquet

import (
	"context"
	"encoding/base64"
	"fmt"
	"math"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"weir.dev/weir/batch"
)

// nested delivers a list, map or group as JSON text.
type nested struct {
	name    string
	rd      *pqarrow.ColumnReader
	path    []string // from the top-level field down through groups
	pool    *batch.Pool
	text    *batch.TextBuilder
	rows    int
	bytes   int64
	scratch []byte
}

// openNested opens the top-level field at index i of one row group.
func openNested(rd *file.Reader, group, i int, path []string, name string, pool *batch.Pool) (field, error) {
	fr, err := pqarrow.NewFileReader(rd, pqarrow.ArrowReadProperties{BatchSize: readStep}, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	leaves := map[int]bool{}
	rg := rd.RowGroup(group)
	for c := range rd.MetaData().Schema.NumColumns() {
		if rootIndex(rd.MetaData().Schema, c) != i {
			continue
		}
		leaves[c] = true
		// The library opens these again on goroutines of its own, where a panic would end the process: try it here first.
		if _, err := rg.GetColumnPageReader(c); err != nil {
			return nil, err
		}
	}
	col, err := fr.GetFieldReader(context.Background(), i, leaves, []int{group})
	if err != nil {
		return nil, err
	}
	if col == nil {
		return nil, fmt.Errorf("field %q has no columns", name)
	}
	return &nested{name: name, rd: col, path: path, pool: pool}, nil
}

func (n *nested) start(rows int) {
	n.text, n.rows, n.bytes = batch.NewTextBuilder(n.pool, rows), 0, int64(rows*arrow.ViewHeaderSizeBytes)
}

func (n *nested) read(rows int) error {
	for rows > 0 {
		chunked, err := n.rd.NextBatch(int64(min(rows, readStep)))
		if err != nil {
			return err
		}
		got := chunked.Len()
		if got == 0 || got > rows {
			chunked.Release()
			return errEarly
		}
		for _, a := range chunked.Chunks() {
			n.add(a)
		}
		chunked.Release()
		rows -= got
	}
	return nil
}

func (n *nested) add(a arrow.Array) {
	for i := range a.Len() {
		cell, ok := inner(a, i, n.path)
		if !ok {
			n.text.SetNull(n.rows)
			n.rows++
			continue
		}
		n.scratch = appendJSON(n.scratch[:0], cell, i)
		n.text.Append(n.rows, n.scratch)
		n.bytes += int64(len(n.scratch))
		n.rows++
	}
}

// inner goes down the path of group fields; ok is false when something on the way is null.
func inner(a arrow.Array, i int, path []string) (arrow.Array, bool) {
	for _, name := range path {
		s, isGroup := a.(*array.Struct)
		if !isGroup || s.IsNull(i) {
			return nil, false
		}
		at, found := s.DataType().(*arrow.StructType).FieldIdx(name)
		if !found {
			return nil, false
		}
		a = s.Field(at)
	}
	return a, !a.IsNull(i)
}

func (n *nested) size() int64 { return n.bytes }

func (n *nested) build() batch.Column {
	text, rows := n.text, n.rows
	n.text = nil
	col := text.Build(n.name, batch.JSON)
	if rows < col.Data.Len() {
		whole := col.Data
		col.Data = array.NewSlice(whole, 0, int64(rows))
		whole.Release()
	}
	return col
}

func (n *nested) discard() {
	if n.text != nil {
		n.text.Discard()
		n.text = nil
	}
	n.rd.Release()
}

// appendJSON writes one value of any Arrow type that the library makes of a Parquet column.
func appendJSON(dst []byte, a arrow.Array, i int) []byte {
	if a.IsNull(i) {
		return append(dst, "null"...)
	}
	switch a := a.(type) {
	case *array.Struct:
		dst = append(dst, '{')
		for f, t := range a.DataType().(*arrow.StructType).Fields() {
			if f > 0 {
				dst = append(dst, ',')
			}
			dst = append(batch.AppendQuoted(dst, []byte(t.Name)), ':')
			dst = appendJSON(dst, a.Field(f), i)
		}
		return append(dst, '}')
	case *array.Map:
		return appendMap(dst, a, i)
	case array.ListLike:
		from, to := a.ValueOffsets(i)
		dst = append(dst, '[')
		for j := from; j < to; j++ {
			if j > from {
				dst = append(dst, ',')
			}
			dst = appendJSON(dst, a.ListValues(), int(j))
		}
		return append(dst, ']')
	case array.ExtensionArray:
		if a.DataType().(arrow.ExtensionType).ExtensionName() == "arrow.uuid" {
			return append(appendUUID(append(dst, '"'), a.Storage().(*array.FixedSizeBinary).Value(i)), '"')
		}
		return appendJSON(dst, a.Storage(), i)
	case *array.Dictionary:
		return appendJSON(dst, a.Dictionary(), a.GetValueIndex(i))
	}
	return appendScalar(dst, a, i)
}

// appendMap writes an object when the keys are text, else a list of key and value.
func appendMap(dst []byte, a *array.Map, i int) []byte {
	from, to := a.ValueOffsets(i)
	keys, isText := a.Keys().(*array.String)
	open, end := byte('['), byte(']')
	if isText {
		open, end = '{', '}'
	}
	dst = append(dst, open)
	for j := int(from); j < int(to); j++ {
		if j > int(from) {
			dst = append(dst, ',')
		}
		if isText {
			dst = append(batch.AppendQuoted(dst, []byte(keys.Value(j))), ':')
			dst = appendJSON(dst, a.Items(), j)
			continue
		}
		dst = appendJSON(append(dst, `{"key":`...), a.Keys(), j)
		dst = appendJSON(append(dst, `,"value":`...), a.Items(), j)
		dst = append(dst, '}')
	}
	return append(dst, end)
}

func appendScalar(dst []byte, a arrow.Array, i int) []byte {
	quoted := func(dst []byte) []byte { return append(dst, '"') }
	switch a := a.(type) {
	case *array.String:
		return batch.AppendQuoted(dst, []byte(a.Value(i)))
	case *array.LargeString:
		return batch.AppendQuoted(dst, []byte(a.Value(i)))
	case *array.Binary:
		return quoted(base64.StdEncoding.AppendEncode(quoted(dst), a.Value(i)))
	case *array.LargeBinary:
		return quoted(base64.StdEncoding.AppendEncode(quoted(dst), a.Value(i)))
	case *array.FixedSizeBinary:
		return quoted(base64.StdEncoding.AppendEncode(quoted(dst), a.Value(i)))
	case *array.Boolean:
		return strconv.AppendBool(dst, a.Value(i))
	case *array.Float16:
		return appendNumber(dst, float64(a.Value(i).Float32()))
	case *array.Float32:
		return appendNumber(dst, float64(a.Value(i)))
	case *array.Float64:
		return appendNumber(dst, a.Value(i))
	case *array.Decimal128:
		return batch.AppendDecimal(dst, a.Value(i), a.DataType().(*arrow.Decimal128Type).Scale)
	case *array.Date32:
		return quoted(batch.AppendDate(quoted(dst), int64(a.Value(i))))
	case *array.Time32:
		return quoted(batch.AppendTime(quoted(dst), toMicros(int64(a.Value(i)), a.DataType().(*arrow.Time32Type).Unit)))
	case *array.Time64:
		return quoted(batch.AppendTime(quoted(dst), toMicros(int64(a.Value(i)), a.DataType().(*arrow.Time64Type).Unit)))
	case *array.Timestamp:
		return quoted(batch.AppendTimestamp(quoted(dst), toMicros(int64(a.Value(i)), a.DataType().(*arrow.TimestampType).Unit)))
	case *array.Uint64:
		return strconv.AppendUint(dst, a.Value(i), 10)
	case *array.Int8:
		return strconv.AppendInt(dst, int64(a.Value(i)), 10)
	case *array.Int16:
		return strconv.AppendInt(dst, int64(a.Value(i)), 10)
	case *array.Int32:
		return strconv.AppendInt(dst, int64(a.Value(i)), 10)
	case *array.Int64:
		return strconv.AppendInt(dst, a.Value(i), 10)
	case *array.Uint8:
		return strconv.AppendInt(dst, int64(a.Value(i)), 10)
	case *array.Uint16:
		return strconv.AppendInt(dst, int64(a.Value(i)), 10)
	case *array.Uint32:
		return strconv.AppendInt(dst, int64(a.Value(i)), 10)
	}
	return batch.AppendQuoted(dst, []byte(a.ValueStr(i)))
}

// appendNumber writes a number; JSON has none for NaN and the infinities.
func appendNumber(dst []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(dst, "null"...)
	}
	return batch.AppendFloat(dst, v)
}

func toMicros(v int64, unit arrow.TimeUnit) int64 {
	switch unit {
	case arrow.Second:
		return v * 1_000_000
	case arrow.Millisecond:
		return v * 1000
	case arrow.Nanosecond:
		return floorDiv(v, 1000)
	}
	return v
}
