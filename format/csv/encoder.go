package csv

import (
	"bytes"
	"encoding/binary"
	"math"

	"weir.dev/weir/batch"
	"weir.dev/weir/fault"
	"weir.dev/weir/format"
	"weir.dev/weir/format/internal/textblock"
)

type encoder struct {
	head    []byte
	columns int
	delim   byte
	delims  uint64 // in each byte
}

// NewEncoder makes an encoder of files with these columns, in this order. What the columns should become (their Out)
// makes no difference: CSV holds nothing but text.
func (d Dialect) NewEncoder(columns []format.Column) (format.Encoder, error) {
	if len(columns) == 0 {
		return nil, fault.New(fault.Validation, "writing CSV: there are no columns")
	}
	e := &encoder{columns: len(columns), delim: d.delimiter(), delims: uint64(d.delimiter()) * textblock.Ones}
	head := textblock.New(0)
	for i, c := range columns {
		if i > 0 {
			head = append(textblock.Grow(head, 2), e.delim)
		}
		head = e.appendText(head, []byte(c.Name))
	}
	e.head = append(bytes.Clone(head), '\n')
	textblock.Free(head)
	return e, nil
}

// BlockRows implements format.Encoder.
func (e *encoder) BlockRows() int { return math.MaxInt }

// BlockBytes implements format.Encoder.
func (e *encoder) BlockBytes() int64 { return textblock.BlockBytes }

// NewFile implements format.Encoder.
func (e *encoder) NewFile() format.File { return textblock.NewFile(e.head) }

// Encode implements format.Encoder.
func (e *encoder) Encode(batches []*batch.Batch) (*format.Block, error) {
	dst := textblock.New(textblock.Estimate(batches, 1))
	rows := 0
	for _, b := range batches {
		if len(b.Columns) != e.columns {
			textblock.Free(dst)
			return nil, fault.New(fault.Internal, "writing CSV: a batch has %d columns, the file has %d", len(b.Columns), e.columns)
		}
		dst = e.appendBatch(dst, b)
		rows += b.Rows
	}
	return textblock.Block(dst, rows), nil
}

func (e *encoder) appendBatch(dst []byte, b *batch.Batch) []byte {
	forms := make([]batch.Form, len(b.Columns))
	lanes := make([]textblock.Lane, len(b.Columns))
	for i, col := range b.Columns {
		forms[i] = batch.OpenForm(col)
		if col.Kind.IsText() && col.Kind.Type != batch.JSON {
			lanes[i] = textblock.Lane{Text: forms[i].Text(), Empty: e.columns == 1}
		}
		if i > 0 {
			lanes[i].Lead = string([]byte{e.delim})
		}
	}
	var scratch []byte
	rows := textblock.Rows{Special: [2]byte{quote, e.delim}, Tail: newline}
	rows.Cell = func(dst []byte, row, column int) []byte {
		dst = textblock.Grow(dst, formBytes)
		if column > 0 {
			dst = append(dst, e.delim)
		}
		begin := len(dst)
		if text := lanes[column].Text; text == nil {
			dst, scratch = e.appendForm(dst, &forms[column], row, scratch)
		} else if !text.IsNull(row) {
			dst = e.appendCell(dst, text, row)
		}
		if len(dst) == begin && e.columns == 1 { // else the line would be none
			dst = append(dst, `""`...)
		}
		return dst
	}
	rows.Open(lanes)
	return rows.Append(dst, b.Rows)
}

var newline = []byte{'\n'}

// appendForm appends a cell of any kind but plain text.
func (e *encoder) appendForm(dst []byte, f *batch.Form, row int, scratch []byte) (_, _ []byte) {
	switch {
	case f.IsNull(row):
		return dst, scratch
	case f.Kind.Type == batch.JSON:
		return e.appendToken(dst, f.Text().Bytes(row), scratch)
	case f.Kind.Type == batch.Binary || e.delim != ',':
		scratch = f.Append(scratch[:0], row)
		return e.appendText(dst, scratch), scratch
	}
	return f.Append(dst, row), scratch // no number, date or boolean needs quotes
}

// formBytes is more than any short text and any number, date or boolean needs, with the delimiter behind it.
const formBytes = 512

// appendCell appends a cell of a text column. formBytes must be free.
func (e *encoder) appendCell(dst []byte, text *batch.TextView, row int) []byte {
	v := &text.Views[row]
	n := v.Len()
	if n > batch.InlineText {
		return e.appendText(dst, text.Bytes(row))
	}
	first, rest := textblock.Short(v)
	padFirst, padRest := textblock.Padding(n)
	if e.suspect(first|padFirst)|e.suspect(uint64(rest)|padRest) != 0 && e.mustQuote(text.Bytes(row)) {
		return e.appendQuoted(dst, text.Bytes(row))
	}
	return textblock.PutShort(dst, first, rest, n)
}

// suspect is not zero when a byte of w may make quotes necessary. It takes all control characters for line breaks, which
// is quicker than to tell them apart; mustQuote has the last word.
func (e *encoder) suspect(w uint64) uint64 {
	return textblock.HasZero(w^quote*textblock.Ones) | textblock.HasZero(w^e.delims) | textblock.HasBelow20(w)
}

func (e *encoder) mustQuote(text []byte) bool {
	return bytes.IndexByte(text, quote) >= 0 || bytes.IndexByte(text, e.delim) >= 0 ||
		bytes.IndexByte(text, '\n') >= 0 || bytes.IndexByte(text, '\r') >= 0
}

// appendText appends a text in quotes when it needs them.
func (e *encoder) appendText(dst, text []byte) []byte {
	n := len(text)
	dst = textblock.Grow(dst, n+textblock.Room)
	if n < 8 {
		if e.mustQuote(text) {
			return e.appendQuoted(dst, text)
		}
		return append(dst, text...)
	}
	// Copied while it is looked at, the last word overlapping the one before.
	out, found := dst[len(dst):len(dst)+n], uint64(0)
	for i := 0; i+8 <= len(text); i += 8 {
		w := binary.NativeEndian.Uint64(text[i:])
		binary.NativeEndian.PutUint64(out[i:], w)
		found |= e.suspect(w)
	}
	w := binary.NativeEndian.Uint64(text[n-8:])
	binary.NativeEndian.PutUint64(out[n-8:], w)
	if found|e.suspect(w) != 0 && e.mustQuote(text) {
		return e.appendQuoted(dst, text)
	}
	return dst[:len(dst)+n]
}

// appendQuoted appends a text in quotes.
func (e *encoder) appendQuoted(dst, text []byte) []byte {
	dst = append(textblock.Grow(dst, len(text)+2), quote)
	for {
		i := bytes.IndexByte(text, quote)
		if i < 0 {
			dst = textblock.Grow(dst, len(text)+formBytes)
			return append(append(dst, text...), quote)
		}
		dst = textblock.Grow(dst, i+2)
		dst = append(append(dst, text[:i+1]...), quote)
		text = text[i+1:]
	}
}

// appendToken appends a JSON value: what a string says, anything else as JSON.
func (e *encoder) appendToken(dst, token, scratch []byte) (_, _ []byte) {
	inner, plain, ok := batch.StringToken(token)
	switch {
	case !ok:
		return e.appendText(dst, token), scratch
	case plain:
		return e.appendText(dst, inner), scratch
	}
	scratch = batch.AppendUnescaped(scratch[:0], inner)
	return e.appendText(dst, scratch), scratch
}
