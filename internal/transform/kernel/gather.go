package kernel

import (
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir.dev/weir/batch"
)

// Gather makes the lane's rows a dense column. Fixed values and headers are copied; texts stay where they are, shared.
func Gather(mem memory.Allocator, lane Lane) batch.Column {
	from := lane.Col.Data.Data()
	rows, source := lane.Rows, from.Buffers()
	buffers := make([]*memory.Buffer, len(source))
	values := memory.NewResizableBuffer(mem)
	buffers[1] = values
	switch lane.Col.Kind.Type {
	case batch.Bool:
		values.Resize(int(bitutil.BytesForBits(int64(len(rows)))))
		gatherBits(values.Bytes(), source[1].Bytes(), from.Offset(), rows)
	case batch.Int32, batch.Date:
		gatherFixed[int32](values, source[1], from.Offset(), rows)
	case batch.Decimal:
		gatherFixed[decimal128.Num](values, source[1], from.Offset(), rows)
	case batch.Int64, batch.Float64, batch.Time, batch.Timestamp:
		gatherFixed[int64](values, source[1], from.Offset(), rows)
	default:
		gatherFixed[arrow.ViewHeader](values, source[1], from.Offset(), rows)
	}
	nulls := 0
	if from.NullN() != 0 && source[0] != nil {
		valid := memory.NewResizableBuffer(mem)
		valid.Resize(int(bitutil.BytesForBits(int64(len(rows)))))
		nulls = len(rows) - gatherBits(valid.Bytes(), source[0].Bytes(), from.Offset(), rows)
		buffers[0] = valid
	}
	for i := 2; i < len(source); i++ {
		source[i].Retain()
		buffers[i] = source[i]
	}
	return batch.Column{Name: lane.Col.Name, Kind: lane.Col.Kind, Data: build(from.DataType(), len(rows), buffers, nulls)}
}

// build makes an array of buffers it takes over.
func build(t arrow.DataType, rows int, buffers []*memory.Buffer, nulls int) arrow.Array {
	data := array.NewData(t, rows, buffers, nil, nulls, 0)
	defer data.Release()
	for _, b := range buffers {
		if b != nil {
			b.Release()
		}
	}
	return array.MakeFromData(data)
}

func gatherFixed[T any](to, from *memory.Buffer, offset int, rows []int32) {
	var zero T
	to.Resize(len(rows) * int(unsafe.Sizeof(zero)))
	src, dst := cast[T](from.Bytes())[offset:], cast[T](to.Bytes())
	dst = dst[:len(rows)]
	for i, row := range rows {
		dst[i] = src[row]
	}
}

// cast sees a buffer's bytes as values of a fixed size. Arrow aligns buffers for that.
func cast[T any](b []byte) []T {
	var zero T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(zero)))
}

// gatherBits copies the rows' bits and returns how many are set.
func gatherBits(dst, src []byte, offset int, rows []int32) (set int) {
	for i := range dst {
		group := rows[i*8 : min(i*8+8, len(rows))]
		var b uint
		for j, row := range group {
			at := uint(offset) + uint(row)
			bit := uint(src[at/8]) >> (at % 8) & 1
			b |= bit << j
			set += int(bit)
		}
		dst[i] = byte(b)
	}
	return set
}
