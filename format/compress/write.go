package compress

import (
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"

	"weir.dev/weir/batch"
	"weir.dev/weir/format"
)

// gzips are writers to be used again: one holds some hundred KiB of tables.
var gzips = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// grower collects bytes in memory of the pool's.
type grower struct {
	b    []byte
	pool *batch.Pool
}

func (g *grower) reserve(n int) {
	if cap(g.b)-len(g.b) < n {
		g.b = g.pool.Reallocate(max(2*cap(g.b), len(g.b)+n), g.b)[:len(g.b)]
	}
}

func (g *grower) Write(p []byte) (int, error) {
	g.reserve(len(p))
	g.b = append(g.b, p...)
	return len(p), nil
}

// file is a head and blocks, one after the other.
type file struct {
	head    []byte
	started bool
	size    int64
}

func (f *file) Append(w io.Writer, b *format.Block) error {
	if err := f.Finish(w); err != nil {
		return err
	}
	for _, p := range b.Parts {
		if err := f.write(w, p); err != nil {
			return err
		}
	}
	return nil
}

// Finish writes the head of a file without blocks.
func (f *file) Finish(w io.Writer) error {
	if f.started {
		return nil
	}
	f.started = true
	return f.write(w, f.head)
}

func (f *file) Size() int64 { return f.size }

func (f *file) write(w io.Writer, p []byte) error {
	n, err := w.Write(p)
	f.size += int64(n)
	return err
}
