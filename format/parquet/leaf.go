package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/float16"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"weir.dev/weir/batch"
)

// field delivers one column of a row group, slice after slice: start, read as often as wanted, then build or discard.
type field interface {
	// start begins a slice of at most rows rows.
	start(rows int)
	// read adds exactly n rows.
	read(n int) error
	// size is about how many bytes the slice holds so far.
	size() int64
	// build ends the slice. The caller owns the column.
	build() batch.Column
	// discard drops the slice, and what is open besides.
	discard()
}

// readStep is how many rows are taken from one column before the next: small enough that no slice outgrows its budget by
// much, large enough to pay for the call.
const readStep = 1024

var (
	errEarly  = errors.New("a column chunk ends before its row group")
	errLevels = errors.New("a page's levels and values do not agree")
)

// pages is one of the library's typed column readers. Values may point into the page and are good until the next call.
type pages[T any] interface {
	ReadBatchInPage(n int64, values []T, defs, reps []int16) (total int64, read int, err error)
	Close() error
}

// sink takes the values of one slice.
type sink[T any] interface {
	start(rows int)
	// put sets the rows from row on: defs has one level for each, the rows at level full take the values in order.
	put(row int, defs []int16, full int16, values []T)
	size() int64
	build(rows int) batch.Column
	discard()
}

// leaf is a column without repetition.
type leaf[T any] struct {
	pages[T]
	sink   sink[T]
	kind   batch.Kind
	full   int16 // definition level of a value that is not null
	defs   []int16
	values []T
	rows   int
}

func (l *leaf[T]) start(rows int) {
	l.rows = 0
	l.sink.start(rows)
}

func (l *leaf[T]) read(n int) error {
	for n > 0 {
		total, read, err := l.ReadBatchInPage(int64(min(n, readStep)), l.values, l.defs, nil)
		if err != nil {
			return err
		}
		if total <= 0 {
			return errEarly
		}
		defs := l.defs[:total]
		if l.full == 0 {
			clear(defs)
		}
		set := 0
		for _, d := range defs {
			if d == l.full {
				set++
			}
		}
		if int(total) > n || set != read {
			return errLevels
		}
		l.sink.put(l.rows, defs, l.full, l.values[:read])
		l.rows += int(total)
		n -= int(total)
	}
	return nil
}

func (l *leaf[T]) size() int64         { return l.sink.size() }
func (l *leaf[T]) build() batch.Column { return l.sink.build(l.rows) }

func (l *leaf[T]) discard() {
	l.sink.discard()
	_ = l.Close() // it has nothing to flush
}

func newLeaf[T any](rd pages[T], c *schema.Column, s sink[T]) field {
	return &leaf[T]{pages: rd, sink: s, kind: kindOf(c), full: c.MaxDefinitionLevel(), defs: make([]int16, readStep), values: make([]T, readStep)}
}

// openLeaf opens a leaf as the kind that kindOf gives it.
func openLeaf(rg *file.RowGroupReader, i int, c *schema.Column, name string, pool *batch.Pool) (field, error) {
	rd, err := rg.Column(i)
	if err != nil {
		return nil, err
	}
	k := kindOf(c)
	col := target{name: name, kind: k, pool: pool}
	switch rd := rd.(type) {
	case *file.BooleanColumnChunkReader:
		return newLeaf(rd, c, &bools{target: col}), nil
	case *file.Int32ColumnChunkReader:
		return int32Leaf(rd, c, col), nil
	case *file.Int64ColumnChunkReader:
		return int64Leaf(rd, c, col), nil
	case *file.Int96ColumnChunkReader:
		return newLeaf(rd, c, newFixed(col, int96Micros)), nil
	case *file.Float32ColumnChunkReader:
		return newLeaf(rd, c, newFixed(col, func(v float32) float64 { return float64(v) })), nil
	case *file.Float64ColumnChunkReader:
		return newLeaf(rd, c, newFixed(col, func(v float64) float64 { return v })), nil
	case *file.ByteArrayColumnChunkReader:
		if k.Type == batch.Decimal {
			return newLeaf(rd, c, newFixed(col, func(v parquet.ByteArray) decimal128.Num { return bigEndian(v) })), nil
		}
		return newLeaf(rd, c, newTexts[parquet.ByteArray](col, formOf(c, k))), nil
	case *file.FixedLenByteArrayColumnChunkReader:
		return fixedLeaf(rd, c, col), nil
	}
	return nil, fmt.Errorf("physical type %v cannot be read", c.PhysicalType())
}

