package parquet

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"

	"weir.dev/weir/batch"
	"weir.dev/weir/format"
)

// A row group within these limits is one chunk: Next fetches its bytes and Decode decodes it, on any goroutine. A larger
// one is decoded by Next itself, in slices. Either way a chunk holds at most wholeRows rows, and a slice stops as soon as
// it holds sliceBytes, so that neither a row group of any size nor one whose pages unfold to a thousand times their size
// fills the memory.
const (
	wholeRows   = 128 << 10
	wholeBytes  = 32 << 20  // uncompressed, as the footer says, of the columns asked for
	wholeUnfold = 512 << 20 // what decoding a whole row group may come to before it is refused
	sliceRows   = 64 << 10
	sliceBytes  = 32 << 20
	windowBytes = 32 << 20 // stored bytes in memory while a large row group is read, all columns together
)

// NewReader opens a file for reading. It reads the footer, nothing else. With no columns named it delivers every
// top-level field. A page may be at most twice opts.MaxRecord long, uncompressed; opts.ChunkBytes is not used.
//
// A kind that is asked for must be the file's own, text of any kind, int64 for int32 or float64 for either.
func NewReader(ctx context.Context, in format.Input, opts format.ReadOptions) (format.Reader, error) {
	meta, err := open(ctx, in)
	if err != nil {
		return nil, err
	}
	if opts.Pool == nil {
		opts.Pool = batch.DefaultPool
	}
	if opts.MaxRecord <= 0 {
		opts.MaxRecord = format.DefaultMaxRecord
	}
	r := &reader{in: in, meta: meta, opts: opts}
	if err := guard(r.locateAll); err != nil {
		return nil, fmt.Errorf("reading parquet file %q: %w", in.Name(), err)
	}
	from := opts.From
	if from.Offset < 0 || from.Offset > int64(meta.NumRowGroups()) || from.Record < 0 {
		return nil, fmt.Errorf("reading parquet file %q: it has no row group %d to go on from", in.Name(), from.Offset)
	}
	for r.group < int(from.Offset) {
		r.record += meta.RowGroup(r.group).NumRows()
		r.group++
	}
	r.skip = from.Record - r.record
	if r.skip < 0 || r.skip > 0 && (r.group == meta.NumRowGroups() || r.skip >= meta.RowGroup(r.group).NumRows()) {
		return nil, fmt.Errorf("reading parquet file %q: record %d is not in row group %d", in.Name(), from.Record, from.Offset)
	}
	return r, nil
}

// reader implements format.Reader.
type reader struct {
	in     format.Input
	meta   *metadata.FileMetaData
	opts   format.ReadOptions
	places []place
	want   []format.ReadColumn
	group  int   // the next row group to open
	record int64 // records before the next chunk
	skip   int64 // records of the next row group that were read before
	open   *openGroup
	left   int64 // rows of the open row group not read yet
	failed error
}

// locateAll finds the columns to deliver. A place with root -1 stands for one that the file does not have.
func (r *reader) locateAll() error {
	sc := r.meta.Schema
	r.want = r.opts.Columns
	if len(r.want) == 0 {
		for i := range sc.Root().NumFields() {
			r.want = append(r.want, format.ReadColumn{Name: sc.Root().Field(i).Name()})
		}
	}
	if len(r.want) == 0 {
		return errors.New("it has no columns")
	}
	for _, c := range r.want {
		p, ok := locate(sc, c.Name)
		if !ok {
			if !r.opts.MissingIsNull {
				return fmt.Errorf("it has no column %q", c.Name)
			}
			p = place{leaf: -1, root: -1}
		}
		r.places = append(r.places, p)
	}
	return nil
}

// Next returns the next chunk.
func (r *reader) Next(ctx context.Context) (format.Chunk, error) {
	if r.failed != nil {
		return nil, r.failed
	}
	c, err := r.next(ctx)
	if err != nil && !errors.Is(err, io.EOF) {
		at := r.group
		if r.open != nil {
			at--
		}
		err = fmt.Errorf("reading parquet file %q, row group %d after record %d: %w", r.in.Name(), at, r.record, err)
	}
	if err != nil {
		r.failed = err
		return nil, err
	}
	return c, nil
}

func (r *reader) next(ctx context.Context) (format.Chunk, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for r.open == nil {
		if r.group == r.meta.NumRowGroups() {
			return nil, io.EOF
		}
		rg := r.meta.RowGroup(r.group)
		if rg.NumRows() == 0 {
			r.group++
			continue
		}
		ranges, stored, unfolded, err := r.ranges(rg)
		if err != nil {
			return nil, err
		}
		if rg.NumRows() <= wholeRows && unfolded <= wholeBytes && stored <= wholeBytes {
			return r.whole(ctx, rg.NumRows(), stored, ranges)
		}
		s := &storage{ctx: ctx, in: r.in, chunks: ranges, windows: make([]span, len(ranges))}
		s.window = max(windowBytes/int64(max(1, len(ranges))), 64<<10)
		r.open = r.openAt(s, r.group)
		r.left = rg.NumRows()
		r.group++
		if err := guard(func() error { return r.open.skip(&r.left, r.skip) }); err != nil {
			return nil, err
		}
		r.record += r.skip
		r.skip = 0
	}
	return r.slice(ctx)
}

