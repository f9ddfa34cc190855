package land

import (
	"io"
	"os"
	"sync"

	"weir.dev/weir/fault"
)

// spool is a split's local temporary file: rows and encoded blocks that do not fit the memory budget or the number of
// open uploads. One file serves all partitions, so that ten thousand of them need one descriptor. It is made when first
// needed and has no name while it is used (where the system allows that), so that a crash leaves nothing behind.
// Safe for concurrent use.
type spool struct {
	dir string

	mu   sync.Mutex // guards all below
	f    *os.File
	end  int64
	live int64 // bytes not freed
}

// span is a piece of the spool.
type span struct{ off, size int64 }

// write appends p.
func (s *spool) write(p []byte) (span, error) {
	f, at, err := s.reserve(int64(len(p)))
	if err != nil {
		return span{}, err
	}
	if _, err := f.WriteAt(p, at.off); err != nil {
		return span{}, fault.Wrap(fault.Internal, err, "writing a temporary file")
	}
	return at, nil
}

func (s *spool) reserve(n int64) (*os.File, span, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.f == nil {
		f, err := os.CreateTemp(s.dir, "weir-spool-*")
		if err != nil {
			return nil, span{}, fault.Wrap(fault.Internal, err, "making a temporary file")
		}
		_ = os.Remove(f.Name()) // fails on systems that hold open files by name; close tries again
		s.f = f
	}
	if s.live == 0 {
		s.end = 0
	}
	at := span{s.end, n}
	s.end += n
	s.live += n
	return s.f, at, nil
}

// read fills p from the piece's beginning.
func (s *spool) read(p []byte, at span) error {
	s.mu.Lock()
	f := s.f
	s.mu.Unlock()
	if _, err := f.ReadAt(p[:at.size], at.off); err != nil {
		return fault.Wrap(fault.Internal, err, "reading a temporary file")
	}
	return nil
}

// copyTo writes the piece to w.
func (s *spool) copyTo(w io.Writer, at span, buf []byte) error {
	for at.size > 0 {
		part := span{at.off, min(at.size, int64(len(buf)))}
		if err := s.read(buf, part); err != nil {
			return err
		}
		if _, err := w.Write(buf[:part.size]); err != nil {
			return err
		}
		at.off += part.size
		at.size -= part.size
	}
	return nil
}

// free gives a piece back. The file shrinks no more than to be written from its beginning when all of it is free.
func (s *spool) free(at span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live -= at.size
}

func (s *spool) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.f != nil {
		s.f.Close()
		_ = os.Remove(s.f.Name())
		s.f = nil
	}
}
