package parquet

import (
	"fmt"

	"weir.dev/weir/batch"
)

// The numbers below are the format's own (https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift).

type physical int32

const (
	physBoolean   physical = 0
	physInt32     physical = 1
	physInt64     physical = 2
	physDouble    physical = 5
	physByteArray physical = 6
	physFixed     physical = 7
)

const (
	convNone            = -1
	convUTF8            = 0
	convDecimal         = 5
	convDate            = 6
	convTimeMicros      = 8
	convTimestampMicros = 10
)

const (
	encPlain         = 0
	encRLE           = 3
	encRLEDictionary = 8
	// encPlainDictionary was for dictionary pages of the first version; readers of both accept encPlain there.
)

const (
	codecNone   = 0
	codecSnappy = 1
	codecGzip   = 2
	codecZstd   = 6
)

const (
	pageData       = 0
	pageDictionary = 2
)

// leafType is how a column of one kind is stored.
type leafType struct {
	phys      physical
	width     int // bytes of a fixed-length value; 0 otherwise
	converted int
}

// maxInt64Digits is how many decimal digits always fit an int64.
const maxInt64Digits = 18

func typeOf(k batch.Kind) (leafType, error) {
	switch k.Type {
	case batch.Text, batch.String, batch.JSON:
		return leafType{physByteArray, 0, convUTF8}, nil
	case batch.Binary:
		return leafType{physByteArray, 0, convNone}, nil
	case batch.Bool:
		return leafType{physBoolean, 0, convNone}, nil
	case batch.Int32:
		return leafType{physInt32, 4, convNone}, nil
	case batch.Int64:
		return leafType{physInt64, 8, convNone}, nil
	case batch.Float64:
		return leafType{physDouble, 8, convNone}, nil
	case batch.Date:
		return leafType{physInt32, 4, convDate}, nil
	case batch.Time:
		return leafType{physInt64, 8, convTimeMicros}, nil
	case batch.Timestamp:
		return leafType{physInt64, 8, convTimestampMicros}, nil
	case batch.Decimal:
		if k.Precision < 1 || k.Precision > 38 || k.Scale < 0 || k.Scale > k.Precision {
			return leafType{}, fmt.Errorf("decimal(%d,%d) is not a type that files can hold", k.Precision, k.Scale)
		}
		if k.Precision <= maxInt64Digits {
			return leafType{physInt64, 8, convDecimal}, nil
		}
		return leafType{physFixed, decimalWidth(int(k.Precision)), convDecimal}, nil
	}
	return leafType{}, fmt.Errorf("kind %v cannot be written", k.Type)
}

// decimalWidth is the smallest number of bytes whose two's complement holds every decimal of so many digits: the width
// that readers expect.
func decimalWidth(precision int) int {
	// Each byte holds 8 bits, one of all is the sign: 10^p ≤ 2^(8n-1).
	const bitsPerDigit = 3.3219280948873626
	return int(float64(precision)*bitsPerDigit+1)/8 + 1
}
