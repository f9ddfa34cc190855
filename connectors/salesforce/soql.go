package salesforce

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Queries, in SOQL.
//
// Filters are applied again to the rows, so a query must never leave out a row that satisfies them, and may well bring
// some that do not. SOQL compares text without regard to case, and ours regards it: equality may be asked there, since it
// finds more than is meant; inequality may not. Order among texts is another there than here and stays here altogether.
// A field that is not filterable, and a value that the field's type cannot have, stay here, too: there they would be an
// error.

// maxLiteral bounds a text in a condition, maxWhere all of them. What would be longer is left to the second filter.
const (
	maxLiteral = 4_000
	maxWhere   = 20_000
)

var (
	idText     = regexp.MustCompile(`^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$`)
	numberText = regexp.MustCompile(`^[+-]?[0-9]{1,18}(\.[0-9]{1,18})?$`)
	wholeText  = regexp.MustCompile(`^[+-]?[0-9]{1,9}$`)
)

const instantLayout = "2006-01-02T15:04:05Z"

// quoteSOQL writes a text as a literal.
func quoteSOQL(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 2)
	b.WriteByte('\'')
	for i := range len(s) {
		if short := strings.IndexByte("\n\r\t\b\f\\'\"", s[i]); short >= 0 {
			b.WriteByte('\\')
			b.WriteByte("nrtbf\\'\""[short])
			continue
		}
		b.WriteByte(s[i])
	}
	b.WriteByte('\'')
	return b.String()
}

// instantSOQL writes a moment as a literal, rounded up to the second, as Salesforce keeps times: a value in whole seconds
// lies before the moment exactly when it lies before the literal. Windows that follow each other do so as literals, too.
func instantSOQL(t time.Time) string {
	return ceil(t, time.Second).Format(instantLayout)
}

func ceil(t time.Time, unit time.Duration) time.Time {
	t = t.UTC()
	if down := t.Truncate(unit); down.Before(t) {
		return down.Add(unit)
	}
	return t
}

// isWritable reports whether a moment has a literal: years of four digits.
func isWritable(t time.Time) bool { return t.UTC().Year() >= 1700 && t.UTC().Year() <= 4000 }

