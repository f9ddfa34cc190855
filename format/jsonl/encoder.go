package jsonl

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
	columns []column
	tail    []byte // what stands behind the last value: braces and a line break
	perCell int    // bytes around a cell, on average
}

type column struct {
	name string
	lead []byte // what stands before a value: braces or comma, name, colon
	text bool   // values of any kind become strings

	quoted string // lead and the quote that opens a string
}

// NewEncoder makes an encoder of files whose objects have these members, in this order.
func NewEncoder(columns []format.Column) (format.Encoder, error) {
	if len(columns) == 0 {
		return nil, fault.New(fault.Validation, "writing JSON: there are no columns")
	}
	e := &encoder{}
	total := 0
	var inside []string // the objects that are open
	for i, c := range columns {
		path := c.Path
		if len(path) == 0 {
			path = []string{c.Name}
		}
		above := path[:len(path)-1]
		lead := []byte("{")
		if i > 0 {
			lead = append(bytes.Repeat([]byte("}"), len(inside)-common(inside, above)), ',')
		}
		for _, name := range above[common(inside, above):] {
			lead = append(batch.AppendQuoted(lead, []byte(name)), ":{"...)
		}
		inside = above
		lead = append(batch.AppendQuoted(lead, []byte(path[len(path)-1])), ':')
		e.columns = append(e.columns, column{name: c.Name, lead: lead, text: c.Out.Type == batch.String, quoted: string(lead) + `"`})
		total += len(lead) + 2
	}
	e.tail = append(bytes.Repeat([]byte("}"), len(inside)+1), '\n')
	e.perCell = total / len(columns)
	return e, nil
}

