package flow

import (
	"slices"
	"strings"
)

// Writing is what a destination's properties say of writing records: the two members that every destination of records
// spells the same way.
type Writing struct {
	Operation string   `json:"writeOperationType"`
	IDs       []string `json:"idFieldNames"`
}

// Writing reads them; an operation that is not given is INSERT.
func (d *Destination) Writing() Writing {
	var w Writing
	if err := d.Properties.Decode(&w); err != nil || w.Operation == "" {
		w.Operation = "INSERT" // properties that cannot be read have been refused before
	}
	w.IDs = slices.DeleteFunc(w.IDs, func(s string) bool { return s == "" })
	return w
}

// FitDestination holds a definition that has passed Validate against the fields of the destination's entity, and the
// source's where they are known (nil else): what is mapped has to exist and to be writable, and ids have to be ids. A
// schema without fields says nothing.
func (d *Definition) FitDestination(s Schema, source *Schema) Problems {
	var p Problems
	if len(s.Fields) == 0 || len(d.Destinations) != 1 {
		return nil
	}
	f := destFit{fit: fit{p: &p, def: d, schema: s, side: "destination"}, write: d.Destinations[0].Writing()}
	f.silent = !slices.ContainsFunc(s.Fields, func(x Field) bool {
		return x.IsCreatable || x.IsUpdatable || x.IsUpsertable || len(x.WriteOperations) > 0
	})
	f.ids()
	for i := range d.Tasks {
		switch t := &d.Tasks[i]; t.Type {
		case TaskMap:
			if !blank(t.DestinationField) {
				f.mapped(i, *t.DestinationField)
			}
		case TaskMapAll:
			f.everything(i, t, source)
		}
	}
	return p
}

type destFit struct {
	fit
	write  Writing
	silent bool // the vendor does not say which fields can be written
}

// mapped checks a destination field that a task makes.
func (f *destFit) mapped(i int, name string) {
	j := f.schema.Find(name)
	switch {
	case j < 0 && (f.schema.Open || f.schema.Paths && strings.Contains(name, ".")):
	case j < 0:
		f.fail(i, "destinationField", "%s", f.unknown(name))
	case !f.writable(&f.schema.Fields[j]):
		f.fail(i, "destinationField", "destination field %q cannot be written by %s; map another field, or take the task out", name, f.write.Operation)
	}
}

// writable reports whether the write operation can set a field, or finds records by it.
func (f *destFit) writable(x *Field) bool {
	if f.silent || slices.Contains(f.write.IDs, x.Name) || slices.Contains(x.WriteOperations, f.write.Operation) {
		return true
	}
	switch f.write.Operation {
	case "INSERT":
		return x.IsCreatable
	case "UPDATE":
		return x.IsUpdatable
	case "UPSERT":
		return x.IsUpsertable || x.IsCreatable || x.IsUpdatable
	}
	return true // DELETE looks at the ids alone
}

// everything checks the fields that a Map_all task brings, by their names.
func (f *destFit) everything(i int, t *Task, source *Schema) {
	if source == nil || f.schema.Open || f.write.Operation == "DELETE" {
		return
	}
	excluded, _ := ParseNameList(t.Properties[PropExcludeSourceFieldsList]) // unreadable lists have been refused
	var missing []string
	for _, x := range source.Fields {
		if j := f.schema.Find(x.Name); !slices.Contains(excluded, x.Name) && (j < 0 || !f.writable(&f.schema.Fields[j])) {
			missing = append(missing, x.Name)
		}
	}
	const most = 12
	more := ""
	if len(missing) > most {
		missing, more = missing[:most], " and others"
	}
	if len(missing) > 0 {
		f.fail(i, "taskProperties.EXCLUDE_SOURCE_FIELDS_LIST", "the destination cannot take %s%s; name them in EXCLUDE_SOURCE_FIELDS_LIST, or use Map tasks", strings.Join(missing, ", "), more)
	}
}

// ids checks the fields that tell which record is meant.
func (f *destFit) ids() {
	path := "destinationFlowConfigList.1.member.destinationConnectorProperties." + f.def.Destinations[0].Connector.Member() + ".idFieldNames"
	if f.write.Operation == "INSERT" {
		return // ids mean nothing then
	}
	for _, name := range f.write.IDs {
		j := f.schema.Find(name)
		switch {
		case j < 0 && f.schema.Open:
		case j < 0:
			f.p.add(path, "%s", f.unknown(name))
		case !f.isID(&f.schema.Fields[j]):
			f.p.add(path, "destination field %q cannot be an id for %s%s", name, f.write.Operation, f.fitIDs())
		}
	}
}

// isID reports whether records can be found by a field: where vendors list write operations, they mean that; where they
// list none, a primary key can, and for UPSERT a field that the vendor calls upsertable.
func (f *destFit) isID(x *Field) bool {
	if len(x.WriteOperations) > 0 {
		return slices.Contains(x.WriteOperations, f.write.Operation)
	}
	said := slices.ContainsFunc(f.schema.Fields, func(x Field) bool { return x.IsPrimaryKey || len(x.WriteOperations) > 0 })
	return !said || x.IsPrimaryKey || f.write.Operation == "UPSERT" && x.IsUpsertable
}

func (f *destFit) fitIDs() string {
	var list []string
	for i := range f.schema.Fields {
		if f.isID(&f.schema.Fields[i]) {
			list = append(list, f.schema.Fields[i].Name)
		}
	}
	if list == nil {
		return ", nor can any other; use another write operation"
	}
	return "; use one of " + strings.Join(list, ", ")
}

// CheckWriting holds the write operation against those that the connector has, and the ids against what the tasks make:
// a record cannot be found by a field that the flow does not give. Nil operations allow every one.
func (d *Definition) CheckWriting(operations []string) Problems {
	var p Problems
	if len(d.Destinations) != 1 {
		return nil
	}
	dst := d.Destinations[0]
	w := dst.Writing()
	path := "destinationFlowConfigList.1.member.destinationConnectorProperties." + dst.Connector.Member()
	if w.Operation != "INSERT" && operations != nil && !slices.Contains(operations, w.Operation) {
		p.add(path+".writeOperationType", "%s cannot %s records; it has %s", dst.Connector, w.Operation, strings.Join(operations, ", "))
		return p
	}
	if w.Operation == "INSERT" || slices.ContainsFunc(d.Tasks, func(t Task) bool { return t.Type == TaskMapAll || t.Type == TaskPassthrough }) {
		return nil
	}
	for _, id := range w.IDs {
		if !slices.ContainsFunc(d.Tasks, func(t Task) bool { return t.Type == TaskMap && t.DestinationField != nil && *t.DestinationField == id }) {
			p.add(path+".idFieldNames", "no task maps a field to %q, by which %s finds records; add a Map task", id, w.Operation)
		}
	}
	return p
}
