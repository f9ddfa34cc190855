package csv

import (
	"unsafe"

	"weir.dev/weir/batch"
)

// filler makes the cells of a column, a window's worth of rows at a time, with what the processor has for it: the same
// headers as batch.PutView makes, in a third of the time.
type filler struct {
	data    unsafe.Pointer // 48 bytes are readable behind every cell: see cut.Pad
	ends    unsafe.Pointer // *int32: where the field before row 0's cell ends, and behind it where the cell does
	stride  int            // bytes from one row's ends to the next one's
	views   unsafe.Pointer // of row 0
	row     int            // the next one
	rows    int
	longest int
	masks   unsafe.Pointer
}

// fillMasks are the bytes of a header that hold a short text, by its length.
var fillMasks = func() (m [batch.InlineText + 1][16]byte) {
	for n := range m {
		for i := range n {
			m[n][4+i] = 0xff
		}
	}
	return m
}()

// fillFast is fillQuoted, and fill.
func (d *decoder) fillFast(c *cells, records int) {
	if records == 0 {
		return
	}
	columns := d.chunk.table.columns
	views, ends := c.out.Views[d.row:][:records], d.ends[c.field:][:(records-1)*columns+2]
	f := filler{
		data: unsafe.Pointer(&d.data[0]), ends: unsafe.Pointer(&ends[0]), stride: columns * 4,
		views: unsafe.Pointer(&views[0]), rows: records, longest: c.longest, masks: unsafe.Pointer(&fillMasks[0]),
	}
	for fillAVX2(&f); f.row < records; fillAVX2(&f) {
		start, end := int(ends[f.row*columns])+1, int(ends[f.row*columns+1])
		n, ok := unquoteInPlace(d.data[start:end])
		if !ok {
			d.refuseQuote(c, f.row)
			break
		}
		start++
		batch.PutView(&views[f.row], &d.data[start], n, batch.At(0, start))
		f.longest = max(f.longest, n)
		f.row++
	}
	c.longest = f.longest
}
