package main

import (
	"fmt"
	"strings"
)

// generator writes the parts of the wire package.
type generator struct {
	model *model
}

// exported spells a member as a Go field: only the first letter changes, as in AWS's SDK for Go, so that readers of one
// know the other.
func exported(name string) string { return strings.ToUpper(name[:1]) + name[1:] }

// goName is a shape's Go type. Inputs and outputs are called as in the SDK.
func (g *generator) goName(name string) string {
	s := g.model.shapes[name]
	if s.traits.has("input") {
		return strings.TrimSuffix(name, "Request") + "Input"
	}
	if s.traits.has("output") {
		return strings.TrimSuffix(name, "Response") + "Output"
	}
	return name
}

// enumConst spells an enum's constant: values in mixed case as they are, values in capitals word by word.
func enumConst(enum, value string) string {
	var b strings.Builder
	b.WriteString(enum)
	for word := range strings.SplitSeq(value, "_") {
		if value == strings.ToUpper(value) {
			word = strings.ToLower(word)
		}
		b.WriteString(exported(word))
	}
	return b.String()
}

// structures lists the model's structures except errors, which travel as name and message.
func (g *generator) structures() []*shape {
	var found []*shape
	for _, s := range g.model.byKind("structure") {
		if !s.traits.has("error") {
			found = append(found, s)
		}
	}
	return found
}

// fieldType is the Go type of a structure's field that holds the shape.
func (g *generator) fieldType(name string) (string, error) {
	s := g.model.shapes[name]
	switch s.kind {
	case "list", "map":
		return g.containerType(s)
	case "structure", "enum":
		return "*" + g.goName(name), nil
	}
	scalar, ok := map[string]string{
		"string": "string", "boolean": "bool", "integer": "int32", "long": "int64", "double": "float64", "timestamp": "Timestamp",
	}[s.kind]
	if !ok {
		return "", fmt.Errorf("no Go type for %s, a %s", name, s.kind)
	}
	return "*" + scalar, nil
}

func (g *generator) containerType(s *shape) (string, error) {
	item := g.model.shapes[s.item]
	elem := ""
	switch item.kind {
	case "string":
		elem = "string"
	case "enum", "structure":
		elem = g.goName(s.item)
	case "list":
		var err error
		if elem, err = g.containerType(item); err != nil {
			return "", err
		}
	default:
		return "", fmt.Errorf("no Go type for %s of %s", s.kind, item.kind)
	}
	if s.kind == "list" {
		return "[]" + elem, nil
	}
	return "map[" + g.stringType(s.key) + "]" + elem, nil
}

// stringType is the Go type of a string or enum shape that is a map's key or a list's item.
func (g *generator) stringType(name string) string {
	if g.model.shapes[name].kind == "enum" {
		return name
	}
	return "string"
}

// inBody reports whether a member travels in the JSON body.
func (m *member) inBody() bool { return !m.traits.has("httpLabel") && !m.traits.has("httpQuery") }
