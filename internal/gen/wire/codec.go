package main

import "fmt"

// decoders writes a decode method per structure: a switch over the names, one line per member.
func (g *generator) decoders(p *printer) error {
	for _, s := range g.structures() {
		name := g.goName(s.name)
		p.line("// DecodeJSON sets the members that data, a JSON object, names; see [Shape].")
		p.line("func (v *%s) DecodeJSON(data []byte) error { return decodeInto(v, data) }", name)
		p.line("")
		if !hasBody(s) {
			p.line("func (v *%s) decode(r *reader) { decodeEmpty(r) }", name)
			p.line("")
			continue
		}
		p.line("func (v *%s) decode(r *reader) {", name)
		p.line("for ok := r.begin(stepMember); ok; ok = r.more() {")
		p.line("switch r.key {")
		for _, m := range s.members {
			if !m.inBody() {
				continue
			}
			expr, err := g.decodeExpr(m.target)
			if err != nil {
				return err
			}
			p.line("case %q:", m.name)
			p.line("v.%s = %s", exported(m.name), expr)
		}
		p.line("default:")
		p.line("r.skip()")
		p.line("}")
		p.line("}")
		p.line("}")
		p.line("")
	}
	return nil
}

func hasBody(s *shape) bool {
	for _, m := range s.members {
		if m.inBody() {
			return true
		}
	}
	return false
}

// decodeExpr is the call that reads a value of the shape.
func (g *generator) decodeExpr(name string) (string, error) {
	s := g.model.shapes[name]
	switch s.kind {
	case "string":
		return "r.string()", nil
	case "enum":
		return fmt.Sprintf("(*%s)(r.string())", name), nil
	case "boolean":
		return "r.bool()", nil
	case "integer":
		return "r.int32()", nil
	case "long":
		return "r.int64()", nil
	case "double":
		return "r.float64()", nil
	case "timestamp":
		return "r.timestamp()", nil
	case "structure":
		return fmt.Sprintf("decodeStruct[%s](r)", g.goName(name)), nil
	case "list", "map":
		fn, err := g.containerFunc(s)
		if err != nil {
			return "", err
		}
		args := "r"
		if fn == "StringMap" {
			args = "r, stepEntry"
			if g.model.shapes[s.key].traits.has("sensitive") {
				args = "r, stepSecretEntry"
			}
		}
		return fmt.Sprintf("decode%s[%s](%s)", fn, g.containerArgs(s), args), nil
	}
	return "", fmt.Errorf("no decoder for %s, a %s", name, s.kind)
}

// containerFunc is the ending of the runtime functions for a list or map.
func (g *generator) containerFunc(s *shape) (string, error) {
	item := g.model.shapes[s.item]
	kind := s.kind + " of " + item.kind
	if item.kind == "list" {
		kind += " of " + g.model.shapes[item.item].kind
	}
	fn, ok := map[string]string{
		"list of string": "Strings", "list of enum": "Strings", "list of structure": "Structs",
		"map of string": "StringMap", "map of structure": "StructMap", "map of list of structure": "StructsMap",
	}[kind]
	if !ok {
		return "", fmt.Errorf("no codec for %s, a %s", s.name, kind)
	}
	return fn, nil
}

func (g *generator) containerArgs(s *shape) string {
	item := g.model.shapes[s.item]
	if s.kind == "list" {
		if item.kind == "structure" {
			return g.goName(s.item)
		}
		return g.stringType(s.item)
	}
	switch key := g.stringType(s.key); item.kind {
	case "structure":
		return key + ", " + g.goName(s.item)
	case "list":
		return key + ", " + g.goName(item.item)
	default:
		return key
	}
}

// encoders writes an AppendJSON method per structure, one line per member.
func (g *generator) encoders(p *printer) error {
	for _, s := range g.structures() {
		name := g.goName(s.name)
		p.line("// AppendJSON appends v as a JSON object; see [Shape].")
		if !hasBody(s) {
			p.line("func (v *%s) AppendJSON(b []byte) []byte { return append(b, '{', '}') }", name)
			p.line("")
			continue
		}
		p.line("func (v *%s) AppendJSON(b []byte) []byte {", name)
		p.line("b = append(b, '{')")
		for _, m := range s.members {
			if !m.inBody() {
				continue
			}
			expr, err := g.encodeExpr(m)
			if err != nil {
				return err
			}
			p.line("b = %s", expr)
		}
		p.line("return append(b, '}')")
		p.line("}")
		p.line("")
	}
	return nil
}

func (g *generator) encodeExpr(m *member) (string, error) {
	s := g.model.shapes[m.target]
	field := "v." + exported(m.name)
	call := func(fn string) (string, error) { return fmt.Sprintf("encode%s(b, %q, %s)", fn, m.name, field), nil }
	switch s.kind {
	case "string":
		return call("String")
	case "enum":
		field = "(*string)(" + field + ")"
		return call("String")
	case "boolean":
		return call("Bool")
	case "integer", "long":
		return call("Integer")
	case "double":
		return call("Float")
	case "timestamp":
		return call("Timestamp")
	case "structure":
		return call("Struct")
	case "list", "map":
		fn, err := g.containerFunc(s)
		if err != nil {
			return "", err
		}
		return call(fn)
	}
	return "", fmt.Errorf("no encoder for %s, a %s", m.target, s.kind)
}
