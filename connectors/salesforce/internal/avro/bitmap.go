package avro

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// fieldNames turns the field lists of a ChangeEventHeader into names. An entry is a bitmap of the schema's fields, as
// 0x650004E0: big-endian, with the lowest bit for the first field; or a field's number and a bitmap of the fields inside
// it, as 24-0x08. An entry that is neither, or that names what the schema does not have, stays as it came.
func fieldNames(entries []string, schema *Schema) []string {
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = appendNames(names, e, schema)
	}
	return names
}

func appendNames(names []string, entry string, schema *Schema) []string {
	prefix, bitmap, inner := strings.Cut(entry, "-")
	within := schema
	if !inner {
		prefix, bitmap = "", entry
	} else {
		n, err := strconv.Atoi(prefix)
		if err != nil || n < 0 || n >= len(schema.fields) {
			return append(names, entry)
		}
		prefix = schema.fields[n].name + "."
		within = schema.fields[n].typ.value()
	}
	bits, ok := parseBitmap(bitmap)
	if !ok || within.kind != ofRecord {
		return append(names, entry)
	}
	before := len(names)
	for i := range 8 * len(bits) {
		if bits[len(bits)-1-i/8]>>(i%8)&1 == 0 {
			continue
		}
		if i >= len(within.fields) {
			return append(names[:before], entry)
		}
		names = append(names, prefix+within.fields[i].name)
	}
	return names
}

func parseBitmap(text string) ([]byte, bool) {
	digits, ok := strings.CutPrefix(text, "0x")
	if !ok || len(digits) > 8<<10 {
		return nil, false
	}
	if len(digits)%2 == 1 {
		digits = "0" + digits
	}
	b, err := hex.DecodeString(digits)
	return b, err == nil
}
