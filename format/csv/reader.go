package csv

import (
	"bytes"
	"context"
	"errors"
	"io"

	"weir.dev/weir/batch"
	"weir.dev/weir/fault"
	"weir.dev/weir/format"
	"weir.dev/weir/format/compress"
	"weir.dev/weir/format/internal/cut"
)

type reader struct {
	table  *table
	stream *compress.Stream
	cutter *cut.Cutter
	survey survey
	at     format.Position
	stored int64 // of the file, that earlier chunks have covered
}

// table is what all chunks of a file share. Never written after the reader is made.
type table struct {
	name      string // of the file
	delim     byte
	columns   int // of the header
	wanted    []wanted
	maxRecord int
	pool      *batch.Pool
}

// wanted is a column to deliver.
type wanted struct {
	name  string
	field int // in the file; -1 when the file has no such column
}

// NewReader opens a file. It reads the header at once, and goes on at opts.From when that is not zero. An empty file is
// one without records, whatever columns are asked for. The caller closes the reader; ctx must live as long as it does.
func (d Dialect) NewReader(ctx context.Context, in format.Input, opts format.ReadOptions) (format.Reader, error) {
	stream, err := compress.Open(ctx, in)
	if err != nil {
		return nil, err
	}
	r, err := d.newReader(ctx, in, stream, opts)
	if err != nil {
		stream.Close()
		return nil, err
	}
	return r, nil
}

func (d Dialect) newReader(ctx context.Context, in format.Input, stream *compress.Stream, opts format.ReadOptions) (*reader, error) {
	head, err := readHead(stream, in.Name(), d.delimiter())
	if err != nil {
		return nil, err
	}
	opts = cut.Options(opts)
	t := &table{name: in.Name(), delim: d.delimiter(), columns: len(head.names), maxRecord: opts.MaxRecord, pool: opts.Pool}
	if err := t.want(opts, head.names); err != nil {
		return nil, err
	}
	rest, at := head.rest, head.end
	if opts.From != (format.Position{}) {
		if rest, err = seek(ctx, stream, in.Name(), head, opts.From); err != nil {
			return nil, err
		}
		at = opts.From
	}
	r := &reader{table: t, stream: stream, at: at}
	r.survey = survey{delim: t.delim, columns: t.columns}
	r.cutter = cut.New(io.MultiReader(bytes.NewReader(rest), stream), t.pool, opts.ChunkBytes, t.maxRecord)
	if opts.From != (format.Position{}) {
		r.stored = r.storedNow()
	}
	return r, nil
}

// want finds the columns to deliver in the header.
func (t *table) want(opts format.ReadOptions, names []string) error {
	fields := make(map[string]int, len(names))
	for i, name := range names {
		fields[name] = i
	}
	for _, col := range opts.Columns {
		if k := col.Kind.Type; k != batch.Text && k != 0 {
			return fault.New(fault.Internal, "reading %q: column %q is asked for as %s, but CSV gives text", t.name, col.Name, k)
		}
		field, ok := fields[col.Name]
		if !ok {
			if !opts.MissingIsNull && len(names) > 0 {
				return refuse(t.name, "the header has no column %q", col.Name)
			}
			field = -1
		}
		t.wanted = append(t.wanted, wanted{name: col.Name, field: field})
	}
	return nil
}

// seek brings the stream to a position and returns what has already been read behind it.
func seek(ctx context.Context, stream *compress.Stream, name string, head head, to format.Position) ([]byte, error) {
	if to.Offset < head.end.Offset {
		return nil, fault.New(fault.Internal, "reading %q: cannot go on at offset %d, which lies in the header", name, to.Offset)
	}
	if skip := to.Offset - head.end.Offset; skip <= int64(len(head.rest)) {
		return head.rest[skip:], nil
	}
	return nil, stream.SkipTo(ctx, to.Offset)
}

// storedNow is how much of the stored file lies before what the cutter will hand out next, as far as that is known.
func (r *reader) storedNow() int64 {
	if r.stream.Plain() {
		return r.at.Offset
	}
	return r.stream.Stored()
}

// Next implements format.Reader.
func (r *reader) Next(ctx context.Context) (format.Chunk, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	buf, n, err := r.cutter.Next(&r.survey)
	if err != nil {
		return nil, r.explain(err)
	}
	c := &chunk{table: r.table, buf: buf, n: n, start: r.at, records: r.survey.records, hollow: r.survey.hollow}
	r.at.Offset += int64(n)
	r.at.Record += int64(r.survey.records)
	r.at.Line += int64(r.survey.lines)
	c.end = r.at
	now := r.storedNow()
	c.stored = now - r.stored
	r.stored = now
	return c, nil
}

// explain says where a record that does not end began.
func (r *reader) explain(err error) error {
	data := r.cutter.Pending()
	record, line := r.at.Record+1, r.at.Line+1
	opening := -1
	if errors.Is(err, cut.ErrTooLong) || errors.Is(err, errUnclosed) {
		opening = lastOpening(data, r.table.delim)
	}
	opened := line
	if opening >= 0 {
		opened += int64(bytes.Count(data[:opening], []byte("\n")))
	}
	switch {
	case errors.Is(err, errUnclosed):
		return refuse(r.table.name, "record %d at line %d: the quote that opens at line %d is never closed", record, line, opened)
	case errors.Is(err, cut.ErrTooLong) && opening >= 0:
		return refuse(r.table.name, "record %d at line %d is longer than %d bytes; a quote that opens at line %d is not closed",
			record, line, r.table.maxRecord, opened)
	case errors.Is(err, cut.ErrTooLong):
		return refuse(r.table.name, "record %d at line %d is longer than %d bytes", record, line, r.table.maxRecord)
	}
	return err
}

// Close implements format.Reader.
func (r *reader) Close() error {
	r.cutter.Close()
	return r.stream.Close()
}
