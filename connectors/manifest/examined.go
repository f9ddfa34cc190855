package manifest

import (
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// OpenFile is a library of one file, whatever else is in its folder. Validation when it is wrong, or is none.
func OpenFile(path string, spec *connector.Spec, log *slog.Logger) (*Library, string, error) {
	name, isManifest := strings.CutSuffix(filepath.Base(path), ".yaml")
	if !isManifest || !label.MatchString(name) {
		return nil, "", fault.New(fault.Validation, "%s: a manifest's file is called LABEL.yaml", path)
	}
	l := &Library{dir: filepath.Dir(path), only: name, spec: spec, log: log, files: map[string]*file{}, passed: map[string]bool{}}
	if err := l.open(); err != nil {
		return nil, "", err
	}
	if l.files[name] == nil {
		return nil, "", fault.New(fault.Validation, "%s: there is no such file", path)
	}
	return l, name, nil
}

// Resized is the connector with pages of so many records of an entity; nil when the manifest does not say how to ask for
// them. For examinations.
func (c *Connector) Resized(entity string, records int) *Connector {
	m := *c.manifest
	m.Entities = slices.Clone(m.Entities)
	e := m.find(entity)
	if e == nil || e.Read == nil || e.Read.Paging.SizeParam == "" {
		return nil
	}
	read := *e.Read
	read.Paging.Size, e.Read = records, &read
	out := New(&m, c.spec)
	out.budgets = c.budgets
	return out
}

// Pushed are the conditions on an entity that the manifest hands on: a field and an operator each.
type Pushed struct {
	Field    string
	Operator flow.Operator
}

// Pushed lists them.
func (c *Connector) Pushed(entity string) []Pushed {
	e := c.manifest.find(entity)
	if e == nil || e.Read == nil {
		return nil
	}
	var list []Pushed
	for _, f := range e.Read.Filters {
		for _, op := range f.Operators {
			list = append(list, Pushed{f.Field, flow.Operator(op)})
		}
	}
	if s := e.Read.Since; s != nil {
		for _, f := range s.Fields {
			list = append(list, Pushed{f, flow.OpGreaterThan})
		}
	}
	return list
}

// OfProfiles is the connector for profiles of custom connectors, whose structures have the values that a manifest reads
// further down.
func (c *Connector) OfProfiles() connector.Connector { return flattened{c} }

// flattened takes such profiles.
type flattened struct{ *Connector }
