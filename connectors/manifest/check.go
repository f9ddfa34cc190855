package manifest

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"weir.dev/weir/flow"
)

// check refuses what is well-formed and makes no sense.
func (b *binder) check(m *Manifest) {
	b.checkBase(m)
	a := &m.Auth
	switch {
	case a.Kind == "apiKey" && (a.Header == "") == (a.Query == ""):
		b.at("auth", "apiKey goes into a header or into the query: give one of the two")
	case a.Kind != "apiKey" && (a.Header != "" || a.Query != "" || a.Prefix != ""):
		b.at("auth", "header, prefix and query are for the kind apiKey")
	case a.Prefix != "" && a.Header == "":
		b.at("auth.prefix", "a prefix goes with a header")
	case a.Scheme != "" && a.Kind != "oauth2":
		b.at("auth.scheme", "a scheme is for the kind oauth2")
	}
	b.checkOAuth(a)
	settings := []string{}
	for i, s := range m.Settings {
		if !settingName.MatchString(s.Name) || s.Name == "instanceUrl" || slices.Contains(settings, s.Name) {
			b.at(fmt.Sprintf("settings[%d].name", i), "a name of its own, of letters and digits, is needed here")
		}
		settings = append(settings, s.Name)
	}
	for name, value := range m.Headers {
		b.template(join("headers", name), value, settings)
	}
	for i, r := range m.Errors {
		if len(r.Status) == 0 && r.At == "" && r.Text == "" {
			b.at(fmt.Sprintf("errors[%d]", i), "a rule needs a condition: status, at or text")
		}
		if r.Code != "" && r.At == "" {
			b.at(fmt.Sprintf("errors[%d].code", i), "a code needs the path where it stands: at")
		}
	}
	if m.Check != nil {
		b.path("check.path", m.Check.Path, nil)
	}
	seen := map[string]bool{}
	for i := range m.Jobs {
		j, at := &m.Jobs[i], fmt.Sprintf("jobs[%d]", i)
		b.once(seen, at+".name", j.Name)
		b.path(at+".path", j.Path, []string{"id"})
	}
	seen = map[string]bool{}
	for i := range m.Entities {
		at := fmt.Sprintf("entities[%d]", i)
		b.once(seen, at+".name", m.Entities[i].Name)
		for k, alias := range m.Entities[i].Aliases {
			b.once(seen, fmt.Sprintf("%s.aliases[%d]", at, k), alias)
		}
		b.entity(m, &m.Entities[i], at)
	}
}

// checkOAuth checks what the manifest says of the authorization server.
func (b *binder) checkOAuth(a *Auth) {
	if a.Kind != "oauth2" && (a.TokenURL != "" || a.AuthURL != "" || len(a.Scopes) > 0 || len(a.Grants) > 0) {
		b.at("auth", "tokenUrl, authUrl, scopes and grants are for the kind oauth2")
	}
	for at, text := range map[string]string{"auth.tokenUrl": a.TokenURL, "auth.authUrl": a.AuthURL} {
		if u, err := url.Parse(text); text != "" && (err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil) {
			b.at(at, "an address that begins with https:// is needed here")
		}
	}
	for i, g := range a.Grants {
		if !contains(grants, g) {
			b.at(fmt.Sprintf("auth.grants[%d]", i), "%q is none of %s", g, strings.ReplaceAll(grants, "|", ", "))
		}
	}
}

const grants = "AUTHORIZATION_CODE|CLIENT_CREDENTIALS|JWT_BEARER"

func (b *binder) checkBase(m *Manifest) {
	base, isInstance := strings.CutPrefix(m.Base, "{instanceUrl}")
	if isInstance {
		if base != "" && !strings.HasPrefix(base, "/") || strings.ContainsAny(base, "{}?#") {
			b.at("base", "behind {instanceUrl} there may be a path, beginning with a slash")
		}
		return
	}
	u, err := url.Parse(m.Base)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		b.at("base", "an address that begins with https://, without query, is needed here, or {instanceUrl}")
	}
}

