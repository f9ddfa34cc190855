package main

import (
	"bytes"
	"errors"
)

// split spreads rows that are written to it over several files, the first of rows/files rows and so on, each with the
// header of the first if there is one. The files together hold the rows of the one file, in order.
type split struct {
	open   func(i int) (*output, error)
	each   int  // rows per file, but for the last
	files  int  // in all
	header bool // the first row is one
	head   []byte
	quoted bool // inside quotes, where a line break does not end a row
	rows   int  // in the current file
	opened int
	out    *output
}

// Write takes any piece of the text; rows may be torn.
func (s *split) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		n, ended := s.row(p)
		part := p[:n]
		p = p[n:]
		if s.header {
			s.head = append(s.head, part...)
			s.header = !ended
			continue
		}
		if err := s.put(part, ended); err != nil {
			return 0, err
		}
	}
	return total, nil
}

// row is how much of p belongs to the row that it begins or goes on with, and whether that ends there. JSON writes line
// breaks inside text as \n and every quote inside as \", and a row has an even number of quotes only if those are left out.
func (s *split) row(p []byte) (n int, ended bool) {
	for i, c := range p {
		if c == '"' {
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
	err := s.Close()
	if err != nil {
		return err
	}
	if s.out, err = s.open(s.opened); err != nil {
		return err
	}
	s.opened, s.rows = s.opened+1, 0
	_, err = s.out.Write(bytes.Clone(s.head))
	return err
}

// Close finishes the current file.
func (s *split) Close() error {
	if s.out == nil {
		return nil
	}
	return errors.Join(s.out.Flush(), s.out.finish())
}
