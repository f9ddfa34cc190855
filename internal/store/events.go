package store

import (
	"encoding/json"
	"time"
)

// Listener is a flow's subscription to events: how far they have come in, and how it goes. It exists from the flow's first
// activation until the flow is deleted; it holds nothing of the events themselves.
type Listener struct {
	FlowName string `json:"flowName"`
	// IsActive says that events are to be taken in. What is in the inbox is delivered either way, unless IsHeld.
	IsActive bool `json:"isActive"`
	IsHeld   bool `json:"isHeld,omitzero"` // too many deliveries have failed: they wait until the flow is started again

	Position json.RawMessage `json:"position,omitzero"` // where listening goes on; the connector's own; nil at the start
	Next     int64           `json:"next"`              // the number that the next chunk gets; 1 at the start

	State   ListenerState `json:"state,omitzero"`
	Since   time.Time     `json:"since,omitzero"`   // when the state was entered
	Message string        `json:"message,omitzero"` // why listening ended last; cleared when events come in again
	Notice  string        `json:"notice,omitzero"`  // what somebody has to do, such as to confirm a subscription
	Gap     string        `json:"gap,omitzero"`     // why events may be missing, as the vendor said last
	GapAt   time.Time     `json:"gapAt,omitzero"`

	Failures int       `json:"failures,omitzero"` // deliveries that failed in a row
	RetryAt  time.Time `json:"retryAt,omitzero"`  // the next delivery waits until then

	LastAt   time.Time      `json:"lastAt,omitzero"` // when events came in last
	Counts   EventCounts    `json:"counts"`
	Reported EventsAtMoment `json:"reported,omitzero"` // at the last activity report
}

// ListenerState is how listening goes.
type ListenerState string

// Listener states.
const (
	ListenerConnecting ListenerState = "connecting"
	ListenerListening  ListenerState = "listening" // or ready to be sent events
	ListenerFull       ListenerState = "full"      // the inbox has no room: nothing is asked for until it drains
	ListenerRetrying   ListenerState = "retrying"  // the vendor could not be listened to; Message says why
	ListenerStopped    ListenerState = "stopped"
)

// EventCounts are what became of a flow's events since its first activation.
type EventCounts struct {
	Received  int64 `json:"received"`  // taken into the inbox
	Bytes     int64 `json:"bytes"`     // of them
	Repeated  int64 `json:"repeated"`  // recognised as received before
	Ignored   int64 `json:"ignored"`   // not about the flow: objects elsewhere, other kinds of notification
	Delivered int64 `json:"delivered"` // moved to the destination by a successful execution, or dropped there by its tasks
	Discarded int64 `json:"discarded,omitzero"`
	Gaps      int64 `json:"gaps,omitzero"`
}

// EventsAtMoment are counts as they were at a time.
type EventsAtMoment struct {
	At     time.Time   `json:"at"`
	Counts EventCounts `json:"counts"`
}

// EventReport is a flow's activity between two times.
type EventReport struct {
	From    time.Time     `json:"from"`
	To      time.Time     `json:"to"`
	Counts  EventCounts   `json:"counts"` // in between
	State   ListenerState `json:"state"`
	Message string        `json:"message,omitzero"`
	Waiting int64         `json:"waiting"` // events in the inbox
}

// EventChunk is some events that were received together, in the order in which they are to be delivered. Their content is
// sealed; the store never sees it in clear.
type EventChunk struct {
	FlowName string    `json:"flowName"`
	Sequence int64     `json:"sequence"` // rising, without gaps, over the life of the flow
	At       time.Time `json:"at"`       // when they were received
	Events   int64     `json:"events"`
	Bytes    int64     `json:"bytes"` // of the content before it was sealed
	Sealed   []byte    `json:"sealed"`
}

// Inbox is what waits of a flow's events. The zero value is an empty one.
type Inbox struct {
	First, End int64 // sequences of the chunks: [First, End)
	Events     int64
	Bytes      int64
	Oldest     time.Time // when the first chunk was received
}

// IsEmpty reports whether nothing waits.
func (i Inbox) IsEmpty() bool { return i.First == i.End }

// EventID is the name of an event by which a repetition is recognised, until a time.
type EventID struct {
	FlowName string
	ID       string
	Until    time.Time
}
