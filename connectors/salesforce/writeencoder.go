package salesforce

import (
	"bytes"
	"strconv"

	"weir.dev/weir/batch"
)

// encoder writes rows as JSON records or lines of CSV. For one goroutine.
type encoder struct {
	aim   *aim
	slots []slot
	cells []cell
	head  []byte // what a JSON record begins with
}

func newEncoder(a *aim, slots []slot) *encoder {
	e := &encoder{aim: a, slots: slots, cells: make([]cell, len(slots))}
	e.head = append(batch.AppendQuoted([]byte(`{"attributes":{"type":`), []byte(a.object.Name)), '}')
	return e
}

// open turns to the rows of a batch, which must have the columns that the slots were found for.
func (e *encoder) open(b *batch.Batch) {
	for i := range e.slots {
		e.cells[i] = openCell(e.slots[i].shape, b.Columns[e.slots[i].column])
	}
}

// key is the value that finds the row's record; empty when it has none.
func (e *encoder) key(row int) (value []byte, problem string) {
	for i := range e.slots {
		if e.slots[i].isKey {
			return e.named(i, row)
		}
	}
	return nil, ""
}

// named is a value, its problem told with the field's name.
func (e *encoder) named(i, row int) ([]byte, string) {
	value, problem := e.cells[i].value(row)
	if problem != "" {
		problem = strconv.Quote(e.slots[i].name) + " " + problem
	}
	return value, problem
}

// json appends the row as a record. New records leave out what is null, so that Salesforce's defaults hold; changes say
// null, so that it takes the old value's place. A checkbox is never null, and keeps its value.
func (e *encoder) json(dst []byte, row int, isNew bool) (_ []byte, problem string) {
	dst = append(dst, e.head...)
	for i := range e.slots {
		s := &e.slots[i]
		value, problem := e.named(i, row)
		switch {
		case problem != "":
			return dst, problem
		case len(value) > 0:
			dst = append(dst, s.lead...)
			if s.shape == shapeFlag || s.shape == shapeWhole || s.shape == shapeNumber {
				dst = append(dst, value...)
			} else {
				dst = batch.AppendQuoted(dst, value)
			}
			dst = append(dst, s.tail...)
		case isNew || s.isKey || s.shape == shapeFlag:
		default:
			dst = append(dst, s.null...)
		}
	}
	return append(dst, '}'), ""
}

// header appends the first line of CSV.
func (e *encoder) header(dst []byte) []byte {
	for i := range e.slots {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, e.slots[i].name...) // of letters, digits and . : _
	}
	return append(dst, '\n')
}

// csv appends the row as a line. It says the same as json: an empty cell leaves the field alone, and cleared is null.
func (e *encoder) csv(dst []byte, row int) (_ []byte, problem string) {
	for i := range e.slots {
		s := &e.slots[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		value, problem := e.named(i, row)
		switch {
		case problem != "":
			return dst, problem
		case len(value) > 0:
			dst = appendCSV(dst, value)
		case e.aim.operation == opInsert || s.isKey || s.shape == shapeFlag:
			if len(e.slots) == 1 {
				dst = append(dst, `""`...) // an empty line would be none
			}
		default:
			dst = append(dst, cleared...)
		}
	}
	return append(dst, '\n'), ""
}

// appendCSV appends a cell, in quotes where it needs them. No space ever stands beside a quote: that fails the row.
func appendCSV(dst, text []byte) []byte {
	if bytes.IndexByte(text, '"') < 0 {
		last := text[len(text)-1]
		if text[0] > ' ' && last > ' ' && bytes.IndexByte(text, ',') < 0 && bytes.IndexByte(text, '\n') < 0 && bytes.IndexByte(text, '\r') < 0 {
			return append(dst, text...)
		}
		return append(append(append(dst, '"'), text...), '"')
	}
	dst = append(dst, '"')
	for {
		i := bytes.IndexByte(text, '"')
		if i < 0 {
			return append(append(dst, text...), '"')
		}
		dst = append(append(dst, text[:i+1]...), '"')
		text = text[i+1:]
	}
}
