package jsonl

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"weir.dev/weir/batch"
	"weir.dev/weir/format"
)

// Field is a column that a file's records offer, as far as a sample of them shows.
type Field struct {
	Name string // the dotted path
	// Path is the names of the members on the way, the field's own last; nil for a member of the record itself, whose name
	// may hold dots, too. Where files of one sample write the same name in two ways the first one counts.
	Path []string
	// Type is Bool, Int64 or Float64 where all values seen are of that type, numbers being Float64 as soon as one of them is
	// no 64-bit integer; String for strings and mixtures of those; JSON for arrays and where objects and other values mix.
	Type batch.Type
}

// Limits of a sample.
const (
	sampleDepth  = 16     // objects deeper than this are one field
	sampleFields = 10_000 // more than these are not listed
)

// Sample reads records from the beginning of a file, about maxBytes of it, and returns the fields they have: the members
// of objects, nested ones as dotted paths instead of their object, in the order in which they are first seen. A file
// without records has none.
func Sample(ctx context.Context, in format.Input, maxBytes int) ([]Field, error) {
	r, err := NewReader(ctx, in, format.ReadOptions{ChunkBytes: max(maxBytes, 1)})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	next, err := r.Next(ctx)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c := next.(*chunk)
	text := bytes.Clone(c.buf.Bytes()[:c.n])
	checked, err := c.Decode() // refuses what reading would refuse
	if err != nil {
		return nil, err
	}
	checked.Release()
	s := sampler{text: text, seen: map[string]*seen{}}
	root := &place{seen: &seen{}}
	for at := 0; ; {
		if at += max(bytes.IndexByte(text[at:], '{'), 0); at >= len(text) || text[at] != '{' {
			break
		}
		at = s.members(at+1, root, 0)
	}
	return s.fields(), nil
}

// sampler collects what values paths have. Its text has been checked: what follows reads on wherever it finds something
// else than it expects, and ends with the text.
type sampler struct {
	text  []byte
	order []string
	seen  map[string]*seen
	name  []byte // a name without its escapes
}

// place is where the sampler is: what it knows of the path, and the members it has met below. Two places may have the same
// path: where a name holds a dot.
type place struct {
	*seen
	path  string
	names []string
	below map[string]*place
}

// seen says of what types the values of a path were. Null is none.
type seen struct {
	path                                         []string
	boolean, integer, float, text, array, object bool
}

func (s *sampler) at(path string, names []string) *seen {
	v := s.seen[path]
	if v == nil {
		v = &seen{}
		if len(names) > 1 {
			v.path = names
		}
		if len(s.order) < sampleFields {
			s.order = append(s.order, path)
		}
		s.seen[path] = v
	}
	return v
}

// member is the place of a member of the object at p.
func (s *sampler) member(p *place, name []byte) *place {
	if bytes.IndexByte(name, '\\') >= 0 {
		s.name = batch.AppendUnescaped(s.name[:0], name)
		name = s.name
	}
	if m := p.below[string(name)]; m != nil {
		return m
	}
	m := &place{path: string(name), names: append(slices.Clone(p.names), string(name))}
	if len(p.names) > 0 {
		m.path = p.path + "." + m.path
	}
	m.seen = s.at(m.path, m.names)
	if p.below == nil {
		p.below = map[string]*place{}
	}
	p.below[string(name)] = m
	return m
}

// members takes in the object at p, from behind its brace on. Like value it returns where what it took in ends.
func (s *sampler) members(at int, p *place, depth int) int {
	p.object = true
	for {
		at = skipSpace(s.text, at)
		switch c := s.byteAt(at); {
		case c == '}' || at >= len(s.text):
			return at + 1
		case c != '"':
			at++
			continue
		}
		end := stringEnd(s.text, at+1)
		if end == 0 {
			return len(s.text)
		}
		m := s.member(p, s.text[at+1:end])
		at = skipSpace(s.text, skipSpace(s.text, end+1)+1) // behind the colon
		at = s.value(at, m, depth+1)
	}
}

// value takes in a value at p.
func (s *sampler) value(at int, p *place, depth int) int {
	switch c := s.byteAt(at); {
	case c == '{' && depth < sampleDepth:
		return s.members(at+1, p, depth)
	case c == '{' || c == '[':
		p.array = true
		if end := objectEnd(s.text, at); end > 0 {
			return end
		}
		return len(s.text)
	case c == '"':
		p.text = true
		if end := stringEnd(s.text, at+1); end > 0 {
			return end + 1
		}
		return len(s.text)
	case c == 't' || c == 'f':
		p.boolean = true
	case c == '-' || c-'0' < 10:
		return s.number(at, p)
	}
	for s.byteAt(at)-'a' < 26 { // true, false, null
		at++
	}
	return at
}

func (s *sampler) number(at int, p *place) int {
	start, whole := at, true
	for c := s.byteAt(at); c-'0' < 10 || c == '-' || c == '.' || c == '+' || c|0x20 == 'e'; c = s.byteAt(at) {
		whole = whole && (c-'0' < 10 || c == '-')
		at++
	}
	if whole && at-start > 18 {
		_, err := strconv.ParseInt(string(s.text[start:at]), 10, 64)
		whole = err == nil
	}
	p.integer = p.integer || whole
	p.float = p.float || !whole
	return at
}

func (s *sampler) byteAt(at int) byte {
	if at < len(s.text) {
		return s.text[at]
	}
	return 0
}

func (s *sampler) fields() []Field {
	var out []Field
	whole := map[string]bool{} // paths that are one field although some of their values are objects
	parents := map[string]bool{}
	for _, path := range s.order {
		for i := strings.IndexByte(path, '.'); i >= 0; {
			parents[path[:i]] = true
			next := strings.IndexByte(path[i+1:], '.')
			if next < 0 {
				break
			}
			i += 1 + next
		}
	}
	for _, path := range s.order {
		v := s.seen[path]
		if path == "" {
			continue // a member without a name cannot be asked for
		}
		mixed := v.object && (v.boolean || v.integer || v.float || v.text || v.array)
		if inside(path, whole) || v.object && !mixed && parents[path] {
			continue
		}
		if mixed {
			whole[path] = true
		}
		out = append(out, Field{Name: path, Path: v.path, Type: v.kind()})
	}
	return out
}

// inside reports whether a path lies below one of some others.
func inside(path string, others map[string]bool) bool {
	for i := range path {
		if path[i] == '.' && others[path[:i]] {
			return true
		}
	}
	return false
}

func (v *seen) kind() batch.Type {
	numbers := v.integer || v.float
	switch {
	case v.array || v.object:
		return batch.JSON
	case v.text, v.boolean && numbers:
		return batch.String
	case v.boolean:
		return batch.Bool
	case v.float:
		return batch.Float64
	case v.integer:
		return batch.Int64
	}
	return batch.String // nothing but nulls
}
