package main

import "strings"

// shapes writes the structures.
func (g *generator) shapes(p *printer) error {
	for _, s := range g.structures() {
		name := g.goName(s.name)
		switch {
		case s.traits.has("input"):
			p.line("// %s is the input of %s.", name, strings.TrimSuffix(name, "Input"))
		case s.traits.has("output"):
			p.line("// %s is the output of %s.", name, strings.TrimSuffix(name, "Output"))
		default:
			p.line("// %s is the API's structure of that name.", name)
		}
		p.line("type %s struct {", name)
		for _, m := range s.members {
			typ, err := g.fieldType(m.target)
			if err != nil {
				return err
			}
			p.line("%s %s%s", exported(m.name), typ, g.remark(m))
		}
		p.line("}")
		p.line("")
	}
	return nil
}

// remark is the comment behind a field: what the type does not tell.
func (g *generator) remark(m *member) string {
	var words []string
	var other string
	switch {
	case m.traits.has("required"):
		words = append(words, "required")
	case m.traits.read("requiredUnless", &other):
		words = append(words, "required unless "+other+" is there")
	}
	switch {
	case m.traits.has("httpLabel"):
		words = append(words, "in the path")
	case m.traits.has("httpQuery"):
		words = append(words, "in the query")
	}
	if g.model.shapes[m.target].traits.has("sensitive") {
		words = append(words, "sensitive")
	}
	if m.traits.has("idempotencyToken") {
		words = append(words, "makes retries safe")
	}
	if len(words) == 0 {
		return ""
	}
	return " // " + strings.Join(words, ", ")
}

// enums writes the enums with their values.
func (g *generator) enums(p *printer) error {
	p.use("slices")
	for _, s := range g.model.byKind("enum") {
		p.line("// %s is the API's enum of that name.", s.name)
		p.line("type %s string", s.name)
		p.line("")
		p.line("// Values of [%s].", s.name)
		p.line("const (")
		for _, v := range enumValues(s) {
			p.line("%s %s = %q", enumConst(s.name, v), s.name, v)
		}
		p.line(")")
		p.line("")
		p.line("// Valid reports whether v is one of the enum's values.")
		p.line("func (v %s) Valid() bool { return %s.enum.has(string(v)) }", s.name, ruleName(s.name))
		p.line("")
		p.line("// Values lists the enum's values; the list is the caller's.")
		p.line("func (%s) Values() []string { return slices.Clone(%s.enum.values) }", s.name, ruleName(s.name))
		p.line("")
	}
	return nil
}

func enumValues(s *shape) []string {
	var values []string
	for _, m := range s.members {
		var v string
		if !m.traits.read("enumValue", &v) {
			v = m.name
		}
		values = append(values, v)
	}
	return values
}
