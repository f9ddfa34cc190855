package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"

	"weir.dev/weir/batch"
)

const (
	// pageBytes is where a page of values is cut, before compression.
	pageBytes = 512 << 10
	// pageRows is where a page of dictionary indices or fixed-width values is cut. A multiple of 8.
	pageRows = 128 << 10
	// maxPage is the most that a page may hold: its sizes are 32-bit, and compression may add a sixth.
	maxPage = 1_800_000_000
)

var errPageTooLarge = errors.New("a value is longer than the 1.8 GB that a page can hold")

// segments collects a chunk's bytes in buffers of one size, so that growing never copies.
type segments struct {
	pool  *batch.Pool
	parts [][]byte
	size  int64
}

const segmentBytes = 64 << 10

func (o *segments) write(p []byte) {
	o.size += int64(len(p))
	for len(p) > 0 {
		last := len(o.parts) - 1
		if last < 0 || len(o.parts[last]) == cap(o.parts[last]) {
			o.parts = append(o.parts, o.pool.Allocate(segmentBytes)[:0])
			last++
		}
		part := o.parts[last]
		n := min(len(p), cap(part)-len(part))
		o.parts[last] = append(part, p[:n]...)
		p = p[n:]
	}
}

// take hands the buffers over.
func (o *segments) take() [][]byte {
	parts := o.parts
	o.parts = nil
	return parts
}

// writeDictionary writes the dictionary page of n PLAIN values.
func (w *chunkWriter) writeDictionary(raw []byte, n int) error {
	w.meta.dictionary = true
	return w.writePage(raw, func(t *thrift) {
		t.begin(7)
		t.i32(1, n)
		t.i32(2, encPlain)
		t.end()
	}, pageDictionary)
}

// writeData writes a data page of the rows [first, first+n). raw is its values behind room bytes for the levels.
func (w *chunkWriter) writeData(raw []byte, room, first, n, encoding int) error {
	if w.meta.pages == 0 {
		w.meta.data = w.out.size
	}
	w.meta.pages++
	w.levels = appendLevels(w.levels[:0], &w.nulls, first, n)
	at := room - len(w.levels)
	copy(raw[at:], w.levels)
	return w.writePage(raw[at:], func(t *thrift) {
		t.begin(5)
		t.i32(1, n)
		t.i32(2, encoding)
		t.i32(3, encRLE)
		t.i32(4, encRLE)
		t.end()
	}, pageData)
}

func (w *chunkWriter) writePage(raw []byte, header func(*thrift), typ int) error {
	if len(raw) > maxPage {
		return errPageTooLarge
	}
	body := w.compress(raw)
	t := &w.header
	*t = thrift{buf: t.buf[:0], outer: t.outer[:0]}
	t.i32(1, typ)
	t.i32(2, len(raw))
	t.i32(3, len(body))
	header(t)
	t.stop()
	w.meta.uncompressed += int64(len(t.buf) + len(raw))
	w.out.write(t.buf)
	w.out.write(body)
	return nil
}

// compress returns the page as stored; good until the next call.
func (w *chunkWriter) compress(raw []byte) []byte {
	switch w.enc.codec {
	case Snappy:
		if n := s2.MaxEncodedLen(len(raw)); cap(w.packed) < n {
			w.packed = make([]byte, n)
		}
		if !compressible(w.packed, raw) {
			w.packed = storeSnappy(w.packed[:0], raw)
			return w.packed
		}
		return s2.EncodeSnappy(w.packed[:cap(w.packed)], raw)
	case Zstd:
		w.packed = w.enc.zstd.EncodeAll(raw, w.packed[:0])
		return w.packed
	case Gzip:
		w.packed = gzipped(w.packed[:0], raw)
		return w.packed
	}
	return raw
}

var gzips = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) //nolint:forbidigo // the level is one of the package's own
	}
	return z
}}

// gzipped appends the page as one gzip member.
func gzipped(dst, raw []byte) []byte {
	buf := bytes.NewBuffer(dst)
	z := gzips.Get().(*gzip.Writer)
	defer gzips.Put(z)
	z.Reset(buf)
	_, _ = z.Write(raw) // a buffer takes everything
	_ = z.Close()
	return buf.Bytes()
}

// compressible compresses a piece from the middle of a large page to see whether the whole is worth the time: packed
// indices and random identifiers are not.
func compressible(scratch, raw []byte) bool {
	const sample = 8 << 10
	if len(raw) < 4*sample {
		return true
	}
	mid := len(raw) / 2
	return len(s2.EncodeSnappy(scratch[:cap(scratch)], raw[mid:mid+sample])) < sample*9/10
}

// storeSnappy makes a Snappy block that is one literal (https://github.com/google/snappy/blob/main/format_description.txt).
func storeSnappy(dst, raw []byte) []byte {
	const literalOf4LengthBytes = 63 << 2
	dst = binary.AppendUvarint(dst, uint64(len(raw)))
	dst = append(dst, literalOf4LengthBytes)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(raw)-1))
	return append(dst, raw...)
}

func (c Codec) number() int {
	switch c {
	case Snappy:
		return codecSnappy
	case Zstd:
		return codecZstd
	case Gzip:
		return codecGzip
	}
	return codecNone
}
