package jsonl

import (
	"encoding/binary"
	"fmt"
)

// invalid says what is wrong with a record, and where.
type invalid struct {
	reason string
	byte   int // of the record, from 1
}

func (e invalid) Error() string {
	return fmt.Sprintf("is not valid JSON: %s, at byte %d of the record", e.reason, e.byte)
}

func (d *decoder) tooLong() *flaw {
	return &flaw{at: d.begin, reason: fmt.Errorf("is longer than %d bytes", d.file.maxRecord)}
}

// escape checks the byte at which a scan inside a string had to stop, which is not the closing quote.
func (d *decoder) escape(at int) int {
	if d.data[at] != '\\' {
		if at >= d.n {
			return d.fail(at, "a string has no end")
		}
		return d.fail(at, "a control character in a string")
	}
	switch d.data[at+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return at + 2
	case 'u':
		for _, c := range d.data[at+2 : at+6] {
			if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
				return d.fail(at, `\u without four hexadecimal digits`)
			}
		}
		return at + 6
	}
	return d.fail(at, "an unknown escape in a string")
}

// value parses a value of any type, inside depth objects and arrays.
func (d *decoder) value(at, depth int) int {
	switch c := d.data[at]; {
	case c == '"':
		return d.text(at + 1)
	case c == '{' || c == '[':
		return d.container(at, depth)
	case c == '-' || c-'0' < 10:
		return d.number(at)
	case c == 't' && binary.LittleEndian.Uint32(d.data[at:]) == 0x65757274:
		return at + 4
	case c == 'f' && binary.LittleEndian.Uint32(d.data[at+1:]) == 0x65736c61:
		return at + 5
	case c == 'n' && binary.LittleEndian.Uint32(d.data[at:]) == 0x6c6c756e:
		return at + 4
	}
	return d.fail(at, "a value is missing")
}

// number parses a number. What follows it is the caller's to check.
func (d *decoder) number(at int) int {
	data := d.data
	if data[at] == '-' {
		at++
	}
	switch {
	case data[at] == '0':
		at++
	case data[at]-'0' < 10:
		at = digits(data, at)
	default:
		return d.fail(at, "a number without digits")
	}
	if data[at] == '.' {
		if at++; data[at]-'0' >= 10 {
			return d.fail(at, "a number without digits behind its point")
		}
		at = digits(data, at)
	}
	if data[at]|0x20 == 'e' {
		if at++; data[at] == '+' || data[at] == '-' {
			at++
		}
		if data[at]-'0' >= 10 {
			return d.fail(at, "a number without digits in its exponent")
		}
		at = digits(data, at)
	}
	return at
}

func digits(data []byte, at int) int {
	for data[at]-'0' < 10 {
		at++
	}
	return at
}

// container parses an object or an array that nobody wants to look into, without recursion.
func (d *decoder) container(at, depth int) int {
	data := d.data
	var object [maxDepth + 1]bool // by depth
	outside := depth
	for {
		// A value begins here, and it is an object or an array.
		if depth++; depth > maxDepth {
			return d.fail(at, "it is too deep")
		}
		object[depth] = data[at] == '{'
		at = d.space(at + 1)
		closed := data[at] == closing(object[depth])
		for {
			if closed {
				at++
				if depth--; depth == outside {
					return at
				}
				if at = d.space(at); data[at] == ',' {
					at, closed = d.space(at+1), false
				} else if closed = data[at] == closing(object[depth]); closed {
					continue
				} else {
					return d.fail(at, "a comma or a closing bracket is missing")
				}
			}
			if object[depth] {
				if at = d.name(at); at < 0 {
					return -1
				}
			}
			if data[at] == '{' || data[at] == '[' {
				break
			}
			if at = d.value(at, depth); at < 0 {
				return -1
			}
			if at = d.space(at); data[at] == ',' {
				at = d.space(at + 1)
			} else if closed = data[at] == closing(object[depth]); !closed {
				return d.fail(at, "a comma or a closing bracket is missing")
			}
		}
	}
}

func closing(object bool) byte {
	if object {
		return '}'
	}
	return ']'
}

// name parses a member's name and colon, up to its value.
func (d *decoder) name(at int) int {
	if d.data[at] != '"' {
		return d.fail(at, "a member's name is missing")
	}
	if at = d.text(at + 1); at < 0 {
		return -1
	}
	if at = d.space(at); d.data[at] != ':' {
		return d.fail(at, "a colon is missing")
	}
	return d.space(at + 1)
}