var settingName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,63}$`)

func (b *binder) once(seen map[string]bool, at, name string) {
	if name == "" {
		b.at(at, "it is empty")
	}
	if seen[name] {
		b.at(at, "%q is there twice", name)
	}
	seen[name] = true
}

// path checks a path and the names in its braces.
func (b *binder) path(at, path string, names []string) {
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "://") || strings.ContainsAny(path, "?#\\ ") || strings.HasPrefix(path, "//") || strings.Contains(path, "/..") {
		b.at(at, "a path begins with one slash and has neither query nor dots that lead up; parameters go into query")
	}
	b.template(at, path, names)
}

// template checks the names in a text's braces.
func (b *binder) template(at, text string, names []string) {
	parts, ok := split(text)
	if !ok {
		b.at(at, "braces hold a name, and are closed")
		return
	}
	for _, p := range parts {
		if p.isName && len(names) > 0 && !slices.Contains(names, p.text) {
			b.at(at, "there is no value {%s} here; there is {%s}", p.text, strings.Join(names, "}, {"))
		} else if p.isName && len(names) == 0 {
			b.at(at, "there are no values for braces here")
		}
	}
}

func (b *binder) entity(m *Manifest, e *Entity, at string) {
	seen := map[string]bool{}
	types := map[string]flow.Type{}
	for i := range e.Fields {
		f, place := &e.Fields[i], fmt.Sprintf("%s.fields[%d]", at, i)
		b.once(seen, place+".name", f.Name)
		types[f.Name] = f.kind()
		if f.Form != "" && f.kind() != flow.TypeDatetime {
			b.at(place+".form", "a form is for the type datetime")
		}
		if f.Timestamp && f.kind() != flow.TypeDatetime {
			b.at(place+".timestamp", "incremental flows go by fields of the type datetime")
		}
		if f.ReadOnly && f.WriteOnly {
			b.at(place, "a field cannot be for reading only and for writing only")
		}
	}
	if e.Read == nil && e.Write == nil {
		b.at(at, "an entity needs read, write or both")
	}
	if e.Incremental != nil && e.Read == nil {
		b.at(at+".incremental", "an entity that is read needs read, for runs that take everything")
	}
	if e.Incremental != nil && e.Incremental.Since == nil {
		b.at(at+".incremental", "it needs since, which says what it goes by")
	}
	for name, p := range map[string]*Endpoint{"read": e.Read, "incremental": e.Incremental} {
		if p != nil {
			b.endpoint(p, types, at+"."+name)
		}
	}
	if k := e.Keyed; k != nil && (e.Discover == nil || e.Discover.Key == "" || types[k.At] != flow.TypeJSON) {
		b.at(at+".keyed", "it needs discover with key, and a field of the type json by the name of the list")
	}
	if d := e.Discover; d != nil {
		b.path(at+".discover.path", d.Path, nil)
		b.paging(&d.Paging, at+".discover.paging", false)
		if parts, ok := split(d.Name); !ok || !slices.ContainsFunc(parts, func(p piece) bool { return p.isName }) {
			b.at(at+".discover.name", "the name needs braces with a path of the item, as user_fields.{key}")
		}
		for vendor, t := range d.Types {
			if !contains(fieldTypes, t) {
				b.at(at+".discover.types."+vendor, "%q is none of %s", t, strings.ReplaceAll(fieldTypes, "|", ", "))
			}
		}
	}
	if e.Write != nil {
		b.write(m, e, at+".write", types)
	}
}

const fieldTypes = "string|text|json|boolean|integer|long|double|decimal|date|time|datetime"

func (b *binder) endpoint(p *Endpoint, types map[string]flow.Type, at string) {
	b.path(at+".path", p.Path, nil)
	var names []string
	if p.Since != nil {
		names = []string{"from", "to"}
		for i, f := range p.Since.Fields {
			if types[f] != flow.TypeDatetime {
				b.at(fmt.Sprintf("%s.since.fields[%d]", at, i), "%q is no field of the type datetime", f)
			}
		}
	}
	uses := false
	for name, value := range p.Query {
		b.template(join(at+".query", name), value, names)
		uses = uses || strings.Contains(value, "{from}")
	}
	if p.Since != nil && !uses {
		b.at(at+".since", "no parameter of query holds {from}")
	}
	b.paging(&p.Paging, at+".paging", len(p.Dedup) > 0)
	for i, f := range p.Dedup {
		if types[f] == "" {
			b.at(fmt.Sprintf("%s.dedup[%d]", at, i), "there is no field %q", f)
		}
	}
	for i, f := range p.Filters {
		place := fmt.Sprintf("%s.filters[%d]", at, i)
		if types[f.Field] == "" {
			b.at(place+".field", "there is no field %q", f.Field)
		}
		for j, op := range f.Operators {
			if !slices.Contains([]string{"EQUAL_TO", "GREATER_THAN", "GREATER_THAN_OR_EQUAL_TO", "LESS_THAN", "LESS_THAN_OR_EQUAL_TO", "CONTAINS"}, op) {
				b.at(fmt.Sprintf("%s.operators[%d]", place, j), "%q is not an operator that can be handed on", op)
			}
		}
		for name, value := range f.Query {
			b.template(join(place+".query", name), value, []string{"value"})
		}
	}
}

func (b *binder) paging(p *Paging, at string, dedup bool) {
	needs := func(what, value string) {
		if value == "" {
			b.at(at, "paging by %s needs %s", p.Kind, what)
		}
	}
	switch p.Kind {
	case "link":
		needs("next", p.Next)
	case "token":
		needs("next", p.Next)
		needs("param", p.Param)
	case "offset", "number":
		needs("param", p.Param)
		if p.ShortEnds && p.Size == 0 {
			b.at(at, "shortEnds needs size")
		}
	case "since":
		needs("next", p.Next)
		needs("param", p.Param)
		needs("end", p.End)
		if !dedup {
			b.at(at, "pages by since overlap: the endpoint needs dedup")
		}
	}
	if p.Size > 0 && p.SizeParam == "" && p.Kind != "" && !p.ShortEnds {
		b.at(at+".size", "a size needs sizeParam, which tells the vendor")
	}
}

func (b *binder) write(m *Manifest, e *Entity, at string, types map[string]flow.Type) {
	any := false
	for _, name := range operations {
		op := e.Write.operation(name)
		if op == nil {
			continue
		}
		any = true
		place := at + "." + strings.ToLower(name)
		var names []string
		if op.Batch <= 1 {
			for f := range types {
				names = append(names, f)
			}
			slices.Sort(names)
		}
		b.operation(e, op, name, place, names, types)
		for i, id := range op.IDs {
			if types[id] == "" {
				b.at(fmt.Sprintf("%s.ids[%d]", place, i), "there is no field %q", id)
			}
		}
		if name != "INSERT" && len(op.IDs) == 0 {
			b.at(place, "it needs ids, the fields that find records")
		}
		if op.Job != "" && m.job(op.Job) == nil {
			b.at(place+".job", "there is no job %q", op.Job)
		}
		if op.Batch > 1 && op.Results == nil {
			b.at(place, "a batch of several records needs results, which say what became of each")
		}
	}
	if !any {
		b.at(at, "it needs at least one operation")
	}
}

// operation checks where the requests of one kind of write go.
func (b *binder) operation(e *Entity, op *Operation, name, place string, names []string, types map[string]flow.Type) {
	fields := names
	if fields == nil {
		for f := range types {
			fields = append(fields, f)
		}
		slices.Sort(fields)
	}
	for param, value := range op.Query {
		b.template(join(place+".query", param), value, fields)
	}
	for member := range op.Set {
		if types[member] != "" {
			b.at(join(place+".set", member), "there is a field of that name, which tasks can map to")
		}
	}
	if op.Query != nil && op.method() != http.MethodDelete {
		b.at(place+".query", "parameters are for the method DELETE; other methods send the records")
	}
	l := op.Lookup
	if l == nil {
		b.path(place+".path", op.Path, names)
		return
	}
	if name != "UPSERT" || op.Path != "" || e.Write.Insert == nil || e.Write.Update == nil || e.Write.Update.Lookup != nil {
		b.at(place+".lookup", "it stands in upsert, instead of path, beside insert and update")
		return
	}
	b.path(place+".lookup.path", l.Path, nil)
	for param, value := range l.Query {
		b.template(join(place+".lookup.query", param), value, fields)
	}
	if !slices.Contains(e.Write.Update.IDs, l.ID) {
		b.at(place+".lookup.id", "update does not find records by %q", l.ID)
	}
}
