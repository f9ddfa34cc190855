package jsonl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	s := sampler{seen: map[string]*seen{}}
	for at := 0; ; {
		if at += max(bytes.IndexByte(text[at:], '{'), 0); at >= len(text) || text[at] != '{' {
			break
		}
		end := objectEnd(text, at)
		dec := json.NewDecoder(bytes.NewReader(text[at:end]))
		dec.UseNumber()
		_, err := dec.Token() // the opening brace
		if err == nil {
			err = s.members(dec, &seen{}, "", 0)
		}
		if err != nil {
			return nil, refuse(in.Name(), "sampling records: %w", err)
		}
		at = end
	}
	return s.fields(), nil
}

// sampler collects what values paths have.
type sampler struct {
	order []string
	seen  map[string]*seen
	path  []string // where the sampler is
}

// seen says of what types the values of a path were. Null is none.
type seen struct {
	path                                         []string
	boolean, integer, float, text, array, object bool
}

func (s *sampler) at(path string) *seen {
	v := s.seen[path]
	if v == nil {
		v = &seen{}
		if len(s.path) > 1 {
			v.path = slices.Clone(s.path)
		}
		if len(s.order) < sampleFields {
			s.order = append(s.order, path)
		}
		s.seen[path] = v
	}
	return v
}

// value takes in the next value of dec, which has the given path.
func (s *sampler) value(dec *json.Decoder, path string, depth int) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	v := s.at(path)
	switch t := token.(type) {
	case bool:
		v.boolean = true
	case string:
		v.text = true
	case json.Number:
		if _, err := strconv.ParseInt(t.String(), 10, 64); err == nil {
			v.integer = true
		} else {
			v.float = true
		}
	case json.Delim:
		if t == '[' {
			v.array = true
			return skipRest(dec)
		}
		if depth == sampleDepth {
			v.array = true
			return skipRest(dec)
		}
		return s.members(dec, v, path, depth)
	}
	return nil
}

func (s *sampler) members(dec *json.Decoder, v *seen, path string, depth int) error {
	v.object = true
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		below := fmt.Sprint(name)
		if depth > 0 {
			below = path + "." + below
		}
		s.path = append(s.path, fmt.Sprint(name))
		if err := s.value(dec, below, depth+1); err != nil {
			return err
		}
		s.path = s.path[:len(s.path)-1]
	}
	_, err := dec.Token()
	return err
}

// skipRest reads to the end of the array or object whose beginning was read last.
func skipRest(dec *json.Decoder) error {
	for depth := 1; depth > 0; {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('['), json.Delim('{'):
			depth++
		case json.Delim(']'), json.Delim('}'):
			depth--
		}
	}
	return nil
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
