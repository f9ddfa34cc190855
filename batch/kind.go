package batch

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
)

// Type is what a column holds.
type Type uint8

// Column types.
const (
	Text      Type = iota + 1 // utf8_view: a CSV cell; tasks parse it when they need a number or a date
	String                    // utf8_view: a string with a type of its own
	JSON                      // utf8_view: one JSON value as it stood in the source, quotes and escapes included
	Bool                      // boolean
	Int32                     // int32
	Int64                     // int64
	Float64                   // float64
	Decimal                   // decimal128(Precision, Scale)
	Date                      // date32: days since 1970-01-01
	Time                      // time64[us]
	Timestamp                 // timestamp[us, UTC]
	Binary                    // binary_view
)

// Kind is a column's type with its parameters. Comparable.
type Kind struct {
	Type      Type  `json:"type"`
	Precision int32 `json:"precision,omitzero"` // Decimal only
	Scale     int32 `json:"scale,omitzero"`     // Decimal only
}

// IsText reports whether the cells are kept as utf8_view: Text, String and JSON.
func (k Kind) IsText() bool { return k.Type >= Text && k.Type <= JSON }

// ArrowType is the Arrow layout of the kind. It panics for the zero Kind, which no column has.
func (k Kind) ArrowType() arrow.DataType {
	switch k.Type {
	case Text, String, JSON:
		return arrow.BinaryTypes.StringView
	case Bool:
		return arrow.FixedWidthTypes.Boolean
	case Int32:
		return arrow.PrimitiveTypes.Int32
	case Int64:
		return arrow.PrimitiveTypes.Int64
	case Float64:
		return arrow.PrimitiveTypes.Float64
	case Decimal:
		return &arrow.Decimal128Type{Precision: k.Precision, Scale: k.Scale}
	case Date:
		return arrow.FixedWidthTypes.Date32
	case Time:
		return arrow.FixedWidthTypes.Time64us
	case Timestamp:
		return arrow.FixedWidthTypes.Timestamp_us
	case Binary:
		return arrow.BinaryTypes.BinaryView
	}
	panic(fmt.Sprintf("batch: kind %d has no Arrow type", k.Type)) //nolint:forbidigo // a zero Kind is a programming error; no input can make one
}

func (t Type) String() string {
	names := [...]string{"none", "text", "string", "json", "boolean", "int32", "int64", "float64", "decimal", "date", "time", "timestamp", "binary"}
	if int(t) < len(names) {
		return names[t]
	}
	return "unknown"
}
