package jsonl

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
	file   *file
	stream *compress.Stream
	cutter *cut.Cutter
	lines  lineFinder
	object objectFinder
	at     format.Position
	stored int64 // of the file, that earlier chunks have covered
}

// file is what all chunks of a file share. Never written after the reader is made.
type file struct {
	name      string
	layout    layout
	columns   []string // as asked for
	distinct  []int    // per column asked for: which of those of paths it is
	names     []string // of those
	paths     *paths
	maxRecord int
	pool      *batch.Pool
}

// NewReader opens a file. It reads its beginning at once, to see how it is laid out, and goes on at opts.From when that
// is not zero. Members that no record has are null, whatever opts.MissingIsNull says: records need not be alike. The
// caller closes the reader; ctx must live as long as it does.
func NewReader(ctx context.Context, in format.Input, opts format.ReadOptions) (format.Reader, error) {
	stream, err := compress.Open(ctx, in)
	if err != nil {
		return nil, err
	}
	r, err := newReader(ctx, in, stream, opts)
	if err != nil {
		stream.Close()
		return nil, err
	}
	return r, nil
}

func newReader(ctx context.Context, in format.Input, stream *compress.Stream, opts format.ReadOptions) (*reader, error) {
	opts = cut.Options(opts)
	f := &file{name: in.Name(), maxRecord: opts.MaxRecord, pool: opts.Pool}
	if err := f.want(opts.Columns); err != nil {
		return nil, err
	}
	head, err := readHead(stream)
	if err != nil {
		return nil, err
	}
	f.layout = head.layout
	r := &reader{file: f, stream: stream, at: head.start}
	r.object.array = head.layout == array
	rest := head.rest
	if from := opts.From; from != (format.Position{}) {
		switch {
		case from.Offset < head.start.Offset:
			return nil, fault.New(fault.Internal, "reading %q: cannot go on at offset %d, inside the byte order mark", in.Name(), from.Offset)
		case from.Offset <= head.read:
			rest = rest[from.Offset-head.start.Offset:]
		default:
			if err := stream.SkipTo(ctx, from.Offset); err != nil {
				return nil, err
			}
			rest = nil
		}
		r.at = from
		r.object.begun, r.object.any = from.Record > 0, from.Record > 0
		r.stored = r.storedNow()
	}
	r.cutter = cut.New(io.MultiReader(bytes.NewReader(rest), stream), f.pool, opts.ChunkBytes, f.maxRecord)
	return r, nil
}

func (f *file) want(columns []format.ReadColumn) error {
	number := map[string]int{}
	for _, col := range columns {
		if k := col.Kind.Type; k != batch.JSON && k != 0 {
			return fault.New(fault.Internal, "reading %q: column %q is asked for as %s, but JSON gives JSON values", f.name, col.Name, k)
		}
		n, ok := number[col.Name]
		if !ok {
			n = len(f.names)
			number[col.Name] = n
			f.names = append(f.names, col.Name)
		}
		f.columns = append(f.columns, col.Name)
		f.distinct = append(f.distinct, n)
	}
	f.paths = compile(f.names)
	return nil
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
	c := &chunk{file: r.file, start: r.at}
	var err error
	newlines := 0
	if r.file.layout == lines {
		c.buf, c.n, err = r.cutter.Next(&r.lines)
		c.records, newlines = r.lines.records, r.lines.lines
	} else {
		c.buf, c.n, err = r.cutter.Next(&r.object)
		c.records, newlines = r.object.records, r.object.lines
	}
	if err != nil {
		return nil, r.explain(err)
	}
	r.object.taken()
	r.at.Offset += int64(c.n)
	r.at.Record += int64(c.records)
	r.at.Line += int64(newlines)
	c.end = r.at
	now := r.storedNow()
	c.stored, r.stored = now-r.stored, now
	return c, nil
}

// explain says where the record is that could not be cut.
func (r *reader) explain(err error) error {
	data := r.cutter.Pending()
	record, line := r.at.Record+1, r.at.Line+1
	if errors.Is(err, cut.ErrTooLong) {
		return refuse(r.file.name, "record %d at line %d is longer than %d bytes", record, line, r.file.maxRecord)
	}
	if f := (*flaw)(nil); errors.As(err, &f) {
		record += int64(f.records)
		line += int64(bytes.Count(data[:f.at], []byte("\n")))
		return refuse(r.file.name, "record %d at line %d %w", record, line, f.reason)
	}
	return err
}

// Close implements format.Reader.
func (r *reader) Close() error {
	r.cutter.Close()
	return r.stream.Close()
}
