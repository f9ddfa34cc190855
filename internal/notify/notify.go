// Package notify tells others what runs do: that one began, that it ended, that a flow was deactivated. It holds both
// ends of the transactional outbox.
//
// A [Book] writes one letter for each receiver, in the transaction that the news is about; so nothing is told that did not
// happen, and nothing that happened is forgotten by a crash. A [Dispatcher] delivers letters, later and elsewhere: runs
// never wait for a receiver.
//
//	transaction of the run ── Book ──► outbox ── Dispatcher ──► Receiver: EventBridge, webhook, OpenLineage, CloudWatch
//	                                      ▲           │
//	                                      └─ later ───┘ not delivered: backoff, until the letter is too old
//
// Delivery is at least once: a dispatcher that dies between delivering and forgetting a letter delivers it again, with
// the same id. Letters hold facts, not rendered messages, and no secrets: where to deliver and how to sign is known to
// receivers alone, which are made from the configuration at each start.
//
// Nothing here decides anything about a run, and no error of a receiver reaches one.
package notify

import (
	"encoding/json"
	"time"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// Kind is what happened.
type Kind string

// Kinds of facts.
const (
	KindStart      Kind = "start"      // an execution began
	KindEnd        Kind = "end"        // an execution ended, whichever way
	KindDeactivate Kind = "deactivate" // a scheduled flow was deactivated, because too many of its runs failed in a row
	// An event flow has been active for a while; it was deactivated, because nobody can listen for it or too many
	// deliveries failed in a row.
	KindEventReport     Kind = "event-report"
	KindEventDeactivate Kind = "event-deactivate"
)

// isRun reports whether a kind is about one execution's life.
func (k Kind) isRun() bool { return k == KindStart || k == KindEnd }

// Fact is one thing that happened: the body of a letter.
type Fact struct {
	ID        string             `json:"id"` // UUID, the same in every letter and every repetition
	Kind      Kind               `json:"kind"`
	At        time.Time          `json:"at"`
	Account   string             `json:"account"`
	Region    string             `json:"region"`
	Flow      Flow               `json:"flow"`
	Execution *Execution         `json:"execution,omitzero"` // of a deactivation: the run that was one failure too many
	Reason    string             `json:"reason,omitzero"`    // of a deactivation
	Activity  *store.EventReport `json:"activity,omitzero"`  // of an event flow's report
	Lineage   *Lineage           `json:"lineage,omitzero"`   // where the receiver wants it and the run came as far as a plan
}

// Flow is what a fact says of the flow.
type Flow struct {
	Name        string           `json:"name"`
	CreatedBy   string           `json:"createdBy,omitzero"` // ARN
	Description string           `json:"description,omitzero"`
	Trigger     flow.TriggerType `json:"trigger"`
	Source      End              `json:"source"`
	Destination End              `json:"destination"`
}

// End is one end of a flow.
type End struct {
	Connector flow.ConnectorType `json:"connector"`
	Profile   string             `json:"profile,omitzero"`
	Object    string             `json:"object,omitzero"` // the vendor's name for it; without one when it lies in a bucket
	Bucket    string             `json:"bucket,omitzero"`
	Prefix    string             `json:"prefix,omitzero"`
}

// Execution is what a fact says of the execution.
type Execution struct {
	ID            string               `json:"id"`
	Status        flow.ExecutionStatus `json:"status"`
	FlowVersion   int64                `json:"flowVersion"`
	SchemaVersion int64                `json:"schemaVersion"`
	StartedAt     time.Time            `json:"startedAt"`
	EndedAt       time.Time            `json:"endedAt,omitzero"` // zero while it runs
	Window        *flow.Window         `json:"window,omitzero"`
	Totals        flow.Totals          `json:"totals"`
	Message       string               `json:"message,omitzero"`
	Code          string               `json:"code,omitzero"`
}

// ARN is the flow's, as the installation's own region names it.
func (f *Fact) ARN() string {
	return "arn:aws:appflow:" + f.Region + ":" + f.Account + ":flow/" + f.Flow.Name
}

func newFact(id string, kind Kind, at time.Time, d *flow.Definition) Fact {
	f := Fact{ID: id, Kind: kind, At: at.UTC()}
	if d.Description != nil {
		f.Flow.Description = *d.Description
	}
	f.Flow.Trigger = d.Trigger.Type
	f.Flow.Source = endOf(d.Source.Connector, d.Source.ProfileName, d.Source.Properties)
	if len(d.Destinations) > 0 {
		dst := &d.Destinations[0]
		f.Flow.Destination = endOf(dst.Connector, dst.ProfileName, dst.Properties)
	}
	return f
}

// endOf reads what every AppFlow client could read of an end's properties: which object it is, or where in a bucket.
func endOf(c flow.ConnectorType, profile *string, props flow.Properties) End {
	e := End{Connector: c}
	if profile != nil {
		e.Profile = *profile
	}
	var m map[string]json.RawMessage
	if props.Decode(&m) != nil { // unreadable properties have no object to name
		return e
	}
	text := func(key string) (s string) {
		_ = json.Unmarshal(m[key], &s) // what is no text names nothing
		return s
	}
	if key := flow.TraitsOf(c).ObjectKey; key != "" {
		e.Object = text(key)
		return e
	}
	e.Bucket, e.Prefix = text("bucketName"), text("bucketPrefix")
	return e
}

func executionOf(x *flow.Execution) *Execution {
	out := &Execution{
		ID: x.ID, Status: x.Status, FlowVersion: x.FlowVersion, SchemaVersion: x.SchemaVersion, StartedAt: x.StartedAt.UTC(),
		Window: x.Window, Totals: x.Totals, Message: x.Message, Code: x.Code,
	}
	if x.Status.Done() {
		out.EndedAt = x.UpdatedAt.UTC()
	}
	return out
}
