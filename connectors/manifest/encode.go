package manifest

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/array"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/flow"
)

// encoder writes the rows of one batch as JSON objects. Columns whose names have dots go into objects.
type encoder struct {
	w     *writer
	batch *batch.Batch
	cells []cell
	root  []branch
	keyed []keyedCell
	buf   []byte
}

// keyedCell is a column that goes into the list of the account's own fields.
type keyedCell struct {
	head []byte // of its item, up to the value
	cell int
}

// cell is a column to write.
type cell struct {
	form batch.Form
	col  batch.Column
	want flow.Type // of the field
	how  string    // form of a datetime
}

// branch is a member: a value, or an object with more below.
type branch struct {
	name  []byte // as JSON, with the colon
	plain string
	cell  int // -1 for an object or a text that is always the same
	below []branch
	fixed []byte // that text, as JSON
}

func newEncoder(w *writer, b *batch.Batch) *encoder {
	e := &encoder{w: w, batch: b}
	for i, col := range b.Columns {
		c := cell{form: batch.OpenForm(col), col: col}
		for k := range w.into.Fields {
			if f := &w.into.Fields[k]; f.Name == col.Name {
				c.want, c.how = f.kind(), f.Form
			}
		}
		if own, ok := w.own[col.Name]; ok {
			c.want = own.kind()
			e.keyed = append(e.keyed, keyedCell{w.into.Keyed.head(own.key), i})
			e.cells = append(e.cells, c)
			continue
		}
		e.cells = append(e.cells, c)
		e.root = grow(e.root, strings.Split(col.Name, "."), i)
	}
	for _, member := range slices.Sorted(maps.Keys(w.operation.Set)) {
		e.root = fix(e.root, strings.Split(member, "."), batch.AppendQuoted(nil, []byte(w.operation.Set[member])))
	}
	return e
}

// fix adds a member that is always the same; below another one only where that is written.
func fix(list []branch, path []string, text []byte) []branch {
	name := append(batch.AppendQuoted(nil, []byte(path[0])), ':')
	if len(path) == 1 {
		return append([]branch{{plain: path[0], name: name, cell: -1, fixed: text}}, list...)
	}
	for i := range list {
		if list[i].plain == path[0] && list[i].cell < 0 && list[i].fixed == nil {
			list[i].below = fix(list[i].below, path[1:], text)
		}
	}
	return list
}

func grow(list []branch, path []string, cell int) []branch {
	for i := range list {
		if list[i].plain == path[0] && list[i].cell < 0 && len(path) > 1 {
			list[i].below = grow(list[i].below, path[1:], cell)
			return list
		}
	}
	b := branch{plain: path[0], name: append(batch.AppendQuoted(nil, []byte(path[0])), ':'), cell: cell}
	if len(path) > 1 {
		b.cell, b.below = -1, grow(nil, path[1:], cell)
	}
	return append(list, b)
}

// sendable lists the rows to send. A row without the id that finds its record is refused here: vendors take it for a new
// one, or for all of them.
func (e *encoder) sendable(refused *[]connector.Refusal) []int {
	rows := make([]int, 0, e.batch.Rows)
	id := -1
	if e.w.id != "" {
		id = e.batch.Find(e.w.id)
	}
	for row := range e.batch.Rows {
		reason := ""
		if id >= 0 && len(e.cells[id].form.Append(nil, row)) == 0 {
			reason = strconv.Quote(e.w.id) + ", by which records are found, is empty"
		} else if _, ok := e.path(row); !ok {
			reason = "a value that is part of the record's address is missing, or no name"
		}
		if reason != "" {
			*refused = append(*refused, connector.Refusal{Row: row, Reason: reason})
			continue
		}
		rows = append(rows, row)
	}
	return rows
}

// path is where the request goes that begins with a row.
func (e *encoder) path(row int) (path string, ok bool) {
	ok = true
	path = fill(e.w.operation.Path, func(name string) string {
		i := e.batch.Find(name)
		if id := e.w.found[row]; id != "" && name == e.w.foundBy {
			escaped, fine := pathEscape(strings.Trim(id, `"`))
			ok = ok && fine
			return escaped
		}
		if i < 0 {
			ok = false
			return ""
		}
		escaped, fine := pathEscape(string(e.cells[i].form.Append(nil, row)))
		ok = ok && fine
		return escaped
	})
	return path, ok
}

// request is the request that writes some rows.
func (e *encoder) request(rows []int) *rest.Request {
	op := e.w.operation
	path, _ := e.path(rows[0]) // sendable has seen to it
	r := &rest.Request{Doing: e.w.doing(), Method: op.method(), Path: path, Once: e.w.name == "INSERT" && !op.Repeatable}
	if op.method() == "DELETE" && (op.Batch <= 1 || op.Query != nil) {
		r.Query = e.query(op.Query, rows)
		return r
	}
	e.buf = e.buf[:0]
	if op.Wrap != "" {
		e.buf = append(append(append(e.buf, '{'), batch.AppendQuoted(nil, []byte(op.Wrap))...), ':')
	}
	if op.Batch > 1 {
		e.buf = append(e.buf, '[')
	}
	for i, row := range rows {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.buf = e.record(e.buf, row)
	}
	if op.Batch > 1 {
		e.buf = append(e.buf, ']')
	}
	if op.Wrap != "" {
		e.buf = append(e.buf, '}')
	}
	r.Body = bytes.Clone(e.buf)
	return r
}

