package parquet

import (
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/bitutil"

	"weir.dev/weir/batch"
)

// chunkWriter makes one column chunk: open, add for all rows in order, finish. Text is first tried with a dictionary
// (plain is false); when that stops paying, the rows so far are added again, as PLAIN pages.
type chunkWriter struct {
	*run
	col   *column
	cols  []source
	texts []text // the same opened; for BYTE_ARRAY only
	nulls nulls
	bits  []byte // backs nulls.valid

	dict    dictionary
	index   []uint16
	indexed int // values in the dictionary's pages so far
	plain   bool
	page    plainPage

	raw  []byte // the page being made
	out  segments
	meta chunkMeta
}

// source is a batch's column on its way into the chunk.
type source struct {
	batch.Column
	own bool // made for this chunk, to be released with it
}

// text is a batch's text column opened.
type text struct {
	batch.TextView
	off int // of row 0 in Valid
}

// scratch is the working memory of one Encode. Nothing in it outlives the call but capacity.
type scratch struct {
	chunks []*chunkWriter
	views  []arrow.ViewHeader
	words  []uint64
	levels []byte
	packed []byte // a page compressed
	keys   [step]textKey
	header thrift

	fetched byte // keeps the compiler from leaving fetch out
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// maxKept is the largest buffer that stays in the pool: one wide cell must not be paid for ever after.
const maxKept = 4 << 20

func (s *scratch) giveBack() {
	if cap(s.packed) > maxKept {
		s.packed = nil
	}
	scratches.Put(s)
}

// chunk prepares the i-th writer for a column of the file.
func (r *run) chunk(i, col int) *chunkWriter {
	if i == len(r.chunks) {
		r.chunks = append(r.chunks, new(chunkWriter))
	}
	w := r.chunks[i]
	w.run, w.col = r, &r.enc.cols[col]
	w.out = segments{pool: r.enc.pool}
	w.plain, w.indexed = false, 0
	return w
}

// open takes column i of the batches.
func (w *chunkWriter) open(i int) error {
	for _, b := range w.batches {
		c, own, err := w.shape(b, b.Columns[i], w.col.out)
		if err != nil {
			return err
		}
		w.cols = append(w.cols, source{c, own})
		if w.col.phys == physByteArray {
			w.texts = append(w.texts, text{batch.OpenText(c), c.Data.Data().Offset()})
		}
	}
	w.collectNulls()
	w.meta = chunkMeta{values: int64(w.rows), nulls: int64(w.nulls.count), codec: w.enc.codec.number()}
	if w.col.phys == physByteArray {
		w.dict.reset()
		w.index = resize(w.index, w.rows-w.nulls.count)
		if len(w.index) == 0 {
			w.goPlain()
		}
	}
	return nil
}

// drop lets go of everything that belongs to the batches.
func (w *chunkWriter) drop(pool *batch.Pool) {
	for _, c := range w.cols {
		if c.own {
			c.Data.Release()
		}
	}
	clear(w.cols)
	clear(w.texts)
	w.cols, w.texts = w.cols[:0], w.texts[:0]
	w.dict.reset()
	w.page = plainPage{}
	for _, p := range w.out.take() {
		pool.Free(p[:cap(p)])
	}
	if cap(w.raw) > maxKept {
		w.raw = nil
	}
	w.run = nil
}

// add takes the rows [lo, hi) of a batch's column, at most step of them. Only text is taken bit by bit.
func (w *chunkWriter) add(b, lo, hi int) error {
	if w.col.phys != physByteArray {
		return nil
	}
	if w.plain {
		return w.addPlain(&w.texts[b], lo, hi)
	}
	t := &w.texts[b]
	views := w.dense(t, lo, hi)
	w.dict.addText(views, t.Bufs, w.index[w.indexed:w.indexed+len(views)], &w.keys)
	w.indexed += len(views)
	if w.dict.pays(w.indexed) {
		return nil
	}
	return w.again(b, hi)
}

// again starts over with PLAIN pages, up to row end of batch last.
func (w *chunkWriter) again(last, end int) error {
	w.goPlain()
	for b := range w.texts[:last+1] {
		rows := len(w.texts[b].Views)
		if b == last {
			rows = end
		}
		for lo := 0; lo < rows; lo += step {
			if err := w.addPlain(&w.texts[b], lo, min(lo+step, rows)); err != nil {
				return err
			}
		}
	}
	return nil
}

// finish writes what add has not written yet.
func (w *chunkWriter) finish() error {
	switch w.col.phys {
	case physByteArray:
		return w.finishText()
	case physBoolean:
		return w.booleans()
	case physFixed:
		return w.wideDecimals()
	}
	return w.numbers()
}

func (w *chunkWriter) finishText() error {
	if !w.plain && !w.dictionaryIsSmaller(w.indexed, 4) {
		last := len(w.texts) - 1
		if err := w.again(last, len(w.texts[last].Views)); err != nil {
			return err
		}
	}
	if w.plain {
		return w.finishPlain()
	}
	return w.finishDictionary()
}

// collectNulls joins the validity bitmaps of the chunk's columns.
func (w *chunkWriter) collectNulls() {
	w.nulls = nulls{}
	for _, c := range w.cols {
		w.nulls.count += c.Data.NullN()
	}
	if w.nulls.count == 0 {
		return
	}
	w.bits = resize(w.bits, (w.rows+7)/8)
	at := 0
	for _, c := range w.cols {
		n := c.Data.Len()
		if c.Data.NullN() == 0 {
			bitutil.SetBitsTo(w.bits, int64(at), int64(n), true)
		} else {
			bitutil.CopyBitmap(c.Data.NullBitmapBytes(), c.Data.Data().Offset(), n, w.bits, at)
		}
		at += n
	}
	w.nulls.valid = w.bits
}
