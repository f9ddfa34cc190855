// Package format turns batches into bytes and bytes into batches: CSV, JSON and Parquet. One folder per format holds the
// work; this page holds what they have in common.
//
// Both directions are cut in two, so that the costly half can run on many cores while order is kept:
//
//	reading   Reader.Next cuts a file into chunks at record boundaries, in order and fast;
//	          Chunk.Decode parses one chunk, on any goroutine.
//	writing   Encoder.Encode turns batches into a block, on any goroutine;
//	          File.Append puts blocks one after the other into a file, in order and fast.
//
// The bytes of a file depend on its rows, the chunk size and the block size alone, never on the number of goroutines.
// Nothing here knows flows, buckets, or who calls.
package format

import (
	"context"
	"io"

	"weir.dev/weir/batch"
)

// Input is one stored file.
type Input interface {
	// Name is the file's name for messages.
	Name() string
	// Size is its size in bytes as stored.
	Size() int64
	// OpenAt streams length bytes from offset; a negative length means to the end. The caller closes the stream.
	OpenAt(ctx context.Context, offset, length int64) (io.ReadCloser, error)
}

// Position is where a reader stands in a file: the plain data from which it can go on later, in another process.
// The zero Position is the start.
type Position struct {
	Offset int64 `json:"offset"` // of the next record: in bytes after decompression for text formats, a row group's number for Parquet
	Record int64 `json:"record"` // records before it, the header not counted
	Line   int64 `json:"line"`   // physical lines before it (text formats; 0 otherwise)
}

// ReadOptions say how to read a file.
type ReadOptions struct {
	// Columns are the columns to deliver, in this order, under these names. For JSON a name is a dotted path. A column
	// the file does not have is null in every row when MissingIsNull, else an error that names file and column.
	Columns       []ReadColumn
	MissingIsNull bool
	From          Position
	ChunkBytes    int         // how much input a chunk holds; 0 means DefaultChunkBytes
	MaxRecord     int         // longest record in bytes; 0 means DefaultMaxRecord. Longer ones are refused
	Pool          *batch.Pool // nil means batch.DefaultPool
}

// ReadColumn is a column to deliver. Kind is Text for CSV and JSON for JSON; for Parquet the kind the file gives is
// delivered when Kind is zero, else the values are cast.
type ReadColumn struct {
	Name string
	Kind batch.Kind
}

// Defaults of [ReadOptions].
const (
	DefaultChunkBytes = 1 << 20
	DefaultMaxRecord  = 128 << 20
)

// Reader cuts one file into chunks. For one goroutine.
type Reader interface {
	// Next returns the next chunk, or io.EOF after the last. Errors name the file and the line or row.
	Next(ctx context.Context) (Chunk, error)
	Close() error
}

// Chunk is a piece of a file, cut at record boundaries.
type Chunk interface {
	// Decode parses the chunk into one batch whose Origin holds the file's name and the first record's number. It may run
	// on any goroutine, at most once; it consumes the chunk, also on error.
	Decode() (*batch.Batch, error)
	// Release drops the chunk without decoding it. A no-op after Decode.
	Release()
	// End is where the next chunk starts.
	End() Position
	// Bytes is the size of the input it covers, as stored where that is known, else after decompression.
	Bytes() int64
}

// Column is a column of a file to write. The batches' kind may be any; the encoder writes Out: when Out is String,
// every other kind is written in its text form (see package documentation of [weir.dev/weir/batch]).
//
// Path places the column inside objects, in formats that nest: the names from the outermost on, the column's own last.
// Columns inside the same object stand together. Nil, or a format that is flat, means Name.
type Column struct {
	Name string
	Path []string
	Out  batch.Kind
}

// Encoder turns batches of one shape into blocks of one format. Safe for concurrent use.
type Encoder interface {
	// Encode makes one block of the batches' rows, in order. It borrows the batches. A value that cannot be written is an
	// error that names the column and the record's origin.
	Encode(batches []*batch.Batch) (*Block, error)
	// BlockRows and BlockBytes bound what should go into one block: collecting stops at whichever is reached first.
	// Bytes count the text and numbers of the batches, before encoding.
	BlockRows() int
	BlockBytes() int64
	// NewFile starts a file.
	NewFile() File
}

// Block is encoded rows, ready to be put into a file of the same encoder.
type Block struct {
	Rows  int
	Parts [][]byte // the bytes, in order
	Meta  any      // what the format's File needs besides; nil for text formats

	free func()
}

// Size is the number of bytes the block adds to a file.
func (b *Block) Size() int64 {
	var n int64
	for _, p := range b.Parts {
		n += int64(len(p))
	}
	return n
}

// OnRelease sets what Release does, for encoders that pool their buffers.
func (b *Block) OnRelease(free func()) { b.free = free }

// Release gives the block's buffers back. The block must not be used afterwards.
func (b *Block) Release() {
	if b.free != nil {
		b.free()
		b.free = nil
	}
}

// File puts blocks into one file. For one goroutine.
type File interface {
	// Append writes the block to w. The first call writes the file's head before it.
	Append(w io.Writer, b *Block) error
	// Finish writes what closes the file. A file of no block is valid and empty of rows.
	Finish(w io.Writer) error
	// Size is the number of bytes written so far.
	Size() int64
}
