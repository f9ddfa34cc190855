package main

import "fmt"

// redactions writes a redacted method per structure that an input can hold and that has sensitive members in it.
func (g *generator) redactions(p *printer) error {
	for _, s := range g.structures() {
		if !g.reachable()[s.name] || !g.secretive(s.name) {
			continue
		}
		name := g.goName(s.name)
		if s.traits.has("input") {
			p.line("// Redacted is v without its secrets; see [Secretive].")
			p.line("func (v *%s) Redacted() Shape { return v.redacted() }", name)
			p.line("")
		}
		p.line("func (v *%s) redacted() *%s {", name, name)
		p.line("if v == nil {")
		p.line("return nil")
		p.line("}")
		p.line("c := *v")
		for _, m := range s.members {
			if !g.secretive(m.target) {
				continue
			}
			expr, err := g.redactExpr(m)
			if err != nil {
				return fmt.Errorf("redacting %s.%s: %w", s.name, m.name, err)
			}
			p.line("c.%s = %s", exported(m.name), expr)
		}
		p.line("return &c")
		p.line("}")
		p.line("")
	}
	return nil
}

func (g *generator) redactExpr(m *member) (string, error) {
	field, s := "v."+exported(m.name), g.model.shapes[m.target]
	switch {
	case s.kind == "string":
		return fmt.Sprintf("redactString(%s)", field), nil
	case s.kind == "structure":
		return field + ".redacted()", nil
	case s.kind == "list" && g.model.shapes[s.item].kind == "structure":
		return fmt.Sprintf("redactStructs(%s, (*%s).redacted)", field, g.goName(s.item)), nil
	case s.kind == "map" && g.model.shapes[s.item].kind == "string" && g.secretive(s.item) && g.stringType(s.key) == "string":
		return fmt.Sprintf("redactMap(%s, %t)", field, g.secretive(s.key)), nil
	}
	return "", fmt.Errorf("no redaction for %s, a %s", m.target, s.kind)
}

// secretive reports whether a value of the shape, or a part of it, is sensitive.
func (g *generator) secretive(name string) bool {
	s := g.model.shapes[name]
	if s == nil {
		return false
	}
	if s.traits.has("sensitive") {
		return true
	}
	for _, m := range s.members {
		if s.kind == "structure" && g.secretive(m.target) {
			return true
		}
	}
	return g.secretive(s.item) || g.secretive(s.key)
}
