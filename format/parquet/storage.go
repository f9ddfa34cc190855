package parquet

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/apache/arrow-go/v18/parquet/metadata"

	"weir.dev/weir/format"
)

// storage gives the library random access to a file of which it may only see what was asked for. Ranges that a row
// group needs are fetched ahead, neighbours in one request; what is not there is fetched a window at a time.
type storage struct {
	ctx   context.Context // of the call that reads; nil once everything is in memory
	in    format.Input
	pos   int64
	read  int64  // bytes fetched so far
	spans []span // fetched ahead, by offset, not overlapping

	chunks  []reach // the column chunks that are read a window at a time
	windows []span  // what each of them has of the file
	window  int64   // size of one
}

// reach is where a column chunk lies.
type reach struct{ from, to int64 }

type span struct {
	off  int64
	data []byte
}

func (s *span) holds(off int64, n int) bool {
	return off >= s.off && off+int64(n) <= s.off+int64(len(s.data))
}

func (s *storage) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("reading before the file's start")
	}
	if rest := s.in.Size() - off; rest < int64(len(p)) {
		n, err := s.readWhole(p[:max(rest, 0)], off)
		return n, errors.Join(err, io.EOF)
	}
	return s.readWhole(p, off)
}

func (s *storage) readWhole(p []byte, off int64) (int, error) {
	i := sort.Search(len(s.spans), func(i int) bool { return s.spans[i].off > off }) - 1
	switch {
	case len(p) == 0:
		return 0, nil
	case i >= 0 && s.spans[i].holds(off, len(p)):
		return copy(p, s.spans[i].data[off-s.spans[i].off:]), nil
	}
	if s.ctx == nil {
		return 0, errors.New("reading outside of the row group's column chunks")
	}
	if i := s.windowOf(off); i >= 0 {
		return s.readWindow(&s.chunks[i], &s.windows[i], p, off)
	}
	return s.fetch(p, off)
}

// windowOf is the index of the column chunk that has a window of its own and holds the offset, or -1.
func (s *storage) windowOf(off int64) int {
	for i, c := range s.chunks {
		if off >= c.from && off < c.to {
			return i
		}
	}
	return -1
}

func (s *storage) readWindow(c *reach, w *span, p []byte, off int64) (int, error) {
	if w.holds(off, len(p)) {
		return copy(p, w.data[off-w.off:]), nil
	}
	if off+int64(len(p)) > c.to {
		return s.fetch(p, off)
	}
	n := min(max(s.window, int64(len(p))), c.to-off)
	if int64(cap(w.data)) < n {
		w.data = make([]byte, n)
	}
	w.off, w.data = off, w.data[:n]
	if _, err := s.fetch(w.data, off); err != nil {
		w.data = w.data[:0]
		return 0, err
	}
	return copy(p, w.data), nil
}

// fetch reads from the stored file.
func (s *storage) fetch(p []byte, off int64) (int, error) {
	rc, err := s.in.OpenAt(s.ctx, off, int64(len(p)))
	if err != nil {
		return 0, err
	}
	n, err := io.ReadFull(rc, p)
	s.read += int64(n)
	if err != nil {
		return n, errors.Join(fmt.Errorf("reading %d bytes at %d: %w", len(p), off, err), rc.Close())
	}
	return n, rc.Close()
}

func (s *storage) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.pos
	case io.SeekEnd:
		offset += s.in.Size()
	}
	if offset < 0 {
		return 0, errors.New("seeking before the file's start")
	}
	s.pos = offset
	return offset, nil
}

const (
	// gap is how many unwanted bytes are read rather than asking once more.
	gap = 256 << 10
	// tail is what is read from a file's end at first: nearly always the whole footer.
	tail = 64 << 10
)

// prefetch reads the ranges, joined where they nearly touch.
func (s *storage) prefetch(ranges []reach) error {
	sort.Slice(ranges, func(i, j int) bool { return ranges[i].from < ranges[j].from })
	for i := 0; i < len(ranges); {
		r := ranges[i]
		for i++; i < len(ranges) && ranges[i].from-r.to <= gap; i++ {
			r.to = max(r.to, ranges[i].to)
		}
		data := make([]byte, r.to-r.from)
		if _, err := s.fetch(data, r.from); err != nil {
			return err
		}
		s.spans = append(s.spans, span{r.from, data})
	}
	return nil
}