// object writes an object. New records leave out what is null, so that the vendor's own defaults hold; changes say null,
// so that it takes the old value's place.
func (e *encoder) object(dst []byte, list []branch, row int) []byte {
	dst = append(dst, '{')
	first := true
	for i := range list {
		b := &list[i]
		if e.isEmpty(b, row) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, b.name...)
		if b.fixed != nil {
			dst = append(dst, b.fixed...)
		} else if b.cell < 0 {
			dst = e.object(dst, b.below, row)
		} else {
			dst = e.cells[b.cell].append(dst, row)
		}
	}
	return append(dst, '}')
}

// isEmpty reports whether a member is left out.
func (e *encoder) isEmpty(b *branch, row int) bool {
	if e.w.name != "INSERT" {
		return false
	}
	if b.cell >= 0 {
		return e.cells[b.cell].form.IsNull(row)
	}
	for i := range b.below {
		if b.below[i].fixed == nil && !e.isEmpty(&b.below[i], row) {
			return false
		}
	}
	return b.fixed == nil
}

// append writes a value. Text that comes from sources without types becomes what the field holds; text that is not of
// that type stays text, and the vendor says what it thinks of it.
func (c *cell) append(dst []byte, row int) []byte {
	if c.form.IsNull(row) {
		return append(dst, "null"...)
	}
	isText := c.want == flow.TypeString || c.want == flow.TypeText
	switch c.col.Kind.Type {
	case batch.JSON:
		if token := c.form.Text().Bytes(row); token[0] == '"' || !isText {
			return append(dst, token...)
		}
	case batch.Bool, batch.Int32, batch.Int64, batch.Decimal, batch.Float64:
		text := c.form.Append(nil, row)
		if !isText && json.Valid(text) { // no JSON number is infinite
			return append(dst, text...)
		}
		return batch.AppendQuoted(dst, text)
	case batch.Timestamp:
		if a, ok := c.col.Data.(*array.Timestamp); ok && c.how == "epoch" {
			return strconv.AppendInt(dst, int64(a.Value(row))/1_000_000, 10)
		} else if ok && c.how == "millis" {
			return strconv.AppendInt(dst, int64(a.Value(row))/1_000, 10)
		}
	}
	text := c.form.Append(nil, row)
	if c.isRaw(text) {
		return append(dst, text...)
	}
	return batch.AppendQuoted(dst, text)
}

// isRaw reports whether a text is a value of the field's type as it stands.
func (c *cell) isRaw(text []byte) bool {
	switch c.want {
	case flow.TypeInteger, flow.TypeLong, flow.TypeDouble, flow.TypeDecimal:
		return len(text) > 0 && (text[0] == '-' || text[0]-'0' <= 9) && json.Valid(text)
	case flow.TypeBoolean:
		return string(text) == "true" || string(text) == "false"
	case flow.TypeJSON:
		return json.Valid(text)
	}
	return false
}

// query fills parameters with the values of some rows, with commas between. Those whose field is not mapped, or is empty in
// every row, are left out.
func (e *encoder) query(params map[string]string, rows []int) url.Values {
	q := url.Values{}
	for name, text := range params {
		isKnown := true
		value := fill(text, func(field string) string {
			i := e.batch.Find(field)
			if i < 0 {
				isKnown = false
				return ""
			}
			var list []string
			for _, row := range rows {
				if v := e.cells[i].form.Append(nil, row); len(v) > 0 {
					list = append(list, string(v))
				}
			}
			return strings.Join(list, ",")
		})
		if isKnown && value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// record writes a row: its columns, the id under which it has been found, and the account's own fields.
func (e *encoder) record(dst []byte, row int) []byte {
	dst = e.object(dst, e.root, row)
	more := func() { // over the closing brace
		if dst = dst[:len(dst)-1]; dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
	}
	if id := e.w.found[row]; id != "" {
		more()
		dst = append(append(append(dst, batch.AppendQuoted(nil, []byte(e.w.foundBy))...), ':'), id...)
		dst = append(dst, '}')
	}
	var list []byte
	for _, k := range e.keyed {
		if e.w.name == "INSERT" && e.cells[k.cell].form.IsNull(row) {
			continue
		}
		if len(list) > 0 {
			list = append(list, ',')
		}
		list = append(e.cells[k.cell].append(append(list, k.head...), row), '}')
	}
	if len(list) > 0 {
		more()
		dst = append(append(append(dst, batch.AppendQuoted(nil, []byte(e.w.into.Keyed.At))...), ":["...), list...)
		dst = append(dst, ']', '}')
	}
	return dst
}

// head is the beginning of an item of the list, up to its value. A key that is a number is written as one.
func (k *Keyed) head(key string) []byte {
	head := append(append([]byte{'{'}, batch.AppendQuoted(nil, []byte(k.Key))...), ':')
	if _, err := strconv.ParseInt(key, 10, 64); err == nil {
		head = append(head, key...)
	} else {
		head = batch.AppendQuoted(head, []byte(key))
	}
	return append(append(append(head, ','), batch.AppendQuoted(nil, []byte(k.Value))...), ':')
}