// ranges are the column chunks that the wanted columns need, and their sizes.
func (r *reader) ranges(rg *metadata.RowGroupMetaData) (ranges []reach, stored, unfolded int64, err error) {
	needed := make([]bool, rg.NumColumns())
	for _, p := range r.places {
		switch {
		case p.leaf >= 0:
			needed[p.leaf] = true
		case p.root >= 0:
			for c := range needed {
				needed[c] = needed[c] || rootIndex(r.meta.Schema, c) == p.root
			}
		}
	}
	for i, need := range needed {
		if !need {
			continue
		}
		c, err := rg.ColumnChunk(i)
		if err != nil {
			return nil, 0, 0, err
		}
		at := chunkReach(c)
		// A writer of old left the dictionary page's header out of the size; the library reads on as far as this.
		const oldHeader = 100
		at.to = min(at.to+oldHeader, r.in.Size())
		ranges = append(ranges, at)
		stored += at.to - at.from
		unfolded += min(c.TotalUncompressedSize(), 1<<40)
	}
	return ranges, stored, unfolded, nil
}

// whole makes a chunk of a row group that Decode will decode.
func (r *reader) whole(ctx context.Context, rows, stored int64, ranges []reach) (format.Chunk, error) {
	s := &storage{ctx: ctx, in: r.in}
	if err := s.prefetch(ranges); err != nil {
		return nil, err
	}
	s.ctx = nil
	c := &chunk{reader: r, group: r.group, storage: s, skip: r.skip, rows: rows - r.skip, first: r.record + r.skip + 1, bytes: stored}
	r.group++
	r.record += rows
	r.skip = 0
	c.end = format.Position{Offset: int64(r.group), Record: r.record}
	return c, nil
}

// slice makes a chunk of the next rows of the open row group.
func (r *reader) slice(ctx context.Context) (format.Chunk, error) {
	g := r.open
	g.storage.ctx = ctx
	before := g.storage.read
	var cols []batch.Column
	var rows int
	err := guard(func() (err error) {
		cols, rows, err = g.read(int(min(r.left, sliceRows)), sliceBytes)
		return err
	})
	if err != nil {
		return nil, err
	}
	b := batch.New(cols, rows, batch.Origin{Object: r.in.Name(), First: r.record + 1})
	r.left -= int64(rows)
	r.record += int64(rows)
	c := &chunk{reader: r, made: b, bytes: g.storage.read - before, end: format.Position{Offset: int64(r.group - 1), Record: r.record}}
	if r.left == 0 {
		g.close()
		r.open = nil
		c.end.Offset++
	}
	return c, nil
}

// Close drops what is open. Chunks handed out stay good.
func (r *reader) Close() error {
	if g := r.open; g != nil {
		r.open = nil
		_ = guard(func() error { g.close(); return nil }) // only memory is at stake
	}
	r.failed = errors.New("reading a parquet file that was closed")
	return nil
}

// openAt prepares a row group for reading. Errors come from the first read.
func (r *reader) openAt(s *storage, group int) *openGroup {
	return &openGroup{reader: r, storage: s, group: group}
}

// openGroup is a row group being read, a slice at a time.
type openGroup struct {
	*reader
	storage *storage
	group   int
	fields  []field // nil until the first read
}

func (g *openGroup) open() error {
	props := parquet.NewReaderProperties(memory.DefaultAllocator)
	props.BufferedStreamEnabled = true
	props.BufferSize = 64 << 10
	props.MaxCompressedPageSize = min(g.in.Size(), 1<<30)
	props.MaxUncompressedPageSize = 2 * int64(g.opts.MaxRecord)
	rd, err := file.NewParquetReader(g.storage, file.WithMetadata(g.meta), file.WithReadProps(props))
	if err != nil {
		return err
	}
	rg := rd.RowGroup(g.group)
	for i, p := range g.places {
		var f field
		switch name := g.want[i].Name; {
		case p.root < 0:
			f = &missing{name: name, kind: g.want[i].Kind, pool: g.opts.Pool}
			if g.want[i].Kind == (batch.Kind{}) { // the file has no say
				f = &missing{name: name, kind: batch.Kind{Type: batch.String}, pool: g.opts.Pool}
			}
		case p.leaf >= 0:
			f, err = openLeaf(rg, p.leaf, g.meta.Schema.Column(p.leaf), name, g.opts.Pool)
		default:
			f, err = openNested(rd, g.group, p.root, p.path, name, g.opts.Pool)
		}
		if err == nil {
			f, err = as(f, g.want[i], g.opts.Pool)
		}
		if err != nil {
			return fmt.Errorf("column %q: %w", g.want[i].Name, err)
		}
		g.fields = append(g.fields, f)
	}
	return nil
}

// read makes the columns of the next rows: at most rows, fewer when they come to most bytes.
func (g *openGroup) read(rows int, most int64) (cols []batch.Column, n int, err error) {
	if g.fields == nil {
		if err := g.open(); err != nil {
			return nil, 0, err
		}
	}
	for _, f := range g.fields {
		f.start(rows)
	}
	for size := int64(0); n < rows && (n == 0 || size < most); {
		count := min(readStep, rows-n)
		size = 0
		for i, f := range g.fields {
			if err := f.read(count); err != nil {
				return nil, 0, fmt.Errorf("column %q: %w", g.want[i].Name, err)
			}
			size += f.size()
		}
		n += count
	}
	for _, f := range g.fields {
		cols = append(cols, f.build())
	}
	return cols, n, nil
}

// skip reads over rows that were delivered before.
func (g *openGroup) skip(left *int64, rows int64) error {
	for rows > 0 {
		cols, n, err := g.read(int(min(rows, sliceRows)), sliceBytes)
		if err != nil {
			return err
		}
		batch.New(cols, n, batch.Origin{}).Release()
		rows -= int64(n)
		*left -= int64(n)
	}
	return nil
}

func (g *openGroup) close() {
	for _, f := range g.fields {
		f.discard()
	}
	g.fields = nil
}
