package fake

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxLiteral is how long a text in a condition may be.
const maxLiteral = 4000

// literal is what a field is compared with: a value, or the span of a date literal, whose end is not in it.
type literal struct {
	v, end value
	span   bool
	like   *pattern
}

// condition makes a test of records from a condition.
func (p *plan) condition(c soqlCondition) (func(place int) bool, *soqlError) {
	switch c := c.(type) {
	case *soqlJunction:
		parts := make([]func(int) bool, len(c.parts))
		for i, part := range c.parts {
			f, bad := p.condition(part)
			if bad != nil {
				return nil, bad
			}
			parts[i] = f
		}
		or := c.or
		return func(place int) bool {
			for _, f := range parts {
				if f(place) == or {
					return or
				}
			}
			return !or
		}, nil
	case *soqlNot:
		f, bad := p.condition(c.part)
		return func(place int) bool { return !f(place) }, bad
	case *soqlComparison:
		return p.comparison(c)
	}
	return nil, &soqlError{"MALFORMED_QUERY", "unexpected condition", -1}
}

func (p *plan) comparison(c *soqlComparison) (func(place int) bool, *soqlError) {
	to, bad := p.path(c.field)
	if bad != nil {
		return nil, bad
	}
	if !to.f.filterable() {
		return nil, &soqlError{"INVALID_FIELD", "field '" + to.f.Name + "' can not be filtered in a query call", c.field.at}
	}
	if !operatorFits(c.op, to.f.Type) {
		return nil, &soqlError{"INVALID_QUERY_FILTER_OPERATOR", "invalid operator on " + to.f.Type + " field", c.field.at}
	}
	list := make([]literal, len(c.values))
	for i, t := range c.values {
		if list[i], bad = p.literal(to.f, t, c); bad != nil {
			return nil, bad
		}
	}
	test := tester(c.op, to.f, list)
	return func(place int) bool { return test(p.value(&to, place)) }, nil
}

func operatorFits(op, describeType string) bool {
	switch describeType {
	case "multipicklist":
		return slices.Contains([]string{"=", "!=", "INCLUDES", "EXCLUDES"}, op)
	case "boolean":
		return op == "=" || op == "!="
	case "id", "reference":
		return op != "LIKE" && op != "INCLUDES" && op != "EXCLUDES"
	}
	if op == "LIKE" {
		return kindOf(describeType) == text
	}
	return op != "INCLUDES" && op != "EXCLUDES"
}

// filterTypes are the names of types in messages about literals.
var filterTypes = map[kind]string{text: "string", integer: "int", double: "double", boolean: "boolean", day: "date", moment: "dateTime", clock: "time"}

func (p *plan) literal(f *Field, t token, c *soqlComparison) (literal, *soqlError) {
	k := kindOf(f.Type)
	wrong := func() (literal, *soqlError) {
		quotes := "should not be enclosed in quotes"
		if k == text {
			quotes = "should be enclosed in quotes"
		}
		return literal{}, &soqlError{"INVALID_FIELD", "value of filter criterion for field '" + f.Name + "' must be of type " + filterTypes[k] + " and " + quotes, c.field.at}
	}
	switch {
	case t.kind == wordToken && strings.EqualFold(t.text, "null"):
		if !slices.Contains([]string{"=", "!=", "IN", "NOT IN"}, c.op) {
			return literal{}, unexpected(t)
		}
		return literal{}, nil
	case k == text:
		if t.kind != textToken {
			return wrong()
		}
		return textLiteral(f, t, c)
	case k == boolean:
		if t.kind != wordToken || !strings.EqualFold(t.text, "true") && !strings.EqualFold(t.text, "false") {
			return wrong()
		}
	case t.kind == wordToken && (k == day || k == moment):
		from, to, ok := dateLiteral(t.text, p.o.now().UTC())
		if !ok {
			return literal{}, unexpected(t)
		}
		l := literal{v: momentValue(from), end: momentValue(to), span: true}
		if k == day {
			l.v, l.end = value{k: day, n: floorDiv(l.v.n, dayMillis)}, value{k: day, n: floorDiv(l.end.n, dayMillis)}
		}
		return l, nil
	case t.kind != numberToken:
		return wrong()
	case k == day && len(t.text) != len(time.DateOnly) || k == moment && len(t.text) <= len(time.DateOnly):
		return wrong()
	}
	if k == integer {
		k = double // 5.5 may be asked of whole numbers
	}
	v, ok := parseText(k, t.text)
	if !ok {
		if k == day || k == moment || k == clock {
			return literal{}, &soqlError{"MALFORMED_QUERY", "line 1:" + strconv.Itoa(t.at) + " no viable alternative at character '" + t.text[len(t.text)-1:] + "'", t.at}
		}
		return wrong()
	}
	return literal{v: v}, nil
}

