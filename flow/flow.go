// Package flow is Weir's vocabulary: flows, their triggers, sources, destinations and tasks, the entities and fields of
// vendors, executions and the rules that bind them. Every other room speaks in these words.
//
// It says what things are and what is allowed; it knows no columns, HTTP, SQL or vendors, and imports the standard
// library and fault only. The JSON form of these types is what the store persists. It keeps the difference between an
// absent member (nil) and an empty one, because DescribeFlow must echo exactly what CreateFlow was sent.
package flow

import (
	"encoding/json"
	"time"
)

// Flow is a saved definition with its state. The definition part is replaced as a whole by UpdateFlow.
type Flow struct {
	Definition
	Name          string            `json:"name"`
	KMSArn        *string           `json:"kmsArn,omitzero"` // never changes after creation
	Status        Status            `json:"status"`
	StatusMessage string            `json:"statusMessage,omitzero"` // only for suspended or errored scheduled and event flows
	SchemaVersion int64             `json:"schemaVersion"`          // starts at 1; see [SchemaChanged]
	Version       int64             `json:"version"`                // starts at 1; rises with every update
	CreatedAt     time.Time         `json:"createdAt"`
	UpdatedAt     time.Time         `json:"updatedAt"`
	CreatedBy     string            `json:"createdBy"` // ARN of the caller
	UpdatedBy     string            `json:"updatedBy"`
	Tags          map[string]string `json:"tags,omitzero"`
	LastRun       *LastRun          `json:"lastRun,omitzero"`     // nil before the first run
	LastCatalog   []CatalogDetail   `json:"lastCatalog,omitzero"` // of the last run that registered its output
}

// Definition is what a user writes: the body of CreateFlow and UpdateFlow.
type Definition struct {
	Description  *string        `json:"description,omitzero"`
	Trigger      Trigger        `json:"trigger"`
	Source       Source         `json:"source"`
	Destinations []Destination  `json:"destinations"` // exactly one is supported; kept as a list because the API has one
	Tasks        []Task         `json:"tasks"`        // order has no meaning, and is kept for the echo
	Catalog      *CatalogConfig `json:"catalog,omitzero"`
}

// Status is a flow's state (the API's flowStatus).
type Status string

// Flow states. On-demand flows are Active from the start; scheduled and event flows begin as Draft.
const (
	StatusActive     Status = "Active"
	StatusDeprecated Status = "Deprecated"
	StatusDeleted    Status = "Deleted"
	StatusDraft      Status = "Draft"
	StatusErrored    Status = "Errored"
	StatusSuspended  Status = "Suspended"
)

// LastRun summarises the most recent execution (lastRunExecutionDetails).
type LastRun struct {
	Message string          `json:"message,omitzero"`
	Time    time.Time       `json:"time"`
	Status  ExecutionStatus `json:"status"`
}

// CatalogConfig names the Glue Data Catalog database that an S3 destination registers its output in.
type CatalogConfig struct {
	Glue *GlueConfig `json:"glue,omitzero"`
}

// GlueConfig is the Glue part of [CatalogConfig].
type GlueConfig struct {
	RoleArn      string `json:"roleArn"`
	DatabaseName string `json:"databaseName"`
	TablePrefix  string `json:"tablePrefix"`
}

// Source is where rows come from.
type Source struct {
	Connector   ConnectorType      `json:"connector"`
	ProfileName *string            `json:"profileName,omitzero"`
	APIVersion  *string            `json:"apiVersion,omitzero"`
	Properties  Properties         `json:"properties"`
	Incremental *IncrementalConfig `json:"incremental,omitzero"`
}

// IncrementalConfig names the field that carries the time of the last change.
type IncrementalConfig struct {
	DatetimeField *string `json:"datetimeField,omitzero"`
}

// Destination is where rows go.
type Destination struct {
	Connector   ConnectorType `json:"connector"`
	ProfileName *string       `json:"profileName,omitzero"`
	APIVersion  *string       `json:"apiVersion,omitzero"`
	Properties  Properties    `json:"properties"`
}

// Properties is a connector's own part of a definition, as the JSON object the API carries under the connector's member
// name (the object, not the member). Each connector reads its own; nobody else looks inside. Nil when absent.
type Properties json.RawMessage

// MarshalJSON keeps the object as it is.
func (p Properties) MarshalJSON() ([]byte, error) { return json.RawMessage(p).MarshalJSON() }

// UnmarshalJSON keeps the object as it is. Null means absent.
func (p *Properties) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*p = nil
		return nil
	}
	*p = append((*p)[:0], b...)
	return nil
}

// Decode reads the properties into v, a pointer to the connector's own struct. Absent properties leave v as it is.
func (p Properties) Decode(v any) error {
	if len(p) == 0 {
		return nil
	}
	return json.Unmarshal(p, v)
}
