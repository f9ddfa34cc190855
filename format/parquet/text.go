package parquet

import (
	"encoding/binary"
	"math/bits"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"

	"weir.dev/weir/batch"
)

// finishDictionary writes the dictionary page and the pages of indices.
func (w *chunkWriter) finishDictionary() error {
	var s textSpan
	for page := w.dict.page; len(page) > 0; {
		n := int(binary.LittleEndian.Uint32(page))
		s.addBytes(page[4 : 4+n])
		page = page[4+n:]
	}
	w.meta.bounds = s.bounds(w.col.converted == convUTF8)
	return w.writeIndexed(w.dict.page)
}

// dictionaryIsSmaller compares the finished dictionary with the plain values, prefix bytes before each. Plain values
// compress to about half, indices hardly.
func (w *chunkWriter) dictionaryIsSmaller(values, prefix int) bool {
	d := &w.dict
	indices := values * indexWidth(max(1, len(d.entries))) / 8
	return values > 0 && (d.bytes+len(d.entries)*prefix)/2+indices < (d.plain+values*prefix)/2
}

// writeIndexed writes the dictionary page of PLAIN values and the pages of indices.
func (w *chunkWriter) writeIndexed(values []byte) error {
	n := len(w.dict.entries)
	if err := w.writeDictionary(values, n); err != nil {
		return err
	}
	width, at := indexWidth(n), 0
	for first := 0; first < w.rows; first += pageRows {
		count := min(pageRows, w.rows-first)
		values := w.nulls.validIn(first, count)
		room := levelRoom(count)
		w.raw = appendIndices(grow(w.raw[:0], room), w.index[at:at+values], width)
		if err := w.writeData(w.raw, room, first, count, encRLEDictionary); err != nil {
			return err
		}
		at += values
	}
	return nil
}

// dense is the headers of the rows [lo, hi) that are not null.
func (s *scratch) dense(t *text, lo, hi int) []arrow.ViewHeader {
	if t.Valid == nil {
		return t.Views[lo:hi]
	}
	s.views = resize(s.views, step)
	n := 0
	for ; lo < hi; lo += 64 {
		for word := validWord(t.Valid, t.off+lo, min(64, hi-lo)); word != 0; word &= word - 1 {
			s.views[n] = t.Views[lo+bits.TrailingZeros64(word)]
			n++
		}
	}
	return s.views[:n]
}

// validWord is n ≤ 64 bits of a bitmap from bit at.
func validWord(valid []byte, at, n int) uint64 {
	var word uint64
	b, shift := valid[at/8:], uint(at%8)
	if len(b) >= 9 {
		word = binary.LittleEndian.Uint64(b)>>shift | uint64(b[8])<<(64-shift)
	} else {
		for i, x := range b {
			word |= uint64(x) << (8 * i)
		}
		word >>= shift
	}
	return word & (^uint64(0) >> (64 - n))
}

// plainPage is the PLAIN page that a chunk is filling.
type plainPage struct {
	room  int // before the values, for levels
	first int // row where the page starts
	count int // its rows
	span  textSpan
}

func (w *chunkWriter) goPlain() {
	w.plain = true
	w.page = plainPage{room: levelRoom(w.rows)}
	w.raw = grow(w.raw[:0], w.page.room)
}

// addPlain adds the rows [lo, hi) of a column. Pages are cut between calls, and inside one when its cells are wide.
func (w *chunkWriter) addPlain(t *text, lo, hi int) error {
	p := &w.page
	views := w.dense(t, lo, hi)
	size := 4 * len(views)
	for i := range views {
		size += views[i].Len()
	}
	if size > pageBytes && hi-lo > 1 {
		mid := (lo + hi) / 2
		if err := w.addPlain(t, lo, mid); err != nil {
			return err
		}
		return w.addPlain(t, mid, hi)
	}
	if used := len(w.raw) - p.room; used > 0 && used+size > pageBytes {
		if err := w.flushPlain(); err != nil {
			return err
		}
	}
	if size > maxPage {
		return errPageTooLarge
	}
	w.raw = appendPlain(w.raw, views, t.Bufs, size)
	p.span.add(views, t.Bufs)
	p.count += hi - lo
	return nil
}

func (w *chunkWriter) flushPlain() error {
	p := &w.page
	if p.count == 0 {
		return nil
	}
	if err := w.writeData(w.raw, p.room, p.first, p.count, encPlain); err != nil {
		return err
	}
	p.first, p.count = p.first+p.count, 0
	w.raw = w.raw[:p.room]
	return nil
}

func (w *chunkWriter) finishPlain() error {
	if err := w.flushPlain(); err != nil {
		return err
	}
	w.meta.bounds = w.page.span.bounds(w.col.converted == convUTF8)
	return nil
}

// appendPlain writes each text behind its length, size bytes in all.
func appendPlain(dst []byte, views []arrow.ViewHeader, bufs [][]byte, size int) []byte {
	const slack = 16 // short texts are stored whole words at a time
	at := len(dst)
	dst = grow(dst, size+slack)
	out := unsafe.Pointer(unsafe.SliceData(dst[at:]))
	pos := 0
	for i := range views {
		v := &views[i]
		n := v.Len()
		p := unsafe.Add(out, pos)
		pos += 4 + n
		binary.LittleEndian.PutUint32((*[4]byte)(p)[:], uint32(n))
		p = unsafe.Add(p, 4)
		if n <= inlineMax {
			*(*[12]byte)(p) = *(*[12]byte)(unsafe.Add(unsafe.Pointer(v), 4))
			continue
		}
		batch.CopyLong(p, unsafe.Pointer(unsafe.SliceData(long(v, bufs))), n)
	}
	return dst[:at+size]
}

// resize returns a slice of n elements of undefined content.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
