package parquet

import (
	"encoding/binary"
	"math/bits"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
)

// dictionary numbers the distinct values of a column chunk in order of appearance. It is an open-addressing table over
// 16-byte keys: a short text is its own key, as Arrow keeps it in the header; a long one is keyed by length, prefix and
// a hash of its bytes, and compared in full.
//
// Duplicates would cost space but never correctness, so a header with dirty padding does no harm.
type dictionary struct {
	table   []uint32 // 0 is free; else 16 bits of hash above, number+1 below
	shift   uint     // 64 - log2(len(table))
	entries []entry
	bytes   int // of all entries' text
	plain   int // of all values' text
	extra   int // probes beyond the first of each value
}

type entry struct {
	w0, w1 uint64
	data   *byte // text of more than 12 bytes, in a batch's buffer; nil otherwise
}

const (
	// step is how many values go to the table between two looks at whether it still pays; it must be a multiple of 8.
	step = 1024
	// maxEntries keeps numbers within 16 bits through a whole step.
	maxEntries = 1<<16 - 1 - step
	// maxDictionaryBytes bounds the page that every reader must hold in memory.
	maxDictionaryBytes = 4 << 20
	minTable           = 4096
)

// Odd constants with well spread bits.
const (
	mix0 = 0xa0761d6478bd642f
	mix1 = 0xe7037ed1a0b428db
)

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^mix0, b^mix1)
	return hi ^ lo
}

func (d *dictionary) reset() {
	d.resize(minTable)
	clear(d.entries) // they point into batches
	d.entries = d.entries[:0]
	d.bytes, d.plain, d.extra = 0, 0, 0
}

func (d *dictionary) resize(n int) {
	if cap(d.table) < n {
		d.table = make([]uint32, n)
	}
	d.table = d.table[:n]
	clear(d.table)
	d.shift = uint(64 - bits.Len(uint(n-1)))
}

// room makes sure that a step's values leave the table at most half full.
func (d *dictionary) room() {
	if (len(d.entries)+step)*2 <= len(d.table) {
		return
	}
	d.resize(len(d.table) * 4)
	mask := uint64(len(d.table) - 1)
	for i, e := range d.entries {
		h := mix(e.w0, e.w1)
		at := h >> d.shift
		for d.table[at&mask] != 0 {
			at++
		}
		d.table[at&mask] = uint32(h)<<16 | uint32(i+1)
	}
}

// pays tells whether a dictionary is worth going on with after seen values. The shares are where dictionary and plain
// pages came out alike in size and time on text columns.
func (d *dictionary) pays(seen int) bool {
	n := len(d.entries)
	switch {
	case n > maxEntries, d.bytes > maxDictionaryBytes, d.extra > 4*(seen+step):
		return false
	case seen < 4*step:
		return true
	case seen < 32*step:
		return n*100 <= seen*85
	}
	return n*2 <= seen
}

// addText numbers at most step values. Numbers go to index, which must be as long.
func (d *dictionary) addText(views []arrow.ViewHeader, bufs [][]byte, index []uint16) {
	d.room()
	table, shift := d.table, d.shift
	mask := uint64(len(table) - 1)
	entries, plain := d.entries, 0
	index = index[:len(views)]
	for i := range views {
		v := &views[i]
		key := (*[2]uint64)(unsafe.Pointer(v))
		w0, w1 := key[0], key[1]
		n := v.Len()
		plain += n
		var data *byte
		if n > inlineMax {
			b := long(v, bufs)
			w1, data = hash(b), unsafe.SliceData(b)
		}
		h := mix(w0, w1)
		tag := uint32(h) << 16
		at := h >> shift
		for {
			s := table[at&mask]
			if s == 0 {
				entries = append(entries, entry{w0, w1, data})
				table[at&mask] = tag | uint32(len(entries))
				index[i] = uint16(len(entries) - 1)
				d.bytes += n
				break
			}
			if s&0xffff0000 == tag {
				e := &entries[s&0xffff-1]
				if e.w0 == w0 && e.w1 == w1 && (data == nil || unsafe.String(e.data, n) == unsafe.String(data, n)) {
					index[i] = uint16(s - 1)
					break
				}
			}
			at++
			d.extra++
		}
	}
	d.entries = entries
	d.plain += plain
}

// addWords numbers at most step values of a fixed width.
func (d *dictionary) addWords(words []uint64, width int, index []uint16) {
	d.room()
	table, shift := d.table, d.shift
	mask := uint64(len(table) - 1)
	for i, w := range words {
		h := mix(w, 0)
		tag := uint32(h) << 16
		at := h >> shift
		for {
			s := table[at&mask]
			if s == 0 {
				d.entries = append(d.entries, entry{w0: w})
				table[at&mask] = tag | uint32(len(d.entries))
				index[i] = uint16(len(d.entries) - 1)
				d.bytes += width
				break
			}
			if s&0xffff0000 == tag && d.entries[s&0xffff-1].w0 == w {
				index[i] = uint16(s - 1)
				break
			}
			at++
			d.extra++
		}
	}
	d.plain += width * len(words)
}

// text is the entry's bytes, when the dictionary is one of text.
func (e *entry) text() []byte {
	v := (*arrow.ViewHeader)(unsafe.Pointer(e))
	if n := v.Len(); n > inlineMax {
		return unsafe.Slice(e.data, n)
	}
	return inline(v)
}

// inlineMax is the longest text that Arrow keeps inside the header.
const inlineMax = 12

// inline is the text of a header that holds it.
func inline(v *arrow.ViewHeader) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(v), 4)), v.Len())
}

// long is the text of a header that points to it.
func long(v *arrow.ViewHeader, bufs [][]byte) []byte {
	off, n := int(v.BufferOffset()), v.Len()
	return bufs[v.BufferIndex()][off : off+n : off+n]
}

// hash is of more than 12 bytes.
func hash(b []byte) uint64 {
	n := len(b)
	word := binary.LittleEndian.Uint64
	h := uint64(n)
	for ; len(b) > 32; b = b[16:] {
		h = mix(h^word(b), word(b[8:]))
	}
	if len(b) > 16 {
		h = mix(h^word(b), word(b[8:]))
		return mix(h^word(b[len(b)-16:]), word(b[len(b)-8:]))
	}
	return mix(h^word(b), word(b[len(b)-8:]))
}
