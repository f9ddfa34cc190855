package fake

import (
	"slices"
	"strconv"
	"strings"
)

// The query's parts, as written. Names are not looked up yet.
type (
	soqlQuery struct {
		count  bool // COUNT()
		all    bool // FIELDS(ALL) and its like
		fields []token
		object token
		alias  string
		where  soqlCondition // nil for none
		order  []soqlOrder
		limit  int // -1 for none
		offset int
	}
	soqlOrder struct {
		field     token
		down      bool
		nullsLast bool
	}
	// soqlCondition is *soqlJunction, *soqlNot or *soqlComparison.
	soqlCondition any
	soqlJunction  struct {
		or    bool
		parts []soqlCondition
	}
	soqlNot        struct{ part soqlCondition }
	soqlComparison struct {
		field  token
		op     string // in capitals: = != < <= > >= LIKE IN NOT IN INCLUDES EXCLUDES
		opAt   int
		values []token
	}
)

// maxDepth bounds how deep conditions may nest.
const maxDepth = 100

type soqlParser struct {
	tokens []token
	next   int
	depth  int
}

// parseSOQL reads a query: SELECT fields FROM object [WHERE] [ORDER BY] [LIMIT] [OFFSET]. Sub-queries, grouping and other
// aggregates than COUNT() are beyond this stand-in.
func parseSOQL(query string) (q *soqlQuery, bad *soqlError) {
	tokens, bad := lex(query)
	if bad != nil {
		return nil, bad
	}
	p := &soqlParser{tokens: tokens}
	q = &soqlQuery{limit: -1}
	for _, part := range []func(*soqlQuery) *soqlError{p.selection, p.from, p.whereClause, p.orderClause, p.bounds} {
		if bad := part(q); bad != nil {
			return nil, bad
		}
	}
	if p.peek().kind != endToken {
		return nil, unexpected(p.peek())
	}
	return q, nil
}

func unexpected(t token) *soqlError {
	return &soqlError{"MALFORMED_QUERY", "unexpected token: '" + t.shown() + "'", t.at}
}

func (p *soqlParser) peek() token { return p.tokens[p.next] }

func (p *soqlParser) take() token {
	t := p.tokens[p.next]
	if t.kind != endToken {
		p.next++
	}
	return t
}

// word takes the next token if it is this keyword.
func (p *soqlParser) word(keywords ...string) bool {
	for i, k := range keywords {
		if p.next+i >= len(p.tokens) || p.tokens[p.next+i].kind != wordToken || !strings.EqualFold(p.tokens[p.next+i].text, k) {
			return false
		}
	}
	p.next += len(keywords)
	return true
}

func (p *soqlParser) sign(s string) bool {
	if t := p.peek(); t.kind != signToken || t.text != s {
		return false
	}
	p.next++
	return true
}

func (p *soqlParser) name() (token, *soqlError) {
	t := p.take()
	if t.kind != wordToken {
		return t, unexpected(t)
	}
	return t, nil
}

func (p *soqlParser) selection(q *soqlQuery) *soqlError {
	if !p.word("SELECT") {
		return unexpected(p.peek())
	}
	if p.word("COUNT") {
		q.count = true
		if !p.sign("(") || !p.sign(")") {
			return unexpected(p.peek())
		}
		return nil
	}
	for {
		t, bad := p.name()
		if bad != nil {
			return bad
		}
		if p.sign("(") {
			if !strings.EqualFold(t.text, "FIELDS") || !p.word("ALL") && !p.word("STANDARD") || !p.sign(")") {
				return unexpected(p.peek())
			}
			q.all = true
		} else {
			q.fields = append(q.fields, t)
		}
		if !p.sign(",") {
			return nil
		}
	}
}

// reserved are the words that end a FROM, and so are no alias.
var reserved = []string{"WHERE", "ORDER", "LIMIT", "OFFSET", "USING", "WITH", "GROUP", "HAVING", "FOR", "ALL"}

func (p *soqlParser) from(q *soqlQuery) (bad *soqlError) {
	if !p.word("FROM") {
		return unexpected(p.peek())
	}
	if q.object, bad = p.name(); bad != nil {
		return bad
	}
	p.word("AS")
	if t := p.peek(); t.kind == wordToken && !slices.Contains(reserved, strings.ToUpper(t.text)) {
		q.alias = p.take().text
	}
	return nil
}

