package parquet

import (
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"weir.dev/weir/batch"
)

// kindOf is the kind a leaf is delivered as:
//
//	BOOLEAN                                boolean
//	INT32, INT(8|16|32), UINT(8|16)        int32
//	UINT32, INT64                          int64
//	UINT64                                 decimal(20, 0)
//	FLOAT, DOUBLE, FLOAT16                 float64
//	DECIMAL(p ≤ 38, s) on any type         decimal(p, s)
//	DATE                                   date
//	TIME of any unit                       time, nanoseconds cut
//	TIMESTAMP of any unit, INT96           timestamp, nanoseconds cut; a local one is taken as UTC
//	STRING, ENUM                           string
//	UUID                                   string, 8-4-4-4-12 hexadecimal
//	JSON                                   JSON; text that is not valid JSON becomes a JSON string
//	anything else of bytes                 binary
//
// Lists, maps and groups are delivered as JSON; a leaf within groups only can be had by its dotted path.
func kindOf(c *schema.Column) batch.Kind {
	of := func(t batch.Type) batch.Kind { return batch.Kind{Type: t} }
	switch l := logicalOf(c).(type) {
	case schema.DecimalLogicalType:
		if l.Precision() >= 1 && l.Precision() <= 38 && l.Scale() >= 0 && l.Scale() <= l.Precision() {
			return batch.Kind{Type: batch.Decimal, Precision: l.Precision(), Scale: l.Scale()}
		}
	case schema.DateLogicalType:
		return of(batch.Date)
	case schema.TimeLogicalType:
		return of(batch.Time)
	case schema.TimestampLogicalType:
		return of(batch.Timestamp)
	case schema.IntLogicalType:
		switch {
		case l.BitWidth() == 64 && !l.IsSigned():
			return batch.Kind{Type: batch.Decimal, Precision: 20}
		case l.BitWidth() == 32 && !l.IsSigned():
			return of(batch.Int64)
		}
	case schema.StringLogicalType, schema.EnumLogicalType, schema.UUIDLogicalType:
		return of(batch.String)
	case schema.JSONLogicalType:
		return of(batch.JSON)
	case schema.Float16LogicalType:
		return of(batch.Float64)
	}
	switch c.PhysicalType() {
	case parquet.Types.Boolean:
		return of(batch.Bool)
	case parquet.Types.Int32:
		return of(batch.Int32)
	case parquet.Types.Int64:
		return of(batch.Int64)
	case parquet.Types.Int96:
		return of(batch.Timestamp)
	case parquet.Types.Float, parquet.Types.Double:
		return of(batch.Float64)
	}
	return of(batch.Binary)
}

// logicalOf is the leaf's logical type, from the converted type where a file of an older writer has only that.
func logicalOf(c *schema.Column) schema.LogicalType {
	l := c.LogicalType()
	if l == nil || l.Equals(schema.NoLogicalType{}) {
		if n, ok := c.SchemaNode().(*schema.PrimitiveNode); ok {
			return n.ConvertedType().ToLogicalType(n.DecimalMetadata())
		}
	}
	return l
}

// microsOf is how a time in the unit becomes microseconds.
func microsOf(unit schema.TimeUnitType) (multiply, divide int64) {
	switch unit {
	case schema.TimeUnitMillis:
		return 1000, 1
	case schema.TimeUnitNanos:
		return 1, 1000
	}
	return 1, 1
}
