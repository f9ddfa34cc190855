package parquet

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// numbers encodes a chunk of 4- or 8-byte values.
func (w *chunkWriter) numbers() error {
	w.collectWords()
	if w.col.phys == physDouble {
		w.meta.bounds = doubleBounds(w.words)
	} else {
		w.meta.bounds = integerBounds(w.words, w.col.width)
	}
	if ok, err := w.wordDictionary(w.col.width); ok || err != nil {
		return err
	}
	return w.eachPage(func(values []uint64) { w.raw = appendWords(w.raw, values, w.col.width) })
}

func (w *chunkWriter) wordDictionary(width int) (bool, error) {
	d := &w.dict
	d.reset()
	words := w.words
	w.index = resize(w.index, len(words))
	for lo := 0; lo < len(words); lo += step {
		hi := min(lo+step, len(words))
		d.addWords(words[lo:hi], width, w.index[lo:hi])
		if !d.pays(hi) {
			return false, nil
		}
	}
	if !w.dictionaryIsSmaller(len(words), 0) {
		return false, nil
	}
	w.raw = w.raw[:0]
	for i := range d.entries {
		w.raw = appendWords(w.raw, []uint64{d.entries[i].w0}, width)
	}
	return true, w.writeIndexed(w.raw)
}

// eachPage writes data pages; values appends a page's values to raw.
func (w *chunkWriter) eachPage(values func([]uint64)) error {
	at := 0
	for first := 0; first < w.rows; first += pageRows {
		count := min(pageRows, w.rows-first)
		n := w.nulls.validIn(first, count)
		room := levelRoom(count)
		w.raw = grow(w.raw[:0], room)
		values(w.words[at : at+n])
		if err := w.writeData(w.raw, room, first, count, encPlain); err != nil {
			return err
		}
		at += n
	}
	return nil
}

func appendWords(dst []byte, values []uint64, width int) []byte {
	at := len(dst)
	dst = grow(dst, width*len(values))
	out := dst[at:]
	if width == 4 {
		for i, v := range values {
			binary.LittleEndian.PutUint32(out[4*i:], uint32(v))
		}
		return dst
	}
	for i, v := range values {
		binary.LittleEndian.PutUint64(out[8*i:], v)
	}
	return dst
}

// collectWords brings the values that are not null together, as the 64-bit patterns that are stored.
func (w *chunkWriter) collectWords() {
	w.words = resize(w.words, w.rows-w.nulls.count)
	n := 0
	for _, c := range w.cols {
		valid, off := validity(c.Data)
		switch a := c.Data.(type) {
		case *array.Int32:
			n += gather(w.words[n:], a.Int32Values(), valid, off, func(v int32) uint64 { return uint64(v) })
		case *array.Date32:
			n += gather(w.words[n:], a.Date32Values(), valid, off, func(v arrow.Date32) uint64 { return uint64(v) })
		case *array.Int64:
			n += gather(w.words[n:], a.Int64Values(), valid, off, func(v int64) uint64 { return uint64(v) })
		case *array.Time64:
			n += gather(w.words[n:], a.Time64Values(), valid, off, func(v arrow.Time64) uint64 { return uint64(v) })
		case *array.Timestamp:
			n += gather(w.words[n:], a.TimestampValues(), valid, off, func(v arrow.Timestamp) uint64 { return uint64(v) })
		case *array.Float64:
			n += gather(w.words[n:], a.Float64Values(), valid, off, math.Float64bits)
		case *array.Decimal128:
			n += gather(w.words[n:], a.Values(), valid, off, decimal128.Num.LowBits)
		}
	}
	w.words = w.words[:n]
}

// validity is the array's bitmap and its place in it; nil when no value is null.
func validity(a arrow.Array) ([]byte, int) {
	if a.NullN() == 0 {
		return nil, 0
	}
	return a.NullBitmapBytes(), a.Data().Offset()
}

func gather[T any](dst []uint64, src []T, valid []byte, off int, word func(T) uint64) int {
	if valid == nil {
		for i, v := range src {
			dst[i] = word(v)
		}
		return len(src)
	}
	n := 0
	for lo := 0; lo < len(src); lo += 64 {
		for w := validWord(valid, off+lo, min(64, len(src)-lo)); w != 0; w &= w - 1 {
			dst[n] = word(src[lo+bits.TrailingZeros64(w)])
			n++
		}
	}
	return n
}

