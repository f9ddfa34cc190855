package salesforce

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// object is what Salesforce says of an object. It is shared and never changed.
type object struct {
	Name      string   `json:"name"`
	Label     string   `json:"label"`
	KeyPrefix string   `json:"keyPrefix"`
	Fields    []*field `json:"fields"`
	can

	byName map[string]*field // by lower case: Salesforce does not mind it
}

// can is what may be done with an object.
type can struct {
	Query  bool `json:"queryable"`
	Create bool `json:"createable"`
	Update bool `json:"updateable"`
	Delete bool `json:"deletable"`
	Hidden bool `json:"deprecatedAndHidden"`
}

// field is what Salesforce says of one.
type field struct {
	Name         string   `json:"name"`
	Label        string   `json:"label"`
	Help         string   `json:"inlineHelpText"`
	Type         string   `json:"type"`
	Length       int      `json:"length"`
	Precision    int32    `json:"precision"`
	Scale        int32    `json:"scale"`
	Nillable     bool     `json:"nillable"`
	Createable   bool     `json:"createable"`
	Updateable   bool     `json:"updateable"`
	Defaulted    bool     `json:"defaultedOnCreate"`
	Unique       bool     `json:"unique"`
	ExternalID   bool     `json:"externalId"`
	IDLookup     bool     `json:"idLookup"`
	Filterable   bool     `json:"filterable"`
	Sortable     bool     `json:"sortable"`
	Hidden       bool     `json:"deprecatedAndHidden"`
	Compound     string   `json:"compoundFieldName"`
	Relationship string   `json:"relationshipName"`
	ReferenceTo  []string `json:"referenceTo"`
	Picklist     []struct {
		Value  string `json:"value"`
		Active bool   `json:"active"`
	} `json:"picklistValues"`
}

// kept is a description and when it was made.
type kept struct {
	object *object
	at     time.Time
}

// describedFor is how long a connection believes a description: those that listen live long.
const describedFor = 5 * time.Minute

// describe describes an object, whose name may be in any case. Validation when there is no such object for this user.
func (c *connection) describe(ctx context.Context, name string) (*object, error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	if !isAPIName(name) {
		return nil, fault.New(fault.Validation, "%s has no object %q", vendor, rest.Plain(name, 80))
	}
	key := strings.ToLower(name)
	c.mu.Lock()
	k := c.described[key]
	c.mu.Unlock()
	if k != nil && c.now().Sub(k.at) < describedFor {
		return k.object, nil
	}
	o := &object{}
	_, err := c.client.Do(ctx, &rest.Request{
		Doing: "describing object \"" + name + "\"", Path: dataPath + "/sobjects/" + url.PathEscape(name) + "/describe",
		Accept: func(a *rest.Answer) error {
			*o = object{}
			if err := json.Unmarshal(a.Body, o); err != nil || o.Name == "" {
				return fault.Temporary(fault.ConnectorServer, nil, "the answer is no description of an object")
			}
			return nil
		},
	})
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.Validation, "%s has no object %q, or hides it from this user", vendor, name)
	}
	if err != nil {
		return nil, err
	}
	o.byName = make(map[string]*field, len(o.Fields))
	for _, f := range o.Fields {
		o.byName[strings.ToLower(f.Name)] = f
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.described[key] = &kept{object: o, at: c.now()}
	return o, nil
}

