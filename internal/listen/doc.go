// Package listen runs event flows: it takes events in, keeps them durably, and has them moved in small batches. The durable
// inbox makes every source of events the same:
//
//	vendor ── Listener ──┐                       every minute, or when there is enough
//	folder ── listing ───┼─► inbox ─► one execution: prepare → transfer → commit → conclude ─► destination
//	sender ── HTTP ──────┘   (store, sealed)                                      └─ empties its part of the inbox
//
// An event is in the inbox, together with the position behind it, before more is asked for or its sender hears of success;
// it leaves the inbox in the transaction that says that it was moved. So each event is moved once, in order, whatever dies
// in between.
//
// A [Manager] holds a lease for each flow, listens, begins executions and reports. Of all managers over one store one
// serves a flow at a time; its fence is in every effect. An [Inbox] takes in what is sent, for any server, and is what
// executions read.
//
// This room assumes that an engine of package durable runs what is in the ledger. It never looks into events further than
// to see that they are objects, and never writes one where it is not sealed.
package listen

import (
	"context"
	"log/slog"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// Sealer keeps events at rest. The vault is one.
type Sealer interface {
	Seal(ctx context.Context, purpose, id string, secret []byte) ([]byte, error)
	Open(ctx context.Context, purpose, id string, sealed []byte) ([]byte, error)
}

// Purpose binds sealed events to what they are; the id is the flow's name.
const Purpose = "events"

// DefaultBuffer is how many bytes of one flow's events may wait; AppFlow's own limit
// (https://docs.aws.amazon.com/appflow/latest/userguide/service-quotas.html).
const DefaultBuffer = 10 << 20

// InboxOptions are what an inbox is made of. All of the first block are required.
type InboxOptions struct {
	Store  store.Store
	Sealer Sealer
	// Connect opens a connection for a flow's source.
	Connect func(ctx context.Context, c flow.ConnectorType, profile, apiVersion string) (connector.Connection, error)

	// IsLocal reports whether a bucket is a folder of this machine, which is looked at instead of being told of. Nil: none.
	IsLocal func(bucket string) bool
	Buffer  int64            // bytes that may wait of one flow; 0 means DefaultBuffer
	Clock   func() time.Time // nil means time.Now
	Log     *slog.Logger     // nil means slog.Default
}

// Inbox takes events in, and reads them. Safe for concurrent use, by many processes over one store.
type Inbox struct {
	o     InboxOptions
	queue queue
}

// NewInbox makes an inbox.
func NewInbox(o InboxOptions) *Inbox {
	if o.Buffer <= 0 {
		o.Buffer = DefaultBuffer
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Inbox{o: o}
}

func (b *Inbox) now() time.Time { return b.o.Clock().UTC().Truncate(time.Microsecond) }

// Kind is how a flow comes by its events.
type Kind string

// Kinds of event flows.
const (
	KindVendor Kind = "vendor"  // a connection listens
	KindSent   Kind = "sent"    // others send, over HTTP
	KindFolder Kind = "folder"  // a folder is looked at
	KindObject Kind = "objects" // others send notifications of objects
)

// kindOf tells what the definition tells. A custom connector may be sent events or listened to: its connection knows.
func (b *Inbox) kindOf(f *flow.Flow) Kind {
	if f.Source.Connector != flow.S3 {
		return KindVendor
	}
	if b.o.IsLocal != nil && b.o.IsLocal(bucketOf(f)) {
		return KindFolder
	}
	return KindObject
}

// place is where an S3 source reads.
type place struct {
	Bucket string `json:"bucketName"`
	Prefix string `json:"bucketPrefix"`
}

func placeOf(f *flow.Flow) place {
	var p place
	_ = f.Source.Properties.Decode(&p) // properties that cannot be read have been refused when the flow was saved
	return p
}

func bucketOf(f *flow.Flow) string { return placeOf(f).Bucket }

func deref(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// connect opens a connection of a flow's source.
func (b *Inbox) connect(ctx context.Context, f *flow.Flow) (connector.Connection, error) {
	return b.o.Connect(ctx, f.Source.Connector, deref(f.Source.ProfileName), deref(f.Source.APIVersion))
}
