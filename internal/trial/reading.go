package trial

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
)

// reading is what came of reading some pages.
type reading struct {
	rows    [][]string // in the order of the fields; null is [null]
	sizes   []int      // of pages
	second  connector.Cursor
	isWhole bool // whether there is no more
	odd     map[string]batch.Kind
}

// null stands for a value that is not there; no text of a vendor's is this one.
const null = "\x00null"

// properties are those of a source of the entity.
func (e *examiner) properties(entity string) flow.Properties {
	raw, err := json.Marshal(map[string]string{e.ObjectKey: entity})
	if err != nil {
		return nil
	}
	return raw
}

// fields are those that can be read.
func (e *examiner) fields() []string {
	var list []string
	for i := range e.schema.Fields {
		if e.schema.Fields[i].IsRetrievable {
			list = append(list, e.schema.Fields[i].Name)
		}
	}
	return list
}

// request is one for all fields.
func (e *examiner) request() connector.ReadRequest {
	return connector.ReadRequest{Properties: e.props, Schema: e.schema, Fields: e.fields()}
}

// read reads up to so many pages of the only split, from a cursor on.
func read(ctx context.Context, reader connector.Reader, req connector.ReadRequest, from connector.Cursor, pages int) (reading, error) {
	r := reading{odd: map[string]batch.Kind{}}
	splits, err := reader.Splits(ctx, req, 1)
	if err != nil || len(splits) == 0 {
		r.isWhole = err == nil
		return r, err
	}
	stream, err := reader.Read(ctx, req, splits[0], from)
	if err != nil {
		return r, err
	}
	defer stream.Close()
	for range pages {
		p, err := stream.Next(ctx)
		if errors.Is(err, io.EOF) {
			r.isWhole = true
			return r, nil
		}
		if err != nil {
			return r, err
		}
		if r.second == nil {
			r.second = p.Cursor()
		}
		b, err := p.Decode()
		if err != nil {
			return r, err
		}
		r.take(b, &req.Schema)
		b.Release()
	}
	p, err := stream.Next(ctx)
	if err == nil {
		p.Release()
	}
	r.isWhole = errors.Is(err, io.EOF)
	return r, nil
}

// take copies a batch's rows, and notes the columns whose values are not of the fields' types.
func (r *reading) take(b *batch.Batch, schema *flow.Schema) {
	forms := make([]batch.Form, len(b.Columns))
	for i, col := range b.Columns {
		forms[i] = batch.OpenForm(col)
		if at := schema.Find(col.Name); at >= 0 && col.Kind.Type == batch.JSON && schema.Fields[at].Type != flow.TypeJSON {
			r.odd[col.Name] = col.Kind
		}
	}
	for row := range b.Rows {
		texts := make([]string, len(forms))
		for i := range forms {
			if texts[i] = null; !forms[i].IsNull(row) {
				texts[i] = string(forms[i].Append(nil, row))
			}
		}
		r.rows = append(r.rows, texts)
	}
	r.sizes = append(r.sizes, b.Rows)
}

// texts are the rows as one text each, sorted: what two readings are compared by.
func texts(rows [][]string) []string {
	list := make([]string, len(rows))
	for i, row := range rows {
		list[i] = strings.Join(row, "\x01")
	}
	slices.Sort(list)
	return list
}

// where are the rows whose field satisfies a condition.
func where(rows [][]string, at int, satisfies func(string) bool) [][]string {
	var list [][]string
	for _, row := range rows {
		if row[at] != null && satisfies(row[at]) {
			list = append(list, row)
		}
	}
	return list
}

// moment reads a time in the form that batches write.
func moment(text string) (time.Time, bool) {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", time.DateOnly} {
		if t, err := time.Parse(form, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
