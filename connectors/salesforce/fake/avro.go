package fake

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// encode writes a change as an event in Avro's binary form.
func (s *eventSchema) encode(c Change) []byte {
	var out []byte
	if s.change {
		out = s.encodeHeader(c)
	}
	for i := range s.fields {
		out = s.fields[i].encode(out, &c)
	}
	return out
}

func (s *eventSchema) encodeHeader(c Change) []byte {
	out := avroString(nil, c.Entity)
	out = avroStrings(out, c.RecordIDs)
	out = binary.AppendVarint(out, int64(slices.Index(changeTypes, c.Type)))
	out = avroString(out, c.Origin)
	out = avroString(out, c.TransactionKey)
	out = binary.AppendVarint(out, int64(c.Sequence))
	out = binary.AppendVarint(out, c.CommitTime.UnixMilli())
	out = binary.AppendVarint(out, c.CommitNumber)
	out = avroString(out, c.CommitUser)
	out = avroStrings(out, s.bitmaps(c.Nulled))
	out = avroStrings(out, nil)
	return avroStrings(out, s.bitmaps(c.Changed))
}

func avroString(dst []byte, s string) []byte {
	return append(binary.AppendVarint(dst, int64(len(s))), s...)
}

func avroStrings(dst []byte, list []string) []byte {
	if len(list) > 0 {
		dst = binary.AppendVarint(dst, int64(len(list)))
		for _, s := range list {
			dst = avroString(dst, s)
		}
	}
	return binary.AppendVarint(dst, 0)
}

// encode writes a field of a change's record; what the record does not hold is null.
func (f *eventField) encode(dst []byte, c *Change) []byte {
	if f.parts != nil {
		if !slices.ContainsFunc(f.parts, func(p eventField) bool { return c.Fields[p.from] != nil || slices.Contains(c.Nulled, p.from) }) {
			return binary.AppendVarint(dst, 0)
		}
		dst = binary.AppendVarint(dst, 1)
		for i := range f.parts {
			dst = f.parts[i].encode(dst, c)
		}
		return dst
	}
	v := c.Fields[f.from]
	if !f.required {
		if v == nil {
			return binary.AppendVarint(dst, 0)
		}
		dst = binary.AppendVarint(dst, 1)
	}
	switch f.avro {
	case "boolean":
		if on, _ := v.(bool); on {
			return append(dst, 1)
		}
		return append(dst, 0)
	case "int":
		n, _ := v.(int64)
		return binary.AppendVarint(dst, n)
	case "long":
		return binary.AppendVarint(dst, f.millis(v))
	case "double":
		n, ok := v.(float64)
		if whole, isWhole := v.(int64); isWhole && !ok {
			n = float64(whole)
		}
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(n))
	}
	s, _ := v.(string)
	return avroString(dst, s)
}

// millis is a time in milliseconds: of 1970, or of midnight.
func (f *eventField) millis(v any) int64 {
	switch v := v.(type) {
	case time.Time:
		return v.UnixMilli()
	case int64:
		return v
	case string:
		if f.form == clock {
			t, _ := time.Parse("15:04:05.000Z", v)
			return t.Sub(t.Truncate(24 * time.Hour)).Milliseconds()
		}
		t, _ := time.Parse(time.DateOnly, v)
		return t.UnixMilli()
	}
	return 0
}

// bitmaps names fields as the header does: a bitmap of the schema's fields, then one for each compound, of its parts.
func (s *eventSchema) bitmaps(names []string) []string {
	var top []int
	nested := map[int][]int{}
	first := 0
	if s.change {
		first = 1 // the header
	}
	for i, f := range s.fields {
		for j, p := range f.parts {
			if slices.Contains(names, p.from) {
				nested[first+i] = append(nested[first+i], j)
			}
		}
		if f.parts == nil && slices.Contains(names, f.from) {
			top = append(top, first+i)
		}
	}
	var out []string
	if len(top) > 0 {
		out = append(out, hexBits(top))
	}
	for i := range first + len(s.fields) {
		if bits := nested[i]; bits != nil {
			out = append(out, fmt.Sprintf("%d-%s", i, hexBits(bits)))
		}
	}
	return out
}