// windowSOQL is the condition of a window, half-open.
func windowSOQL(by *flow.Field, w *flow.Window) (string, error) {
	from, to := w.From, w.To
	if !isWritable(from) { // no beginning, as good as
		from = time.Date(1700, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	switch by.Type {
	case flow.TypeDatetime:
		return "(" + by.Name + " >= " + instantSOQL(from) + " AND " + by.Name + " < " + instantSOQL(to) + ")", nil
	case flow.TypeDate:
		const day = 24 * time.Hour
		return "(" + by.Name + " >= " + ceil(from, day).Format(time.DateOnly) + " AND " + by.Name + " < " + ceil(to, day).Format(time.DateOnly) + ")", nil
	}
	return "", fault.New(fault.Validation, "%q is no field of date and time, so that changes cannot be read by it", by.Name)
}

// filterSOQL is a filter as a condition, or "" when it is better applied here alone.
func filterSOQL(f *flow.Field, by *connector.Filter) string {
	if !f.IsQueryable || len(by.Values) == 0 {
		return ""
	}
	as := flow.CompareAs(by.DataType)
	if by.Operator == flow.OpBetween {
		return betweenSOQL(f, as, by.Values)
	}
	if f.VendorType == "multipicklist" {
		return includesSOQL(f, as, by)
	}
	if list := inSOQL(f, as, by); list != "" {
		return list
	}
	var parts []string
	for _, v := range by.Values {
		part := compareSOQL(f, as, by.Operator, v)
		if part == "" {
			return "" // of several values any one lets a row through
		}
		parts = append(parts, part)
	}
	if by.Operator == flow.OpNotEqualTo && len(parts) > 1 {
		return ""
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

// betweenSOQL leaves both bounds out, as AppFlow does for Salesforce.
func betweenSOQL(f *flow.Field, as flow.Comparison, values []string) string {
	if len(values) != 2 {
		return ""
	}
	low, high := compareSOQL(f, as, flow.OpGreaterThan, values[0]), compareSOQL(f, as, flow.OpLessThan, values[1])
	if low == "" || high == "" {
		return ""
	}
	return "(" + low + " AND " + high + ")"
}

// inSOQL is a list of values that a field has to have one of.
func inSOQL(f *flow.Field, as flow.Comparison, by *connector.Filter) string {
	if by.Operator != flow.OpEqualTo || len(by.Values) < 2 || classOf(f) == classDate || classOf(f) == classInstant {
		return ""
	}
	var list []string
	for _, v := range by.Values {
		l := literalSOQL(f, as, v)
		if l == "" {
			return ""
		}
		list = append(list, l)
	}
	return "(" + f.Name + " IN (" + strings.Join(list, ", ") + "))"
}

// includesSOQL asks for values that hold all of the choices that the filter names.
func includesSOQL(f *flow.Field, as flow.Comparison, by *connector.Filter) string {
	if by.Operator != flow.OpEqualTo || as != flow.CompareText {
		return ""
	}
	var list []string
	for _, v := range by.Values {
		if !isPushable(v) {
			return ""
		}
		list = append(list, quoteSOQL(v))
	}
	return "(" + f.Name + " INCLUDES (" + strings.Join(list, ", ") + "))"
}

var signs = map[flow.Operator]string{
	flow.OpEqualTo: "=", flow.OpNotEqualTo: "!=", flow.OpLessThan: "<", flow.OpLessThanOrEqualTo: "<=", flow.OpGreaterThan: ">", flow.OpGreaterThanOrEqualTo: ">=",
}

// compareSOQL is one comparison, or "".
func compareSOQL(f *flow.Field, as flow.Comparison, op flow.Operator, v string) string {
	class := classOf(f)
	isOrder := op != flow.OpEqualTo && op != flow.OpNotEqualTo && op != flow.OpContains
	switch {
	case op == flow.OpContains:
		if class != classText || as != flow.CompareText || !isPushable(v) {
			return ""
		}
		literal := strings.NewReplacer("%", `\%`, "_", `\_`).Replace(quoteSOQL(v))
		return f.Name + " LIKE '%" + literal[1:len(literal)-1] + "%'"
	case isOrder && (class == classText || class == classID || class == classBoolean),
		op == flow.OpNotEqualTo && (class == classText || class == classID):
		return ""
	case class == classDate:
		return timeSOQL(f, as, op, v, 24*time.Hour, time.DateOnly)
	case class == classInstant:
		return timeSOQL(f, as, op, v, time.Second, instantLayout)
	}
	l, sign := literalSOQL(f, as, v), signs[op]
	if l == "" || sign == "" {
		return ""
	}
	if op == flow.OpNotEqualTo { // null is another value, and it is not for us to say whether Salesforce thinks so
		return f.Name + " != " + l + " OR " + f.Name + " = null"
	}
	return f.Name + " " + sign + " " + l
}

// class is a group of field types that literals and operators go by.
type class int

const (
	classNone class = iota
	classText
	classID
	classNumber
	classWhole
	classBoolean
	classDate
	classInstant
)

func classOf(f *flow.Field) class {
	switch f.VendorType {
	case "string", "phone", "url", "email", "picklist", "combobox":
		return classText
	case "id", "reference":
		return classID
	case "double", "currency", "percent":
		return classNumber
	case "int", "long":
		return classWhole
	case "boolean":
		return classBoolean
	case "date":
		return classDate
	case "datetime":
		return classInstant
	}
	return classNone
}

// isPushable reports whether a text means the same there as here. An empty one is null there, and blanks at its ends do
// not count.
func isPushable(v string) bool {
	return v != "" && len(v) <= maxLiteral && strings.TrimSpace(v) == v && !strings.ContainsRune(v, 0)
}

// literalSOQL writes a value for a field of text, number or truth, or "" when the two do not go together.
func literalSOQL(f *flow.Field, as flow.Comparison, v string) string {
	switch class := classOf(f); class {
	case classText:
		if as == flow.CompareText && isPushable(v) {
			return quoteSOQL(v)
		}
	case classID:
		if as == flow.CompareText && idText.MatchString(v) {
			return quoteSOQL(v)
		}
	case classNumber, classWhole:
		v = strings.Trim(v, " \t")
		if as == flow.CompareNumber && numberText.MatchString(v) && (class == classNumber || wholeText.MatchString(v)) {
			return strings.TrimPrefix(v, "+")
		}
	case classBoolean:
		v = strings.ToLower(strings.Trim(v, " \t"))
		if as == flow.CompareBoolean && (v == "true" || v == "false") {
			return v
		}
	}
	return ""
}

// millisOf is the moment that a filter's value names.
func millisOf(as flow.Comparison, v string) (time.Time, bool) {
	n, err := strconv.ParseInt(strings.Trim(v, " \t"), 10, 64)
	if err != nil || as != flow.CompareInstant || n > math.MaxInt64/1_000_000 || n < math.MinInt64/1_000_000 {
		return time.Time{}, false
	}
	at := time.UnixMilli(n).UTC()
	return at, isWritable(at)
}

// timeSOQL compares a field of dates, each of which is its midnight in UTC here, or of date and time, to the second. A
// moment inside a unit of that is replaced by the bound of the unit that lets more through: what is too much is filtered
// out here.
func timeSOQL(f *flow.Field, as flow.Comparison, op flow.Operator, v string, unit time.Duration, layout string) string {
	at, ok := millisOf(as, v)
	if !ok {
		return ""
	}
	if whole := at.Truncate(unit); !whole.Equal(at) {
		switch op {
		case flow.OpLessThan, flow.OpLessThanOrEqualTo:
			op, at = flow.OpLessThanOrEqualTo, ceil(at, unit)
		case flow.OpGreaterThan, flow.OpGreaterThanOrEqualTo:
			op, at = flow.OpGreaterThanOrEqualTo, whole
		default:
			return ""
		}
	}
	literal := at.Format(layout)
	if op == flow.OpNotEqualTo {
		return f.Name + " != " + literal + " OR " + f.Name + " = null"
	}
	return f.Name + " " + signs[op] + " " + literal
}
