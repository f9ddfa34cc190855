package manifest

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"weir.dev/weir/connectorkit/page"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Describe describes the entity that the properties name.
func (c *connection) Describe(ctx context.Context, props flow.Properties) (flow.Schema, error) {
	e, err := c.entity(props)
	if err != nil {
		return flow.Schema{}, err
	}
	if e.Read == nil {
		return flow.Schema{}, fault.New(fault.Validation, "%s: %q can be written, and not read", c.connector.spec.Name, e.Name)
	}
	s, err := c.describe(ctx, e)
	s.Fields = slices.DeleteFunc(s.Fields, func(f flow.Field) bool { return !f.IsRetrievable })
	return s, err
}

// DescribeEntity describes an entity by its name.
func (c *connection) DescribeEntity(ctx context.Context, name string) (flow.Schema, error) {
	e := c.connector.manifest.find(name)
	if e == nil {
		return flow.Schema{}, fault.New(fault.Validation, "%s has no object %q; it has %s", c.connector.spec.Name, name, c.connector.manifest.names())
	}
	return c.describe(ctx, e)
}

func (c *connection) describe(ctx context.Context, e *Entity) (flow.Schema, error) {
	if err := alive(ctx); err != nil {
		return flow.Schema{}, err
	}
	s := flow.Schema{Entity: e.Name, Open: e.Open}
	for i := range e.Fields {
		s.Fields = append(s.Fields, c.field(e, &e.Fields[i]))
	}
	if e.Discover == nil {
		return s, nil
	}
	found, err := c.discover(ctx, e)
	for i := range found {
		if s.Find(found[i].Name) < 0 {
			f := c.field(e, &found[i].Field)
			if key := found[i].key; key != "" {
				f.CustomProperties, f.Path, f.Parent = map[string]string{keyProperty: key}, nil, ""
			}
			s.Fields = append(s.Fields, f)
		}
	}
	return s, err
}

// field is a field as flows see it.
func (c *connection) field(e *Entity, f *Field) flow.Field {
	out := flow.Field{
		Name: f.Name, Label: f.Label, Description: f.Description, Type: f.kind(), VendorType: vendorTypes[f.kind()], SupportedValues: f.Values,
		IsPrimaryKey: f.Key, IsNullable: !f.Key, IsTimestamp: f.Timestamp,
		IsRetrievable: e.Read != nil && !f.WriteOnly, IsQueryable: e.Read != nil && !f.WriteOnly,
	}
	if out.Label == "" {
		out.Label = f.Name
	}
	if path := strings.Split(f.Name, "."); len(path) > 1 {
		out.Path, out.Parent = path, strings.Join(path[:len(path)-1], ".")
	}
	if out.IsQueryable {
		out.FilterOperators = c.connector.comparisons()
	}
	if w := e.Write; w != nil {
		writes := !f.ReadOnly
		out.IsCreatable = writes && w.Insert != nil
		out.IsUpdatable = writes && (w.Update != nil || w.Upsert != nil)
		out.IsUpsertable = w.Upsert != nil && slices.Contains(w.Upsert.IDs, f.Name)
		for _, name := range operations {
			if op := w.operation(name); op != nil && (writes && name != "DELETE" || slices.Contains(op.IDs, f.Name)) {
				out.WriteOperations = append(out.WriteOperations, name)
			}
		}
	}
	return out
}

// comparisons are the operators that filters on this source may have.
func (c *Connector) comparisons() []flow.Operator {
	var list []flow.Operator
	for _, op := range flow.OperatorsOf(c.spec.Type) {
		switch op {
		case flow.OpLessThan, flow.OpGreaterThan, flow.OpLessThanOrEqualTo, flow.OpGreaterThanOrEqualTo, flow.OpBetween, flow.OpContains,
			flow.OpEqualTo, flow.OpNotEqualTo:
			list = append(list, op)
		}
	}
	return list
}

// vendorTypes are the types as DescribeConnectorEntity shows them.
var vendorTypes = map[flow.Type]string{
	flow.TypeString: "String", flow.TypeText: "String", flow.TypeJSON: "Struct", flow.TypeBoolean: "Boolean", flow.TypeInteger: "Integer",
	flow.TypeLong: "Long", flow.TypeDouble: "Double", flow.TypeDecimal: "Decimal", flow.TypeDate: "Date", flow.TypeTime: "Time", flow.TypeDatetime: "DateTime",
}

// maxDiscovered bounds an account's own fields.
const maxDiscovered = 5_000

// found is one of the account's own fields.
type found struct {
	Field
	key string // in the list of Entity.Keyed; "" when it is a member like any other
}

// discover reads the account's own fields.
func (c *connection) discover(ctx context.Context, e *Entity) ([]found, error) {
	d := e.Discover
	list, err := c.items(ctx, "describing entity \""+e.Name+"\"", d.Path, d.Records, &d.Paging)
	if err != nil {
		return nil, err
	}
	var fields []found
	for _, item := range list {
		complete := true
		name := fill(d.Name, func(at string) string {
			text := item.Text(at)
			complete = complete && text != ""
			if e.Keyed != nil {
				text = plainName(text)
			}
			return text
		})
		if !complete {
			continue
		}
		if flag, known := item.Flag(d.If); d.If != "" && known && !flag {
			continue
		}
		f := found{Field: Field{Name: name, Type: d.Types[item.Text(d.TypeAt)]}}
		if e.Keyed != nil {
			f.key = item.Text(d.Key)
			f.Name = unlike(fields, name, f.key)
		}
		if d.Label != "" {
			f.Label = rest.Plain(item.Text(d.Label), 200)
		}
		if fields = append(fields, f); len(fields) > maxDiscovered {
			return nil, fault.New(fault.Quota, "describing entity %q: the account has more than %d fields of its own", e.Name, maxDiscovered)
		}
	}
	return fields, nil
}

// items reads a short list to its end.
func (c *connection) items(ctx context.Context, doing, path, at string, p *Paging) ([]*rest.Envelope, error) {
	walk := page.NewWalk(page.Options{Client: c.client, Style: p.style(), Records: at, Entity: "metadata", Request: rest.Request{Doing: doing, Path: path}})
	var list []*rest.Envelope
	for {
		more, err := walk.Next(ctx)
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
		if len(list) > maxDiscovered {
			return nil, fault.New(fault.Quota, "%s: the list is longer than %d", doing, maxDiscovered)
		}
	}
}

// keyProperty is where a discovered field says under which key a record holds it.
const keyProperty = "key"

// plainName is a title as a part of a field's name.
func plainName(title string) string {
	return strings.Join(strings.FieldsFunc(rest.Plain(title, 100), func(r rune) bool { return strings.ContainsRune(".{}[]\"\\", r) || r == ' ' }), "_")
}

// unlike is the name, with the key behind it when another field has the name already.
func unlike(fields []found, name, key string) string {
	if slices.ContainsFunc(fields, func(f found) bool { return f.Name == name }) {
		return name + "_" + key
	}
	return name
}