// isAPIName reports whether a text may be the name of an object or field: it goes into paths and queries as it is.
func isAPIName(s string) bool {
	if s == "" || len(s) > 255 || s[0] >= '0' && s[0] <= '9' {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool {
		return !(r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z')
	}) < 0
}

// find is a field by its name in any case; nil when there is none.
func (o *object) find(name string) *field { return o.byName[strings.ToLower(name)] }

// isCompound reports whether a field is made of others, which are fields as well.
func (f *field) isCompound() bool {
	return f.Type == "address" || f.Type == "location" || f.Type == "complexvalue"
}

// isReadable reports whether records show the field's value: files are shown by their address only.
func (f *field) isReadable() bool { return f.Type != "base64" && !f.Hidden }

// types are the canonical types; what is not here is text.
var types = map[string]flow.Type{
	"boolean": flow.TypeBoolean, "int": flow.TypeInteger, "long": flow.TypeLong, "double": flow.TypeDouble, "currency": flow.TypeDecimal,
	"percent": flow.TypeDecimal, "date": flow.TypeDate, "datetime": flow.TypeDatetime, "time": flow.TypeTime, "base64": flow.TypeBinary,
	"address": flow.TypeJSON, "location": flow.TypeJSON, "complexvalue": flow.TypeJSON,
}

// kind is the field's canonical type.
func (f *field) kind() flow.Type {
	if t, ok := types[f.Type]; ok {
		return t
	}
	return flow.TypeString
}

// shown is the field as flows see it.
func (f *field) shown() flow.Field {
	out := flow.Field{
		Name: f.Name, Label: f.Label, Description: rest.Plain(f.Help, 1000), VendorType: f.Type, Type: f.kind(), FilterOperators: comparisons(f.kind()),
		IsPrimaryKey: f.Type == "id", IsDeprecated: f.Hidden, IsRetrievable: f.isReadable(), IsQueryable: f.Filterable,
		IsTimestamp: f.Type == "datetime" && f.Filterable, IsCreatable: f.Createable, IsUpdatable: f.Updateable,
		IsUpsertable: f.Createable || f.Updateable, IsNullable: f.Nillable, IsDefaulted: f.Defaulted,
	}
	switch {
	case f.Type == "id":
		out.WriteOperations = []string{"UPDATE", "UPSERT", "DELETE"}
	case f.ExternalID:
		out.WriteOperations = []string{"UPSERT"}
	case f.IDLookup:
		out.WriteOperations = []string{"UPDATE", "UPSERT"}
	}
	if out.Type == flow.TypeDecimal {
		out.DecimalPrecision, out.DecimalScale = f.Precision, f.Scale
	}
	for _, p := range f.Picklist {
		if p.Active {
			out.SupportedValues = append(out.SupportedValues, p.Value)
		}
	}
	if f.Length > 0 && out.Type == flow.TypeString {
		most := float64(f.Length)
		out.LengthRange = &flow.Range{Max: &most}
	}
	if f.Relationship != "" && len(f.ReferenceTo) > 0 {
		out.CustomProperties = map[string]string{"relationshipName": f.Relationship, "referenceTo": strings.Join(f.ReferenceTo, ",")}
	}
	return out
}

// comparisons are the operators that filters on a field may have. Those that Salesforce does not take are applied here.
func comparisons(t flow.Type) []flow.Operator {
	equal := []flow.Operator{flow.OpEqualTo, flow.OpNotEqualTo}
	order := []flow.Operator{flow.OpLessThan, flow.OpLessThanOrEqualTo, flow.OpGreaterThan, flow.OpGreaterThanOrEqualTo, flow.OpBetween}
	switch t {
	case flow.TypeBoolean:
		return equal
	case flow.TypeString:
		return slices.Concat([]flow.Operator{flow.OpContains}, order, equal)
	case flow.TypeJSON, flow.TypeBinary:
		return nil
	}
	return append(order, equal...)
}

// DescribeEntity implements [connector.EntityDescriber].
func (c *connection) DescribeEntity(ctx context.Context, name string) (flow.Schema, error) {
	o, err := c.describe(ctx, name)
	if err != nil {
		return flow.Schema{}, err
	}
	s := flow.Schema{Entity: o.Name, Paths: true}
	for _, f := range o.Fields {
		if f.Hidden {
			continue
		}
		out := f.shown()
		if parent := o.find(f.Compound); parent != nil && parent != f && parent.isCompound() {
			out.Parent = parent.Name
		}
		s.Fields = append(s.Fields, out)
	}
	return s, nil
}

// The groups that entities are listed in.
const groupEvents = "Events"

// ListEntities implements [connector.EntityLister]: the objects that can be read or written, and the events.
func (c *connection) ListEntities(ctx context.Context, path string) ([]flow.Entity, error) {
	if err := alive(ctx); err != nil || path != "" {
		return nil, err
	}
	var all struct {
		Objects []object `json:"sobjects"`
	}
	_, err := c.client.Do(ctx, &rest.Request{
		Doing: "listing the objects", Path: dataPath + "/sobjects",
		Accept: func(a *rest.Answer) error {
			all.Objects = nil
			if err := json.Unmarshal(a.Body, &all); err != nil || all.Objects == nil {
				return fault.Temporary(fault.ConnectorServer, nil, "the answer is no list of objects")
			}
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	var list []flow.Entity
	for i := range all.Objects {
		o := &all.Objects[i]
		e := flow.Entity{Name: o.Name, Label: o.Label}
		if e.Label == "" {
			e.Label = e.Name
		}
		switch {
		case o.Hidden:
			continue
		case isEvent(o.Name):
			e.Group = groupEvents
		case !o.Query && !o.Create && !o.Update && !o.Delete:
			continue
		}
		list = append(list, e)
	}
	return list, nil
}

// isEvent reports whether a name is that of change events or of a platform event.
func isEvent(name string) bool {
	return strings.HasSuffix(name, "ChangeEvent") || strings.HasSuffix(name, "__e")
}
