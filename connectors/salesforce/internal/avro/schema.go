// Package avro reads the events of Salesforce's Pub/Sub API: their schemas, and payloads in Avro's binary form
// (https://avro.apache.org/docs/1.11.1/specification/), which become the JSON that flows get. It is no general Avro
// library: it writes nothing, resolves no schema against another, and ignores logical types and defaults.
//
// Schemas and payloads come from outside: whatever they hold, reading them takes bounded time and memory.
package avro

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"weir.dev/weir/fault"
)

const (
	maxSchemaBytes = 4 << 20
	maxSchemaDepth = 32 // of types written inside types
)

// kind is the kind of an Avro type.
type kind uint8

const (
	ofNull kind = iota
	ofBoolean
	ofInt
	ofLong
	ofFloat
	ofDouble
	ofBytes
	ofString
	ofRecord
	ofEnum
	ofArray
	ofMap
	ofFixed
	ofUnion
)

var primitives = map[string]kind{
	"null": ofNull, "boolean": ofBoolean, "int": ofInt, "long": ofLong, "float": ofFloat, "double": ofDouble,
	"bytes": ofBytes, "string": ofString,
}

// Schema is a schema, or one type in it; types may refer to each other in circles. Immutable, safe for concurrent use.
type Schema struct {
	kind     kind
	fields   []field   // of a record
	symbols  []string  // of an enum
	branches []*Schema // of a union
	items    *Schema   // of an array or a map
	size     int       // of a fixed
}

// field is one field of a record.
type field struct {
	name string
	doc  string // as "Data:DateTime:00N…": where it comes from, Salesforce's own type, and an id
	form form
	typ  *Schema
}

// form is what a number means, where Salesforce sends times as numbers.
type form uint8

const (
	formPlain    form = iota
	formDateTime      // milliseconds since 1970
	formDate          // the same, at midnight UTC
	formTime          // milliseconds since midnight
)

// vendorType is Salesforce's own name of the field's type, as its doc has it; "" when there is none.
func (f *field) vendorType() string {
	_, rest, _ := strings.Cut(f.doc, ":")
	kind, _, _ := strings.Cut(rest, ":")
	return kind
}

// value is the type of the field's values when there are any: what a union holds besides null, the record if there are
// several.
func (t *Schema) value() *Schema {
	if t.kind != ofUnion {
		return t
	}
	found := t
	for _, b := range t.branches {
		switch {
		case b.kind == ofRecord:
			return b
		case b.kind != ofNull && found == t:
			found = b
		}
	}
	return found
}

// nullable reports whether there may be no value.
func (t *Schema) nullable() bool {
	return t.kind == ofNull || t.kind == ofUnion && slices.ContainsFunc(t.branches, func(b *Schema) bool { return b.kind == ofNull })
}

// Parse reads a schema whose outermost type is a record. Its errors are ConnectorServer.
func Parse(text string) (*Schema, error) {
	if len(text) > maxSchemaBytes {
		return nil, badSchema("it is longer than 4 MiB")
	}
	p := &parser{named: map[string]*Schema{}}
	t, err := p.parse(json.RawMessage(text), "", 0)
	switch {
	case err != nil:
		return nil, err
	case t.kind != ofRecord:
		return nil, badSchema("it is not that of a record")
	}
	return t, nil
}

func badSchema(why string) error {
	return fault.New(fault.ConnectorServer, "reading a schema of Salesforce's events: %s", why)
}

type parser struct {
	named map[string]*Schema // by full name
}

// parse reads one type, in the namespace of what it stands in.
func (p *parser) parse(text json.RawMessage, space string, depth int) (*Schema, error) {
	text = bytes.TrimLeft(text, " \t\r\n")
	switch {
	case depth > maxSchemaDepth:
		return nil, badSchema("its types are nested too deeply")
	case len(text) == 0:
		return nil, badSchema("a type is missing")
	case text[0] == '"':
		return p.reference(text, space)
	case text[0] == '[':
		return p.union(text, space, depth)
	}
	var d declared
	if json.Unmarshal(text, &d) != nil {
		return nil, badSchema("it is no JSON of the right form")
	}
	if len(d.Type) > 0 && d.Type[0] != '"' { // {"type": {…}}, a type in a wrapper
		return p.parse(d.Type, space, depth+1)
	}
	return p.declared(&d, space, depth)
}

