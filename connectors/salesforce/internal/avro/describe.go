package avro

import "weir.dev/weir/flow"

// Bounds of what is listed: a schema may lead in circles.
const (
	maxListedDepth  = 2
	maxListedFields = 20_000
)

// Describe lists what events of the schema hold, in its order. What is inside of compound fields and of the header
// stands under dotted names. A name that may be a text or a compound, as an account's may be a person's, is one field.
func (t *Schema) Describe(entity string) flow.Schema {
	return flow.Schema{Entity: entity, Fields: appendFields(nil, t, "", nil, 0)}
}

func appendFields(list []flow.Field, record *Schema, parent string, path []string, depth int) []flow.Field {
	for i := range record.fields {
		if len(list) >= maxListedFields {
			break
		}
		f := &record.fields[i]
		value := f.typ.value()
		name := f.name
		if parent != "" {
			name = parent + "." + f.name
		}
		at := append(append([]string(nil), path...), f.name)
		if value.kind == ofRecord && depth <= maxListedDepth && !alsoText(f.typ) {
			list = appendFields(list, value, name, at, depth+1)
		} else {
			list = append(list, eventField(f, name, parent, at))
		}
	}
	return list
}

// alsoText reports whether a compound field may hold a text instead.
func alsoText(t *Schema) bool {
	for _, b := range t.branches {
		if b.kind == ofString {
			return true
		}
	}
	return false
}

func eventField(f *field, name, parent string, path []string) flow.Field {
	field := flow.Field{Name: name, VendorType: f.vendorType(), IsRetrievable: true, IsNullable: f.typ.nullable()}
	if parent != "" {
		field.Parent, field.Path = parent, path
	}
	value := f.typ.value()
	if field.Type = f.typeOf(value); alsoText(f.typ) {
		field.Type = flow.TypeString
	}
	if field.VendorType == "" {
		field.VendorType = string(field.Type)
	}
	if value.kind == ofEnum {
		field.SupportedValues = value.symbols
	}
	return field
}

func (f *field) typeOf(value *Schema) flow.Type {
	switch f.form {
	case formDateTime:
		return flow.TypeDatetime
	case formDate:
		return flow.TypeDate
	case formTime:
		return flow.TypeTime
	}
	switch value.kind {
	case ofBoolean:
		return flow.TypeBoolean
	case ofInt:
		return flow.TypeInteger
	case ofLong:
		return flow.TypeLong
	case ofFloat, ofDouble:
		return flow.TypeDouble
	case ofBytes, ofFixed:
		return flow.TypeBinary
	case ofRecord, ofArray, ofMap:
		return flow.TypeJSON
	}
	return flow.TypeString
}

// header is what all change events have, as Salesforce's schemas declare it.
const header = `{"type":"record","name":"ChangeEvent","fields":[{"name":"ChangeEventHeader","type":{"type":"record","name":"ChangeEventHeader","fields":[
 {"name":"entityName","type":"string"},{"name":"recordIds","type":{"type":"array","items":"string"}},
 {"name":"changeType","type":{"type":"enum","name":"ChangeType","symbols":["CREATE","UPDATE","DELETE","UNDELETE","GAP_CREATE","GAP_UPDATE","GAP_DELETE","GAP_UNDELETE","GAP_OVERFLOW","SNAPSHOT"]}},
 {"name":"changeOrigin","type":"string"},{"name":"transactionKey","type":"string"},{"name":"sequenceNumber","type":"int"},
 {"name":"commitTimestamp","type":"long"},{"name":"commitNumber","type":"long"},{"name":"commitUser","type":"string"},
 {"name":"nulledFields","type":{"type":"array","items":"string"}},{"name":"diffFields","type":{"type":"array","items":"string"}},
 {"name":"changedFields","type":{"type":"array","items":"string"}}]}}]}`

// Header is the schema of a change event of which nothing but the header is known.
func Header() *Schema {
	s, err := Parse(header)
	if err != nil {
		return &Schema{kind: ofRecord} // a test reads it
	}
	return s
}
