package compress

import (
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"weir.dev/weir/batch"
	"weir.dev/weir/fault"
	"weir.dev/weir/format"
)

// Method is a compression of files to write.
type Method string

// Methods.
const (
	Gzip Method = "gzip"
	Zstd Method = "zstd"
)

// Extension is what the names of files compressed in this way end with.
func (m Method) Extension() string {
	if m == Zstd {
		return ".zst"
	}
	return ".gz"
}

// NewEncoder makes an encoder of the inner one's files, compressed. The inner one must be of a text format, whose files
// are a head and blocks one after the other: each becomes a gzip member or a Zstandard frame of its own, so that blocks
// are compressed on any goroutine, and a file is the members in order, which every reader of these formats takes for one.
func NewEncoder(inner format.Encoder, m Method, pool *batch.Pool) (format.Encoder, error) {
	e := &encoder{Encoder: inner, method: m, pool: pool}
	if e.pool == nil {
		e.pool = batch.DefaultPool
	}
	switch m {
	case Gzip:
	case Zstd:
		z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithLowerEncoderMem(true))
		if err != nil {
			return nil, fault.Wrap(fault.Internal, err, "preparing Zstandard")
		}
		e.zstd = z
	default:
		return nil, fault.New(fault.Validation, "compressing files: there is no method %q", m)
	}
	var head bytes.Buffer
	if err := inner.NewFile().Finish(&head); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "preparing compressed files")
	}
	if head.Len() > 0 {
		packed, err := e.pack([][]byte{head.Bytes()}, int64(head.Len()))
		if err != nil {
			return nil, err
		}
		e.head = bytes.Clone(packed)
		e.pool.Free(packed)
	}
	return e, nil
}

// encoder implements format.Encoder. What bounds a block is the inner encoder's: bytes before compression.
type encoder struct {
	format.Encoder
	method Method
	pool   *batch.Pool
	zstd   *zstd.Encoder // safe for concurrent use
	head   []byte        // compressed; nil when files have none
}

// NewFile implements format.Encoder.
func (e *encoder) NewFile() format.File { return &file{head: e.head} }

// Encode implements format.Encoder.
func (e *encoder) Encode(batches []*batch.Batch) (*format.Block, error) {
	plain, err := e.Encoder.Encode(batches)
	if err != nil {
		return nil, err
	}
	defer plain.Release()
	packed, err := e.pack(plain.Parts, plain.Size())
	if err != nil {
		return nil, err
	}
	b := &format.Block{Rows: plain.Rows, Parts: [][]byte{packed}}
	b.OnRelease(func() { e.pool.Free(packed) })
	return b, nil
}

// pack compresses the parts, of size bytes together, as one member, in memory from the pool.
func (e *encoder) pack(parts [][]byte, size int64) ([]byte, error) {
	if e.method == Zstd && len(parts) == 1 {
		whole := parts[0]
		scratch := e.pool.Allocate(e.zstd.MaxEncodedSize(len(whole)))
		defer e.pool.Free(scratch)
		packed := e.zstd.EncodeAll(whole, scratch[:0])
		return append(e.pool.Allocate(len(packed))[:0], packed...), nil
	}
	out := &grower{b: e.pool.Allocate(max(4<<10, int(size/4)))[:0], pool: e.pool}
	w, free, err := e.writer(out)
	if err != nil {
		e.pool.Free(out.b)
		return nil, err
	}
	defer free()
	for _, p := range parts {
		_, failed := w.Write(p)
		err = errors.Join(err, failed)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		e.pool.Free(out.b)
		return nil, fault.Wrap(fault.Internal, err, "compressing a block")
	}
	return out.b, nil
}

// writer is a stream into out, and what gives it back.
func (e *encoder) writer(out io.Writer) (w io.WriteCloser, free func(), err error) {
	if e.method == Zstd {
		z, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1))
		return z, func() {}, fault.Wrap(fault.Internal, err, "preparing Zstandard")
	}
	z := gzips.Get().(*gzip.Writer)
	z.Reset(out)
	return z, func() { gzips.Put(z) }, nil
}
