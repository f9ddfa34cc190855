package flow

// Entity is an object a vendor offers: a table, a report, a folder of files.
type Entity struct {
	Name      string `json:"name"`
	Label     string `json:"label"`
	HasNested bool   `json:"hasNested"`
	Group     string `json:"group,omitzero"` // that lists show it in; "Objects" when empty
}

// Type is a field's canonical type, the vocabulary connectors map their own types to.
type Type string

// Canonical types. Text is what CSV gives: a string that tasks may parse; JSON is a value whose type differs by record
// and is carried as its JSON text.
const (
	TypeString   Type = "string"
	TypeText     Type = "text"
	TypeJSON     Type = "json"
	TypeBoolean  Type = "boolean"
	TypeInteger  Type = "integer" // 32 bits
	TypeLong     Type = "long"    // 64 bits
	TypeDouble   Type = "double"
	TypeDecimal  Type = "decimal"
	TypeDate     Type = "date"
	TypeTime     Type = "time"
	TypeDatetime Type = "datetime" // an instant, microseconds, UTC
	TypeBinary   Type = "binary"
)

// Field is one attribute of an entity, named as the vendor names it; nested fields are dotted.
type Field struct {
	Name             string     `json:"name"`
	Parent           string     `json:"parent,omitzero"`
	Path             []string   `json:"path,omitzero"` // of a field inside others: their names, its own last; see Name
	Label            string     `json:"label,omitzero"`
	Description      string     `json:"description,omitzero"`
	VendorType       string     `json:"vendorType"` // what DescribeConnectorEntity reports as fieldType
	Type             Type       `json:"type"`
	FilterOperators  []Operator `json:"filterOperators,omitzero"`
	SupportedValues  []string   `json:"supportedValues,omitzero"`
	IsPrimaryKey     bool       `json:"isPrimaryKey,omitzero"`
	IsDeprecated     bool       `json:"isDeprecated,omitzero"`
	IsRetrievable    bool       `json:"isRetrievable,omitzero"`
	IsQueryable      bool       `json:"isQueryable,omitzero"`
	IsTimestamp      bool       `json:"isTimestamp,omitzero"` // may carry incremental pulls
	IsCreatable      bool       `json:"isCreatable,omitzero"`
	IsUpdatable      bool       `json:"isUpdatable,omitzero"`
	IsUpsertable     bool       `json:"isUpsertable,omitzero"`
	IsNullable       bool       `json:"isNullable,omitzero"`
	IsDefaulted      bool       `json:"isDefaulted,omitzero"` // the vendor fills it on create
	WriteOperations  []string   `json:"writeOperations,omitzero"`
	DecimalPrecision int32      `json:"decimalPrecision,omitzero"`
	DecimalScale     int32      `json:"decimalScale,omitzero"`

	// What vendors say of the values; shown to users, and not part of any decision.
	DefaultValue     string            `json:"defaultValue,omitzero"`
	ValuePattern     string            `json:"valuePattern,omitzero"` // a regular expression of the vendor's dialect
	DateFormat       string            `json:"dateFormat,omitzero"`
	ValueRange       *Range            `json:"valueRange,omitzero"`
	LengthRange      *Range            `json:"lengthRange,omitzero"`
	CustomProperties map[string]string `json:"customProperties,omitzero"`
}

// Range is what a value or a length lies within; a nil bound is none.
type Range struct {
	Min *float64 `json:"min,omitzero"`
	Max *float64 `json:"max,omitzero"`
}

// Schema is an entity's fields in the vendor's order.
type Schema struct {
	Entity string  `json:"entity"`
	Fields []Field `json:"fields"`
	// Open says that records may hold fields not listed here, because the list was drawn from a sample (JSON). A field
	// that is asked for and not listed is then null where a record lacks it; else it is an error.
	Open bool `json:"open,omitzero"`
	// Paths says that a dotted name may lead through a relationship to a field of another entity, as Owner.Name. Such
	// fields are not listed here; those that a flow names are looked up when its run is prepared.
	Paths bool `json:"paths,omitzero"`
}

// Find returns the index of the named field, or -1.
func (s Schema) Find(name string) int {
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return i
		}
	}
	return -1
}
