// Package plan decides everything about an execution before the first row is read: which fields to ask for, which
// conditions the source may apply, what the tasks come to, and where and how the output is laid out.
//
// It is pure: a flow's definition and a schema go in, a [Plan] comes out. A plan is plain data, so it can be frozen in
// the ledger, shown before a run, compared, and executed by any worker; the program is compiled from it where the rows
// are. Nothing here touches network, clock, database or columns.
package plan

import (
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
)

// Plan is all a worker needs to know to move an execution's rows, besides credentials.
type Plan struct {
	ExecutionID   string    `json:"executionId"`
	FlowName      string    `json:"flowName"`
	FlowVersion   int64     `json:"flowVersion"`
	SchemaVersion int64     `json:"schemaVersion"`
	StartedAt     time.Time `json:"startedAt"` // dates in keys are this instant's, in UTC

	Source  Source  `json:"source"`
	Program Program `json:"program"`
	Dest    Dest    `json:"dest"`

	// OneSplit says that the output must be made by one worker: it is one file, or files of a size in many folders.
	OneSplit bool `json:"oneSplit,omitzero"`

	// Options are the flow's as they were when the plan was made.
	Options flow.Options `json:"options,omitzero"`
	// SchemaChanged says that the source has grown fields since the flow's last run, and that they are taken along: the
	// output has a new schema version.
	SchemaChanged bool `json:"schemaChanged,omitzero"`
}

// Source is what to read and from whom.
type Source struct {
	Connector   flow.ConnectorType    `json:"connector"`
	ProfileName string                `json:"profileName,omitzero"`
	APIVersion  string                `json:"apiVersion,omitzero"`
	Read        connector.ReadRequest `json:"read"`
}

// Dest is where rows go. Files is set for destinations of files, Write for destinations of rows.
type Dest struct {
	Connector   flow.ConnectorType      `json:"connector"`
	ProfileName string                  `json:"profileName,omitzero"`
	APIVersion  string                  `json:"apiVersion,omitzero"`
	Properties  flow.Properties         `json:"properties"`
	Files       *flow.FileOutput        `json:"files,omitzero"`
	Write       *connector.WriteRequest `json:"write,omitzero"`
	// FailOnFirstError ends the run at the first refused record; else refused records are counted and the rest is written.
	FailOnFirstError bool       `json:"failOnFirstError,omitzero"`
	ErrorFiles       *ErrorDest `json:"errorFiles,omitzero"`
}

// ErrorDest is where refused records are written.
type ErrorDest struct {
	Bucket string `json:"bucket"`
	Prefix string `json:"prefix"`
}

// Program is what the tasks come to, grouped by what is evaluated when, whatever their order in the flow:
//
//	Input → Filters → Validations → Checks → Derived → Edits → Outputs
//
// Filters and validations see source values. Derived fields are computed from source values too; edits (truncate, then
// mask) change fields in place before they are copied to outputs. Names refer to Input fields or Derived fields.
type Program struct {
	Input       []Column     `json:"input"` // the batch's columns, in order: the source's projected fields
	Filters     []Filter     `json:"filters,omitzero"`
	Validations []Validation `json:"validations,omitzero"`
	Checks      []Check      `json:"checks,omitzero"`
	Derived     []Derived    `json:"derived,omitzero"`
	Edits       []Edit       `json:"edits,omitzero"`
	Outputs     []Output     `json:"outputs"`
	// PartitionBy names outputs whose values make the folders, outermost first.
	PartitionBy []string `json:"partitionBy,omitzero"`
}

// Column is a projected source field.
type Column struct {
	Name string    `json:"name"`
	Type flow.Type `json:"type"`
	Dec  [2]int32  `json:"dec,omitzero"` // precision and scale of a decimal
}

// TaskOrigin names the task an entry came from, for messages: "tasks[3] Filter BETWEEN amount".
type TaskOrigin struct {
	Index int    `json:"index"`
	Label string `json:"label"` // "Filter BETWEEN amount"
}

// Filter keeps the rows whose field satisfies the operator. Several filters are ANDed, several values ORed.
type Filter struct {
	Field    string          `json:"field"`
	Operator flow.Operator   `json:"operator"`
	DataType string          `json:"dataType"` // as the task gives it; says how both sides are compared
	Compare  flow.Comparison `json:"compare"`  // what DataType comes to
	Values   []string        `json:"values"`   // literals; for BETWEEN lower and upper bound; dates are epoch milliseconds
	Task     TaskOrigin      `json:"task"`
}

// Validation drops rows, or ends the run, when the field fails the operator.
type Validation struct {
	Field       string        `json:"field"`
	Operator    flow.Operator `json:"operator"`
	DropDataset bool          `json:"dropDataset,omitzero"`
	Task        TaskOrigin    `json:"task"`
}

// Derived is a temporary field made of others, named after them ("a,b").
type Derived struct {
	Name     string             `json:"name"`
	Fields   []string           `json:"fields"`          // in the order they are used
	Operator flow.Operator      `json:"operator"`        // arithmetic, or NO_OP for a merge
	Format   []flow.ConcatPiece `json:"format,omitzero"` // merge: literals and fields
	Task     TaskOrigin         `json:"task"`
}

// Edit changes a field in place: a truncation, or a mask.
type Edit struct {
	Field    string        `json:"field"`
	Truncate int           `json:"truncate,omitzero"` // characters to keep; 0 means this is a mask
	Mask     flow.Operator `json:"mask,omitzero"`
	Length   int           `json:"length,omitzero"` // characters; 0 with MASK_ALL masks every character
	With     string        `json:"with,omitzero"`   // the one character that replaces
	Task     TaskOrigin    `json:"task"`
}

// Output is a destination field: a copy of a source or derived field.
type Output struct {
	Field string `json:"field"`
	Name  string `json:"name"`
	// Path is where the value stands in JSON files, when it stands inside an object: see format.Column.
	Path []string `json:"path,omitzero"`
	// Type is what the value is cast to, for destinations that keep types. Empty means as delivered: the column keeps its
	// kind, and the destination's format decides how it is written.
	Type flow.Type  `json:"type,omitzero"`
	Dec  [2]int32   `json:"dec,omitzero"`
	Task TaskOrigin `json:"task"`
}
