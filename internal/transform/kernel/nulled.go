package kernel

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir.dev/weir/batch"
)

// Nulled is the whole column with null in the given rows. Texts and other values stay where they are, shared.
func Nulled(mem memory.Allocator, col batch.Column, rows []int32) batch.Column {
	from := col.Data.Data()
	n, source := from.Len(), from.Buffers()
	all := Lane{Col: col, Rows: make([]int32, n)}
	for i := range all.Rows {
		all.Rows[i] = int32(i)
	}
	dense := Gather(mem, all)
	defer dense.Data.Release()
	buffers := make([]*memory.Buffer, len(source))
	copy(buffers, dense.Data.Data().Buffers())
	for _, b := range buffers[1:] {
		b.Retain()
	}
	valid := memory.NewResizableBuffer(mem)
	valid.Resize(int(bitutil.BytesForBits(int64(n))))
	if buffers[0] != nil {
		copy(valid.Bytes(), buffers[0].Bytes())
	} else {
		bits := valid.Bytes()
		for i := range bits {
			bits[i] = 0xff
		}
	}
	buffers[0] = valid
	nulls := dense.Data.NullN()
	for _, row := range rows {
		if bitutil.BitIsSet(valid.Bytes(), int(row)) {
			bitutil.ClearBit(valid.Bytes(), int(row))
			nulls++
		}
	}
	if len(buffers) > 2 || col.Kind.IsText() || col.Kind.Type == batch.Binary { // a null's header is empty
		views := cast[arrow.ViewHeader](buffers[1].Bytes())
		for _, row := range rows {
			views[row] = arrow.ViewHeader{}
		}
	}
	return batch.Column{Name: col.Name, Kind: col.Kind, Data: build(from.DataType(), n, buffers, nulls)}
}
