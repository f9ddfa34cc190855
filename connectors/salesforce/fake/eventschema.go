package fake

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// eventSchema is the Avro schema of an object's events, and how records fill it.
type eventSchema struct {
	id     string // a hash of the text
	json   string
	change bool // a ChangeEventHeader comes first
	fields []eventField
}

// eventField is one field of an event's body.
type eventField struct {
	name     string
	avro     string // boolean, int, long, double or string; "" for a compound
	doc      string
	form     kind // of a long: moment, day or clock
	required bool
	switched bool // a text that may be a person's name, in parts, instead: an account's
	parts    []eventField
	from     string // the record's field
}

// changeTypes are the symbols of the header's enum, in their order.
var changeTypes = []ChangeType{Create, Update, Delete, Undelete, GapCreate, GapUpdate, GapDelete, GapUndelete, GapOverflow}

// schemaAt is the schema of an object's events at a position of the log.
func (b *Bus) schemaAt(entity string, position int64) eventSchema {
	entity = strings.ToLower(entity)
	o, _ := b.org.Object(entity)
	b.mu.Lock()
	defer b.mu.Unlock()
	s := eventSchema{change: !o.Event}
	for i, from := range b.switches[entity] {
		if position > from {
			s.fields = append(s.fields, eventField{name: fmt.Sprintf("Added_%d__c", i+1), avro: "string", doc: "Data:Text:00N000000000001"})
		}
	}
	s.fields = append(s.fields, bodyOf(o)...)
	s.render(entityEvent(o))
	b.schemas[s.id] = s
	return s
}

func (b *Bus) entityName(folded string) string {
	o, _ := b.org.Object(folded)
	return o.Name
}

// entityEvent is the name of the events about an object.
func entityEvent(o Object) string {
	if o.Event {
		return o.Name
	}
	return changeEvent(o).Name
}

// bodyOf are the fields of an object's events.
func bodyOf(o Object) []eventField {
	var list []eventField
	for _, f := range o.Fields {
		switch {
		case f.Name == "Id" || f.Name == "IsDeleted" || f.Name == "SystemModstamp" || f.Name == "ReplayId" || f.Name == "EventUuid":
		case f.Type == "base64" || f.Calculated || f.Hidden:
		case f.Compound != "":
		case f.compound():
			list = append(list, eventField{name: f.Name, doc: docOf(f, false), parts: partsOf(o, f)})
		case f.NameField && len(partsOf(o, f)) > 0:
			list = append(list, eventField{name: f.Name, doc: "Data:PersonName", parts: partsOf(o, f)})
		default:
			field := simpleField(f, f.Name, o.Event)
			if o.Name == "Account" && f.NameField {
				field.switched, field.doc = true, "Data:Switchable_PersonName"
			}
			list = append(list, field)
		}
	}
	return list
}

// partsOf are the fields that a compound is made of, by their names in it: BillingCity is City.
func partsOf(o Object, compound Field) []eventField {
	var list []eventField
	for _, f := range o.Fields {
		if f.Compound != compound.Name {
			continue
		}
		name := f.Name
		switch compound.Type {
		case "location":
			name = strings.TrimSuffix(name[len(compound.Name)-len("c"):], "__s")
		case "address":
			name = name[len(compound.Name)-len("Address"):]
		}
		list = append(list, simpleField(f, name, false))
	}
	return list
}

func simpleField(f Field, name string, event bool) eventField {
	out := eventField{name: name, from: f.Name, doc: docOf(f, event), avro: "string"}
	switch kindOf(f.Type) {
	case boolean:
		out.avro = "boolean"
	case integer:
		out.avro = "int"
	case double:
		out.avro = "double"
	case day, moment, clock:
		out.avro, out.form = "long", kindOf(f.Type)
	}
	out.required = event && (f.Name == "CreatedDate" || f.Name == "CreatedById")
	return out
}

// docOf is what a schema says of a field: its origin, Salesforce's own type, and its id when it is a custom one.
func docOf(f Field, event bool) string {
	if event && !f.custom() {
		return map[string]string{"CreatedDate": "CreatedDate:DateTime", "CreatedById": "CreatedBy:EntityId"}[f.Name]
	}
	own := map[string]string{
		"boolean": "Boolean", "int": "Integer", "double": "Double", "currency": "Currency", "percent": "Percent", "date": "DateOnly", "datetime": "DateTime",
		"time": "TimeOnly", "phone": "Phone", "url": "Url", "email": "Email", "picklist": "DynamicEnum", "multipicklist": "MultiEnum", "reference": "EntityId",
		"address": "Address", "location": "Location", "encryptedstring": "EncryptedText", "textarea": "StringPlusClob",
	}[f.Type]
	doc := "Data:" + orDefault(own, "Text")
	if f.custom() {
		doc += ":00N000000000001"
	}
	return doc
}

