package fake

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// column is what a column of an upload gives: a field, or a parent by its key.
type column struct {
	field int // -1 for a parent's key
	link  *Field
	of    string // the parent's object, of a field that refers to several
	key   string
}

// batchRows is how many rows are one transaction.
const batchRows = 200

// load does an ingest job's work; mu is held.
func (o *Org) load(j *ingestJob) {
	t := o.tables[strings.ToLower(j.object)]
	rows, why := readCSV(j.data, delimiters[j.delimiter], j.ending)
	if why == "" {
		why = o.readHeader(j, t, rows)
	}
	if why != "" {
		j.state, j.message = stateFailed, why
		return
	}
	seen := map[string]bool{}
	stop := o.ingestStops
	o.ingestStops = -1
	var w *work
	for i, r := range rows[1:] {
		if stop >= 0 && i >= stop {
			for _, rest := range rows[1+i:] {
				j.unprocessed = append(j.unprocessed, rest.cells)
			}
			j.state, j.message = stateFailed, orDefault(o.bulkReason, "InternalServerError : Retried more than fifteen times")
			break
		}
		if i%batchRows == 0 {
			if w != nil {
				w.commit()
			}
			w = o.work(originBulk)
		}
		j.take(o.loadRow(w, j, t, r, seen), r.cells)
	}
	if w != nil {
		w.commit()
	}
	j.data = nil
}

func (j *ingestJob) take(r result, cells []string) {
	row := ingestRow{id: r.id, cells: cells, created: r.created != nil && *r.created}
	if r.bad == nil {
		j.succeeded = append(j.succeeded, row)
		return
	}
	row.err = fmt.Sprintf("%s:%s:%s --", r.bad.code, r.bad.message, strings.Join(r.bad.fields, ", "))
	j.failed = append(j.failed, row)
}

// readHeader looks the columns up; what it cannot find fails the job.
func (o *Org) readHeader(j *ingestJob, t *table, rows []csvRow) (why string) {
	if len(rows) == 0 || rows[0].bad {
		return "InvalidBatch : Unable to find the header row"
	}
	j.header = rows[0].cells
	if utf8.RuneCountInString(strings.Join(j.header, ",")) > maxHeader {
		return "InvalidBatch : The header row is longer than 32,000 characters"
	}
	removes := j.operation == "delete" || j.operation == "hardDelete"
	if removes && (len(j.header) != 1 || !strings.EqualFold(j.header[0], "Id")) {
		return "InvalidBatch : a job that deletes takes the one column Id"
	}
	for _, name := range j.header {
		c, ok := o.column(t, name)
		if !ok {
			return "InvalidBatch : Field name not found : " + name
		}
		j.columns = append(j.columns, c)
	}
	need := map[string]string{"update": "Id", "upsert": j.key}[j.operation]
	if need != "" && !slices.ContainsFunc(j.header, func(s string) bool { return strings.EqualFold(s, need) }) {
		return "InvalidBatch : Field name not found : " + need
	}
	return ""
}

// column looks a header up: Name, Owner.Username, Account__r.Ext__c, or Contact:Who.Email where the field refers to
// several objects.
func (o *Org) column(t *table, name string) (column, bool) {
	if at, f := t.field(name); f != nil {
		return column{field: at}, !f.compound()
	}
	of, rest, typed := strings.Cut(name, ":")
	if !typed {
		of, rest = "", name
	}
	relationship, key, ok := strings.Cut(rest, ".")
	p := plan{o: o, t: t}
	link := p.relationship(t, relationship)
	if !ok || link == nil || typed != (len(link.RefersTo) > 1) {
		return column{}, false
	}
	parent := o.tables[strings.ToLower(orDefault(of, link.RefersTo[0]))]
	if parent == nil {
		return column{}, false
	}
	_, f := parent.field(key)
	return column{field: -1, link: link, of: of, key: key}, f != nil
}

// loadRow writes one row.
func (o *Org) loadRow(w *work, j *ingestJob, t *table, r csvRow, seen map[string]bool) result {
	if r.bad || len(r.cells) != len(j.header) {
		return result{bad: refuse("InvalidBatch", "Field count or quoting of the row does not fit")}
	}
	id := ""
	var in []assignment
	for i, cell := range r.cells {
		c := j.columns[i]
		if c.field == t.id {
			id = cell
			continue
		}
		if cell == "" {
			continue // as it is
		}
		a, bad := o.cell(t, c, cell)
		if bad != nil {
			return result{id: id, bad: bad}
		}
		in = append(in, a)
	}
	out := o.loadOne(w, j, t, id, in, seen)
	if out.bad != nil {
		out.id = id
	}
	return out
}

