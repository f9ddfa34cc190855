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
	page    []byte // the entries of text as their page holds them: each behind its length
	bytes   int    // of all entries' values
	plain   int    // of all values
	extra   int    // probes beyond the first of each value
	full    bool   // text was left out: it would have outgrown the page
}

type entry struct {
	w0, w1 uint64
	off    int // of a text in page
}

const (
	// step is how many values go to the table between two looks at whether it still pays; it must be a multiple of 8.
	step = 1024
	// maxEntries keeps numbers within 16 bits through a whole step.
	maxEntries = 1<<16 - 1 - step
	// maxDictionaryBytes bounds the page that every reader must hold in memory.
	maxDictionaryBytes = 1 << 20
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
	d.entries, d.page = d.entries[:0], d.page[:0]
	d.bytes, d.plain, d.extra, d.full = 0, 0, 0, false
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

// pays tells whether a dictionary is worth going on with after seen values. The shares are those that about 40,000
// distinct values in no order would show: there, dictionary and plain pages of short text come out alike. The first is
// stricter, of 18,000: it spares the look-ups of columns whose dictionary would win little (7 % of the time of text that
// passes through, for files 4 % larger).
func (d *dictionary) pays(seen int) bool {
	n := len(d.entries)
	switch {
	case d.full, n > maxEntries, d.extra > 4*(seen+step):
		return false
	case seen < 4<<10:
		return true
	case seen < 8<<10:
		return n*100 <= seen*80
	case seen < 32<<10:
		return n*100 <= seen*90
	case seen < 64<<10:
		return n*100 <= seen*69
	}
	return n*2 <= seen
}

// textKey is what text is looked up by: the second word of its entry, and the hash of both.
type textKey struct{ w1, hash uint64 }

// keys fills one element for each of the headers.
func keys(dst []textKey, views []arrow.ViewHeader, bufs [][]byte) {
	for i := range views {
		v := &views[i]
		w := (*[2]uint64)(unsafe.Pointer(v))
		w1 := w[1]
		if v.Len() > inlineMax {
			w1 = hash(long(v, bufs))
		}
		dst[i] = textKey{w1, mix(w[0], w1)}
	}
}

// addText numbers at most step values. Numbers go to index, which must be as long. Once full, numbers mean nothing.
// Hashes are made before the first value is looked up, so that look-ups wait for memory side by side.
func (d *dictionary) addText(views []arrow.ViewHeader, bufs [][]byte, index []uint16, known *[step]textKey) {
	d.room()
	keys(known[:], views, bufs)
	table, shift := d.table, d.shift
	mask := uint64(len(table) - 1)
	entries, plain := d.entries, 0
	index = index[:len(views)]
	for i := range views {
		v := &views[i]
		w0 := *(*uint64)(unsafe.Pointer(v))
		n := v.Len()
		plain += n
		k := &known[i]
		tag := uint32(k.hash) << 16
		at := k.hash >> shift
		for {
			s := table[at&mask]
			if s&0xffff0000 == tag && s != 0 {
				e := &entries[s&0xffff-1]
				if e.w0 == w0 && e.w1 == k.w1 && (n <= inlineMax || same(d.page[e.off:], long(v, bufs))) {
					index[i] = uint16(s - 1)
					break
				}
			} else if s == 0 {
				if d.full = d.bytes+n > maxDictionaryBytes; d.full {
					return
				}
				entries = append(entries, entry{w0, k.w1, len(d.page) + 4})
				d.addEntry(v, bufs)
				d.entries = entries
				table[at&mask] = tag | uint32(len(entries))
				index[i] = uint16(len(entries) - 1)
				break
			}
			at++
			d.extra++
		}
	}
	d.plain += plain
}

// addEntry puts the text into the page.
func (d *dictionary) addEntry(v *arrow.ViewHeader, bufs [][]byte) {
	n := v.Len()
	d.page = binary.LittleEndian.AppendUint32(d.page, uint32(n))
	d.bytes += n
	if n > inlineMax {
		d.page = append(d.page, long(v, bufs)...)
		return
	}
	d.page = append(d.page, inline(v)...)
}

// same tells whether a begins with b, which is longer than 12 bytes.
func same(a, b []byte) bool {
	n := len(b)
	switch {
	case n <= 16:
		return word(a) == word(b) && word(a[n-8:]) == word(b[n-8:])
	case n <= 32:
		return word(a) == word(b) && word(a[8:]) == word(b[8:]) &&
			word(a[n-16:]) == word(b[n-16:]) && word(a[n-8:]) == word(b[n-8:])
	}
	return string(a[:n]) == string(b)
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

func word(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// hash is of more than 12 bytes.
func hash(b []byte) uint64 {
	n := len(b)
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