// booleans encodes a chunk of booleans, one bit each.
func (w *chunkWriter) booleans() error {
	w.words = resize(w.words, (w.rows-w.nulls.count+63)/64+1)
	clear(w.words)
	n, trues := 0, 0
	for _, c := range w.cols {
		a := c.Data.(*array.Boolean)
		valid, off := validity(a)
		vals, vo := a.Data().Buffers()[1].Bytes(), a.Data().Offset()
		for i := range a.Len() {
			if valid != nil && !bitutil.BitIsSet(valid, off+i) {
				continue
			}
			if bitutil.BitIsSet(vals, vo+i) {
				w.words[n/64] |= 1 << (n % 64)
				trues++
			}
			n++
		}
	}
	w.meta.bounds = booleanBounds(n, trues)
	room := levelRoom(w.rows)
	w.raw = grow(w.raw[:0], room)
	for _, v := range w.words {
		w.raw = binary.LittleEndian.AppendUint64(w.raw, v)
	}
	return w.writeData(w.raw[:room+(n+7)/8], room, 0, w.rows, encPlain)
}

// wideDecimals encodes decimals of more than 18 digits: big-endian two's complement of width bytes.
func (w *chunkWriter) wideDecimals() error {
	width := w.col.width
	values := w.rows - w.nulls.count
	w.words = resize(w.words, 2*values)
	n := 0
	var least, most decimal128.Num
	for _, c := range w.cols {
		a := c.Data.(*array.Decimal128)
		valid, off := validity(a)
		for i, v := range a.Values() {
			if valid != nil && !bitutil.BitIsSet(valid, off+i) {
				continue
			}
			if n == 0 || v.Less(least) {
				least = v
			}
			if n == 0 || most.Less(v) {
				most = v
			}
			w.words[2*n], w.words[2*n+1] = uint64(v.HighBits()), v.LowBits()
			n++
		}
	}
	if n > 0 {
		w.meta.bounds.min = appendDecimal(nil, uint64(least.HighBits()), least.LowBits(), width)
		w.meta.bounds.max = appendDecimal(nil, uint64(most.HighBits()), most.LowBits(), width)
	}
	at := 0
	for first := 0; first < w.rows; first += pageRows {
		count := min(pageRows, w.rows-first)
		room := levelRoom(count)
		w.raw = grow(w.raw[:0], room)
		for range w.nulls.validIn(first, count) {
			w.raw = appendDecimal(w.raw, w.words[2*at], w.words[2*at+1], width)
			at++
		}
		if err := w.writeData(w.raw, room, first, count, encPlain); err != nil {
			return err
		}
	}
	return nil
}

func appendDecimal(dst []byte, high, low uint64, width int) []byte {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], high)
	binary.BigEndian.PutUint64(b[8:], low)
	return append(dst, b[16-width:]...)
}

func booleanBounds(n, trues int) bounds {
	if n == 0 {
		return bounds{}
	}
	bit := func(b bool) []byte {
		if b {
			return []byte{1}
		}
		return []byte{0}
	}
	return bounds{min: bit(trues == n), max: bit(trues > 0)}
}

func integerBounds(words []uint64, width int) bounds {
	if len(words) == 0 {
		return bounds{}
	}
	lo, hi := int64(words[0]), int64(words[0])
	for _, w := range words {
		lo, hi = min(lo, int64(w)), max(hi, int64(w))
	}
	return bounds{
		min: appendWords(nil, []uint64{uint64(lo)}, width),
		max: appendWords(nil, []uint64{uint64(hi)}, width),
	}
}

// doubleBounds gives none when a NaN is among the values, and lets zero bounds cover both zeros, as the format asks.
func doubleBounds(words []uint64) bounds {
	if len(words) == 0 {
		return bounds{}
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, w := range words {
		v := math.Float64frombits(w)
		if v != v {
			return bounds{}
		}
		lo, hi = min(lo, v), max(hi, v)
	}
	if lo == 0 {
		lo = math.Copysign(0, -1)
	}
	if hi == 0 {
		hi = 0
	}
	return bounds{
		min: appendWords(nil, []uint64{math.Float64bits(lo)}, 8),
		max: appendWords(nil, []uint64{math.Float64bits(hi)}, 8),
	}
}
