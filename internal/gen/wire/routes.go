package main

import (
	"fmt"
	"slices"
	"strings"
)

// unions are the structures of which a request sets the member of one connector.
var unions = []string{
	"ConnectorMetadata", "ConnectorOperator", "ConnectorProfileCredentials", "ConnectorProfileProperties",
	"DestinationConnectorProperties", "SourceConnectorProperties",
}

// members writes the helpers of the union-like structures and the table between connector types and member names.
func (g *generator) members(p *printer) error {
	names := map[string]bool{}
	for _, name := range unions {
		s := g.model.shapes[name]
		for _, m := range s.members {
			names[m.name] = true
		}
		g.memberNames(p, s)
		if g.model.shapes[s.members[0].target].kind == "enum" {
			g.operatorAccess(p, s)
		} else {
			g.shapeAccess(p, s)
		}
	}
	return g.connectorTable(p, names)
}

func (g *generator) memberNames(p *printer, s *shape) {
	p.line("// Members lists the names of the members that are set, in alphabetical order.")
	p.line("func (v *%s) Members() []string {", s.name)
	p.line("var names []string")
	for _, m := range s.members {
		p.line("if v.%s != nil {", exported(m.name))
		p.line("names = append(names, %q)", m.name)
		p.line("}")
	}
	p.line("return names")
	p.line("}")
	p.line("")
}

// shapeAccess writes access by name to members that are structures.
func (g *generator) shapeAccess(p *printer, s *shape) {
	p.line("// Member returns the member of that name, nil when it is absent or there is none.")
	p.line("func (v *%s) Member(name string) Shape {", s.name)
	p.line("switch {")
	for _, m := range s.members {
		p.line("case name == %q && v.%s != nil:", m.name, exported(m.name))
		p.line("return v.%s", exported(m.name))
	}
	p.line("}")
	p.line("return nil")
	p.line("}")
	p.line("")
	p.line("// NewMember sets the member of that name to an empty structure and returns it, nil when there is none.")
	p.line("func (v *%s) NewMember(name string) Shape {", s.name)
	p.line("switch name {")
	for _, m := range s.members {
		p.line("case %q:", m.name)
		p.line("v.%s = new(%s)", exported(m.name), g.goName(m.target))
		p.line("return v.%s", exported(m.name))
	}
	p.line("}")
	p.line("return nil")
	p.line("}")
	p.line("")
}

// operatorAccess writes access by name to members that are enums.
func (g *generator) operatorAccess(p *printer, s *shape) {
	p.line("// Member returns the operator under that name, nil when it is absent or there is no such member.")
	p.line("func (v *%s) Member(name string) *string {", s.name)
	p.line("switch name {")
	for _, m := range s.members {
		p.line("case %q:", m.name)
		p.line("return (*string)(v.%s)", exported(m.name))
	}
	p.line("}")
	p.line("return nil")
	p.line("}")
	p.line("")
	p.line("// SetMember sets the operator under that name and reports whether there is such a member.")
	p.line("func (v *%s) SetMember(name, operator string) bool {", s.name)
	p.line("switch name {")
	for _, m := range s.members {
		p.line("case %q:", m.name)
		p.line("v.%s = (*%s)(&operator)", exported(m.name), m.target)
	}
	p.line("default:")
	p.line("return false")
	p.line("}")
	p.line("return true")
	p.line("}")
	p.line("")
}

// connectorTable pairs each member name with the connector type that equals it but for case; there must be exactly one.
func (g *generator) connectorTable(p *printer, names map[string]bool) error {
	member := map[string]string{} // connector type → member name
	types := enumValues(g.model.shapes["ConnectorType"])
	for _, t := range types {
		member[t] = t
	}
	for name := range names {
		i := slices.IndexFunc(types, func(t string) bool { return strings.EqualFold(t, name) })
		if i < 0 {
			return fmt.Errorf("member %s has no connector type", name)
		}
		if m := member[types[i]]; m != types[i] && m != name {
			return fmt.Errorf("connector type %s has the members %s and %s", types[i], m, name)
		}
		member[types[i]] = name
	}
	p.line("// Member is the connector's member name in the union-like structures, which spell some connectors in another way;")
	p.line("// empty for an unknown connector type.")
	p.line("func (v ConnectorType) Member() string {")
	p.line("switch v {")
	for _, t := range types {
		p.line("case %s:", enumConst("ConnectorType", t))
		p.line("return %q", member[t])
	}
	p.line("}")
	p.line(`return ""`)
	p.line("}")
	p.line("")
	p.line("// ConnectorTypeOf is the connector type of a member of the union-like structures, empty for an unknown name.")
	p.line("func ConnectorTypeOf(member string) ConnectorType {")
	p.line("switch member {")
	for _, t := range types {
		p.line("case %q:", member[t])
		p.line("return %s", enumConst("ConnectorType", t))
	}
	p.line("}")
	p.line(`return ""`)
	p.line("}")
	return nil
}