func textLiteral(f *Field, t token, c *soqlComparison) (literal, *soqlError) {
	s := t.text
	switch {
	case len(s) > maxLiteral:
		return literal{}, &soqlError{"MALFORMED_QUERY", "a string of a condition is longer than 4,000 characters", c.field.at}
	case c.op == "LIKE":
		return literal{v: textValue(s), like: compilePattern(s)}, nil
	case f.Type == "id" || f.Type == "reference":
		full, ok := fullID(s)
		if !ok && s != "" {
			return literal{}, &soqlError{"INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: " + s, c.field.at}
		}
		s = full
	default:
		s = strings.NewReplacer(`\%`, `%`, `\_`, `_`).Replace(s)
	}
	return literal{v: textValue(s)}, nil
}

// tester makes the test of values. Nulls equal nothing but null, and so are unlike everything.
func tester(op string, f *Field, list []literal) func(value) bool {
	equal := func(v value, l literal) bool {
		switch {
		case l.span:
			return v.k != null && v.n >= l.v.n && v.n < l.end.n
		case v.k == null || l.v.k == null:
			return v.k == l.v.k
		case f.Type == "id" || f.Type == "reference":
			return v.s == l.v.s
		}
		return compare(v, l.v) == 0
	}
	among := func(v value) bool { return slices.ContainsFunc(list, func(l literal) bool { return equal(v, l) }) }
	one := list[0]
	upper := one.v
	if one.span { // <= and > go by the end
		upper = value{k: one.end.k, n: one.end.n - 1}
	}
	switch op {
	case "=", "IN":
		return among
	case "!=", "NOT IN":
		return func(v value) bool { return !among(v) }
	case "<":
		return func(v value) bool { return v.k != null && compareAs(f, v, one.v) < 0 }
	case "<=":
		return func(v value) bool { return v.k != null && compareAs(f, v, upper) <= 0 }
	case ">":
		return func(v value) bool { return v.k != null && compareAs(f, v, upper) > 0 }
	case ">=":
		return func(v value) bool { return v.k != null && compareAs(f, v, one.v) >= 0 }
	case "LIKE":
		return func(v value) bool { return v.k == text && one.like.match(v.s) }
	}
	includes := func(v value) bool {
		has := strings.Split(v.s, ";")
		return v.k == text && slices.ContainsFunc(list, func(l literal) bool {
			for _, want := range strings.Split(l.v.s, ";") {
				if !slices.ContainsFunc(has, func(s string) bool { return strings.EqualFold(s, want) }) {
					return false
				}
			}
			return true
		})
	}
	if op == "EXCLUDES" {
		return func(v value) bool { return !includes(v) }
	}
	return includes
}

// pattern is a compiled LIKE.
type pattern struct{ parts []rune }

const (
	anyRunes = -1
	anyRune  = -2
)

func compilePattern(s string) *pattern {
	p := &pattern{}
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\\' && i+1 < len(s) && (s[i+1] == '%' || s[i+1] == '_'):
			r = rune(s[i+1])
			n++
		case r == '%':
			r = anyRunes
		case r == '_':
			r = anyRune
		}
		if r >= 0 {
			r = []rune(strings.ToLower(string(r)))[0]
		}
		p.parts = append(p.parts, r)
		i += n
	}
	return p
}

// match goes back to the last % alone, so that it takes at most len(s) times the pattern's length.
func (p *pattern) match(s string) bool {
	text := []rune(strings.ToLower(s))
	i, j, star, mark := 0, 0, -1, 0
	for i < len(text) {
		switch {
		case j < len(p.parts) && p.parts[j] == anyRunes:
			star, mark = j, i
			j++
		case j < len(p.parts) && (p.parts[j] == anyRune || p.parts[j] == text[i]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = mark, star+1
		default:
			return false
		}
	}
	for j < len(p.parts) && p.parts[j] == anyRunes {
		j++
	}
	return j == len(p.parts)
}

// dateLiteral is the span that a word such as LAST_N_DAYS:7 stands for, in UTC.
func dateLiteral(word string, now time.Time) (from, to time.Time, ok bool) {
	name, count, hasCount := strings.Cut(strings.ToUpper(word), ":")
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	year := time.Date(now.Year(), 1, 1, 0, 0, 0, 0, time.UTC)
	if hasCount {
		n, err := strconv.Atoi(count)
		if err != nil || n < 1 || n > 100_000 {
			return from, to, false
		}
		switch name {
		case "LAST_N_DAYS":
			return today.AddDate(0, 0, -n), today.AddDate(0, 0, 1), true
		case "NEXT_N_DAYS":
			return today.AddDate(0, 0, 1), today.AddDate(0, 0, n+1), true
		}
		return from, to, false
	}
	switch name {
	case "TODAY":
		return today, today.AddDate(0, 0, 1), true
	case "YESTERDAY":
		return today.AddDate(0, 0, -1), today, true
	case "TOMORROW":
		return today.AddDate(0, 0, 1), today.AddDate(0, 0, 2), true
	case "THIS_MONTH":
		return month, month.AddDate(0, 1, 0), true
	case "LAST_MONTH":
		return month.AddDate(0, -1, 0), month, true
	case "THIS_YEAR":
		return year, year.AddDate(1, 0, 0), true
	case "LAST_YEAR":
		return year.AddDate(-1, 0, 0), year, true
	}
	return from, to, false
}
