package land

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"sync"

	"weir.dev/weir/batch"
	"weir.dev/weir/fault"
	"weir.dev/weir/format"
)

// block is rows being encoded.
type block struct {
	rows    int
	text    int64
	cost    int64 // bytes in flight
	encoded chan struct{}
	// Set when encoded is closed.
	size    int64
	out     *format.Block
	content batch.Content // of the rows as they were given to the encoder
	crc     uint32        // of the encoded bytes
	err     error
}

// encode hands the stream's collected rows to a worker.
func (l *Lander) encode(s *stream) (*block, error) {
	b := &block{rows: s.rows, text: s.text, encoded: make(chan struct{})}
	pieces, held := s.pieces, s.mem
	b.cost = held + int64(math.Float64frombits(l.expect.Load())*float64(b.text))
	for i := range pieces {
		if pieces[i].b == nil { // to be decoded first
			b.cost += pieces[i].bytes() + pieces[i].shape.viewBytes()*int64(pieces[i].rows)
		}
	}
	if err := l.opts.Share.Acquire(l.ctx, Blocks, b.cost-held); err != nil {
		if cause := l.failure(); cause != nil {
			err = cause
		}
		return nil, err
	}
	l.opts.Share.Adjust(Blocks, held)
	s.hold(-held)
	s.pieces, s.rows, s.text, s.limit = nil, 0, 0, 0

	l.wg.Add(1)
	l.opts.Run(func() {
		defer l.wg.Done()
		defer close(b.encoded)
		defer func() {
			if r := recover(); r != nil {
				b.err = fault.New(fault.Internal, "encoding rows of flow %q: internal error (%T)", l.opts.Plan.FlowName, r)
			}
			if b.err != nil {
				l.fail(b.err)
			}
		}()
		l.encodePieces(b, pieces)
	})
	return b, nil
}

// encodePieces makes the block, on a worker, and gives back what its rows took.
func (l *Lander) encodePieces(b *block, pieces []piece) {
	var batches []*batch.Batch
	if b.err = l.failure(); b.err == nil {
		batches, b.err = load(l.opts.Pool, l.spool, pieces)
	}
	defer func() {
		for i := range pieces {
			pieces[i].release(l.opts.Pool, l.spool)
		}
		for _, in := range batches {
			in.Release()
		}
		l.opts.Share.Adjust(Blocks, b.size-b.cost)
		b.cost = b.size
	}()
	if b.err != nil {
		return
	}
	b.sum(batches, l.sample)
	if b.out, b.err = l.opts.Encoder.Encode(batches); b.err != nil {
		return
	}
	if b.out.Rows != b.rows {
		b.err = fault.New(fault.Internal, "encoding rows of flow %q: the encoder made %d of %d", l.opts.Plan.FlowName, b.out.Rows, b.rows)
		return
	}
	b.size, b.crc = b.out.Size(), checksum(b.out.Parts, l.sample)
	if b.text > 0 {
		l.expect.Store(math.Float64bits(float64(b.size) / float64(b.text)))
	}
}

// sum adds up the rows that are to be encoded: a second time, since they left the program, after they have been routed,
// copied, spilled and cut.
func (b *block) sum(batches []*batch.Batch, sample batch.Sample) {
	s := rowHashes.Get().(*[]uint64)
	defer rowHashes.Put(s)
	for _, in := range batches {
		*s = batch.HashRows(*s, in, sample)
		b.content.Add(batch.ContentOf(*s))
	}
}

var rowHashes = sync.Pool{New: func() any { return new([]uint64) }}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is of the parts' lengths and bytes: all of them, or a piece of every few where a sample will do.
func checksum(parts [][]byte, sample batch.Sample) (crc uint32) {
	const piece = 1 << 10
	step := piece * int(sample)
	for _, p := range parts {
		crc = crc32.Update(crc, castagnoli, binary.LittleEndian.AppendUint64(nil, uint64(len(p))))
		for ; len(p) > step; p = p[step:] {
			crc = crc32.Update(crc, castagnoli, p[:piece])
		}
		crc = crc32.Update(crc, castagnoli, p[:min(len(p), piece)])
	}
	return crc
}

// done gives the encoded bytes back.
func (b *block) done(l *Lander) {
	if b.out != nil {
		b.out.Release()
		b.out = nil
	}
	l.opts.Share.Adjust(Blocks, -b.cost)
}