// readFooter reads and checks the file's metadata.
func readFooter(ctx context.Context, in format.Input) (*metadata.FileMetaData, error) {
	const end = 8 // length and magic
	size := in.Size()
	if size < int64(len(magic))+end {
		return nil, fmt.Errorf("its %d bytes are too few for a parquet file", size)
	}
	s := storage{ctx: ctx, in: in}
	last := make([]byte, min(size, tail))
	if _, err := s.fetch(last, size-int64(len(last))); err != nil {
		return nil, err
	}
	switch string(last[len(last)-4:]) {
	case magic:
	case "PARE":
		return nil, errors.New("it is encrypted")
	default:
		return nil, errors.New("it does not end like a parquet file")
	}
	n := int64(binary.LittleEndian.Uint32(last[len(last)-end:]))
	if n > size-end-int64(len(magic)) || n == 0 {
		return nil, fmt.Errorf("%w: it claims %d of the file's %d bytes", errFooter, n, size)
	}
	if n > maxFooter {
		return nil, fmt.Errorf("its footer of %d bytes is larger than the %d allowed", n, int64(maxFooter))
	}
	foot := last[:len(last)-end]
	if int64(len(foot)) < n {
		foot = make([]byte, n)
		if _, err := s.fetch(foot, size-end-n); err != nil {
			return nil, err
		}
	}
	foot = foot[int64(len(foot))-n:]
	if err := checkFooter(foot); err != nil {
		return nil, err
	}
	meta, err := metadata.NewFileMetaData(foot, nil)
	if err != nil {
		return nil, err
	}
	if meta.IsSetEncryptionAlgorithm() {
		return nil, errors.New("it is encrypted")
	}
	meta.SetSourceFileSize(size)
	return meta, checkGroups(meta, size)
}

// checkGroups makes sure that every column chunk lies in the file and that counts agree.
func checkGroups(meta *metadata.FileMetaData, size int64) error {
	var rows int64
	for g := range meta.NumRowGroups() {
		rg := meta.RowGroup(g)
		if rg.NumColumns() != meta.Schema.NumColumns() {
			return fmt.Errorf("%w: row group %d has %d columns of %d", errFooter, g, rg.NumColumns(), meta.Schema.NumColumns())
		}
		if rg.NumRows() < 0 {
			return fmt.Errorf("%w: row group %d has %d rows", errFooter, g, rg.NumRows())
		}
		if rows += rg.NumRows(); rows < 0 {
			return fmt.Errorf("%w: its rows cannot be counted", errFooter)
		}
		for i := range rg.NumColumns() {
			if err := checkChunk(meta, rg, i, size); err != nil {
				return fmt.Errorf("row group %d column %d: %w", g, i, err)
			}
		}
	}
	return nil
}

func checkChunk(meta *metadata.FileMetaData, rg *metadata.RowGroupMetaData, i int, size int64) error {
	c, err := rg.ColumnChunk(i)
	if err != nil {
		return err
	}
	if c.FilePath() != "" {
		return errors.New("it keeps a column in another file")
	}
	r, col := chunkReach(c), meta.Schema.Column(i)
	if r.from < int64(len(magic)) || r.to < r.from || r.to > size || c.TotalUncompressedSize() < 0 {
		return fmt.Errorf("%w: it does not lie in the file", errFooter)
	}
	if c.Type() != col.PhysicalType() {
		return fmt.Errorf("%w: it is of another type than the schema says", errFooter)
	}
	if c.NumValues() < 0 || col.MaxRepetitionLevel() == 0 && c.NumValues() != rg.NumRows() {
		return fmt.Errorf("%w: it has %d values for %d rows", errFooter, c.NumValues(), rg.NumRows())
	}
	return nil
}

// chunkReach is where the library will read a column chunk from.
func chunkReach(c *metadata.ColumnChunkMetaData) reach {
	from := c.DataPageOffset()
	if d := c.DictionaryPageOffset(); c.HasDictionaryPage() && d > 0 && d < from {
		from = d
	}
	return reach{from, from + c.TotalCompressedSize()}
}
