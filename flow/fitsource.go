package flow

import (
	"fmt"
	"slices"
	"strings"
)

// FitSource holds a definition that has passed Validate against the source's fields, as they are now: what the tasks use
// has to exist, to be readable, and to allow what the tasks do. A schema without fields says nothing, since the source is
// empty; an open one says nothing of fields that it does not list.
func (d *Definition) FitSource(s Schema) Problems {
	var p Problems
	if len(s.Fields) == 0 {
		return nil
	}
	f := fit{p: &p, def: d, schema: s, side: "source", derived: map[string]bool{}}
	for i := range d.Tasks {
		if t := &d.Tasks[i]; t.Type == TaskMerge || t.Type == TaskArithmetic {
			f.derived[t.DerivedName()] = true
		}
	}
	for i := range d.Tasks {
		f.sourceTask(i, &d.Tasks[i])
	}
	f.incremental()
	return p
}

// fit is one look at a definition with a schema beside it.
type fit struct {
	p       *Problems
	def     *Definition
	schema  Schema
	side    string          // "source" or "destination", for messages
	derived map[string]bool // temporary fields that tasks make
}

func (f *fit) fail(i int, member, format string, args ...any) {
	t := &f.def.Tasks[i]
	f.p.add(at(i, member), "Task Validation Error: %s: %s", t.label(f.def.Source.Connector, i), fmt.Sprintf(format, args...))
}

func (f *fit) sourceTask(i int, t *Task) {
	switch t.Type {
	case TaskMapAll:
		names, _ := ParseNameList(t.Properties[PropExcludeSourceFieldsList]) // unreadable lists have been refused
		for _, name := range names {
			if f.schema.Find(name) < 0 && !f.schema.Open && !f.isParent(name) {
				f.fail(i, "taskProperties.EXCLUDE_SOURCE_FIELDS_LIST", "%s, so nothing would be left out for it", f.unknown(name))
			}
		}
		return
	case TaskPassthrough, TaskPartition:
		return
	}
	for _, name := range t.SourceFields {
		field := f.find(i, name)
		if field == nil {
			continue
		}
		if !field.IsRetrievable && t.Type != TaskFilter {
			f.fail(i, "sourceFields", "source field %q cannot be read; take it out", name)
		}
		if t.Type == TaskFilter && t.Operator(f.def.Source.Connector) != OpProjection {
			f.filter(i, t, field)
		}
	}
}

// find returns a field of the schema. It reports one that is unknown, and returns nil for it as for a temporary one.
func (f *fit) find(i int, name string) *Field {
	if j := f.schema.Find(name); j >= 0 {
		return &f.schema.Fields[j]
	}
	isPath := f.schema.Paths && strings.Contains(name, ".")
	if name != "" && !f.derived[name] && !f.schema.Open && !isPath {
		f.fail(i, "sourceFields", "%s", f.unknown(name))
	}
	return nil
}

// isParent reports whether a name is that of an object whose members are listed with dots.
func (f *fit) isParent(name string) bool {
	return slices.ContainsFunc(f.schema.Fields, func(x Field) bool { return strings.HasPrefix(x.Name, name+".") || x.Parent == name })
}

// unknown says that there is no such field, and what is meant perhaps.
func (f *fit) unknown(name string) string {
	of := "the " + f.side
	if f.schema.Entity != "" {
		of += fmt.Sprintf(" entity %q", f.schema.Entity)
	}
	for _, x := range f.schema.Fields {
		if strings.EqualFold(strings.TrimSpace(x.Name), strings.TrimSpace(name)) {
			return fmt.Sprintf("%s has no field %q; it has %q", of, name, x.Name)
		}
	}
	const most = 12
	var known strings.Builder
	for j, x := range f.schema.Fields {
		if j == most {
			fmt.Fprintf(&known, " and %d more", len(f.schema.Fields)-most)
			break
		}
		if j > 0 {
			known.WriteString(", ")
		}
		known.WriteString(x.Name)
	}
	return fmt.Sprintf("%s has no field %q; it has %s", of, name, known.String())
}

// filter checks what a Filter task does with a field. Vendors that list no operators for a field allow all of theirs.
func (f *fit) filter(i int, t *Task, field *Field) {
	op := t.Operator(f.def.Source.Connector)
	switch {
	case !field.IsQueryable:
		f.fail(i, "sourceFields", "source field %q cannot be filtered by; filter by another, or at the destination", field.Name)
		return
	case len(field.FilterOperators) > 0 && !slices.Contains(field.FilterOperators, op):
		f.fail(i, "connectorOperator."+f.def.Source.Connector.Member(), "source field %q, which is %s, cannot be filtered by %s; it allows %s",
			field.Name, field.vendorType(), op, join(field.FilterOperators))
		return
	}
	given := t.Properties[PropDataType]
	if given == "" || strings.EqualFold(given, field.VendorType) {
		return
	}
	if want, ok := field.comparison(); ok && CompareAs(given) != want {
		f.fail(i, "taskProperties.DATA_TYPE", "DATA_TYPE %s would compare by %s, but source field %q is %s; write %s",
			given, CompareAs(given), field.Name, field.vendorType(), field.vendorType())
	}
}

// comparison is how values of the field compare; false where the source does not type them.
func (x *Field) comparison() (Comparison, bool) {
	switch x.Type {
	case TypeText, TypeJSON, TypeTime, TypeBinary, "":
		return "", false
	case TypeString:
		return CompareText, true
	}
	return CompareAs(string(x.Type)), true
}

func (x *Field) vendorType() string {
	if x.VendorType != "" {
		return x.VendorType
	}
	return string(x.Type)
}

// incremental checks the field that changes are found by. S3 has none of its own: there the object's time counts.
func (f *fit) incremental() {
	inc := f.def.Source.Incremental
	if inc == nil || blank(inc.DatetimeField) || f.def.Source.Connector == S3 {
		return
	}
	const path = "sourceFlowConfig.incrementalPullConfig.datetimeTypeFieldName"
	j := f.schema.Find(*inc.DatetimeField)
	switch {
	case j < 0 && f.schema.Open:
	case j < 0:
		f.p.add(path, "%s", f.unknown(*inc.DatetimeField))
	case !f.schema.Fields[j].IsTimestamp:
		var fit []string
		for _, x := range f.schema.Fields {
			if x.IsTimestamp {
				fit = append(fit, x.Name)
			}
		}
		if fit == nil {
			f.p.add(path, "source field %q does not tell when a record changed, and no other field does; pull everything instead (dataPullMode Complete)", *inc.DatetimeField)
			return
		}
		f.p.add(path, "source field %q does not tell when a record changed; use one of %s", *inc.DatetimeField, strings.Join(fit, ", "))
	}
}