// httpTrait is an operation's route.
type httpTrait struct {
	Method string `json:"method"`
	URI    string `json:"uri"`
}

// operations writes the table of operations, the paths, the inputs' HTTP bindings and the errors' statuses.
func (g *generator) operations(p *printer) error {
	ops := g.model.byKind("operation")
	paths := map[string][]string{} // path → indices
	p.line("var operations = [...]Operation{")
	for i, op := range ops {
		var route httpTrait
		op.traits.read("http", &route)
		paths[route.URI] = append(paths[route.URI], fmt.Sprint(i))
		errs := slices.Sorted(slices.Values(op.errors))
		p.line("{")
		p.line("Name: %q, Method: %q, Path: %q,", op.name, route.Method, route.URI)
		p.line("Errors: %#v,", errs)
		p.line("NewInput: func() Input { return new(%s) },", g.goName(op.input))
		p.line("NewOutput: func() Output { return new(%s) },", g.goName(op.output))
		p.line("},")
	}
	p.line("}")
	p.line("")
	g.paths(p, paths)
	for _, op := range ops {
		if err := g.bindings(p, g.model.shapes[op.input]); err != nil {
			return err
		}
	}
	p.line("// ErrorStatus is the HTTP status of one of the model's errors, 0 for other names.")
	p.line("func ErrorStatus(name string) int {")
	p.line("switch name {")
	for _, s := range g.model.byKind("structure") {
		var status int
		if s.traits.read("httpError", &status) {
			p.line("case %q:", s.name)
			p.line("return %d", status)
		}
	}
	p.line("}")
	p.line("return 0")
	p.line("}")
	return nil
}

func (g *generator) paths(p *printer, paths map[string][]string) {
	var uris, labelled []string
	for uri := range paths {
		if strings.Contains(uri, "{") {
			labelled = append(labelled, uri)
		} else {
			uris = append(uris, uri)
		}
	}
	slices.Sort(uris)
	slices.Sort(labelled)
	p.line("// fixedPaths finds the operations of a path without label, as indices.")
	p.line("func fixedPaths(path string) []int {")
	p.line("switch path {")
	for _, uri := range uris {
		p.line("case %q:", uri)
		p.line("return []int{%s}", strings.Join(paths[uri], ", "))
	}
	p.line("}")
	p.line("return nil")
	p.line("}")
	p.line("")
	p.line("var labelPaths = [...]labelPath{")
	for _, uri := range labelled {
		prefix, label, _ := strings.Cut(uri, "{")
		p.line("{%q, %q, []int{%s}},", prefix, strings.TrimSuffix(label, "}"), strings.Join(paths[uri], ", "))
	}
	p.line("}")
	p.line("")
}

// bindings writes an input's Decode: labels, query, body.
func (g *generator) bindings(p *printer, s *shape) error {
	p.line("// Decode fills v from a request; see [Input].")
	p.line("func (v *%s) Decode(r *Request) error {", g.goName(s.name))
	for _, m := range s.members {
		kind := g.model.shapes[m.target].kind
		var param string
		switch {
		case m.traits.has("httpLabel"):
			if kind != "string" {
				return fmt.Errorf("label %s.%s is a %s", s.name, m.name, kind)
			}
			p.line("v.%s = r.label(%q)", exported(m.name), m.name)
		case m.traits.read("httpQuery", &param):
			if kind != "list" {
				return fmt.Errorf("query parameter %s.%s is a %s", s.name, m.name, kind)
			}
			p.line("var err error")
			p.line("if v.%s, err = r.queryList(%q); err != nil {", exported(m.name), param)
			p.line("return err")
			p.line("}")
		}
	}
	if hasBody(s) || len(s.members) == 0 {
		p.line("return v.DecodeJSON(r.Body)")
	} else {
		p.line("return nil // nothing travels in the body")
	}
	p.line("}")
	p.line("")
	return nil
}
