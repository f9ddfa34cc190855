package fake

import "strings"

// Object is a type of records, as describe tells of it. The zero flags are an ordinary object's.
type Object struct {
	Name, Label, Plural string
	KeyPrefix           string // the first three characters of its records' ids
	Custom              bool
	ReadOnly            bool // nothing may be written by the API
	Unqueryable         bool // no SOQL: change events and platform events
	NoBulk              bool // the Bulk API refuses it
	Replicates          bool // changes of its records are announced, as <Name>ChangeEvent
	Event               bool // it is a platform event: writing one publishes it
	Fields              []Field
	// Rule is a validation rule: what it returns for a record about to be written is the error, "" for none. It is called
	// while the org is locked, so it must not call the org.
	Rule func(Record) (field, message string)
}

// Field is one field of an object, as describe tells of it.
type Field struct {
	Name, Label      string
	Type             string // describe's: id, string, textarea, picklist, double, datetime, address …
	Length           int    // of text, in characters
	Precision, Scale int    // of numbers that are not whole
	Digits           int    // of whole numbers
	Required         bool   // an insert must bring it
	ReadOnly         bool   // set by Salesforce alone: system fields, formulas
	Default          any    // what an insert without it gets; describe calls it defaultedOnCreate
	Unique           bool
	ExternalID       bool // upserts may go by it; such a field is an idLookup
	NameField        bool
	Calculated       bool   // a formula
	AutoNumber       string // the form of an automatic number, as INV-{00000}
	Unfilterable     bool   // may not stand in WHERE: long text, compounds
	Compound         string // the address, name or location that it is a part of
	RefersTo         []string
	Relationship     string // the name that leads to the parent's fields, as Owner in Owner.Name
	Picklist         []string
	Restricted       bool // other values than the picklist's are refused
	HTML             bool
	Hidden           bool // field-level security: this user neither sees nor asks for it
	// Formula makes the value of a calculated field from the record's others, and must not call the org either.
	Formula func(Record) any
}

// custom says whether the field was made by the org's administrators.
func (f *Field) custom() bool {
	return strings.HasSuffix(f.Name, "__c") || strings.HasSuffix(f.Name, "__s")
}

// compound says whether the field is made of others and holds nothing itself.
func (f *Field) compound() bool { return f.Type == "address" || f.Type == "location" }

// announced says whether changes show the field: formulas are not in them, nor is the name of a person, whose parts are.
func (f *Field) announced() bool {
	return !f.Calculated && !f.compound() && (f.Formula == nil || !f.NameField)
}

func (f *Field) filterable() bool {
	return !f.Unfilterable && !f.compound() && f.Type != "base64" && f.Type != "encryptedstring" && !(f.Type == "textarea" && f.Length > 255)
}

// Record is one record in the form that Go code gives and gets: nil, string (also dates as 2024-05-01 and times as
// 10:11:12.000Z), bool, int64, float64, and time.Time for dateTimes. Compound fields are not in it, their parts are.
type Record = map[string]any
