package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Limits on a footer, before any of it is trusted. They leave room for tens of thousands of row groups and columns.
const (
	maxFooter       = 64 << 20
	maxThriftDepth  = 24   // metadata needs 9
	maxSchemaDepth  = 64   // groups within groups
	minStructBytes  = 4    // average size of a footer's structs; a bomb is made of empty ones
	freeStructs     = 1000 // of which any number may be empty
	maxFooterLeaves = 100_000
)

var errFooter = errors.New("the footer is not what the format says it must be")

// checkFooter walks a footer without building anything, so that the library, which allocates what a list's header
// promises and recurses as deep as the schema says, only ever sees one that is worth its bytes.
func checkFooter(b []byte) error {
	w := walker{b: b, structs: freeStructs + len(b)/minStructBytes}
	if err := w.file(); err != nil {
		return err
	}
	return checkDepth(w.children)
}

// checkDepth plays the schema's preorder list of children counts.
func checkDepth(children []int64) error {
	if len(children) == 0 || len(children) > maxFooterLeaves {
		return fmt.Errorf("%w: its schema has %d elements", errFooter, len(children))
	}
	open := []int64{} // children still to come, per level
	for i, n := range children {
		if i > 0 && len(open) == 0 {
			return fmt.Errorf("%w: its schema has more elements than its root", errFooter)
		}
		if n < 0 || n > int64(len(children)) {
			return fmt.Errorf("%w: its schema has a group of %d fields", errFooter, n)
		}
		if len(open) > 0 {
			open[len(open)-1]--
		}
		if n > 0 {
			open = append(open, n)
		}
		if len(open) > maxSchemaDepth {
			return fmt.Errorf("%w: its schema nests deeper than %d groups", errFooter, maxSchemaDepth)
		}
		for len(open) > 0 && open[len(open)-1] == 0 {
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		return fmt.Errorf("%w: its schema lacks elements", errFooter)
	}
	return nil
}

// walker skips through Thrift's compact protocol.
type walker struct {
	b        []byte
	structs  int     // how many more are allowed
	children []int64 // num_children of the schema elements, 0 where absent
}

// file walks FileMetaData; its field 2 is the schema.
func (w *walker) file() error {
	return w.fields(0, func(field int16, typ byte) (bool, error) {
		if field != 2 || typ != thriftList {
			return false, nil
		}
		elem, n, err := w.listHead()
		if err != nil || elem != thriftStruct {
			return true, errors.Join(errFooter, err)
		}
		for range n {
			if err := w.element(); err != nil {
				return true, err
			}
		}
		return true, nil
	})
}

// element walks one SchemaElement; its field 5 is num_children.
func (w *walker) element() error {
	var children int64
	err := w.fields(1, func(field int16, typ byte) (bool, error) {
		if field != 5 || typ != thriftI32 {
			return false, nil
		}
		v, err := w.varint()
		children = v
		return true, err
	})
	w.children = append(w.children, children)
	return err
}

// fields walks a struct; take may consume a field's value itself.
func (w *walker) fields(depth int, take func(field int16, typ byte) (bool, error)) error {
	if w.structs--; w.structs < 0 || depth > maxThriftDepth {
		return fmt.Errorf("%w: too many structures, or too deep", errFooter)
	}
	var last int16
	for {
		head, err := w.byte()
		if err != nil || head == 0 {
			return err
		}
		typ := head & 15
		if d := head >> 4; d != 0 {
			last += int16(d)
		} else {
			v, err := w.varint()
			if err != nil {
				return err
			}
			last = int16(v)
		}
		if take != nil {
			took, err := take(last, typ)
			if err != nil {
				return err
			}
			if took {
				continue
			}
		}
		if err := w.value(typ, depth+1); err != nil {
			return err
		}
	}
}

// value skips a value that stands in a field.
func (w *walker) value(typ byte, depth int) error {
	const (
		thriftByte   = 3
		thriftI16    = 4
		thriftDouble = 7
		thriftSet    = 10
		thriftMap    = 11
	)
	switch typ {
	case thriftTrue, thriftFalse:
		return nil
	case thriftByte:
		return w.skip(1)
	case thriftI16, thriftI32, thriftI64:
		_, err := w.varint()
		return err
	case thriftDouble:
		return w.skip(8)
	case thriftBinary:
		n, err := w.uvarint()
		if err != nil {
			return err
		}
		return w.skip(n)
	case thriftStruct:
		return w.fields(depth, nil)
	case thriftList, thriftSet:
		return w.list(depth)
	case thriftMap: // no part of the metadata has one
		return fmt.Errorf("%w: it holds a map", errFooter)
	}
	return fmt.Errorf("%w: type %d", errFooter, typ)
}

func (w *walker) list(depth int) error {
	elem, n, err := w.listHead()
	if err != nil {
		return err
	}
	if depth > maxThriftDepth {
		return fmt.Errorf("%w: too deep", errFooter)
	}
	if elem == thriftTrue || elem == thriftFalse {
		return w.skip(uint64(n))
	}
	for range n {
		if err := w.value(elem, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// listHead refuses a list that promises more elements than bytes are left: each takes one at least.
func (w *walker) listHead() (elem byte, n int, err error) {
	head, err := w.byte()
	if err != nil {
		return 0, 0, err
	}
	size := uint64(head >> 4)
	if size == 15 {
		if size, err = w.uvarint(); err != nil {
			return 0, 0, err
		}
	}
	if size > uint64(len(w.b)) {
		return 0, 0, fmt.Errorf("%w: a list promises %d elements in %d bytes", errFooter, size, len(w.b))
	}
	return head & 15, int(size), nil
}

func (w *walker) byte() (byte, error) {
	if len(w.b) == 0 {
		return 0, fmt.Errorf("%w: it ends early", errFooter)
	}
	c := w.b[0]
	w.b = w.b[1:]
	return c, nil
}

func (w *walker) skip(n uint64) error {
	if n > uint64(len(w.b)) {
		return fmt.Errorf("%w: it ends early", errFooter)
	}
	w.b = w.b[n:]
	return nil
}

func (w *walker) uvarint() (uint64, error) {
	v, n := binary.Uvarint(w.b)
	if n <= 0 {
		return 0, fmt.Errorf("%w: it ends early", errFooter)
	}
	w.b = w.b[n:]
	return v, nil
}

func (w *walker) varint() (int64, error) {
	v, err := w.uvarint()
	return int64(v>>1) ^ -int64(v&1), err
}