// common is how many names two paths begin with alike.
func common(a, b []string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// BlockRows implements format.Encoder.
func (e *encoder) BlockRows() int { return math.MaxInt }

// BlockBytes implements format.Encoder.
func (e *encoder) BlockBytes() int64 { return textblock.BlockBytes }

// NewFile implements format.Encoder.
func (e *encoder) NewFile() format.File { return textblock.NewFile(nil) }

// Encode implements format.Encoder.
func (e *encoder) Encode(batches []*batch.Batch) (*format.Block, error) {
	dst := textblock.New(textblock.Estimate(batches, e.perCell+1))
	rows := 0
	for _, b := range batches {
		if len(b.Columns) != len(e.columns) {
			textblock.Free(dst)
			return nil, fault.New(fault.Internal, "writing JSON: a batch has %d columns, the file has %d", len(b.Columns), len(e.columns))
		}
		var err error
		if dst, err = e.appendBatch(dst, b); err != nil {
			textblock.Free(dst)
			return nil, err
		}
		rows += b.Rows
	}
	return textblock.Block(dst, rows), nil
}

// formBytes is more than any short text and any number, date or boolean needs, with what stands behind it.
const formBytes = 512

func (e *encoder) appendBatch(dst []byte, b *batch.Batch) ([]byte, error) {
	forms := make([]batch.Form, len(b.Columns))
	for i, col := range b.Columns {
		forms[i] = batch.OpenForm(col)
		if !e.columns[i].text && col.Kind.Type == batch.Float64 {
			if row := notFinite(&forms[i], b.Rows); row >= 0 {
				return dst, fault.New(fault.Validation, "writing JSON: column %q of record %d of %q is a number that JSON does not have",
					e.columns[i].name, b.Origin.Record(row), b.Origin.Object)
			}
		}
	}
	lanes := make([]textblock.Lane, len(b.Columns))
	for i, col := range b.Columns {
		if col.Kind.IsText() && col.Kind.Type != batch.JSON {
			lanes[i] = textblock.Lane{Text: forms[i].Text(), Nulls: col.Data.NullN(), Lead: e.columns[i].quoted, Quoted: true}
		}
	}
	var scratch []byte
	rows := textblock.Rows{Special: [2]byte{'"', '\\'}, Tail: e.tail}
	rows.Cell = func(dst []byte, row, column int) []byte {
		dst, scratch = e.columns[column].appendForm(dst, &forms[column], row, scratch)
		return dst
	}
	rows.Open(lanes)
	return rows.Append(dst, b.Rows), nil
}

// appendForm appends a cell of any kind, behind what stands before it.
func (c *column) appendForm(dst []byte, f *batch.Form, row int, scratch []byte) (_, _ []byte) {
	dst = append(textblock.Grow(dst, len(c.lead)+formBytes), c.lead...)
	switch {
	case f.IsNull(row):
		dst = append(dst, "null"...)
	case f.Kind.Type == batch.JSON:
		dst = appendToken(dst, f.Text(), row)
	case f.Kind.IsText():
		dst = appendCell(dst, f.Text(), row)
	case f.Kind.Type == batch.Binary:
		scratch = f.Append(scratch[:0], row)
		dst = appendText(dst, scratch)
	case c.text || f.Kind.Type >= batch.Date:
		dst = f.Append(append(dst, '"'), row) // no digits, dates or booleans need escapes
		dst = append(dst, '"')
	default:
		dst = f.Append(dst, row)
	}
	return dst, scratch
}

// notFinite is the first row whose number is NaN or infinite, or -1.
func notFinite(f *batch.Form, rows int) int {
	for row := range rows {
		if x := f.Float(row); x-x != 0 && !f.IsNull(row) { // NaN for NaN and infinities
			return row
		}
	}
	return -1
}

// appendToken appends a JSON value as it is. Objects and arrays may have been laid out over several lines: they lose
// their line breaks.
func appendToken(dst []byte, text *batch.TextView, row int) []byte {
	v, token := &text.Views[row], text.Bytes(row)
	if len(token) == 0 { // no JSON value; whoever made it meant none
		return append(dst, "null"...)
	}
	if len(token) <= batch.InlineText && token[0] != '{' && token[0] != '[' {
		first, rest := textblock.Short(v)
		return textblock.PutShort(dst, first, rest, len(token))
	}
	dst = append(textblock.Grow(dst, len(token)+formBytes), token...)
	if token[0] != '{' && token[0] != '[' || bytes.IndexByte(token, '\n') < 0 && bytes.IndexByte(token, '\r') < 0 {
		return dst
	}
	out := dst[:len(dst)-len(token)]
	for _, c := range token {
		if c != '\n' && c != '\r' { // never inside a string
			out = append(out, c)
		}
	}
	return out
}

// appendCell appends a cell of a text column as a string. formBytes must be free.
func appendCell(dst []byte, text *batch.TextView, row int) []byte {
	v := &text.Views[row]
	n := v.Len()
	if n > batch.InlineText {
		return appendText(dst, text.Bytes(row))
	}
	first, rest := textblock.Short(v)
	padFirst, padRest := textblock.Padding(n)
	if special(first|padFirst)|special(uint64(rest)|padRest) != 0 {
		return appendText(dst, text.Bytes(row))
	}
	dst = textblock.PutShort(append(dst, '"'), first, rest, n)
	return append(dst, '"')
}

// special is not zero when a byte of w must be escaped.
func special(w uint64) uint64 {
	return textblock.HasZero(w^'"'*textblock.Ones) | textblock.HasZero(w^'\\'*textblock.Ones) | textblock.HasBelow20(w)
}

// appendText appends a text as a string.
func appendText(dst, text []byte) []byte {
	n := len(text)
	dst = textblock.Grow(dst, n+formBytes)
	if n < 8 {
		return batch.AppendQuoted(dst, text) // 44 bytes at most
	}
	// Copied while it is looked at, the last word overlapping the one before.
	dst = append(dst, '"')
	out, found := dst[len(dst):len(dst)+n], uint64(0)
	for i := 0; i+8 <= len(text); i += 8 {
		w := binary.NativeEndian.Uint64(text[i:])
		binary.NativeEndian.PutUint64(out[i:], w)
		found |= special(w)
	}
	w := binary.NativeEndian.Uint64(text[n-8:])
	binary.NativeEndian.PutUint64(out[n-8:], w)
	if found|special(w) != 0 {
		return batch.AppendQuoted(textblock.Grow(dst[:len(dst)-1], 6*n+formBytes), text)
	}
	return append(dst[:len(dst)+n], '"')
}
