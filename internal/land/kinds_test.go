package land

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir.dev/weir/batch"
)

// everyKind is a batch with a column of each kind; every seventh cell, shifted by column, is null.
func everyKind(pool *batch.Pool, rows int) *batch.Batch {
	kinds := []batch.Kind{{Type: batch.Text}, {Type: batch.String}, {Type: batch.JSON}, {Type: batch.Bool}, {Type: batch.Int32}, {Type: batch.Int64},
		{Type: batch.Float64}, {Type: batch.Decimal, Precision: 20, Scale: 3}, {Type: batch.Date}, {Type: batch.Time}, {Type: batch.Timestamp}, {Type: batch.Binary}}
	cols := make([]batch.Column, len(kinds))
	for c, k := range kinds {
		if k.IsText() {
			b := batch.NewTextBuilder(pool, rows)
			for row := range rows {
				if (row+c)%7 == 0 {
					b.SetNull(row)
				} else {
					b.Append(row, []byte(strings.Repeat("1", 1+row%30)))
				}
			}
			cols[c] = b.Build(k.Type.String(), k.Type)
			continue
		}
		b := array.NewBuilder(pool, k.ArrowType())
		for row := range rows {
			if (row+c)%7 == 0 {
				b.AppendNull()
				continue
			}
			n := int64(row * 1001)
			switch b := b.(type) {
			case *array.BooleanBuilder:
				b.Append(row%3 == 0)
			case *array.Int32Builder:
				b.Append(int32(-n))
			case *array.Int64Builder:
				b.Append(n << 30)
			case *array.Float64Builder:
				b.Append(float64(n) / 3)
			case *array.Decimal128Builder:
				b.Append(decimal128.FromI64(n * n))
			case *array.Date32Builder:
				b.Append(arrow.Date32(n))
			case *array.Time64Builder:
				b.Append(arrow.Time64(n))
			case *array.TimestampBuilder:
				b.Append(arrow.Timestamp(n << 20))
			case *array.BinaryViewBuilder:
				b.Append([]byte(strings.Repeat("\x00b", row%20)))
			default:
				panic(fmt.Sprintf("no values for %T", b))
			}
		}
		cols[c] = batch.Column{Name: k.Type.String(), Kind: k, Data: b.NewArray()}
		b.Release()
	}
	return batch.New(cols, rows, batch.Origin{Object: "o", First: 1000})
}
