package local_test

import (
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir.dev/weir/batch"
)

// int64s is a column of numbers.
func int64s(name string, values []int64) batch.Column {
	b := array.NewInt64Builder(batch.DefaultPool)
	defer b.Release()
	b.AppendValues(values, nil)
	return batch.Column{Name: name, Kind: batch.Kind{Type: batch.Int64}, Data: b.NewArray()}
}
