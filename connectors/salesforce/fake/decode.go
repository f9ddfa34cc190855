package fake

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// assignments reads a record in JSON. External ids of parents stand in nested objects. The attributes member is left out,
// and so are the names in except.
func (o *Org) assignments(t *table, members map[string]json.RawMessage, except ...string) ([]assignment, *refusal) {
	var out []assignment
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if name == "attributes" || slices.ContainsFunc(except, func(s string) bool { return strings.EqualFold(s, name) }) {
			continue
		}
		at, f := t.field(name)
		if f == nil {
			a, bad := o.parentByKey(t, name, members[name])
			if bad != nil {
				return nil, bad
			}
			out = append(out, a)
			continue
		}
		v, ok := decodeValue(f, members[name])
		if !ok {
			return nil, refuse("JSON_PARSER_ERROR", fmt.Sprintf("Cannot deserialize instance of %s from %s value %s or request may be missing a required field at [line:1, column:1]", filterTypes[kindOf(f.Type)], jsonKind(members[name]), strings.Trim(string(members[name]), `"`)))
		}
		if f.compound() {
			return nil, refuse("INVALID_FIELD_FOR_INSERT_UPDATE", readOnly(f).message, f.Name)
		}
		out = append(out, assignment{at, v})
	}
	return out, nil
}

func jsonKind(raw json.RawMessage) string {
	switch raw[0] {
	case '"':
		return "VALUE_STRING"
	case '{':
		return "START_OBJECT"
	case '[':
		return "START_ARRAY"
	case 't', 'f':
		return "VALUE_BOOLEAN"
	}
	return "VALUE_NUMBER"
}

func decodeValue(f *Field, raw json.RawMessage) (value, bool) {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	var given any
	if d.Decode(&given) != nil {
		return value{}, false
	}
	v, ok := parseGo(kindOf(f.Type), given)
	return normal(f, v), ok
}

// normal brings ids to their form of 18 characters.
func normal(f *Field, v value) value {
	if f.Type == "reference" && v.k == text {
		if full, ok := fullID(v.s); ok {
			return textValue(full)
		}
	}
	return v
}

// parentByKey reads {"Account__r": {"Ext__c": "7"}}: the parent is named by its external id.
func (o *Org) parentByKey(t *table, name string, raw json.RawMessage) (assignment, *refusal) {
	p := plan{o: o, t: t}
	link := p.relationship(t, name)
	var members map[string]json.RawMessage
	if link == nil || json.Unmarshal(raw, &members) != nil {
		return assignment{}, refuse("INVALID_FIELD", "No such column '"+name+"' on sobject of type "+t.object.Name)
	}
	for key, v := range members {
		if key == "attributes" {
			continue
		}
		var s string
		if json.Unmarshal(v, &s) != nil {
			s = string(v)
		}
		return o.parentKey(t, link, "", key, s)
	}
	return assignment{}, refuse("INVALID_FIELD", "a parent needs an external id: "+name)
}

// parentKey finds the parent that a key names and gives its id to the field. of names the parent's object where the field
// refers to several.
func (o *Org) parentKey(t *table, link *Field, of, key, v string) (assignment, *refusal) {
	at, _ := t.field(link.Name)
	if len(link.RefersTo) > 1 && of == "" {
		return assignment{}, refuse("INVALID_FIELD", "The relationship "+link.Relationship+" refers to several objects: name one")
	}
	if of == "" {
		of = link.RefersTo[0]
	} else if len(link.RefersTo) == 1 || !slices.ContainsFunc(link.RefersTo, func(s string) bool { return strings.EqualFold(s, of) }) {
		return assignment{}, refuse("INVALID_FIELD", "Field name not found : "+of+":"+link.Relationship+"."+key)
	}
	parent := o.tables[strings.ToLower(of)]
	keyAt, f := parent.field(key)
	if f == nil || !f.ExternalID && !f.Unique && f.Type != "email" && f.Type != "id" {
		return assignment{}, refuse("INVALID_FIELD", "No such column '"+key+"' on sobject of type "+parent.object.Name)
	}
	if v == "" {
		return assignment{at, value{}}, nil
	}
	switch places := parent.holders(keyAt, v); len(places) {
	case 1:
		return assignment{at, textValue(parent.idOf(places[0]))}, nil
	case 0:
		return assignment{}, refuse("INVALID_FIELD", fmt.Sprintf("Foreign key external ID: %s not found for field %s in entity %s", strings.ToLower(v), f.Name, parent.object.Name))
	}
	return assignment{}, refuse("INVALID_FIELD", fmt.Sprintf("More than one record found for external id field: %s", v))
}
