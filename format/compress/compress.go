// Package compress opens stored files as streams of their content: gzip, Zstandard and bzip2 files are decompressed,
// every other file is given as it is. For files to write it puts gzip or Zstandard around the encoder of a text format.
//
// The first bytes of a file decide, never its name: stores and proxies that decompress on the way leave the name as it
// was. Files of several members, one after the other, read as one. Text that a byte order mark declares to be UTF-16 is
// given as UTF-8. Positions count bytes of content, after all that.
package compress

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"weir.dev/weir/fault"
	"weir.dev/weir/format"
)

// maxWindow bounds what a Zstandard stream may ask a reader to remember: the limit of the zstd command.
const maxWindow = 128 << 20

// reopenBytes is the distance from which skipping ahead in a plain file is done by a new request instead of by reading.
const reopenBytes = 1 << 20

// Stream is the content of one file. For one goroutine.
type Stream struct {
	in      format.Input
	method  string // gzip, zstd, bzip2, or "" for a plain file
	raw     io.ReadCloser
	stored  *counter
	buf     *bufio.Reader // over stored; shows the first bytes without consuming them
	content io.Reader
	closer  func() // frees the decompressor, may be nil
	recoded bool   // the text is stored in another encoding than UTF-8
	at      int64  // of content
}

// Open starts at the beginning of the content. The caller closes the stream; ctx must live as long as it does.
func Open(ctx context.Context, in format.Input) (*Stream, error) {
	s := &Stream{in: in}
	if err := s.open(ctx, 0); err != nil {
		return nil, err
	}
	head, err := s.buf.Peek(10)
	if err != nil && !errors.Is(err, io.EOF) {
		s.Close()
		return nil, s.failed(err)
	}
	s.method = method(head)
	err = s.decompress()
	if err == nil {
		err = s.decodeText()
	}
	if err != nil {
		s.Close()
		return nil, s.failed(err)
	}
	return s, nil
}

func (s *Stream) open(ctx context.Context, offset int64) error {
	raw, err := s.in.OpenAt(ctx, offset, -1)
	if err != nil {
		return s.failed(err)
	}
	s.raw, s.stored = raw, &counter{r: raw, n: offset}
	s.buf = bufio.NewReaderSize(s.stored, 64<<10)
	s.content = s.buf
	return nil
}

func (s *Stream) decompress() error {
	switch s.method {
	case "gzip":
		z, err := gzip.NewReader(s.buf)
		s.content = z
		return err
	case "zstd":
		// One goroutine: the reader above already runs beside the parsers.
		z, err := zstd.NewReader(s.buf, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return err
		}
		s.content, s.closer = z, z.Close
	case "bzip2":
		s.content = bzip2.NewReader(s.buf)
	}
	return nil
}

// method names the compression that a file's first bytes announce.
func method(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b, 8}):
		return "gzip"
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return "zstd"
	case len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:4], []byte{0x2a, 0x4d, 0x18}): // a frame to skip comes first
		return "zstd"
	case len(head) == 10 && string(head[:3]) == "BZh" && head[3] >= '1' && head[3] <= '9' &&
		(string(head[4:]) == "\x31\x41\x59\x26\x53\x59" || string(head[4:]) == "\x17\x72\x45\x38\x50\x90"):
		return "bzip2"
	}
	return ""
}

// Read reads content. A file that is cut short or damaged gives an error that names it, never a quiet end.
func (s *Stream) Read(p []byte) (int, error) {
	n, err := s.content.Read(p)
	s.at += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		err = s.failed(err)
	}
	return n, err
}

// Offset is how much content has been read.
func (s *Stream) Offset() int64 { return s.at }

// Plain reports whether the content is the file as it is stored.
func (s *Stream) Plain() bool { return s.method == "" && !s.recoded }

// Stored is how much of the file as stored has been used up to here. While a compressed file is being read it may run
// ahead by what the decompressor has taken in; at the end it is the file's size.
func (s *Stream) Stored() int64 { return s.stored.n - int64(s.buf.Buffered()) }

// SkipTo goes on to a later offset of the content: by a request for the rest of a plain file, by reading otherwise.
// An offset beyond the end is an error.
func (s *Stream) SkipTo(ctx context.Context, offset int64) error {
	if offset < s.at {
		return fault.New(fault.Internal, "reading %q: cannot go back from offset %d to %d", s.in.Name(), s.at, offset)
	}
	if s.Plain() && offset-s.at >= reopenBytes && offset <= s.in.Size() {
		if err := s.Close(); err != nil {
			return s.failed(err)
		}
		s.at = offset
		return s.open(ctx, offset)
	}
	for s.at < offset {
		if err := ctx.Err(); err != nil {
			return s.failed(err)
		}
		// In steps, so that a long skip can be canceled.
		_, err := io.CopyN(io.Discard, struct{ io.Reader }{s}, min(offset-s.at, 16<<20))
		if errors.Is(err, io.EOF) {
			return fault.New(fault.ConnectorServer, "reading %q: it ends at offset %d, before %d where reading should go on: the file has changed",
				s.in.Name(), s.at, offset)
		}
		if err != nil {
			return err // named by Read
		}
	}
	return nil
}

// Close ends the stream. It may be called again.
func (s *Stream) Close() error {
	if s.closer != nil {
		s.closer()
		s.closer = nil
	}
	if s.raw == nil {
		return nil
	}
	raw := s.raw
	s.raw = nil
	return raw.Close()
}

// failed names the file, and marks damage of the compressed data as the source's fault. Errors of the store keep theirs.
func (s *Stream) failed(err error) error {
	if text := textError(""); errors.As(err, &text) {
		return fault.Wrap(fault.ConnectorServer, err, "reading %q", s.in.Name())
	}
	if s.method == "" || s.stored != nil && s.stored.err != nil && !errors.Is(s.stored.err, io.EOF) {
		return fmt.Errorf("reading %q: %w", s.in.Name(), err)
	}
	return fault.Wrap(fault.ConnectorServer, err, "decompressing %q as %s", s.in.Name(), s.method)
}

// counter counts what passes and remembers how the store's stream ended.
type counter struct {
	r   io.Reader
	n   int64
	err error
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil {
		c.err = err
	}
	return n, err
}
