package avro

import (
	"encoding/json"
	"strings"
)

// headerField is the field that change events tell what happened in.
const headerField = "ChangeEventHeader"

// Event turns one event of this schema into the JSON that flows get: the payload as the Streaming API writes it. Times
// are text. A change event has its header, with the names of fields in clear, then the fields that hold something and
// those that were emptied; a platform event has all its fields. It fails with ConnectorServer when the payload does not fit the schema.
func (t *Schema) Event(payload []byte) (json.RawMessage, error) {
	r := &reader{left: payload, values: maxEventValues}
	f := &fill{}
	dst := append(make([]byte, 0, len(payload)*2+512), '{')
	rest := t.fields
	if at := headerOf(t); at >= 0 {
		f.sparse = true
		dst = append(append(dst, '"'), headerField+`":`...)
		dst = r.appendHeader(dst, t, at, f)
		if rest = t.fields[1:]; at > 0 { // it stands behind others, which have to be read with what it says
			r.again(payload)
			rest = t.fields
		}
	}
	for i := range rest {
		if field := &rest[i]; f.sparse && field.name == headerField {
			r.skip(field.typ)
		} else {
			dst = r.appendField(dst, field, len(dst) > 1, f, field.name, 1)
		}
	}
	if len(r.left) > 0 {
		r.fail("there is more of it than the schema says")
	}
	if r.err != nil {
		return nil, r.err
	}
	return append(dst, '}'), nil
}

// skip reads a value and drops it.
func (r *reader) skip(t *Schema) { r.append(nil, t, formPlain, &fill{}, "", 1) }

// again goes back to the begin, if nothing was wrong so far.
func (r *reader) again(payload []byte) {
	if r.err == nil {
		r.left = payload
	}
}

// headerOf is the place of the header in a schema; -1 for what is no change event.
func headerOf(schema *Schema) int {
	for i := range schema.fields {
		if schema.fields[i].name == headerField && schema.fields[i].typ.kind == ofRecord {
			return i
		}
	}
	return -1
}

// appendHeader reads as far as the header, which is the first field in practice, and writes it with the names of fields.
// What was emptied goes into f.
func (r *reader) appendHeader(dst []byte, schema *Schema, at int, f *fill) []byte {
	for i := range at {
		r.skip(schema.fields[i].typ)
	}
	header := schema.fields[at].typ
	dst = append(dst, '{')
	start := len(dst)
	for i := range header.fields {
		field := &header.fields[i]
		if !listsFields(field) {
			dst = r.appendField(dst, field, len(dst) > start, &fill{}, field.name, 2)
			continue
		}
		names := fieldNames(r.texts(), schema)
		if field.name == "nulledFields" && len(names) > 0 {
			f.nulled = make(map[string]bool, len(names))
			for _, n := range names {
				outer, _, _ := strings.Cut(n, ".") // a compound is null, too, when it holds nothing any more
				f.nulled[n], f.nulled[outer] = true, true
			}
		}
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = append(appendText(dst, []byte(field.name)), ':')
		dst = appendTexts(dst, names)
	}
	return append(dst, '}')
}

// listsFields reports whether a field of the header is a list of bitmaps.
func listsFields(f *field) bool {
	switch f.name {
	case "changedFields", "nulledFields", "diffFields":
		return f.typ.kind == ofArray && f.typ.items.kind == ofString
	}
	return false
}

// texts reads an array of strings.
func (r *reader) texts() []string {
	var list []string
	for n := r.block(); n > 0; n = r.block() {
		for ; n > 0 && r.count(0, 0); n-- {
			list = append(list, string(r.take(r.long())))
		}
	}
	return list
}

func appendTexts(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, []byte(s))
	}
	return append(dst, ']')
}
