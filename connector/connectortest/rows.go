package connectortest

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"weir.dev/weir/batch"
)

// Text returns a batch's rows in their text form, null as "<null>". The columns must be the fields, in that order. It
// may be called on any goroutine.
func Text(t *testing.T, b *batch.Batch, fields []string) [][]string {
	t.Helper()
	if !assert.Len(t, b.Columns, len(fields)) {
		return nil
	}
	forms := make([]batch.Form, len(fields))
	for i, col := range b.Columns {
		assert.Equal(t, fields[i], col.Name)
		assert.Equal(t, b.Rows, col.Data.Len(), col.Name)
		forms[i] = batch.OpenForm(col)
	}
	rows := make([][]string, b.Rows)
	for row := range rows {
		rows[row] = make([]string, len(fields))
		for i := range forms {
			if forms[i].IsNull(row) {
				rows[row][i] = "<null>"
			} else {
				rows[row][i] = string(forms[i].Append(nil, row))
			}
		}
	}
	return rows
}

// Batch makes a batch of the rows, of columns of text. The caller releases it.
func Batch(pool *batch.Pool, d Data) *batch.Batch {
	columns := make([]batch.Column, len(d.Fields))
	for i, name := range d.Fields {
		text := batch.NewTextBuilder(pool, len(d.Rows))
		total := 0
		for _, row := range d.Rows {
			total += len(row[i])
		}
		buf := pool.Buffer(total)
		at, index := 0, text.Buffer(buf)
		for r, row := range d.Rows {
			copy(buf.Bytes()[at:], row[i])
			text.Set(r, index, buf.Bytes(), at, len(row[i]))
			at += len(row[i])
		}
		buf.Release()
		columns[i] = text.Build(name, batch.String)
	}
	return batch.New(columns, len(d.Rows), batch.Origin{Object: "made for the test", First: 1})
}

// onlyColumn is one column of a batch, as a batch that owns nothing and must not be released.
func onlyColumn(b *batch.Batch, at int) *batch.Batch {
	return &batch.Batch{Columns: b.Columns[at : at+1], Rows: b.Rows, Origin: b.Origin}
}
