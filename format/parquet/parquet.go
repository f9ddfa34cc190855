// Package parquet writes and reads Apache Parquet files.
//
// The writer is Weir's own, because a row group must be made whole on any goroutine, from text that still lies where it
// was read, in a small fraction of the time that parsing takes. It writes one flat level of OPTIONAL columns:
//
//	batch kind          physical type            logical type
//	text, string, JSON  BYTE_ARRAY               STRING
//	boolean             BOOLEAN
//	int32, int64        INT32, INT64
//	float64             DOUBLE
//	decimal(p ≤ 18, s)  INT64                    DECIMAL(p, s)
//	decimal(p > 18, s)  FIXED_LEN_BYTE_ARRAY     DECIMAL(p, s)
//	date                INT32                    DATE
//	time                INT64                    TIME(MICROS, no zone)
//	timestamp           INT64                    TIMESTAMP(MICROS, UTC)
//	binary              BYTE_ARRAY
//
// Each column chunk is dictionary-encoded when the first few thousand values say that it pays, else PLAIN; pages are
// version 1, so that every reader of the last ten years understands them. Statistics carry minimum, maximum and null count.
//
// The reader stands on arrow-go's decoders, behind checks of its own: a file is hostile until proven otherwise, and
// neither a forged length nor a panic inside the library may reach the caller as anything but an error that names the file.
// Nothing here knows flows, buckets, or who calls.
package parquet

import (
	"fmt"

	"github.com/klauspost/compress/zstd"

	"weir.dev/weir/batch"
	"weir.dev/weir/format"
)

// Codec is how pages are compressed.
type Codec uint8

// Codecs. Snappy is what every reader has; Zstd files are about a third smaller and take twice the time; Gzip is for
// readers that know nothing else, and several times as slow.
const (
	Snappy Codec = iota
	Zstd
	None
	Gzip
)

// Options say how to write. The zero value is right for files that others read.
type Options struct {
	Codec      Codec
	BlockRows  int         // rows of a row group; 0 means DefaultBlockRows
	BlockBytes int64       // text and numbers of a row group before encoding; 0 means DefaultBlockBytes
	Pool       *batch.Pool // of encoded blocks; nil means batch.DefaultPool
}

// Defaults of [Options]. While a block is encoded it takes, besides the batches it borrows: its encoded bytes (a third to
// a half of the text, never much more than the text), and for each of up to 32 text columns worked on together an open
// page of at most 512 KiB, 2 bytes a row, and a dictionary of at most 1 MiB with 2 MiB of tables, which few columns fill.
// That comes to some 64 MiB with the batches. A single cell larger than a page adds three times its own size.
const (
	DefaultBlockRows  = 122_880
	DefaultBlockBytes = 32 << 20
)

// NewEncoder makes an encoder of batches whose columns stand in the order of cols. Names must be unique and not empty.
func NewEncoder(cols []format.Column, opts Options) (format.Encoder, error) {
	if len(cols) == 0 {
		return nil, fmt.Errorf("preparing a parquet file: it has no columns")
	}
	e := &encoder{codec: opts.Codec, rows: opts.BlockRows, bytes: opts.BlockBytes, pool: opts.Pool}
	if e.rows <= 0 {
		e.rows = DefaultBlockRows
	}
	if e.bytes <= 0 {
		e.bytes = DefaultBlockBytes
	}
	if e.pool == nil {
		e.pool = batch.DefaultPool
	}
	seen := make(map[string]bool, len(cols))
	for _, c := range cols {
		if c.Name == "" {
			return nil, fmt.Errorf("preparing a parquet file: column %d has no name", len(e.cols)+1)
		}
		if seen[c.Name] {
			return nil, fmt.Errorf("preparing a parquet file: column %q appears twice", c.Name)
		}
		seen[c.Name] = true
		typ, err := typeOf(c.Out)
		if err != nil {
			return nil, fmt.Errorf("preparing parquet column %q: %w", c.Name, err)
		}
		e.cols = append(e.cols, column{name: c.Name, out: c.Out, leafType: typ})
	}
	if e.codec == Zstd {
		z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false))
		if err != nil {
			return nil, fmt.Errorf("preparing a parquet file: %w", err)
		}
		e.zstd = z
	}
	return e, nil
}