func (p *soqlParser) whereClause(q *soqlQuery) (bad *soqlError) {
	if !p.word("WHERE") {
		return nil
	}
	q.where, bad = p.junction()
	return bad
}

// junction reads conditions joined by AND alone or by OR alone: a mixture needs parentheses.
func (p *soqlParser) junction() (soqlCondition, *soqlError) {
	if p.depth++; p.depth > maxDepth {
		return nil, &soqlError{"MALFORMED_QUERY", "the query is nested too deeply", p.peek().at}
	}
	defer func() { p.depth-- }()
	first, bad := p.condition()
	if bad != nil {
		return nil, bad
	}
	and, or := p.word("AND"), false
	if !and {
		or = p.word("OR")
	}
	if !and && !or {
		return first, nil
	}
	j := &soqlJunction{or: or, parts: []soqlCondition{first}}
	for {
		part, bad := p.condition()
		if bad != nil {
			return nil, bad
		}
		j.parts = append(j.parts, part)
		if and && p.word("AND") || or && p.word("OR") {
			continue
		}
		if t := p.peek(); t.kind == wordToken && (strings.EqualFold(t.text, "AND") || strings.EqualFold(t.text, "OR")) {
			return nil, unexpected(t)
		}
		return j, nil
	}
}

func (p *soqlParser) condition() (soqlCondition, *soqlError) {
	if p.sign("(") {
		c, bad := p.junction()
		if bad == nil && !p.sign(")") {
			bad = unexpected(p.peek())
		}
		return c, bad
	}
	if p.word("NOT") {
		if p.depth++; p.depth > maxDepth {
			return nil, unexpected(p.peek())
		}
		defer func() { p.depth-- }()
		c, bad := p.condition()
		return &soqlNot{c}, bad
	}
	field, bad := p.name()
	if bad != nil {
		return nil, bad
	}
	c := &soqlComparison{field: field, opAt: p.peek().at}
	switch {
	case p.word("NOT", "IN"):
		c.op = "NOT IN"
	case p.word("LIKE"), p.word("IN"), p.word("INCLUDES"), p.word("EXCLUDES"):
		c.op = strings.ToUpper(p.tokens[p.next-1].text)
	default:
		c.op = p.take().text
		if c.op == "<>" {
			c.op = "!="
		}
		if !slices.Contains([]string{"=", "!=", "<", "<=", ">", ">="}, c.op) {
			p.next--
			return nil, unexpected(p.peek())
		}
	}
	return c, p.literals(c)
}

// literals reads what a field is compared with: one, or a list in parentheses for the operators that take one.
func (p *soqlParser) literals(c *soqlComparison) *soqlError {
	list := slices.Contains([]string{"IN", "NOT IN", "INCLUDES", "EXCLUDES"}, c.op)
	if list && !p.sign("(") {
		return unexpected(p.peek())
	}
	for {
		t := p.take()
		if t.kind == endToken || t.kind == signToken {
			return unexpected(t)
		}
		c.values = append(c.values, t)
		if !list {
			return nil
		}
		if p.sign(",") {
			continue
		}
		if !p.sign(")") {
			return unexpected(p.peek())
		}
		return nil
	}
}

func (p *soqlParser) orderClause(q *soqlQuery) *soqlError {
	if !p.word("ORDER", "BY") {
		return nil
	}
	for {
		field, bad := p.name()
		if bad != nil {
			return bad
		}
		o := soqlOrder{field: field}
		if !p.word("ASC") {
			o.down = p.word("DESC")
		}
		if p.word("NULLS", "LAST") {
			o.nullsLast = true
		} else {
			p.word("NULLS", "FIRST")
		}
		q.order = append(q.order, o)
		if !p.sign(",") {
			return nil
		}
	}
}

func (p *soqlParser) bounds(q *soqlQuery) *soqlError {
	if bad := p.bound("LIMIT", &q.limit); bad != nil {
		return bad
	}
	if bad := p.bound("OFFSET", &q.offset); bad != nil {
		return bad
	}
	if q.offset > 2000 {
		return &soqlError{"NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000", -1}
	}
	return nil
}

func (p *soqlParser) bound(keyword string, to *int) *soqlError {
	if !p.word(keyword) {
		return nil
	}
	t := p.take()
	n, err := strconv.Atoi(t.text)
	if err != nil || n < 0 {
		return unexpected(t)
	}
	*to = n
	return nil
}
