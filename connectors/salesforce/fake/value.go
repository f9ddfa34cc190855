package fake

import (
	"cmp"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// kind is how a value is kept.
type kind uint8

const (
	null    kind = iota
	text         // s
	integer      // n
	double       // n holds the bits
	boolean      // n is 0 or 1
	day          // n counts from 1970-01-01
	moment       // n is in milliseconds from 1970-01-01T00:00:00Z
	clock        // n is in milliseconds from midnight
)

// value is what one field of one record holds. A missing text is null: Salesforce knows no empty one.
type value struct {
	k kind
	n int64
	s string
}

func textValue(s string) value {
	if s == "" {
		return value{}
	}
	return value{k: text, s: s}
}

func doubleValue(f float64) value { return value{k: double, n: int64(math.Float64bits(f))} }

func boolValue(b bool) value {
	if b {
		return value{k: boolean, n: 1}
	}
	return value{k: boolean}
}

func momentValue(t time.Time) value { return value{k: moment, n: t.UnixMilli()} }

func (v value) float() float64 {
	if v.k == integer {
		return float64(v.n)
	}
	return math.Float64frombits(uint64(v.n))
}

// kindOf says how values of a describe type are kept.
func kindOf(describeType string) kind {
	switch describeType {
	case "int", "long":
		return integer
	case "double", "currency", "percent":
		return double
	case "boolean":
		return boolean
	case "date":
		return day
	case "datetime":
		return moment
	case "time":
		return clock
	}
	return text
}

const dayMillis = 24 * 60 * 60 * 1000

// parseText reads a value from the text that CSV, or JSON in a string, holds.
func parseText(k kind, s string) (value, bool) {
	if s == "" {
		return value{}, true
	}
	switch k {
	case integer:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			f, ferr := strconv.ParseFloat(s, 64) // 12.0 is a whole number too
			n, err = int64(f), ferr
			if float64(n) != f {
				return value{}, false
			}
		}
		return value{k: integer, n: n}, err == nil
	case double:
		f, err := strconv.ParseFloat(s, 64)
		return doubleValue(f), err == nil && !math.IsInf(f, 0) && !math.IsNaN(f)
	case boolean:
		switch strings.ToLower(s) {
		case "true", "1":
			return boolValue(true), true
		case "false", "0":
			return boolValue(false), true
		}
		return value{}, false
	case day:
		if len(s) > 10 { // a dateTime's day
			if t, ok := parseMoment(s); ok {
				return value{k: day, n: floorDiv(t.UnixMilli(), dayMillis)}, true
			}
		}
		t, err := time.Parse(time.DateOnly, s)
		return value{k: day, n: floorDiv(t.UnixMilli(), dayMillis)}, err == nil
	case moment:
		t, ok := parseMoment(s)
		return momentValue(t.Truncate(time.Second)), ok
	case clock:
		for _, form := range []string{"15:04:05.000Z", "15:04:05Z", "15:04:05.000", "15:04:05"} {
			if t, err := time.Parse(form, s); err == nil {
				return value{k: clock, n: int64(t.Sub(t.Truncate(24*time.Hour)) / time.Millisecond)}, true
			}
		}
		return value{}, false
	}
	return textValue(s), true
}

// parseMoment reads a dateTime, whose offset may be Z, +hh:mm or +hhmm. A day alone is its midnight.
func parseMoment(s string) (time.Time, bool) {
	for _, form := range []string{"2006-01-02T15:04:05.999Z07:00", "2006-01-02T15:04:05.999Z0700", time.DateOnly} {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// parseGo reads a value from what Go code or decoded JSON gives.
func parseGo(k kind, v any) (value, bool) {
	switch v := v.(type) {
	case nil:
		return value{}, true
	case string:
		return parseText(k, v)
	case bool:
		return boolValue(v), k == boolean
	case time.Time:
		switch k {
		case moment:
			return momentValue(v.Truncate(time.Second)), true
		case day:
			return value{k: day, n: floorDiv(v.UnixMilli(), dayMillis)}, true
		}
	case int:
		return parseText(k, strconv.Itoa(v))
	case int64:
		return parseText(k, strconv.FormatInt(v, 10))
	case float64:
		return parseText(k, strconv.FormatFloat(v, 'f', -1, 64))
	case json.Number:
		if k == text { // a number may be given for a text
			return textValue(string(v)), true
		}
		if k == integer || k == double {
			return parseText(k, string(v))
		}
	}
	return value{}, false
}

// goValue is the form that a Record shows.
func (v value) goValue() any {
	switch v.k {
	case text:
		return v.s
	case integer:
		return v.n
	case double:
		return v.float()
	case boolean:
		return v.n == 1
	case moment:
		return time.UnixMilli(v.n).UTC()
	case day, clock:
		return string(v.appendText(nil, false))
	}
	return nil
}

// compare orders two values of one field as SOQL does: nulls first, text without regard to case.
func compare(a, b value) int {
	if a.k == null || b.k == null {
		return cmp.Compare(min(a.k, 1), min(b.k, 1))
	}
	switch {
	case a.k == text && b.k == text:
		return compareFold(a.s, b.s)
	case a.k == double || b.k == double:
		return cmp.Compare(a.float(), b.float())
	}
	return cmp.Compare(a.n, b.n)
}

// compareAs is compare for two values of a field: ids rise in the order of their digits, of which case tells apart.
func compareAs(f *Field, a, b value) int {
	if a.k == text && b.k == text && (f.Type == "id" || f.Type == "reference") {
		return strings.Compare(a.s, b.s)
	}
	return compare(a, b)
}

func compareFold(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		x, y := a[i], b[i]
		if x|y >= 0x80 {
			return cmp.Compare(strings.ToLower(a[i:]), strings.ToLower(b[i:]))
		}
		if 'A' <= x && x <= 'Z' {
			x |= 0x20
		}
		if 'A' <= y && y <= 'Z' {
			y |= 0x20
		}
		if x != y {
			return cmp.Compare(x, y)
		}
	}
	return cmp.Compare(len(a), len(b))
}
