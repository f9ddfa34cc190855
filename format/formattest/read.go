package formattest

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/format"
)

// Null stands for a null in what [Read] returns.
const Null = "\x00null"

// Open is a format's constructor of readers.
type Open func(context.Context, format.Input, format.ReadOptions) (format.Reader, error)

// Read reads a file to its end, or to the first error, and returns the text of its rows in order and the positions behind
// its chunks. It checks what must hold for any file of text: records are numbered without gaps, lines do not go back,
// and every buffer comes back.
func Read(t testing.TB, open Open, file File, opts format.ReadOptions) (rows [][]string, ends []format.Position, err error) {
	t.Helper()
	opts.Pool = &batch.Pool{}
	defer func() { require.Zero(t, opts.Pool.InUse(), "bytes not given back") }()
	r, err := open(context.Background(), file, opts)
	if err != nil {
		return nil, nil, err
	}
	defer func() { require.NoError(t, r.Close()) }()
	record, line := opts.From.Record, opts.From.Line
	for {
		chunk, err := r.Next(context.Background())
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return rows, ends, err
		}
		end := chunk.End()
		require.GreaterOrEqual(t, end.Line, line)
		line = end.Line
		ends = append(ends, end)
		b, err := chunk.Decode()
		if err != nil {
			return rows, ends, err
		}
		require.Equal(t, record+1, b.Origin.First)
		require.Equal(t, file.Label, b.Origin.Object)
		record += int64(b.Rows)
		require.Equal(t, record, end.Record)
		rows = append(rows, Texts(t, b)...)
		b.Release()
	}
}

// Texts returns the cells of a batch of text columns, row by row.
func Texts(t testing.TB, b *batch.Batch) [][]string {
	t.Helper()
	rows := make([][]string, b.Rows)
	for i := range rows {
		rows[i] = []string{}
	}
	for _, col := range b.Columns {
		require.Equal(t, b.Rows, col.Data.Len())
		require.True(t, col.Kind.IsText())
		view := batch.OpenText(col)
		for i := range rows {
			cell := string(view.Bytes(i))
			if view.IsNull(i) {
				cell = Null
			}
			rows[i] = append(rows[i], cell)
		}
	}
	return rows
}
