package salesforce

import (
	"slices"
	"strings"
)

// question is what a split asks of Salesforce, but for the ids it is bounded by. Immutable.
type question struct {
	object  string
	columns []string // to select; Id is the first where the object has one
	where   []string // each in parentheses
	by      string   // the field of a window's time, by which REST answers are ordered; "" orders by Id
	isKeyed bool     // records can be asked for in the order of their ids
	all     bool     // deleted records, too
}

// write writes the query. A plain count has no columns.
func (q *question) write(columns string, order string, more ...string) string {
	where := slices.Concat(q.where, more)
	var b strings.Builder
	b.WriteString("SELECT " + columns + " FROM " + q.object)
	for i, w := range slices.DeleteFunc(where, func(s string) bool { return s == "" }) {
		if i == 0 {
			b.WriteString(" WHERE " + w)
		} else {
			b.WriteString(" AND " + w)
		}
	}
	b.WriteString(order)
	return b.String()
}

// span is a range of ids: those that begin with From or come behind After, and come before To. Empty bounds are none.
type span struct {
	From  string `json:"from,omitzero"`
	To    string `json:"to,omitzero"`
	After string `json:"after,omitzero"`
}

func (s span) where() []string {
	var list []string
	switch {
	case s.After != "":
		list = append(list, "(Id > "+quoteSOQL(s.After)+")")
	case s.From != "":
		list = append(list, "(Id >= "+quoteSOQL(s.From)+")")
	}
	if s.To != "" {
		list = append(list, "(Id < "+quoteSOQL(s.To)+")")
	}
	return list
}

// byID is the query for a range of ids in their order.
func (q *question) byID(s span) string {
	if !q.isKeyed {
		return q.write(strings.Join(q.columns, ", "), "")
	}
	return q.write(strings.Join(q.columns, ", "), " ORDER BY Id", s.where()...)
}

// byTime is the query for a window in the order of its time; behind a record when there is one.
func (q *question) byTime(s span, at string) string {
	after := ""
	if s.After != "" {
		after = "(" + q.by + " > " + at + " OR (" + q.by + " = " + at + " AND Id > " + quoteSOQL(s.After) + "))"
		s.After = ""
	}
	return q.write(strings.Join(q.columns, ", "), " ORDER BY "+q.by+", Id", append(s.where(), after)...)
}

// count is the query for how many records a range has.
func (q *question) count(s span) string { return q.write("COUNT()", "", s.where()...) }

// edge is the query for a range's first or last id.
func (q *question) edge(s span, descending bool) string {
	order := " ORDER BY Id LIMIT 1"
	if descending {
		order = " ORDER BY Id DESC LIMIT 1"
	}
	return q.write("Id", order, s.where()...)
}
