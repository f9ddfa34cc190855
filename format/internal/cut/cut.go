// Package cut reads a stream of records into buffers that end at record boundaries. Where a boundary is, the format says;
// this package reads, carries the beginning of the next record over, and keeps the memory of one record bounded.
//
// Where it cuts depends on the stream's content and the chunk size alone, not on how the stream hands out its bytes:
// a chunk ends at the last boundary within its size, and a record that is larger gets a chunk that is doubled until the
// record fits.
package cut

import (
	"errors"
	"io"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir.dev/weir/batch"
	"weir.dev/weir/format"
)

// Pad is how many bytes may be read and written behind the data of a chunk, so that parsers can look at whole words and
// blocks.
const Pad = 256

// ErrTooLong says that a record is longer than the limit.
var ErrTooLong = errors.New("record too long")

// maxBytes bounds chunks and records whatever the options say: offsets in a chunk are 32 bits wide.
const maxBytes = 1 << 30

// Options fills in what a reader's options leave to defaults.
func Options(o format.ReadOptions) format.ReadOptions {
	if o.ChunkBytes <= 0 {
		o.ChunkBytes = format.DefaultChunkBytes
	}
	if o.MaxRecord <= 0 {
		o.MaxRecord = format.DefaultMaxRecord
	}
	if o.Pool == nil {
		o.Pool = batch.DefaultPool
	}
	o.ChunkBytes, o.MaxRecord = min(o.ChunkBytes, maxBytes), min(o.MaxRecord, maxBytes)
	return o
}

// Finder says where records end.
type Finder interface {
	// Find returns the offset behind the last record that ends within data, 0 when none does. Data begins at a boundary.
	// Atend says that nothing follows it: then everything has to be accounted for, and 0 means that there is no record. It
	// may be called again with the same data and more behind it. It may read and write Pad bytes behind data.
	Find(data []byte, atEnd bool) (int, error)
}

// Cutter cuts one stream. For one goroutine.
type Cutter struct {
	src       io.Reader
	pool      *batch.Pool
	chunk     int
	maxRecord int
	buf       *memory.Buffer // nil at the beginning and after the end
	n         int            // bytes in buf
	eof       bool
	long      bool // the stream has given a chunk already
}

// New cuts src into chunks of about chunkBytes; a record may have maxRecord bytes.
func New(src io.Reader, pool *batch.Pool, chunkBytes, maxRecord int) *Cutter {
	if chunkBytes > 16*Pad {
		chunkBytes -= Pad // a chunk and its padding fit the size class of the chunk
	}
	return &Cutter{src: src, pool: pool, chunk: chunkBytes, maxRecord: maxRecord}
}

// Next returns a buffer and how many of its bytes are the next chunk; [Pad] more may be used. The caller owns the buffer.
// The error is io.EOF at the end, [ErrTooLong], the finder's, or the stream's; what has been read stays, see
// [Cutter.Pending].
func (c *Cutter) Next(find Finder) (*memory.Buffer, int, error) {
	for limit := c.chunk; ; limit = min(2*limit, max(limit, c.maxRecord)+1) {
		if err := c.fill(limit); err != nil {
			return nil, 0, err
		}
		data := c.Pending()
		data = data[:min(limit, len(data))]
		atEnd := c.eof && c.n < limit // not at n == limit, where another run may not have seen the end yet
		if len(data) == 0 {
			c.Close()
			return nil, 0, io.EOF
		}
		n, err := find.Find(data, atEnd)
		switch {
		case err != nil:
			return nil, 0, err
		case n > 0:
			return c.take(n), n, nil
		case atEnd:
			c.Close()
			return nil, 0, io.EOF
		case len(data) > c.maxRecord:
			return nil, 0, ErrTooLong
		}
	}
}

// fill reads until limit bytes are there, or the stream ends. The first buffer grows step by step, so that a small file
// takes little memory.
func (c *Cutter) fill(limit int) error {
	for !c.eof && c.n < limit {
		step := limit
		if !c.long {
			step = min(limit, max(firstBytes, 2*c.n))
		}
		c.reserve(step)
		n, err := io.ReadFull(c.src, c.buf.Bytes()[c.n:step])
		c.n += n
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			c.eof, err = true, nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// firstBytes is how much is read at first.
const firstBytes = 32<<10 - Pad

func (c *Cutter) reserve(n int) {
	if c.buf == nil {
		c.buf = c.pool.Buffer(n + Pad)
	} else if c.buf.Len() < n+Pad {
		c.buf.Resize(n + Pad)
	}
}

// take hands out the buffer with the first n bytes, and copies the rest into one of its own.
func (c *Cutter) take(n int) *memory.Buffer {
	full, rest := c.buf, c.buf.Bytes()[n:c.n]
	c.buf, c.n, c.long = nil, 0, true
	if len(rest) > 0 {
		c.reserve(max(len(rest), c.chunk))
		c.n = copy(c.buf.Bytes(), rest)
	}
	return full
}

// Pending is what has been read and not yet handed out.
func (c *Cutter) Pending() []byte {
	if c.buf == nil {
		return nil
	}
	return c.buf.Bytes()[:c.n]
}

// Close gives back the buffer. It may be called again.
func (c *Cutter) Close() {
	if c.buf != nil {
		c.buf.Release()
		c.buf, c.n = nil, 0
	}
}
