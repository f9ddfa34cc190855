package flow

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ParseNameList reads a JSON array of field names, as EXCLUDE_SOURCE_FIELDS_LIST and ORDERED_PARTITION_KEYS_LIST hold.
func ParseNameList(s string) ([]string, error) {
	var list []string
	dec := json.NewDecoder(strings.NewReader(s))
	if err := dec.Decode(&list); err != nil {
		return nil, errors.New("not a JSON array of strings")
	}
	if dec.More() {
		return nil, errors.New("text after the JSON array")
	}
	for i, name := range list {
		if name == "" || slices.Contains(list[:i], name) {
			return nil, fmt.Errorf("name %d is empty or repeated", i+1)
		}
	}
	return list, nil
}

// SplitValues cuts a VALUES property at its commas. No escape for a comma exists; VALUE takes one literally.
func SplitValues(s string) []string { return strings.Split(s, ",") }

// DerivedName is the name of the temporary field a Merge or Arithmetic task makes: its destination field, or the source
// fields joined with commas, which is what AppFlow's console writes.
func (t *Task) DerivedName() string {
	if t.DestinationField != nil && *t.DestinationField != "" {
		return *t.DestinationField
	}
	return strings.Join(t.SourceFields, ",")
}

// OperandOrder reads MATH_OPERATION_FIELDS_ORDER: which of the two source fields comes first. Field names may hold
// commas themselves, so the two possible joins are compared instead of cutting at one.
func OperandOrder(order string, fields []string) ([]string, bool) {
	a, b := fields[0], fields[1]
	compact := strings.ReplaceAll(order, ", ", ",")
	switch {
	case order == a+","+b || compact == a+","+b:
		return []string{a, b}, true
	case order == b+","+a || compact == b+","+a:
		return []string{b, a}, true
	}
	return nil, false
}

// ConcatPiece is a part of a CONCAT_FORMAT: a literal, or a field's text when Field is not empty.
type ConcatPiece struct {
	Literal string `json:"literal,omitzero"`
	Field   string `json:"field,omitzero"`
}

// ParseConcatFormat reads a CONCAT_FORMAT: text with ${field} placeholders, each naming one of the fields. A format with
// no placeholder is a separator to put between all the fields. $$ stands for a dollar sign before a brace.
func ParseConcatFormat(format string, fields []string) ([]ConcatPiece, error) {
	var pieces []ConcatPiece
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			pieces = append(pieces, ConcatPiece{Literal: literal.String()})
			literal.Reset()
		}
	}
	placeholders := 0
	for i := 0; i < len(format); {
		switch {
		case strings.HasPrefix(format[i:], "$${"):
			literal.WriteString("${")
			i += 3
		case strings.HasPrefix(format[i:], "${"):
			end := strings.IndexByte(format[i:], '}')
			if end < 0 {
				return nil, fmt.Errorf("CONCAT_FORMAT has a ${ without a } at character %d", i+1)
			}
			name := format[i+2 : i+end]
			if !slices.Contains(fields, name) {
				return nil, fmt.Errorf("CONCAT_FORMAT names %q, which is not one of the task's source fields", name)
			}
			flush()
			pieces = append(pieces, ConcatPiece{Field: name})
			placeholders++
			i += end + 1
		default:
			literal.WriteByte(format[i])
			i++
		}
	}
	if placeholders > 0 {
		flush()
		return pieces, nil
	}
	for i, f := range fields {
		if i > 0 {
			pieces = append(pieces, ConcatPiece{Literal: literal.String()})
		}
		pieces = append(pieces, ConcatPiece{Field: f})
	}
	return pieces, nil
}

// Comparison is how a filter reads both sides.
type Comparison string

// Ways to compare.
const (
	CompareText    Comparison = "text"    // byte by byte
	CompareNumber  Comparison = "number"  // exact decimals; integers of any size
	CompareBoolean Comparison = "boolean" // true and false, any case
	CompareInstant Comparison = "instant" // dates and datetimes; literals are epoch milliseconds
)

// CompareAs maps a DATA_TYPE, in whatever vendor's vocabulary, to a way to compare. Unknown names compare as text.
func CompareAs(dataType string) Comparison {
	switch TypeOf(dataType) {
	case TypeInteger, TypeLong, TypeDouble, TypeDecimal:
		return CompareNumber
	case TypeBoolean:
		return CompareBoolean
	case TypeDate, TypeDatetime:
		return CompareInstant
	}
	return CompareText
}

// CheckLiteral says what is wrong with a filter's literal; empty when nothing is.
func (c Comparison) CheckLiteral(v string) string {
	switch c {
	case CompareNumber:
		if !isDecimal(v) {
			return "must be a number, because DATA_TYPE is one; write digits, for instance 12.5"
		}
	case CompareBoolean:
		if w := strings.ToLower(strings.Trim(v, " \t")); w != "true" && w != "false" {
			return "must be true or false, because DATA_TYPE is boolean; change the value or DATA_TYPE"
		}
	case CompareInstant:
		if _, err := strconv.ParseInt(v, 10, 64); err != nil {
			return "must be a time in milliseconds since 1970, because DATA_TYPE is a date; write for instance 1717143300000"
		}
	}
	return ""
}

// isDecimal reports whether v is a number as rows may spell one: a sign, digits with a point, an exponent of up to nine
// digits, and spaces and tabs around it.
func isDecimal(v string) bool {
	v = strings.Trim(v, " \t")
	if v != "" && (v[0] == '+' || v[0] == '-') {
		v = v[1:]
	}
	mantissa, exponent, hasExponent := strings.Cut(strings.ToLower(v), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if whole+fraction == "" || !areDigits(whole+fraction) {
		return false
	}
	if !hasExponent {
		return true
	}
	if exponent != "" && (exponent[0] == '+' || exponent[0] == '-') {
		exponent = exponent[1:]
	}
	return exponent != "" && len(exponent) <= 9 && areDigits(exponent)
}

func areDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// TypeOf maps a type's name, as any vendor or user spells it (SOURCE_DATA_TYPE, DESTINATION_DATA_TYPE, DATA_TYPE), to the
// canonical type; TypeString for names that say nothing more.
func TypeOf(name string) Type {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "boolean", "bool", "checkbox":
		return TypeBoolean
	case "integer", "int", "short", "smallint", "tinyint", "byte":
		return TypeInteger
	case "long", "bigint", "biginteger", "int64":
		return TypeLong
	case "double", "float", "real", "number", "percent", "double precision", "float4", "float8":
		return TypeDouble
	case "decimal", "numeric", "bigdecimal", "currency":
		return TypeDecimal
	case "date":
		return TypeDate
	case "datetime", "timestamp", "timestamptz", "datetimeoffset", "timestamp with time zone", "timestamp without time zone":
		return TypeDatetime
	case "time":
		return TypeTime
	case "binary", "bytearray", "base64", "blob":
		return TypeBinary
	}
	return TypeString
}
