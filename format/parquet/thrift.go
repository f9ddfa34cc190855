package parquet

import "encoding/binary"

// thrift writes Thrift's compact protocol, as much of it as Parquet's metadata needs
// (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md). Fields of a struct must be
// written in ascending order.
type thrift struct {
	buf   []byte
	last  int   // field number written before in the innermost struct
	outer []int // the same of the structs around it
}

// Compact protocol types.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftI32    = 5
	thriftI64    = 6
	thriftBinary = 8
	thriftList   = 9
	thriftStruct = 12
)

func (t *thrift) header(field, typ int) {
	if d := field - t.last; d > 0 && d < 16 {
		t.buf = append(t.buf, byte(d<<4|typ))
	} else {
		t.buf = append(t.buf, byte(typ))
		t.varint(int64(field))
	}
	t.last = field
}

func (t *thrift) varint(v int64) { t.buf = binary.AppendVarint(t.buf, v) } // zigzag, like Thrift's

func (t *thrift) i32(field int, v int) { t.header(field, thriftI32); t.varint(int64(v)) }

func (t *thrift) i64(field int, v int64) { t.header(field, thriftI64); t.varint(v) }

func (t *thrift) boolean(field int, v bool) {
	if v {
		t.header(field, thriftTrue)
	} else {
		t.header(field, thriftFalse)
	}
}

func (t *thrift) bytes(field int, b []byte) {
	t.header(field, thriftBinary)
	t.buf = append(binary.AppendUvarint(t.buf, uint64(len(b))), b...)
}

func (t *thrift) text(field int, s string) {
	t.header(field, thriftBinary)
	t.textElement(s)
}

// textElement writes a string as an element of a list.
func (t *thrift) textElement(s string) {
	t.buf = append(binary.AppendUvarint(t.buf, uint64(len(s))), s...)
}

// list starts a list field of n elements, which follow.
func (t *thrift) list(field, elem, n int) {
	t.header(field, thriftList)
	if n < 15 {
		t.buf = append(t.buf, byte(n<<4|elem))
		return
	}
	t.buf = binary.AppendUvarint(append(t.buf, byte(0xf0|elem)), uint64(n))
}

// begin starts a struct field; end closes it.
func (t *thrift) begin(field int) {
	t.header(field, thriftStruct)
	t.beginElement()
}

// beginElement starts a struct that is a list's element.
func (t *thrift) beginElement() {
	t.outer = append(t.outer, t.last)
	t.last = 0
}

func (t *thrift) end() {
	t.buf = append(t.buf, 0)
	t.last = t.outer[len(t.outer)-1]
	t.outer = t.outer[:len(t.outer)-1]
}

// stop closes the outermost struct.
func (t *thrift) stop() { t.buf = append(t.buf, 0) }