func (o *Org) cell(t *table, c column, cell string) (assignment, *refusal) {
	clear := cell == "#N/A"
	if c.field < 0 {
		if clear {
			cell = ""
		}
		return o.parentKey(t, c.link, c.of, c.key, cell)
	}
	if clear {
		return assignment{c.field, value{}}, nil
	}
	f := &t.object.Fields[c.field]
	v, ok := parseText(kindOf(f.Type), cell)
	if !ok {
		return assignment{}, refuse("INVALID_TYPE_ON_FIELD_IN_RECORD", f.Label+": value not of required type: "+cell, f.Name)
	}
	return assignment{c.field, normal(f, v)}, nil
}

func (o *Org) loadOne(w *work, j *ingestJob, t *table, id string, in []assignment, seen map[string]bool) result {
	created := true
	switch j.operation {
	case "insert":
		if id != "" {
			return result{bad: refuse("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", "Id")}
		}
		place, bad := w.insert(t, in)
		if bad != nil {
			return result{bad: bad}
		}
		return result{id: t.idOf(place), created: &created}
	case "update":
		if id == "" {
			return result{bad: refuse("MISSING_ARGUMENT", "Id not specified in an update call")}
		}
		return updateByID(w, t, id, in, seen)
	case "upsert":
		key, _ := t.field(j.key)
		if key == t.id && id != "" {
			return updateByID(w, t, id, in, seen)
		}
		return upsertEach(w, t, key, in, seen)
	}
	full, _ := fullID(id)
	if full != "" && full[:prefixLen] != t.object.KeyPrefix {
		return result{bad: refuse("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")}
	}
	return deleteByID(w, id, seen, j.operation == "hardDelete")
}

// csvRow is one line of an upload; bad says that its quoting is wrong.
type csvRow struct {
	cells []string
	bad   bool
}

// readCSV takes an upload apart. Values are not trimmed, and what stands between a quote and a delimiter spoils its row.
// why tells what fails the whole.
func readCSV(data []byte, delimiter byte, ending string) (rows []csvRow, why string) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if first := lineEnd(data); first >= 0 {
		if crlf := first > 0 && data[first-1] == '\r'; crlf != (ending == "CRLF") {
			return nil, "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is " + ending
		}
	}
	if !utf8.Valid(data) {
		return nil, "ClientInputError : the data is not UTF-8"
	}
	for len(data) > 0 {
		var r csvRow
		r, data = readLine(data, delimiter)
		if len(r.cells) == 1 && r.cells[0] == "" && !r.bad {
			continue // an empty line
		}
		rows = append(rows, r)
	}
	return rows, ""
}

// lineEnd is where the first line ends; -1 when there is but one.
func lineEnd(data []byte) int {
	quoted := false
	for i, c := range data {
		if c == '"' {
			quoted = !quoted
		} else if c == '\n' && !quoted {
			return i
		}
	}
	return -1
}

func readLine(data []byte, delimiter byte) (r csvRow, rest []byte) {
	for {
		var cell []byte
		quoted := false
		if len(data) > 0 && data[0] == '"' {
			quoted = true
			i := 1
			for ; i < len(data); i++ {
				if data[i] != '"' {
					cell = append(cell, data[i])
				} else if i+1 < len(data) && data[i+1] == '"' {
					cell = append(cell, '"')
					i++
				} else {
					break
				}
			}
			r.bad = r.bad || i >= len(data) // no closing quote
			data = data[min(i+1, len(data)):]
		}
		end := bytes.IndexFunc(data, func(c rune) bool { return c == rune(delimiter) || c == '\n' })
		if end < 0 {
			end = len(data)
		}
		plain := data[:end]
		if end == len(data) || data[end] == '\n' {
			plain = bytes.TrimSuffix(plain, []byte("\r"))
		}
		if quoted {
			r.bad = r.bad || len(plain) > 0
		} else {
			cell = plain
			r.bad = r.bad || bytes.IndexByte(plain, '"') >= 0
		}
		r.cells = append(r.cells, string(cell))
		if end == len(data) {
			return r, nil
		}
		if data[end] == '\n' {
			return r, data[end+1:]
		}
		data = data[end+1:]
	}
}
