package salesforce

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"weir.dev/weir/batch"
)

// shape is how values of a field are written.
type shape uint8

const (
	shapeText   shape = iota
	shapeFlag         // true or false
	shapeWhole        // a number without a fraction
	shapeNumber       // a number
	shapeDate         // 2024-05-01
	shapeMoment       // 2024-05-01T10:11:12.000Z
	shapeClock        // 10:11:12.000Z
	shapeList         // a;b;c
)

var shapes = map[string]shape{
	"boolean": shapeFlag, "int": shapeWhole, "long": shapeWhole, "double": shapeNumber, "currency": shapeNumber, "percent": shapeNumber,
	"date": shapeDate, "datetime": shapeMoment, "time": shapeClock, "multipicklist": shapeList,
}

// cleared is what Salesforce's own loader and its Bulk API take for "no value".
const cleared = "#N/A"

// cell is one column, opened for writing. Its values are the same whichever API they travel by.
type cell struct {
	shape shape
	data  batch.Form
	text  []byte // of the row, where the column holds no text
	out   []byte
}

func openCell(s shape, col batch.Column) cell { return cell{shape: s, data: batch.OpenForm(col)} }

// value is the row's value as Salesforce wants it, without quotes and escapes; empty for null, for which Salesforce takes
// the empty text, too. It is good until the next call. A problem is said when the value cannot be the field's.
func (c *cell) value(row int) (value []byte, problem string) {
	if c.data.IsNull(row) {
		return nil, ""
	}
	text := c.plain(row)
	if len(text) == 0 || string(text) == cleared {
		return nil, ""
	}
	ok := true
	switch c.shape {
	case shapeText:
		return c.clean(text)
	case shapeList:
		return c.clean(c.joined(text))
	case shapeFlag:
		value, ok = flagOf(text)
		problem = "is neither true nor false"
	case shapeWhole:
		c.out, ok = appendNumeral(c.out[:0], trim(text), true)
		value, problem = c.out, "is no whole number"
	case shapeNumber:
		c.out, ok = appendNumeral(c.out[:0], trim(text), false)
		value, problem = c.out, "is no number"
	case shapeDate:
		c.out, ok = appendDay(c.out[:0], trim(text))
		value, problem = c.out, "is no date"
	case shapeMoment:
		c.out, ok = appendMoment(c.out[:0], trim(text))
		value, problem = c.out, "is no date with a time"
	case shapeClock:
		c.out, ok = appendClock(c.out[:0], trim(text))
		value, problem = c.out, "is no time of day"
	}
	if ok {
		return value, ""
	}
	return nil, problem
}

// plain is the row's text form. The one of a list, or of what else JSON holds, is its JSON.
func (c *cell) plain(row int) []byte {
	if t := c.data.Text(); t != nil && c.data.Kind.Type != batch.JSON {
		return t.Bytes(row)
	}
	c.text = c.data.Append(c.text[:0], row)
	if t := c.data.Text(); t != nil && string(t.Bytes(row)) == "null" {
		return nil
	}
	return c.text
}

// clean takes NUL characters out, which Salesforce does not keep, and refuses what is not UTF-8.
func (c *cell) clean(text []byte) ([]byte, string) {
	if !utf8.Valid(text) {
		return nil, "holds bytes that are not UTF-8"
	}
	if bytes.IndexByte(text, 0) < 0 {
		return text, ""
	}
	c.out = c.out[:0]
	for _, b := range text {
		if b != 0 {
			c.out = append(c.out, b)
		}
	}
	return c.out, ""
}

// joined makes of a JSON list what a field of several choices holds.
func (c *cell) joined(text []byte) []byte {
	var list []string
	if text[0] != '[' || json.Unmarshal(text, &list) != nil {
		return text
	}
	c.out = c.out[:0]
	for i, choice := range list {
		if i > 0 {
			c.out = append(c.out, ';')
		}
		c.out = append(c.out, choice...)
	}
	return bytes.Clone(c.out)
}

func trim(text []byte) []byte { return bytes.Trim(text, " \t") }

// flagOf reads what the Bulk API takes for a truth value.
func flagOf(text []byte) ([]byte, bool) {
	text = trim(text)
	for _, f := range []struct{ word, value string }{
		{"true", "true"}, {"false", "false"}, {"1", "true"}, {"0", "false"}, {"yes", "true"}, {"no", "false"}, {"y", "true"}, {"n", "false"},
		{"on", "true"}, {"off", "false"},
	} {
		if len(text) == len(f.word) && bytes.EqualFold(text, []byte(f.word)) {
			return []byte(f.value), true
		}
	}
	return nil, false
}

