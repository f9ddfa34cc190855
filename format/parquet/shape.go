package parquet

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir.dev/weir/batch"
)

// shape gives a batch's column in a form that can be stored as out. own says that it was made here, and is to be released.
func (w *chunkWriter) shape(b *batch.Batch, c batch.Column, out batch.Kind) (shaped batch.Column, own bool, err error) {
	if c.Data == nil || c.Data.Len() != b.Rows {
		return c, false, errors.New("its length is not the batch's")
	}
	if got, want := c.Data.DataType().ID(), c.Kind.ArrowType().ID(); got != want {
		return c, false, fmt.Errorf("kind %v comes as Arrow's %v", c.Kind.Type, got)
	}
	in := c.Kind
	switch {
	case in.Type == batch.Decimal && stays(in, out):
		return c, false, checkDigits(b, c, out)
	case stays(in, out):
		return c, false, nil
	case out.Type == batch.Text || out.Type == batch.String:
		return batch.ToText(w.enc.pool, c, batch.String), true, nil
	}
	return c, false, fmt.Errorf("kind %v cannot be written as %v", in.Type, out.Type)
}

// stays tells whether values of kind in are stored in a column of kind out as they are.
func stays(in, out batch.Kind) bool {
	switch out.Type {
	case batch.Text, batch.String:
		return in.Type == batch.Text || in.Type == batch.String
	case batch.Int64:
		return in.Type == batch.Int64 || in.Type == batch.Int32
	case batch.Decimal:
		return in.Type == batch.Decimal && in.Scale == out.Scale
	case batch.Binary:
		return in.Type == batch.Binary || in.IsText()
	}
	return in == out
}

// checkDigits refuses a decimal that its column's type cannot hold: stored as fewer bytes it would become another number.
func checkDigits(b *batch.Batch, c batch.Column, out batch.Kind) error {
	a, ok := c.Data.(*array.Decimal128)
	if !ok {
		return fmt.Errorf("decimals come as Arrow's %v", c.Data.DataType())
	}
	limit := decimal128.GetScaleMultiplier(int(out.Precision))
	for i, v := range a.Values() {
		if v.Less(limit) && limit.Negate().Less(v) || a.IsNull(i) {
			continue
		}
		return fmt.Errorf("record %d of %q has more digits than decimal(%d,%d)", b.Origin.Record(i), b.Origin.Object, out.Precision, out.Scale)
	}
	return nil
}
