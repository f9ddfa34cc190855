package salesforce

import (
	"context"
	"slices"
	"strings"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// ask makes the question of a request.
func ask(req *connector.ReadRequest, p sourceProperties, s *slice) (*question, error) {
	q := &question{object: s.Object, all: p.Deleted, isKeyed: isKeyed(s.Object) && findFold(req.Schema.Fields, "Id") != nil}
	if q.isKeyed {
		q.columns = append(q.columns, "Id")
	}
	for _, name := range req.Fields {
		f := s.find(req, name)
		switch {
		case f == nil:
			return nil, fault.New(fault.Validation, "reading %q: it has no field %q", s.Object, name)
		case !strings.EqualFold(name, "Id") || !q.isKeyed:
			q.columns = append(q.columns, spelling(f))
		}
	}
	if len(q.columns) == 0 {
		q.columns = []string{"Id"}
	}
	size := 0
	for i := range req.Filters {
		f := s.find(req, req.Filters[i].Field)
		if f == nil {
			continue
		}
		if w := filterSOQL(f, &req.Filters[i]); w != "" && size+len(w) < maxWhere {
			size += len(w)
			q.where = append(q.where, w)
		}
	}
	if req.Window == nil {
		return q, nil
	}
	by := s.find(req, req.WindowBy)
	if req.WindowBy == "" {
		by = changedBy(req.Schema.Fields)
	}
	if by == nil {
		return nil, fault.New(fault.Validation, "reading %q: it has no field %q, by which changes are to be read", s.Object, req.WindowBy)
	}
	window, err := windowSOQL(by, req.Window)
	q.where = append(q.where, window)
	if by.Type == flow.TypeDatetime && q.isKeyed {
		if q.by = by.Name; !slices.Contains(q.columns, q.by) {
			q.columns = append(q.columns, q.by)
		}
	}
	return q, err
}

// changedBy is the field that tells when a record has changed where a flow names none: the one that Salesforce moves with
// every change, its own included, before those that it moves less often.
func changedBy(fields []flow.Field) *flow.Field {
	for _, name := range []string{"SystemModstamp", "LastModifiedDate", "CreatedDate"} {
		if f := findFold(fields, name); f != nil {
			return f
		}
	}
	return nil
}

// isKeyed reports whether the records of an object can be asked for in the order of their ids: not those of big objects,
// which have an order of their own, and of external ones, which are kept elsewhere.
func isKeyed(object string) bool {
	return !strings.HasSuffix(object, bigSuffix) && !strings.HasSuffix(object, externalSuffix)
}

// How the names of such objects end.
const (
	bigSuffix      = "__b"
	externalSuffix = "__x"
)

// find is a field of the object, or one that a path leads to; nil when there is none.
func (s *slice) find(req *connector.ReadRequest, name string) *flow.Field {
	if i := req.Schema.Find(name); i >= 0 {
		return &req.Schema.Fields[i]
	}
	return findFold(s.Paths, name)
}

// spelling is a field's name as Salesforce spells it, which is where answers have it.
func spelling(f *flow.Field) string {
	if len(f.Path) > 0 {
		return strings.Join(f.Path, ".")
	}
	return f.Name
}

func findFold(fields []flow.Field, name string) *flow.Field {
	for i := range fields {
		if strings.EqualFold(fields[i].Name, name) {
			return &fields[i]
		}
	}
	return nil
}

// paths looks up the fields of a request that lead to other objects, such as Owner.Name.
func (c *connection) paths(ctx context.Context, req *connector.ReadRequest, entity string) ([]flow.Field, error) {
	var list []flow.Field
	for _, name := range req.Fields {
		if req.Schema.Find(name) >= 0 {
			continue
		}
		f, err := c.follow(ctx, entity, name)
		if err != nil {
			return nil, err
		}
		list = append(list, *f)
	}
	return list, nil
}

// maxPath is how many relationships a path may lead through; SOQL's own limit.
const maxPath = 5

// follow finds the field at the end of a path of relationships. Where a relationship leads to objects of several kinds,
// the first that has the field says what it is.
func (c *connection) follow(ctx context.Context, entity, path string) (*flow.Field, error) {
	names := strings.Split(path, ".")
	unknown := fault.New(fault.Validation, "reading %q: it has no field %q", entity, rest.Plain(path, 255))
	if len(names) < 2 || len(names) > maxPath+1 {
		return nil, unknown
	}
	for _, name := range names {
		if !isAPIName(name) {
			return nil, unknown
		}
	}
	objects := []string{entity}
	spelled := make([]string, 0, len(names)) // as Salesforce does
	for i, name := range names[:len(names)-1] {
		var next []string
		for _, object := range objects {
			o, err := c.describe(ctx, object)
			if err != nil {
				return nil, err
			}
			for _, f := range o.Fields {
				if f.Relationship != "" && strings.EqualFold(f.Relationship, name) {
					next, spelled = f.ReferenceTo, append(spelled[:i], f.Relationship)
				}
			}
			if len(next) > 0 {
				break
			}
		}
		objects = next
	}
	for _, object := range objects {
		o, err := c.describe(ctx, object)
		if fault.Is(err, fault.Validation) { // hidden from this user; another kind may have the field
			continue
		}
		if err != nil {
			return nil, err
		}
		if f := o.find(names[len(names)-1]); f != nil && f.isReadable() {
			out := f.shown()
			out.Name, out.Path, out.SupportedValues, out.IsPrimaryKey = path, slices.Concat(spelled, []string{f.Name}), nil, false
			return &out, nil
		}
	}
	return nil, unknown
}
