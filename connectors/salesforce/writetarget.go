package salesforce

import (
	"context"
	"strings"

	"weir.dev/weir/batch"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Kinds of write, as writeOperationType spells them.
const (
	opInsert = "INSERT"
	opUpdate = "UPDATE"
	opUpsert = "UPSERT"
	opDelete = "DELETE"
)

// aim is what the properties of a destination come to.
type aim struct {
	object      *object
	operation   string
	key         *field // by which records are found; nil for INSERT
	api         string
	failOnFirst bool
}

// byID reports whether records are found by their Id.
func (a *aim) byID() bool { return a.key != nil && a.key.Type == "id" }

// aim reads a destination's properties. What is wrong with them is Validation.
func (c *connection) aim(ctx context.Context, props flow.Properties) (*aim, error) {
	var p struct {
		Object    string   `json:"object"`
		Operation string   `json:"writeOperationType"`
		IDs       []string `json:"idFieldNames"`
		API       string   `json:"dataTransferApi"`
		Errors    struct {
			FailOnFirst bool `json:"failOnFirstDestinationError"`
		} `json:"errorHandlingConfig"`
	}
	if err := props.Decode(&p); err != nil {
		return nil, fault.Wrap(fault.Validation, err, "reading the destination's properties")
	}
	if p.Object == "" {
		return nil, fault.New(fault.Validation, "reading the destination's properties: object is missing")
	}
	a := &aim{operation: p.Operation, api: p.API, failOnFirst: p.Errors.FailOnFirst}
	if a.operation == "" {
		a.operation = opInsert
	}
	if a.api == "" {
		a.api = apiAutomatic
	}
	if a.api != apiAutomatic && a.api != apiBulk && a.api != apiREST {
		return nil, fault.New(fault.Validation, "reading the destination's properties: dataTransferApi %q is none", rest.Plain(p.API, 40))
	}
	var err error
	if a.object, err = c.describe(ctx, p.Object); err != nil {
		return nil, err
	}
	if !a.isAllowed() {
		return nil, fault.New(fault.Validation, "object %q cannot be written by %s, or not by this user", a.object.Name, rest.Plain(a.operation, 40))
	}
	a.key, err = a.keyOf(p.IDs)
	return a, err
}

func (a *aim) isAllowed() bool {
	switch a.operation {
	case opInsert:
		return a.object.Create
	case opUpdate:
		return a.object.Update
	case opUpsert:
		return a.object.Create && a.object.Update
	case opDelete:
		return a.object.Delete
	}
	return false
}

// keyOf is the field that finds records.
func (a *aim) keyOf(ids []string) (*field, error) {
	name := "Id"
	switch {
	case a.operation == opInsert:
		return nil, nil
	case len(ids) > 1:
		return nil, fault.New(fault.Validation, "Salesforce finds records by one field; idFieldNames has %d", len(ids))
	case len(ids) == 1:
		name = ids[0]
	case a.operation == opUpsert:
		return nil, fault.New(fault.Validation, "UPSERT needs the field that finds records; set idFieldNames to Id or to an external id of %q", a.object.Name)
	}
	f := a.object.find(name)
	switch {
	case f == nil:
		return nil, fault.New(fault.Validation, "object %q has no field %q to find records by, or hides it from this user", a.object.Name, rest.Plain(name, 80))
	case f.Type == "id" || a.operation == opUpsert && (f.ExternalID || f.IDLookup):
		return f, nil
	case a.operation == opUpsert:
		return nil, fault.New(fault.Validation, "UPSERT finds records by the Id or an external id; %q of object %q is neither", f.Name, a.object.Name)
	}
	return nil, fault.New(fault.Validation, "Salesforce finds records to %s by their Id only, not by %q; use UPSERT for an external id", strings.ToLower(a.operation), f.Name)
}

// slot is a column that is written, and where.
type slot struct {
	column int
	field  *field // that is set; for a parent's field the one that holds the parent's id
	name   string // in CSV: Name, Mother__r.Ext__c, Lead:Who.Email
	shape  shape
	isKey  bool

	lead, tail []byte // around the value in JSON
	null       []byte // in their place where there is no value
}

// slots finds for each column the field that it is written to. Its errors are Validation and name the column.
func (c *connection) slots(ctx context.Context, a *aim, columns []batch.Column) ([]slot, error) {
	var list []slot
	taken := map[*field]string{}
	for i := range columns {
		name := columns[i].Name
		f := a.object.find(name)
		if a.operation == opDelete && (f == nil || f != a.key) {
			continue // only the ids matter
		}
		s := slot{column: i, field: f}
		var err error
		if f == nil {
			s, err = c.parentSlot(ctx, a, name)
			s.column = i
		} else {
			err = s.fill(a)
		}
		if err != nil {
			return nil, err
		}
		if before, twice := taken[s.field]; twice {
			return nil, fault.New(fault.Validation, "both %q and %q are mapped to field %q of object %q", before, name, s.field.Name, a.object.Name)
		}
		taken[s.field] = name
		list = append(list, s)
	}
	if a.key != nil && taken[a.key] == "" {
		return nil, fault.New(fault.Validation, "no task maps to %q, by which records of %q are found", a.key.Name, a.object.Name)
	}
	return list, nil
}

// fill completes the slot of a field of the object itself.
func (s *slot) fill(a *aim) error {
	f := s.field
	s.name, s.shape, s.isKey = f.Name, shapes[f.Type], f == a.key
	json := f.Name
	switch {
	case s.isKey && f.Type == "id":
		json = "id"
	case f.isCompound():
		return fault.New(fault.Validation, "field %q of object %q is made of others; map to those, such as those whose names begin with %q", f.Name, a.object.Name, strings.TrimSuffix(f.Name, "Address"))
	case !s.isKey && !a.canSet(f):
		return fault.New(fault.Validation, "field %q of object %q cannot be set by %s, or not by this user; leave it out of the tasks", f.Name, a.object.Name, a.operation)
	}
	s.lead = append(append(append(s.lead, ','), batch.AppendQuoted(nil, []byte(json))...), ':')
	s.null = append(append([]byte(nil), s.lead...), "null"...)
	return nil
}

func (a *aim) canSet(f *field) bool {
	switch a.operation {
	case opInsert:
		return f.Createable
	case opUpdate:
		return f.Updateable
	}
	return f.Createable || f.Updateable
}

// parentSlot makes the slot of a parent that is named by a field of its own: Owner.Email, Mother__r.Ext__c; where the
// parent may be of several objects, Lead:Who.Email.
func (c *connection) parentSlot(ctx context.Context, a *aim, name string) (slot, error) {
	unknown := fault.New(fault.Validation, "object %q has no field %q, or hides it from this user", a.object.Name, rest.Plain(name, 120))
	kind, path, typed := strings.Cut(name, ":")
	if !typed {
		kind, path = "", name
	}
	relation, key, ok := strings.Cut(path, ".")
	if !ok {
		return slot{}, unknown
	}
	var f *field
	for _, one := range a.object.Fields {
		if one.Relationship != "" && strings.EqualFold(one.Relationship, relation) {
			f = one
		}
	}
	if f == nil || len(f.ReferenceTo) == 0 {
		return slot{}, unknown
	}
	if !a.canSet(f) {
		return slot{}, fault.New(fault.Validation, "field %q of object %q, which %q is about, cannot be set by %s, or not by this user", f.Name, a.object.Name, rest.Plain(name, 120), a.operation)
	}
	parent := ""
	for _, one := range f.ReferenceTo {
		if len(f.ReferenceTo) == 1 && kind == "" || strings.EqualFold(one, kind) {
			parent = one
		}
	}
	if parent == "" {
		return slot{}, fault.New(fault.Validation, "%q may be of the objects %s; say which, as in %s:%s", f.Relationship, strings.Join(f.ReferenceTo, ", "), f.ReferenceTo[0], path)
	}
	o, err := c.describe(ctx, parent)
	if err != nil {
		return slot{}, err
	}
	by := o.find(key)
	if by == nil || by.Type != "id" && !by.IDLookup && !by.ExternalID {
		return slot{}, fault.New(fault.Validation, "%q: records of %q are not found by %q; name an external id", rest.Plain(name, 120), o.Name, rest.Plain(key, 80))
	}
	return parentOf(f, o, by), nil
}

// parentOf is the slot that names the parent in f by one of its fields.
func parentOf(f *field, o *object, by *field) slot {
	s := slot{field: f, name: f.Relationship + "." + by.Name, shape: shapes[by.Type], tail: []byte("}")}
	s.lead = append(batch.AppendQuoted([]byte{','}, []byte(f.Relationship)), ":{"...)
	if len(f.ReferenceTo) > 1 {
		s.name = o.Name + ":" + s.name
		s.lead = append(append(append(s.lead, `"attributes":{"type":`...), batch.AppendQuoted(nil, []byte(o.Name))...), "},"...)
	}
	s.lead = append(append(s.lead, batch.AppendQuoted(nil, []byte(by.Name))...), ':')
	s.null = append(batch.AppendQuoted([]byte{','}, []byte(f.Name)), ":null"...)
	return s
}
