// Package jsonl reads and writes files of JSON objects: one object a line, and, reading only, one array of objects or
// objects one after the other, laid out in any way.
//
// # What a reader takes
//
// UTF-8, with or without a byte order mark, and UTF-16 with one. The beginning of a file says how it is laid out: an array when it begins with
// a bracket; lines when its first line is an object and nothing else; else a stream of objects. Every record must be
// an object that RFC 8259 allows, whole and checked throughout, in parts nobody asked for too, not deeper than 512
// levels, and of valid UTF-8. A reader never gives half of a file as if it were all: anything else is refused, naming
// file, record and line. Empty lines are no records.
//
// Cells are JSON values as they stand in the file, quotes, escapes and inner spaces included, of kind JSON; null and
// missing members are null. A column's name is a path of member names with dots between: address.city is the member city
// of the object address. A member whose own name holds the dot wins over the path. Of members of the same name the last
// one counts.
//
// # What an encoder writes
//
// One object a line, all columns in every object, nulls as null. Values of kind JSON stay as they are, except for line
// breaks between their parts; text is written as strings; numbers and booleans as such, or as strings where the column's
// Out is String; dates, times and binary values as strings in their text form. NaN and infinities are refused as
// numbers.
package jsonl

import (
	"fmt"

	"weir.dev/weir/fault"
)

// maxDepth is how many objects and arrays may lie inside each other.
const maxDepth = 512

func refuse(name, format string, args ...any) error {
	return fault.Wrap(fault.ConnectorServer, fmt.Errorf(format, args...), "reading %q", name)
}
