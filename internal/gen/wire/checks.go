package main

import (
	"fmt"
	"strings"
)

// checks writes a check method per structure that an input can hold and that has constraints of its own or below it.
func (g *generator) checks(p *printer) error {
	for _, s := range g.structures() {
		if !g.reachable()[s.name] || (!g.constrained(s.name) && !s.traits.has("input")) {
			continue
		}
		name := g.goName(s.name)
		if s.traits.has("input") {
			p.line("// Validate returns every violated constraint of v; see [Input].")
			p.line("func (v *%s) Validate() *ValidationError { return validate(v) }", name)
			p.line("")
		}
		if !g.constrained(s.name) {
			p.line("func (v *%s) check(*checker) {}", name)
			p.line("")
			continue
		}
		p.line("func (v *%s) check(c *checker) {", name)
		for _, m := range s.members {
			if err := g.checkMember(p, m); err != nil {
				return fmt.Errorf("checking %s.%s: %w", s.name, m.name, err)
			}
		}
		p.line("}")
		p.line("")
	}
	return nil
}

func (g *generator) checkMember(p *printer, m *member) error {
	field := "v." + exported(m.name)
	var other string
	switch {
	case m.traits.has("required"):
		p.line("c.required(%q, %s != nil)", m.name, field)
	case m.traits.read("requiredUnless", &other):
		p.line("c.required(%q, %s != nil || v.%s != nil)", m.name, field, exported(other))
	}
	if !g.constrained(m.target) {
		return nil
	}
	switch s := g.model.shapes[m.target]; s.kind {
	case "string":
		p.line("c.string(%q, %s, &%s)", m.name, field, ruleName(m.target))
	case "enum":
		p.line("c.string(%q, (*string)(%s), &%s)", m.name, field, ruleName(m.target))
	case "integer", "long":
		var b bounds
		s.traits.read("range", &b)
		if b.Min == nil || b.Max == nil {
			return fmt.Errorf("range %s is open", m.target)
		}
		p.line("integer(c, %q, %s, %d, %d)", m.name, field, *b.Min, *b.Max)
	case "structure":
		p.line("checkStruct(c, %q, %s)", m.name, field)
	case "list", "map":
		return g.checkContainer(p, m.name, field, s)
	}
	return nil
}

func (g *generator) checkContainer(p *printer, name, field string, s *shape) error {
	least, most := lengths(s)
	size := fmt.Sprintf("sizeRule{%d, %d}", least, most)
	item := g.model.shapes[s.item]
	switch {
	case s.kind == "list" && (item.kind == "string" || item.kind == "enum"):
		p.line("checkStrings(c, %q, %s, %s, &%s)", name, field, size, ruleName(s.item))
	case s.kind == "list" && item.kind == "structure" && least == 0 && most < 0:
		p.line("checkStructs(c, %q, %s)", name, field)
	case s.kind == "map" && (item.kind == "string" || item.kind == "enum"):
		p.line("checkStringMap(c, %q, %s, %s, &%s, &%s)", name, field, size, ruleName(s.key), ruleName(s.item))
	default:
		return fmt.Errorf("no check for %s, a %s of %s", s.name, s.kind, item.kind)
	}
	return nil
}

// lengths is the length trait: code points of a string, items of a container; most is -1 when open.
func lengths(s *shape) (least, most int64) {
	var b bounds
	s.traits.read("length", &b)
	most = -1
	if b.Min != nil {
		least = *b.Min
	}
	if b.Max != nil {
		most = *b.Max
	}
	return least, most
}

// reachable holds the names of all shapes that an input can hold.
func (g *generator) reachable() map[string]bool {
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		s := g.model.shapes[name]
		if s == nil || seen[name] {
			return
		}
		seen[name] = true
		visit(s.item)
		visit(s.key)
		if s.kind == "structure" {
			for _, m := range s.members {
				visit(m.target)
			}
		}
	}
	for _, op := range g.model.byKind("operation") {
		visit(op.input)
	}
	return seen
}

// constrained reports whether a value of the shape, or a part of it, can violate anything. Shapes do not refer to
// themselves in this model; a cycle would overflow the stack here, at generation.
func (g *generator) constrained(name string) bool {
	s := g.model.shapes[name]
	switch s.kind {
	case "enum":
		return true
	case "string":
		least, most := lengths(s)
		return least > 0 || most >= 0 || s.traits.has("pattern")
	case "integer", "long":
		return s.traits.has("range")
	case "list", "map":
		least, most := lengths(s)
		return least > 0 || most >= 0 || g.constrained(s.item) || s.kind == "map" && g.constrained(s.key)
	case "structure":
		for _, m := range s.members {
			if m.traits.has("required") || m.traits.has("requiredUnless") || g.constrained(m.target) {
				return true
			}
		}
	}
	return false
}

func ruleName(shape string) string { return "rule" + shape }

// rules writes one rule per string and enum shape, and the patterns they share.
func (g *generator) rules(p *printer) error {
	patterns := map[string]string{} // text → variable
	reach := g.reachable()
	for _, s := range g.model.byKind("string") {
		if !reach[s.name] || !g.constrained(s.name) {
			continue
		}
		least, most := lengths(s)
		fields := fmt.Sprintf("min: %d, max: %d", least, most)
		var text string
		if s.traits.read("pattern", &text) && text != matchesAll {
			if patterns[text] == "" {
				patterns[text] = "pattern" + s.name
				if err := g.pattern(p, patterns[text], text); err != nil {
					return fmt.Errorf("pattern %s: %w", text, err)
				}
			}
			fields += ", pattern: &" + patterns[text]
		}
		if s.traits.has("sensitive") {
			fields += ", sensitive: true"
		}
		p.line("var %s = stringRule{%s}", ruleName(s.name), fields)
		p.line("")
	}
	for _, s := range g.model.byKind("enum") {
		values := enumValues(s)
		p.line("var %s = stringRule{enum: &enumRule{", ruleName(s.name))
		p.line("values: %#v,", values)
		p.line("text: %q,", "["+strings.Join(values, ", ")+"]")
		p.line("}}")
		p.line("")
	}
	return nil
}