// declared is a type that is written as an object.
type declared struct {
	Type      json.RawMessage `json:"type"`
	Name      string          `json:"name"`
	Namespace *string         `json:"namespace"`
	Symbols   []string        `json:"symbols"`
	Items     json.RawMessage `json:"items"`
	Values    json.RawMessage `json:"values"`
	Size      int             `json:"size"`
	Fields    []struct {
		Name string          `json:"name"`
		Doc  string          `json:"doc"`
		Type json.RawMessage `json:"type"`
	} `json:"fields"`
}

func (p *parser) declared(d *declared, space string, depth int) (*Schema, error) {
	var kind string
	if json.Unmarshal(d.Type, &kind) != nil {
		return nil, badSchema("a type is missing")
	}
	t := &Schema{}
	space = p.name(d, space, kind, t)
	var err error
	switch kind {
	case "record", "error":
		t.kind, t.fields = ofRecord, make([]field, len(d.Fields))
		for i, f := range d.Fields {
			t.fields[i] = field{name: f.Name, doc: f.Doc}
			t.fields[i].form = formOf(t.fields[i].vendorType())
			if t.fields[i].typ, err = p.parse(f.Type, space, depth+1); err != nil {
				return nil, err
			}
		}
	case "enum":
		t.kind, t.symbols = ofEnum, d.Symbols
	case "array":
		t.kind = ofArray
		t.items, err = p.parse(d.Items, space, depth+1)
	case "map":
		t.kind = ofMap
		t.items, err = p.parse(d.Values, space, depth+1)
	case "fixed":
		if t.kind, t.size = ofFixed, d.Size; d.Size < 0 {
			return nil, badSchema("a size is negative")
		}
	default: // a primitive with properties, as a logical type, or a name
		return p.reference(d.Type, space)
	}
	return t, err
}

// name keeps a type that has one, before its parts are read, which may mention it. It returns the namespace of the parts.
func (p *parser) name(d *declared, space, kind string, t *Schema) string {
	if d.Name == "" || !slices.Contains([]string{"record", "error", "enum", "fixed"}, kind) {
		return space
	}
	if d.Namespace != nil {
		space = *d.Namespace
	}
	if at := strings.LastIndexByte(d.Name, '.'); at >= 0 {
		space = d.Name[:at]
	}
	p.named[fullName(d.Name, space)] = t
	return space
}

func (p *parser) union(text json.RawMessage, space string, depth int) (*Schema, error) {
	var list []json.RawMessage
	if json.Unmarshal(text, &list) != nil {
		return nil, badSchema("it is no JSON of the right form")
	}
	t := &Schema{kind: ofUnion, branches: make([]*Schema, len(list))}
	for i, b := range list {
		var err error
		if t.branches[i], err = p.parse(b, space, depth+1); err != nil {
			return nil, err
		}
		if t.branches[i].kind == ofUnion {
			return nil, badSchema("a union stands in a union")
		}
	}
	return t, nil
}

// reference is a primitive, or a type that was declared before.
func (p *parser) reference(text json.RawMessage, space string) (*Schema, error) {
	var name string
	if json.Unmarshal(text, &name) != nil {
		return nil, badSchema("it is no JSON of the right form")
	}
	if kind, ok := primitives[name]; ok {
		return &Schema{kind: kind}, nil
	}
	for _, full := range []string{fullName(name, space), name} {
		if t := p.named[full]; t != nil {
			return t, nil
		}
	}
	return nil, badSchema("it mentions a type that it does not declare")
}

func fullName(name, space string) string {
	if space == "" || strings.Contains(name, ".") {
		return name
	}
	return space + "." + name
}

func formOf(vendorType string) form {
	switch vendorType {
	case "DateTime":
		return formDateTime
	case "DateOnly":
		return formDate
	case "TimeOnly":
		return formTime
	}
	return formPlain
}
