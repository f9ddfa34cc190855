package avro

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"weir.dev/weir/fault"
)

// Bounds of one event. Salesforce's own is 1 MB; a schema and a payload that were made to hurt could ask for much more,
// since values of no length, such as nulls, can be many in few bytes.
const (
	maxEventValues = 1 << 20
	maxEventDepth  = 64
	maxEventJSON   = 64 << 20
)

// reader reads one event's values in Avro's binary form. What it reads beyond the end, or beyond the bounds, sets err
// and gives zero values from then on.
type reader struct {
	left   []byte
	values int // that may still be read
	err    error
}

func (r *reader) fail(why string) {
	if r.err == nil {
		r.err = fault.New(fault.ConnectorServer, "reading an event of Salesforce: it does not fit its schema: %s", why)
		r.left = nil
	}
}

func (r *reader) long() int64 {
	n, size := binary.Varint(r.left) // zig-zag, as Avro's
	if size <= 0 {
		r.fail("a number is cut off")
		return 0
	}
	r.left = r.left[size:]
	return n
}

func (r *reader) take(n int64) []byte {
	if n < 0 || n > int64(len(r.left)) {
		r.fail("a value is cut off")
		return nil
	}
	b := r.left[:n]
	r.left = r.left[n:]
	return b
}

// index is an enum's or a union's choice.
func (r *reader) index(of int) int {
	n := r.long()
	if n < 0 || n >= int64(of) {
		r.fail("it chooses what is not there")
		return -1
	}
	return int(n)
}

// block is the count of a part of an array or a map; 0 ends it. A negative one is followed by a length that is of no use
// here.
func (r *reader) block() int64 {
	n := r.long()
	if n < 0 {
		r.long()
		if n = -n; n < 0 {
			r.fail("a count is out of range")
		}
	}
	if r.err != nil {
		return 0
	}
	return n
}

// count takes one value off the bounds.
func (r *reader) count(depth, written int) bool {
	r.values--
	if r.values < 0 || depth > maxEventDepth || written > maxEventJSON {
		r.fail("it is too large")
	}
	return r.err == nil
}

// fill says which null fields of records are left out.
type fill struct {
	sparse bool            // leave them out, but for those of nulled
	nulled map[string]bool // by dotted path
}

// append reads one value of a type and appends it as JSON. The path is that of the field it stands in.
func (r *reader) append(dst []byte, t *Schema, form form, f *fill, path string, depth int) []byte {
	if !r.count(depth, len(dst)) {
		return dst
	}
	switch t.kind {
	case ofNull:
		return append(dst, "null"...)
	case ofBoolean:
		if b := r.take(1); len(b) == 1 && b[0] == 1 {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	case ofInt, ofLong:
		return appendNumber(dst, r.long(), form)
	case ofFloat:
		if b := r.take(4); len(b) == 4 {
			return appendFloat(dst, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), 32)
		}
	case ofDouble:
		if b := r.take(8); len(b) == 8 {
			return appendFloat(dst, math.Float64frombits(binary.LittleEndian.Uint64(b)), 64)
		}
	case ofString:
		return appendText(dst, r.take(r.long()))
	case ofBytes:
		return appendBinary(dst, r.take(r.long()))
	case ofFixed:
		return appendBinary(dst, r.take(int64(t.size)))
	case ofEnum:
		if i := r.index(len(t.symbols)); i >= 0 {
			return appendText(dst, []byte(t.symbols[i]))
		}
	case ofUnion:
		if i := r.index(len(t.branches)); i >= 0 {
			return r.append(dst, t.branches[i], form, f, path, depth+1)
		}
	case ofArray:
		return r.appendItems(dst, t, form, f, path, depth)
	case ofMap:
		return r.appendItems(dst, t, form, f, path, depth)
	case ofRecord:
		return r.appendRecord(dst, t, f, path, depth)
	}
	return dst
}

// appendItems reads an array or a map.
func (r *reader) appendItems(dst []byte, t *Schema, form form, f *fill, path string, depth int) []byte {
	opening, closing := byte('['), byte(']')
	if t.kind == ofMap {
		opening, closing = '{', '}'
	}
	dst = append(dst, opening)
	first := true
	for n := r.block(); n > 0; n = r.block() {
		for ; n > 0 && r.err == nil; n-- {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			if t.kind == ofMap {
				dst = append(appendText(dst, r.take(r.long())), ':')
			}
			dst = r.append(dst, t.items, form, f, path, depth+1)
		}
	}
	return append(dst, closing)
}

// appendRecord reads a record. Fields that are null and left out leave nothing behind.
func (r *reader) appendRecord(dst []byte, t *Schema, f *fill, path string, depth int) []byte {
	dst = append(dst, '{')
	start := len(dst)
	for i := range t.fields {
		field := &t.fields[i]
		at := field.name
		if path != "" {
			at = path + "." + field.name
		}
		dst = r.appendField(dst, field, len(dst) > start, f, at, depth)
		if r.err != nil {
			break
		}
	}
	return append(dst, '}')
}

func (r *reader) appendField(dst []byte, field *field, comma bool, f *fill, path string, depth int) []byte {
	before := len(dst)
	if comma {
		dst = append(dst, ',')
	}
	dst = append(appendText(dst, []byte(field.name)), ':')
	value := len(dst)
	dst = r.append(dst, field.typ, field.form, f, path, depth+1)
	if string(dst[value:]) == "null" && f.drops(path) {
		return dst[:before]
	}
	return dst
}

// drops reports whether a field of that path is left out when it is null.
func (f *fill) drops(path string) bool { return f.sparse && !f.nulled[path] }

// appendNumber writes a whole number, or the time that it stands for.
func appendNumber(dst []byte, n int64, form form) []byte {
	t := time.UnixMilli(n).UTC()
	if form != formPlain && (t.Year() < 0 || t.Year() > 9999) {
		form = formPlain // no time that anyone writes: shown as it came
	}
	switch form {
	case formDateTime:
		return t.AppendFormat(dst, `"2006-01-02T15:04:05.000Z"`)
	case formDate:
		return t.AppendFormat(dst, `"2006-01-02"`)
	case formTime:
		return t.AppendFormat(dst, `"15:04:05.000Z"`)
	}
	return strconv.AppendInt(dst, n, 10)
}

// appendFloat writes a number with as few digits as it needs. JSON has none for what is no number.
func appendFloat(dst []byte, v float64, bits int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(dst, "null"...)
	}
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, v, format, -1, bits)
}

func appendBinary(dst, b []byte) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, '"')
}

const hexDigits = "0123456789abcdef"

// appendText writes a JSON string. What is no UTF-8 becomes U+FFFD.
func appendText(dst, s []byte) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			rune, size := utf8.DecodeRune(s[i:])
			if rune == utf8.RuneError && size == 1 {
				dst = append(append(dst, s[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
