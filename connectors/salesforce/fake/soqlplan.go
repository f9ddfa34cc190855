package fake

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// hop goes from a record to its parent: by the id in a field.
type hop struct {
	from  *table
	field int
}

// path leads from a record to a field, its own or a parent's. A field that refers to several objects gives several tables.
type path struct {
	hops  []hop
	field map[*table]int
	t     *table // the only table of field, nil when there are several
	at    int    // the field in t
	f     *Field
	names []string // as describe writes them
}

// plan is a query that was checked against the schema.
type plan struct {
	o       *Org
	t       *table
	query   *soqlQuery
	columns []path
	where   func(place int) bool // nil for all
	order   []ordering
}

type ordering struct {
	soqlOrder
	path
}

// plan checks a query; mu is held.
func (o *Org) plan(q *soqlQuery) (*plan, *soqlError) {
	t := o.tables[strings.ToLower(q.object.text)]
	if t == nil || t.object.Unqueryable {
		if t != nil || o.isChangeEvent(q.object.text) {
			return nil, &soqlError{"INVALID_TYPE_FOR_OPERATION", "entity type " + q.object.text + " does not support query", -1}
		}
		return nil, &soqlError{"INVALID_TYPE", "sObject type '" + q.object.text + "' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.", q.object.at}
	}
	p := &plan{o: o, t: t, query: q}
	if q.all {
		if q.limit < 0 || q.limit > 200 {
			return nil, &soqlError{"MALFORMED_QUERY", "The SOQL FIELDS function must have a LIMIT of at most 200", -1}
		}
		for i, f := range t.visible {
			p.columns = append(p.columns, path{field: map[*table]int{t: i}, t: t, at: i, f: f, names: []string{f.Name}})
		}
	}
	for _, name := range q.fields {
		c, bad := p.path(name)
		if bad != nil {
			return nil, bad
		}
		if slices.ContainsFunc(p.columns, func(x path) bool { return slices.Equal(x.names, c.names) }) {
			return nil, &soqlError{"INVALID_FIELD", "duplicate field selected: " + name.text, name.at}
		}
		p.columns = append(p.columns, c)
	}
	if q.where != nil {
		where, bad := p.condition(q.where)
		if bad != nil {
			return nil, bad
		}
		p.where = where
	}
	for _, by := range q.order {
		c, bad := p.path(by.field)
		if bad != nil {
			return nil, bad
		}
		if !c.f.filterable() || c.f.Type == "multipicklist" {
			return nil, &soqlError{"INVALID_FIELD", "field '" + c.f.Name + "' can not be sorted in a query call", by.field.at}
		}
		p.order = append(p.order, ordering{by, c})
	}
	return p, nil
}

func (o *Org) isChangeEvent(name string) bool {
	_, ok := o.described(name)
	return ok
}

// path looks a name up: Name, Owner.Name, or with the object or its alias before.
func (p *plan) path(name token) (path, *soqlError) {
	parts := strings.Split(name.text, ".")
	if len(parts) > 1 && (strings.EqualFold(parts[0], p.t.object.Name) && p.relationship(p.t, parts[0]) == nil || p.query.alias != "" && strings.EqualFold(parts[0], p.query.alias)) {
		parts = parts[1:]
	}
	if len(parts) > 6 {
		return path{}, &soqlError{"INVALID_FIELD", "only 5 levels of parents may be named: " + name.text, name.at}
	}
	out := path{}
	tables := []*table{p.t}
	for _, part := range parts[:len(parts)-1] {
		link := p.relationship(tables[0], part)
		if link == nil || len(tables) > 1 {
			return path{}, &soqlError{"INVALID_FIELD", "Didn't understand relationship '" + part + "' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names.", name.at}
		}
		at, _ := tables[0].field(link.Name)
		out.hops = append(out.hops, hop{tables[0], at})
		out.names = append(out.names, link.Relationship)
		tables = nil
		for _, to := range link.RefersTo {
			if t := p.o.tables[strings.ToLower(to)]; t != nil {
				tables = append(tables, t)
			}
		}
	}
	last := parts[len(parts)-1]
	out.field = map[*table]int{}
	for _, t := range tables {
		at, f := t.field(last)
		if f == nil {
			entity := t.object.Name
			if len(tables) > 1 {
				entity = "Name" // what Salesforce calls an object of several kinds
			}
			return path{}, &soqlError{"INVALID_FIELD", noSuchColumn(last, entity), name.at}
		}
		out.field[t], out.f, out.at, out.t = at, f, at, t
	}
	if len(tables) > 1 {
		out.t = nil
	}
	out.names = append(out.names, out.f.Name)
	return out, nil
}

