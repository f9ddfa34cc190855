package manifest

import (
	"context"
	"encoding/json"
	"strconv"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
)

// together is the beginning of some rows that one request may hold: as many as it takes, and none twice by the field that
// finds records, because the vendor's answer could not tell them apart and their order would be lost.
func (e *encoder) together(rows []int, most int) []int {
	rows = rows[:min(max(most, 1), len(rows))]
	if e.w.id == "" {
		return rows
	}
	at := e.batch.Find(e.w.id)
	seen := make(map[string]bool, len(rows))
	for i, row := range rows {
		id := string(e.cells[at].form.Append(nil, row))
		if seen[id] {
			return rows[:i]
		}
		seen[id] = true
	}
	return rows
}

// byLookup changes the records that are there and makes the others, where the vendor has no one call for both. Repeating
// it does no harm: what was made is then found.
func (w *writer) byLookup(ctx context.Context, enc *encoder, b *batch.Batch, rows []int) (bytes int64, refused []connector.Refusal, err error) {
	writes, upsert := w.into.Write, w.aim
	defer func() { w.aim, w.found, w.foundBy = upsert, nil, "" }()
	for len(rows) > 0 {
		w.aim = upsert
		part := enc.together(rows, min(max(writes.Insert.Batch, 1), max(writes.Update.Batch, 1)))
		rows = rows[len(part):]
		ids := make(map[int]string, len(part))
		var there, new []int
		for _, row := range part {
			list, err := w.look(ctx, enc, upsert.operation.Lookup, row)
			switch {
			case err != nil:
				return 0, nil, err
			case len(list) > 1:
				refused = append(refused, connector.Refusal{Row: row, Reason: "the vendor has several records of this " + upsert.id})
			case len(list) == 1:
				there, ids[row] = append(there, row), list[0]
			default:
				new = append(new, row)
			}
		}
		for _, half := range []struct {
			name  string
			rows  []int
			found map[int]string
		}{{"UPDATE", there, ids}, {"INSERT", new, nil}} {
			if len(half.rows) == 0 {
				continue
			}
			w.name, w.operation = half.name, writes.operation(half.name)
			w.found, w.foundBy = half.found, upsert.operation.Lookup.ID
			r := enc.request(half.rows) // one for new records is not sent again by itself: they are looked for first
			bytes += int64(len(r.Body))
			no, err := w.send(ctx, r, b, half.rows)
			if err != nil {
				return 0, nil, err
			}
			refused = append(refused, no...)
		}
	}
	return bytes, refused, nil
}

// look asks for the records that a row is about, and returns their ids as JSON.
func (w *writer) look(ctx context.Context, enc *encoder, l *Lookup, row int) ([]string, error) {
	r := &rest.Request{Doing: w.doing(), Path: l.Path, Query: enc.query(l.Query, []int{row})}
	if len(r.Query) != len(l.Query) {
		return nil, nil // a value is missing; without it the vendor would show others
	}
	var e *rest.Envelope
	r.Accept = func(a *rest.Answer) (err error) {
		e, err = rest.ParseEnvelope(a.Body)
		return err
	}
	if _, err := w.client.Do(ctx, r); err != nil {
		if fault.Is(err, fault.NotFound) {
			return nil, nil
		}
		return nil, err
	}
	var ids []string
	for _, item := range e.Items(l.Records) {
		id := item.Text(l.ID)
		if _, err := strconv.ParseInt(id, 10, 64); err != nil {
			quoted, err := json.Marshal(id)
			if err != nil {
				return nil, fault.Wrap(fault.Internal, err, "%s", w.doing())
			}
			id = string(quoted)
		}
		ids = append(ids, id)
	}
	return ids, nil
}
