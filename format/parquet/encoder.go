package parquet

import (
	"fmt"

	"github.com/klauspost/compress/zstd"

	"weir.dev/weir/batch"
	"weir.dev/weir/format"
)

// column is a column of the file.
type column struct {
	name string
	out  batch.Kind
	leafType
}

// encoder implements format.Encoder. It is immutable.
type encoder struct {
	cols  []column
	codec Codec
	rows  int
	bytes int64
	pool  *batch.Pool
	zstd  *zstd.Encoder // for codec Zstd; safe for concurrent use
}

func (e *encoder) BlockRows() int       { return e.rows }
func (e *encoder) BlockBytes() int64    { return e.bytes }
func (e *encoder) NewFile() format.File { return &output{cols: e.cols} }

// Encode makes one row group.
func (e *encoder) Encode(batches []*batch.Batch) (*format.Block, error) {
	rows := 0
	full := make([]*batch.Batch, 0, len(batches))
	for _, b := range batches {
		if len(b.Columns) != len(e.cols) {
			return nil, fmt.Errorf("encoding parquet: a batch of %q has %d columns instead of %d", b.Origin.Object, len(b.Columns), len(e.cols))
		}
		if b.Rows > 0 {
			full = append(full, b)
			rows += b.Rows
		}
	}
	if rows > maxBlockRows {
		return nil, fmt.Errorf("encoding parquet: %d rows are too many for one row group", rows)
	}
	r := run{enc: e, batches: full, rows: rows, scratch: scratches.Get().(*scratch)}
	defer r.scratch.giveBack()
	block := &format.Block{Rows: rows}
	block.OnRelease(func() {
		for _, p := range block.Parts {
			e.pool.Free(p[:cap(p)])
		}
		block.Parts = nil
	})
	group := &rowGroup{rows: rows, chunks: make([]chunkMeta, 0, len(e.cols))}
	for next := 0; rows > 0 && next < len(e.cols); {
		n, err := r.columns(next, block, group)
		if err != nil {
			block.Release()
			return nil, err
		}
		next += n
	}
	block.Meta = group
	return block, nil
}

// maxBlockRows keeps the counts in page headers, which are 32-bit, from wrapping.
const maxBlockRows = 1 << 30

// run is one call of Encode.
type run struct {
	*scratch
	enc     *encoder
	batches []*batch.Batch
	rows    int
}

// together is how many columns are encoded side by side. Text lies row after row, as it came: taking a thousand rows
// through many columns while they are in the processor's cache is twice as fast as one column after the other. The
// number bounds the working memory.
const together = 32

// tiled tells whether column i is text that lies between that of other columns.
func (r *run) tiled(i int) bool {
	for _, b := range r.batches {
		if k := b.Columns[i].Kind; !k.IsText() && k.Type != batch.Binary || !stays(k, r.enc.cols[i].out) {
			return false
		}
	}
	return true
}

// columns encodes the column chunks from column first on, as many as go together, and adds them to the block. It
// returns their number.
func (r *run) columns(first int, block *format.Block, group *rowGroup) (n int, err error) {
	defer func() {
		for i := range n {
			r.chunks[i].drop(r.enc.pool)
		}
	}()
	for n == 0 || n < together && r.tiled(first) && first+n < len(r.enc.cols) && r.tiled(first+n) {
		w := r.chunk(n, first+n)
		n++
		if err := w.open(first + n - 1); err != nil {
			return n, r.fault(w, err)
		}
	}
	chunks := r.chunks[:n]
	for b := range r.batches {
		for lo, rows := 0, r.batches[b].Rows; lo < rows; lo += step {
			r.fetch(chunks, b, lo, min(lo+step, rows))
			for _, w := range chunks {
				if err := w.add(b, lo, min(lo+step, rows)); err != nil {
					return n, r.fault(w, err)
				}
			}
		}
	}
	for _, w := range chunks {
		if err := w.finish(); err != nil {
			return n, r.fault(w, err)
		}
		base := block.Size()
		w.meta.start += base
		w.meta.data += base
		w.meta.compressed = w.out.size
		block.Parts = append(block.Parts, w.out.take()...)
		group.chunks = append(group.chunks, w.meta)
	}
	return n, nil
}

// fetch reads once, in order, the text that the rows [lo, hi) lie in, where one column shows how far that goes. Memory
// hands out a sequence several times faster than the same lines on demand, cell by cell: measured on row-major text that
// is not in the cache, this halves the time of everything but compression.
func (r *run) fetch(chunks []*chunkWriter, b, lo, hi int) {
	const most, line = 1 << 20, 64
	for _, w := range chunks {
		if len(chunks) == 1 {
			return
		}
		t := &w.texts[b]
		first, last := &t.Views[lo], &t.Views[hi-1]
		if first.Len() <= inlineMax || last.Len() <= inlineMax || first.BufferIndex() != last.BufferIndex() {
			continue
		}
		from, to := int(first.BufferOffset()), int(last.BufferOffset())
		if from < to && to-from < most {
			var x byte
			for text := t.Bufs[first.BufferIndex()][from:to]; len(text) > line; text = text[line:] {
				x ^= text[0]
			}
			r.fetched ^= x
			return
		}
	}
}

// fault says in which column and which records something could not be written.
func (r *run) fault(w *chunkWriter, err error) error {
	first, last := r.batches[0].Origin, r.batches[len(r.batches)-1]
	return fmt.Errorf("encoding parquet column %q, %q record %d to %q record %d: %w", w.col.name,
		first.Object, r.batches[0].Origin.Record(0), last.Origin.Object, last.Origin.Record(last.Rows-1), err)
}