// hexBits writes a bitmap with the lowest bit last.
func hexBits(bits []int) string {
	b := make([]byte, slices.Max(bits)/8+1)
	for _, i := range bits {
		b[len(b)-1-i/8] |= 1 << (i % 8)
	}
	return fmt.Sprintf("0x%X", b)
}

var errPayload = errors.New("the payload does not fit the schema")

// decodeEvent reads a platform event that somebody publishes.
func (b *Bus) decodeEvent(schema string, payload []byte) (Record, error) {
	b.mu.Lock()
	s, ok := b.schemas[schema]
	b.mu.Unlock()
	if !ok || s.change {
		return nil, errors.New("the schema is not known")
	}
	out := Record{}
	for _, f := range s.fields {
		if !f.required {
			choice, n := binary.Varint(payload)
			if n <= 0 || choice < 0 || choice > 1 {
				return nil, errPayload
			}
			if payload = payload[n:]; choice == 0 {
				continue
			}
		}
		v, rest, ok := f.decode(payload)
		if !ok {
			return nil, errPayload
		}
		payload = rest
		out[f.from] = v
	}
	if len(payload) > 0 {
		return nil, errPayload
	}
	return out, nil
}

func (f *eventField) decode(b []byte) (v any, rest []byte, ok bool) {
	switch f.avro {
	case "boolean":
		if len(b) < 1 {
			return nil, nil, false
		}
		return b[0] == 1, b[1:], true
	case "double":
		if len(b) < 8 {
			return nil, nil, false
		}
		return math.Float64frombits(binary.LittleEndian.Uint64(b)), b[8:], true
	}
	n, size := binary.Varint(b)
	if size <= 0 {
		return nil, nil, false
	}
	b = b[size:]
	if f.avro != "string" {
		if f.form == moment {
			return time.UnixMilli(n).UTC(), b, true
		}
		return n, b, true
	}
	if n < 0 || n > int64(len(b)) {
		return nil, nil, false
	}
	return string(b[:n]), b[n:], true
}

// shown is a change as the Streaming API shows it: names in clear, times as text, what holds nothing left out unless that
// is the change.
func (s *eventSchema) shown(c Change) Record {
	out := Record{}
	if s.change {
		out["ChangeEventHeader"] = Record{
			"entityName": c.Entity, "recordIds": c.RecordIDs, "changeType": c.Type, "changeOrigin": c.Origin, "transactionKey": c.TransactionKey,
			"sequenceNumber": c.Sequence, "commitTimestamp": c.CommitTime.UnixMilli(), "commitNumber": c.CommitNumber, "commitUser": c.CommitUser,
			"changedFields": s.names(c.Changed),
		}
	}
	for _, f := range s.fields {
		if f.parts == nil {
			f.show(out, c, s.change)
			continue
		}
		inner := Record{}
		for _, p := range f.parts {
			p.show(inner, c, s.change)
		}
		if len(inner) > 0 {
			out[f.name] = inner
		}
	}
	return out
}

func (f *eventField) show(into Record, c Change, sparse bool) {
	v := c.Fields[f.from]
	if v == nil && sparse && !slices.Contains(c.Nulled, f.from) {
		return
	}
	if t, ok := v.(time.Time); ok {
		v = t.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	into[f.name] = v
}

func (s *eventSchema) names(changed []string) []string {
	list := []string{}
	for _, f := range s.fields {
		if f.parts == nil && slices.Contains(changed, f.from) {
			list = append(list, f.name)
		}
	}
	for _, f := range s.fields {
		for _, p := range f.parts {
			if slices.Contains(changed, p.from) {
				list = append(list, strings.Join([]string{f.name, p.name}, "."))
			}
		}
	}
	return list
}
