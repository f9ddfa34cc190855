package custom

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Filter expressions, in the language that AWS's SDKs parse
// (https://github.com/awslabs/aws-appflow-custom-connector-python/tree/main/custom_connector_queryfilter).
//
// A connector's parser must never read another condition than the one that was meant: records that it leaves out are
// gone, while those that it lets through are filtered again here. So only what is beyond doubt is written, and the rest
// is left to the second filter:
//
//   - names that the grammar has, and that are no keywords
//   - conditions of the field's own type, with an operator that the field has
//   - texts without backslash or line break, in quotes of a kind that they do not hold themselves. The published lexer
//     takes the longest match, so that `"a\\" … "` may be one text, and connectors strip quotes without undoing escapes
//   - texts for equality only: their order is the vendor's
//   - BETWEEN as two comparisons, because connectors differ in whether its bounds belong to it

// maxExpression is as much as is written: AppFlow names no limit, but connectors put it into URLs.
const maxExpression = 16 << 10

var (
	identifier = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]*$`)
	number     = regexp.MustCompile(`^-?[0-9]{1,40}(\.[0-9]{1,40})?$`)
	keywords   = []string{"and", "or", "not", "contains", "between", "in", "limit", "null", "true", "false"}
)

var comparisons = map[flow.Operator]string{
	flow.OpEqualTo: "=", flow.OpNotEqualTo: "!=", flow.OpLessThan: "<", flow.OpLessThanOrEqualTo: "<=", flow.OpGreaterThan: ">", flow.OpGreaterThanOrEqualTo: ">=",
	flow.OpContains: "contains",
}

// expression writes the conditions of a request: the window, and those filters that the language can say. It is "" when
// there are none. Validation when the window cannot be said.
func expression(schema flow.Schema, filters []connector.Filter, window *flow.Window, by string) (string, error) {
	var parts []string
	if window != nil {
		i := schema.Find(by)
		if i < 0 || !isName(by) || schema.Fields[i].Type != flow.TypeDatetime && schema.Fields[i].Type != flow.TypeDate {
			return "", fault.New(fault.Validation, "reading entity %q: %q is no field of date and time that a query can name", schema.Entity, by)
		}
		lay := layoutOf(schema.Fields[i].Type)
		parts = append(parts, "("+by+" >= "+window.From.UTC().Format(lay)+" and "+by+" < "+window.To.UTC().Format(lay)+")")
	}
	size := 0
	for i := range filters {
		part := condition(schema, &filters[i])
		if part == "" || size+len(part) > maxExpression {
			continue
		}
		size += len(part)
		parts = append(parts, "("+part+")")
	}
	return strings.Join(parts, " and "), nil
}

// isName reports whether the language takes a name for one. A connector that was told of a field which it reads as
// another would leave out records.
func isName(s string) bool {
	return identifier.MatchString(s) && !slices.Contains(keywords, strings.ToLower(s))
}

// Layouts of times: whole milliseconds and Z, which every parser of the language takes.
func layoutOf(t flow.Type) string {
	if t == flow.TypeDate {
		return "2006-01-02"
	}
	return "2006-01-02T15:04:05.000Z"
}

// condition writes one filter, or "" when it is not beyond doubt.
func condition(schema flow.Schema, f *connector.Filter) string {
	i := schema.Find(f.Field)
	if i < 0 || !isName(f.Field) || len(f.Values) == 0 {
		return ""
	}
	field := &schema.Fields[i]
	if !field.IsQueryable || !slices.Contains(field.FilterOperators, f.Operator) {
		return ""
	}
	literals := make([]string, len(f.Values))
	for i, v := range f.Values {
		if literals[i] = literal(field.Type, flow.CompareAs(f.DataType), f.Operator, v); literals[i] == "" {
			return ""
		}
	}
	if f.Operator == flow.OpBetween {
		if len(literals) != 2 {
			return ""
		}
		return f.Field + " >= " + literals[0] + " and " + f.Field + " <= " + literals[1]
	}
	sign := comparisons[f.Operator]
	if sign == "" || sign == "!=" && len(literals) > 1 { // of several that are not meant, any one lets a record through
		return ""
	}
	for i, l := range literals {
		literals[i] = f.Field + " " + sign + " " + l
	}
	return strings.Join(literals, " or ")
}

// literal writes a filter's value for a field of a type, or "" when the two do not go together.
func literal(t flow.Type, as flow.Comparison, op flow.Operator, v string) string {
	isOrder := op != flow.OpEqualTo && op != flow.OpNotEqualTo
	switch t {
	case flow.TypeString:
		if as == flow.CompareText && (!isOrder || op == flow.OpContains) {
			return quoted(v)
		}
	case flow.TypeInteger, flow.TypeLong, flow.TypeDouble, flow.TypeDecimal:
		if v = strings.Trim(v, " \t"); as == flow.CompareNumber && op != flow.OpContains && number.MatchString(v) {
			return v
		}
	case flow.TypeBoolean:
		v = strings.ToLower(strings.Trim(v, " \t"))
		if as == flow.CompareBoolean && !isOrder && (v == "true" || v == "false") {
			return v
		}
	case flow.TypeDate, flow.TypeDatetime:
		if as == flow.CompareInstant && op != flow.OpContains {
			return instant(t, v)
		}
	}
	return ""
}

// instant writes milliseconds since 1970 as a date, if they are one, or a date and time.
func instant(t flow.Type, millis string) string {
	n, err := strconv.ParseInt(millis, 10, 64)
	if err != nil {
		return ""
	}
	at := time.UnixMilli(n).UTC()
	if y := at.Year(); y < 1 || y > 9999 || t == flow.TypeDate && n%(24*60*60*1000) != 0 {
		return ""
	}
	return at.Format(layoutOf(t))
}

// quoted writes a text in quotes that it does not hold, or "".
func quoted(v string) string {
	for _, r := range v {
		if r < ' ' || r == '\\' || r == 0x7f {
			return ""
		}
	}
	switch {
	case !strings.Contains(v, `"`):
		return `"` + v + `"`
	case !strings.Contains(v, `'`):
		return `'` + v + `'`
	}
	return ""
}