// render writes the schema, and its id.
func (s *eventSchema) render(name string) {
	var fields []any
	if s.change {
		fields = append(fields, Record{"name": "ChangeEventHeader", "type": headerSchema()})
	}
	declared := map[string]bool{}
	for _, f := range s.fields {
		fields = append(fields, f.render(declared))
	}
	text, err := json.Marshal(Record{"type": "record", "name": name, "namespace": "com.sforce.eventbus", "fields": fields})
	if err != nil {
		text = []byte(err.Error())
	}
	sum := md5.Sum(text)
	s.json, s.id = string(text), base64.RawURLEncoding.EncodeToString(sum[:])
}

func headerSchema() Record {
	symbols := make([]string, len(changeTypes))
	for i, t := range changeTypes {
		symbols[i] = string(t)
	}
	list := Record{"type": "array", "items": "string"}
	var fields []Record
	add := func(name string, t any) { fields = append(fields, Record{"name": name, "type": t}) }
	add("entityName", "string")
	add("recordIds", list)
	add("changeType", Record{"type": "enum", "name": "ChangeType", "symbols": symbols})
	add("changeOrigin", "string")
	add("transactionKey", "string")
	add("sequenceNumber", "int")
	add("commitTimestamp", "long")
	add("commitNumber", "long")
	add("commitUser", "string")
	add("nulledFields", list)
	add("diffFields", list)
	add("changedFields", list)
	return Record{"type": "record", "name": "ChangeEventHeader", "fields": fields}
}

// render writes a field. A record of the same parts is declared once, and named from then on.
func (f *eventField) render(declared map[string]bool) Record {
	var t any = f.avro
	if f.parts != nil {
		var inner []Record
		for i := range f.parts {
			inner = append(inner, f.parts[i].render(declared))
		}
		name := recordName(f)
		if t = any(name); !declared[name] {
			declared[name] = true
			t = Record{"type": "record", "name": name, "fields": inner}
		}
	}
	if f.required {
		return Record{"name": f.name, "type": t, "doc": f.doc}
	}
	if f.switched {
		var parts []Record
		for _, name := range []string{"Salutation", "FirstName", "LastName", "MiddleName"} {
			parts = append(parts, Record{"name": name, "type": []string{"null", "string"}, "doc": "Data:Text", "default": nil})
		}
		person := Record{"type": "record", "name": "Switchable_PersonName", "fields": parts}
		return Record{"name": f.name, "type": []any{"null", t, person}, "doc": f.doc, "default": nil}
	}
	return Record{"name": f.name, "type": []any{"null", t}, "doc": f.doc, "default": nil}
}

func recordName(f *eventField) string {
	if strings.HasSuffix(f.doc, "Address") {
		return "Address"
	}
	if strings.HasSuffix(f.doc, "PersonName") {
		return "PersonName"
	}
	return "Location"
}

// serveEventSchema answers by REST with the schema of an event: the one that it has now, or that of an id.
func (b *Bus) serveEventSchema(w http.ResponseWriter, r *http.Request) {
	if !b.org.Authorized(bearer(r)) {
		fail(w, http.StatusUnauthorized, "INVALID_SESSION_ID", "Session expired or invalid")
		return
	}
	var s eventSchema
	ok := false
	if id := r.PathValue("id"); id != "" {
		b.mu.Lock()
		s, ok = b.schemas[id]
		b.mu.Unlock()
	} else {
		channel := "/data/"
		if o, found := b.org.Object(r.PathValue("event")); found && o.Event {
			channel = "/event/"
		}
		var t topic
		if t, ok = b.findTopic(channel + r.PathValue("event")); ok && t.entity != "" {
			_, last, _, _ := b.org.Changes(-1)
			s = b.schemaAt(t.entity, last+1)
		}
	}
	if !ok || s.json == "" {
		fail(w, http.StatusNotFound, "NOT_FOUND", "The requested resource does not exist")
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	fmt.Fprintf(w, "%s,%q:%q}", strings.TrimSuffix(s.json, "}"), "uuid", s.id)
}