// appendNumeral writes a number the way JSON has it: exports write +5, 007, .5 and 5., which JSON does not have.
func appendNumeral(dst, text []byte, whole bool) ([]byte, bool) {
	rest := text
	if len(rest) > 0 && (rest[0] == '-' || rest[0] == '+') {
		if rest[0] == '-' {
			dst = append(dst, '-')
		}
		rest = rest[1:]
	}
	before, rest := digits(rest)
	var after []byte
	if len(rest) > 0 && rest[0] == '.' {
		after, rest = digits(rest[1:])
	}
	if len(before)+len(after) == 0 || len(text) > maxNumber {
		return dst, false
	}
	if len(rest) > 0 {
		if (rest[0] != 'e' && rest[0] != 'E') || !isExponent(rest[1:]) {
			return dst, false
		}
		if whole {
			return appendRound(dst[:0], text)
		}
	}
	for len(before) > 1 && before[0] == '0' {
		before = before[1:]
	}
	if len(before) == 0 {
		before = []byte("0")
	}
	dst = append(dst, before...)
	if whole {
		return dst, len(bytes.Trim(after, "0")) == 0
	}
	if len(after) > 0 {
		dst = append(append(dst, '.'), after...)
	}
	return append(dst, rest...), true
}

// maxNumber is far more characters than any number of Salesforce has.
const maxNumber = 400

func digits(text []byte) (digits, rest []byte) {
	n := 0
	for n < len(text) && text[n]-'0' <= 9 {
		n++
	}
	return text[:n], text[n:]
}

func isExponent(text []byte) bool {
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		text = text[1:]
	}
	n, rest := digits(text)
	return len(n) > 0 && len(n) <= 3 && len(rest) == 0
}

// appendRound writes a number with an exponent that is whole, without it.
func appendRound(dst, text []byte) ([]byte, bool) {
	x, err := strconv.ParseFloat(string(text), 64)
	const exact = 1 << 53
	if err != nil || x < -exact || x > exact || x != float64(int64(x)) {
		return dst, false
	}
	return strconv.AppendInt(dst, int64(x), 10), true
}

// appendDay writes a date. A moment is one at midnight in UTC only: Salesforce would cut the rest off, or not take it.
func appendDay(dst, text []byte) ([]byte, bool) {
	t, ok := moment(text)
	if !ok || t.Hour() != 0 || t.Minute() != 0 || t.Second() != 0 || t.Nanosecond() != 0 {
		return dst, false
	}
	return t.AppendFormat(dst, time.DateOnly), true
}

// appendMoment writes a date with a time in UTC; Salesforce keeps seconds, and takes milliseconds.
func appendMoment(dst, text []byte) ([]byte, bool) {
	if isCanonical(text) {
		return append(dst, text...), true
	}
	t, ok := moment(text)
	if !ok {
		return dst, false
	}
	return t.Truncate(time.Millisecond).AppendFormat(dst, "2006-01-02T15:04:05.000Z"), true
}

// isCanonical reports whether a text is a moment in the very form that is sent, as typed sources give it. Days that no
// month has are left to Salesforce.
func isCanonical(text []byte) bool {
	const form = "0000-00-00T00:00:00.000Z"
	if len(text) != len(form) {
		return false
	}
	for i := range text {
		if form[i] == '0' && text[i]-'0' > 9 || form[i] != '0' && text[i] != form[i] {
			return false
		}
	}
	return true
}

// momentForms are those that docs/data-plane.md calls times. A fraction of a second may follow the seconds in each.
var momentForms = []string{
	time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", time.DateOnly,
}

// moment reads a time: in ISO 8601, in UTC where it names no offset, or in milliseconds from 1970.
func moment(text []byte) (time.Time, bool) {
	if len(text) < 8 || len(text) > 40 {
		return time.Time{}, false
	}
	if n, rest := digits(text[1:]); len(n) > 6 && len(rest) == 0 && (text[0] == '-' || text[0]-'0' <= 9) {
		millis, err := strconv.ParseInt(string(text), 10, 64)
		const most = 253_402_300_800_000 // the year 10000
		return time.UnixMilli(millis).UTC(), err == nil && millis < most && millis > -most
	}
	s := string(text)
	if day := len(time.DateOnly); len(s) > day && s[day] == ' ' {
		s = s[:day] + "T" + s[day+1:]
	}
	if cut := len(s) - len(" UTC"); cut > 0 && s[cut:] == " UTC" {
		s = s[:cut] + "Z"
	}
	for _, form := range momentForms {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// appendClock writes a time of day.
func appendClock(dst, text []byte) ([]byte, bool) {
	s := string(bytes.TrimSuffix(text, []byte("Z")))
	for _, form := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(form, s); err == nil {
			return t.AppendFormat(dst, "15:04:05.000Z"), true
		}
	}
	return dst, false
}