func noSuchColumn(field, entity string) string {
	return fmt.Sprintf("No such column '%s' on entity '%s'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.", field, entity)
}

func (p *plan) relationship(t *table, name string) *Field {
	for _, f := range t.visible {
		if f.Relationship != "" && strings.EqualFold(f.Relationship, name) {
			return f
		}
	}
	return nil
}

// parent follows one hop; ok is false where there is no parent.
func (o *Org) parent(h hop, place int) (*table, int, bool) {
	id := h.from.get(place, h.field)
	if id.k != text {
		return nil, 0, false
	}
	t, at, problem := o.find(id.s)
	return t, at, problem == idFine || problem == idDeleted
}

// value is what the path leads to from a record.
func (p *plan) value(c *path, place int) value {
	if len(c.hops) == 0 {
		return c.t.get(place, c.at)
	}
	t := p.t
	for _, h := range c.hops {
		parent, at, ok := p.o.parent(h, place)
		if !ok {
			return value{}
		}
		t, place = parent, at
	}
	at, ok := c.field[t]
	if !ok {
		return value{}
	}
	return t.get(place, at)
}

// run finds the records, in order; all takes those of the recycle bin too.
func (p *plan) run(all bool) []int32 {
	out := make([]int32, 0, min(p.t.len(), 1024))
	mixed := len(p.order) == 0 && p.o.opts.Unordered
	bounded := len(p.order) == 0 && p.query.limit >= 0 && !mixed
	for place := range p.t.len() {
		deleted, purged := p.t.state(place)
		if purged || deleted && !all || p.where != nil && !p.where(place) {
			continue
		}
		if out = append(out, int32(place)); bounded && len(out) >= p.query.limit+p.query.offset {
			break
		}
	}
	p.sort(out)
	if mixed {
		r := rand.New(rand.NewPCG(p.o.opts.Seed, uint64(len(out))))
		r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	}
	out = out[min(p.query.offset, len(out)):]
	if p.query.limit >= 0 {
		out = out[:min(p.query.limit, len(out))]
	}
	return out
}

// sort orders the records; it leaves those alone that are in order already, as generated ones are by their times.
func (p *plan) sort(places []int32) {
	if len(p.order) == 0 || len(places) < 2 {
		return
	}
	width := len(p.order)
	key := func(place int32, into []value) {
		for i := range p.order {
			into[i] = p.value(&p.order[i].path, int(place))
		}
	}
	before, this := make([]value, width), make([]value, width)
	key(places[0], before)
	sorted := true
	for _, place := range places[1:] {
		key(place, this)
		if p.compare(before, this) > 0 {
			sorted = false
			break
		}
		before, this = this, before
	}
	if sorted {
		return
	}
	type keyed struct {
		place int32
		key   []value
	}
	all := make([]keyed, len(places))
	keys := make([]value, width*len(places))
	for i, place := range places {
		all[i] = keyed{place, keys[i*width : (i+1)*width]}
		key(place, all[i].key)
	}
	slices.SortStableFunc(all, func(a, b keyed) int { return p.compare(a.key, b.key) })
	for i := range all {
		places[i] = all[i].place
	}
}

func (p *plan) compare(a, b []value) int {
	for i, by := range p.order {
		c := compareAs(by.path.f, a[i], b[i])
		if (a[i].k == null) != (b[i].k == null) {
			if by.nullsLast {
				c = -c
			}
		} else if by.down {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}
