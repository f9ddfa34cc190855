package engine

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"weir.dev/weir/batch"
	"weir.dev/weir/internal/plan"
	"weir.dev/weir/internal/transform"
)

// Bounds of a line: a record may be larger than anybody wants to read in an error file.
const (
	maxLineField = 64 << 10
	maxLine      = 1 << 20
)

// liner writes error lines: who refused which record and why, and the record as it was read. Values of fields that a Mask
// task covers are left out, and the line says so. Safe for concurrent use.
type liner struct {
	names  [][]byte // of the input's columns, as JSON strings
	masked []bool   // by column
	dest   []byte   // the destination's name, as a JSON string
}

func newLiner(p *plan.Plan) *liner {
	l := &liner{dest: batch.AppendQuoted(nil, []byte(p.Dest.Connector))}
	hidden := maskedFields(&p.Program)
	for _, col := range p.Program.Input {
		l.names = append(l.names, batch.AppendQuoted(nil, []byte(col.Name)))
		l.masked = append(l.masked, slices.ContainsFunc(hidden, func(m string) bool { return overlaps(col.Name, m) }))
	}
	return l
}

// maskedFields is the fields that Mask tasks name and, where they name a derived one, what that is made of.
func maskedFields(p *plan.Program) (names []string) {
	for _, e := range p.Edits {
		if e.Mask != "" {
			names = append(names, e.Field)
		}
	}
	for i := 0; i < len(names); i++ {
		for _, d := range p.Derived {
			if d.Name != names[i] {
				continue
			}
			for _, f := range d.Fields {
				if !slices.Contains(names, f) {
					names = append(names, f)
				}
			}
			for _, piece := range d.Format {
				if piece.Field != "" && !slices.Contains(names, piece.Field) {
					names = append(names, piece.Field)
				}
			}
		}
	}
	return names
}

// overlaps reports whether a field is another, lies inside it, or has it inside.
func overlaps(a, b string) bool {
	return a == b || strings.HasPrefix(a, b+".") || strings.HasPrefix(b, a+".")
}

// errorLines is lines with the end of each.
type errorLines struct {
	text []byte
	ends []int
}

// upTo is the first n lines.
func (e *errorLines) upTo(n int) []byte {
	if n == 0 {
		return nil
	}
	return e.text[:e.ends[n-1]]
}

// record is the record that lines are written of: a row of a batch.
type record struct {
	in    *batch.Batch
	forms []batch.Form
}

func openRecords(in *batch.Batch) *record {
	r := &record{in: in, forms: make([]batch.Form, len(in.Columns))}
	for i, col := range in.Columns {
		r.forms[i] = batch.OpenForm(col)
	}
	return r
}

// reject adds the line of a record that a task left out, or of a value that it did.
func (l *liner) reject(e *errorLines, from *record, x *transform.Reject, action string) {
	dst := l.source(e.text, from.in.Origin.Object, x.Record)
	kind, _, _ := strings.Cut(x.Task, " ")
	dst = append(dst, `"task":{"number":`...)
	dst = strconv.AppendInt(dst, int64(x.Index)+1, 10)
	dst = append(dst, `,"type":`...)
	dst = batch.AppendQuoted(dst, []byte(kind))
	dst = append(dst, `,"field":`...)
	dst = batch.AppendQuoted(dst, []byte(x.Field))
	dst = append(dst, `},`...)
	e.end(l.rest(dst, from, x.Row, action, x.Reason))
}

// refusal adds the line of a record that the destination refused.
func (l *liner) refusal(e *errorLines, from *record, row int, reason string) {
	dst := l.source(e.text, from.in.Origin.Object, from.in.Origin.Record(row))
	dst = append(append(dst, `"destination":`...), l.dest...)
	e.end(l.rest(append(dst, ','), from, row, "refused", reason))
}

func (e *errorLines) end(text []byte) {
	text = append(text, '\n')
	e.text = text
	e.ends = append(e.ends, len(e.text))
}

func (l *liner) source(dst []byte, object string, record int64) []byte {
	dst = append(dst, `{"source":{"object":`...)
	dst = batch.AppendQuoted(dst, []byte(object))
	dst = append(dst, `,"record":`...)
	dst = strconv.AppendInt(dst, record, 10)
	return append(dst, `},`...)
}

// rest appends what lines of both kinds end with: action, reason and the record.
func (l *liner) rest(dst []byte, from *record, row int, action, reason string) []byte {
	dst = append(dst, `"action":"`...)
	dst = append(append(dst, action...), `","error":`...)
	dst = batch.AppendQuoted(dst, []byte(strings.ToValidUTF8(reason, "?")))
	dst = append(dst, `,"record":{`...)
	start, first := len(dst), true
	var masked, omitted []byte
	for i := range from.forms {
		f := &from.forms[i]
		switch {
		case l.masked[i]:
			masked = append(append(masked, ','), l.names[i]...)
			continue
		case tooLong(f, row) || len(dst)-start > maxLine:
			omitted = append(append(omitted, ','), l.names[i]...)
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(append(dst, l.names[i]...), ':')
		dst = appendValue(dst, f, row)
	}
	dst = append(dst, '}')
	dst = appendNames(dst, `,"masked":[`, masked)
	dst = appendNames(dst, `,"omitted":[`, omitted)
	return append(dst, '}')
}

func appendNames(dst []byte, lead string, names []byte) []byte {
	if len(names) == 0 {
		return dst
	}
	return append(append(append(dst, lead...), names[1:]...), ']')
}

func tooLong(f *batch.Form, row int) bool {
	if t := f.Text(); t != nil {
		return t.Views[row].Len() > maxLineField
	}
	return f.Kind.Type == batch.Binary && len(f.Append(nil, row)) > maxLineField
}

// appendValue appends a value as JSON, on one line.
func appendValue(dst []byte, f *batch.Form, row int) []byte {
	switch {
	case f.IsNull(row):
		return append(dst, "null"...)
	case f.Kind.Type == batch.JSON:
		token := f.Text().Bytes(row)
		if len(token) == 0 {
			return append(dst, "null"...)
		}
		for i := bytes.IndexAny(token, "\r\n"); i >= 0; i = bytes.IndexAny(token, "\r\n") { // between values: a string has none
			dst = append(dst, token[:i]...)
			token = token[i+1:]
		}
		return append(dst, token...)
	case f.Kind.IsText():
		return batch.AppendQuoted(dst, bytes.ToValidUTF8(f.Text().Bytes(row), []byte("\uFFFD")))
	}
	switch f.Kind.Type {
	case batch.Bool, batch.Int32, batch.Int64, batch.Decimal:
		return f.Append(dst, row)
	case batch.Float64:
		if x := f.Float(row); x-x == 0 { // finite
			return f.Append(dst, row)
		}
	}
	return append(f.Append(append(dst, '"'), row), '"') // dates, times and base64 need no escapes
}