func int32Leaf(rd pages[int32], c *schema.Column, col target) field {
	switch col.kind.Type {
	case batch.Decimal:
		return newLeaf(rd, c, newFixed(col, func(v int32) decimal128.Num { return decimal128.FromI64(int64(v)) }))
	case batch.Time: // only in milliseconds
		return newLeaf(rd, c, newFixed(col, func(v int32) int64 { return int64(v) * 1000 }))
	case batch.Int64:
		return newLeaf(rd, c, newFixed(col, func(v int32) int64 { return int64(uint32(v)) }))
	}
	if l, ok := logicalOf(c).(schema.IntLogicalType); ok && !l.IsSigned() {
		mask := uint32(1)<<l.BitWidth() - 1
		return newLeaf(rd, c, newFixed(col, func(v int32) int32 { return int32(uint32(v) & mask) }))
	}
	return newLeaf(rd, c, newFixed(col, func(v int32) int32 { return v }))
}

func int64Leaf(rd pages[int64], c *schema.Column, col target) field {
	l := logicalOf(c)
	if col.kind.Type == batch.Decimal {
		if _, unsigned := l.(schema.IntLogicalType); unsigned {
			return newLeaf(rd, c, newFixed(col, func(v int64) decimal128.Num { return decimal128.FromU64(uint64(v)) }))
		}
		return newLeaf(rd, c, newFixed(col, decimal128.FromI64))
	}
	multiply, divide := int64(1), int64(1)
	switch l := l.(type) {
	case schema.TimeLogicalType:
		multiply, divide = microsOf(l.TimeUnit())
	case schema.TimestampLogicalType:
		multiply, divide = microsOf(l.TimeUnit())
	}
	switch {
	case multiply > 1:
		return newLeaf(rd, c, newFixed(col, func(v int64) int64 { return v * multiply }))
	case divide > 1:
		return newLeaf(rd, c, newFixed(col, func(v int64) int64 { return floorDiv(v, divide) }))
	}
	return newLeaf(rd, c, newFixed(col, func(v int64) int64 { return v }))
}

func fixedLeaf(rd pages[parquet.FixedLenByteArray], c *schema.Column, col target) field {
	switch col.kind.Type {
	case batch.Decimal:
		return newLeaf(rd, c, newFixed(col, func(v parquet.FixedLenByteArray) decimal128.Num { return bigEndian(v) }))
	case batch.Float64:
		return newLeaf(rd, c, newFixed(col, func(v parquet.FixedLenByteArray) float64 {
			if len(v) != 2 {
				return 0
			}
			return float64(float16.FromBits(binary.LittleEndian.Uint16(v)).Float32())
		}))
	}
	return newLeaf(rd, c, newTexts[parquet.FixedLenByteArray](col, formOf(c, col.kind)))
}

func floorDiv(v, by int64) int64 {
	q := v / by
	if v%by < 0 {
		q--
	}
	return q
}

// int96Micros is the time of Impala's and Hive's 12-byte timestamps: nanoseconds of the day, then the Julian day.
func int96Micros(v parquet.Int96) int64 {
	const julianUnixEpoch = 2_440_588
	nanos, day := binary.LittleEndian.Uint64(v[:8]), binary.LittleEndian.Uint32(v[8:])
	return (int64(day)-julianUnixEpoch)*86_400_000_000 + int64(nanos/1000)
}

// bigEndian is a two's complement number of any width; beyond 128 bits the low ones count.
func bigEndian(b []byte) decimal128.Num {
	if len(b) == 0 {
		return decimal128.Num{}
	}
	high := int64(int8(b[0])) >> 7
	low := uint64(high)
	for _, c := range b {
		high, low = high<<8|int64(low>>56), low<<8|uint64(c)
	}
	return decimal128.New(high, low)
}
