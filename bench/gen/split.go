package main

// split spreads rows that are written to it over several files, each with the header of the first if there is one. The
// files together hold the rows that one file would hold, in order.
type split struct {
	open   func(i int) (*file, error)
	each   int  // rows per file; the last takes what is left
	files  int  // in all
	csv    bool // the first row is a header, and a line break between quotes ends no row
	head   []byte
	headed bool // head is whole
	quoted bool
	rows   int // in the current file
	opened int
	out    *file
}

// Write takes any piece of the text; rows may be torn.
func (s *split) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		n, ended := s.row(p)
		part := p[:n]
		p = p[n:]
		if s.csv && !s.headed {
			s.head = append(s.head, part...)
			s.headed = ended
			continue
		}
		if err := s.put(part, ended); err != nil {
			return 0, err
		}
	}
	return total, nil
}

// row is how much of p belongs to the row that it begins or goes on with, and whether the row ends there.
func (s *split) row(p []byte) (n int, ended bool) {
	for i, c := range p {
		if c == '"' && s.csv {
			s.quoted = !s.quoted
		} else if c == '\n' && !s.quoted {
			return i + 1, true
		}
	}
	return len(p), false
}

func (s *split) put(part []byte, ended bool) error {
	if s.out == nil || s.rows == s.each && s.opened < s.files {
		if err := s.next(); err != nil {
			return err
		}
	}
	if ended {
		s.rows++
	}
	_, err := s.out.Write(part)
	return err
}

func (s *split) next() error {
	if err := s.finish(); err != nil {
		return err
	}
	out, err := s.open(s.opened)
	if err != nil {
		return err
	}
	s.out, s.rows = out, 0
	s.opened++
	_, err = s.out.Write(s.head)
	return err
}

// finish ends the current file. Nothing may be written after it.
func (s *split) finish() error {
	if s.out == nil {
		return nil
	}
	return s.out.finish()
}
