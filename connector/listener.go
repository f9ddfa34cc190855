package connector

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"weir.dev/weir/flow"
)

// Listener is the ability to be the source of event flows: the vendor sends, when something happens.
//
// What a listener delivers is kept durably, together with the position behind it, before more is asked for; the rows are
// moved from there, in small batches. So a listener has no state of its own to save, and may be stopped at any moment.
type Listener interface {
	// DescribeEvents returns the fields of the events that the properties name, in the vendor's order; fields inside
	// objects by their dotted paths.
	DescribeEvents(ctx context.Context, props flow.Properties) (flow.Schema, error)
	// Listen subscribes. With a nil position it begins with what happens from now on, else with the event after the
	// position. A position that the vendor has forgotten is no error: the oldest events that there are come first, and
	// the first [Signals] says so in Gap.
	Listen(ctx context.Context, req ListenRequest, from Cursor) (Events, error)
}

// ListenRequest is what to listen to. Plain data.
type ListenRequest struct {
	Properties flow.Properties
	Most       int // events that one [Signals] may hold; at least 1
}

// Events delivers what happens, in the vendor's order. For one goroutine.
type Events interface {
	// Next waits for events and returns them. It may return none, to move the position on through a quiet time. It fails
	// with ConnectorAuth when the vendor refuses the credentials, with ConnectorServer when it cannot go on; whoever calls
	// then listens anew from the last position it kept.
	Next(ctx context.Context) (Signals, error)
	Close() error
}

// Signals are events that arrived together.
type Signals struct {
	// Records are JSON objects, one an event; the receiver owns them.
	Records []json.RawMessage
	// Position is where listening goes on after them; nil leaves it where it was.
	Position Cursor
	// Gap says, in a sentence for people, why events before these may be missing; "" when none are.
	Gap string
}

// EventVerifier is the ability to be the source of event flows whose vendor sends events by itself, over HTTP: nobody
// listens, and somebody has to judge who sends.
type EventVerifier interface {
	// VerifyEvents checks that a request comes from the vendor, that it is whole, and that it is not an old one again. It
	// returns the name that the vendor gives to what it sends, "" when it gives none: the same name again is a repetition.
	// It fails with AccessDenied, and never says more than what kind of thing is wrong.
	VerifyEvents(header http.Header, body []byte, now time.Time) (id string, err error)
}
