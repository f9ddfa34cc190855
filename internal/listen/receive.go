package listen

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// maxEvents bounds what one request may bring.
const maxEvents = 10_000

// HeaderID is the header by which a sender names what it sends, so that a repetition is recognised. It is that of
// Standard Webhooks.
const HeaderID = "Webhook-Id"

// Delivery is a request that brings events.
type Delivery struct {
	Flow   string
	Header http.Header
	Body   []byte // bounded by the caller
	// IsTrusted says that the caller has shown that he may send. Else his signature has to.
	IsTrusted bool
}

// Receipt says what became of a delivery.
type Receipt struct {
	Accepted int `json:"accepted"` // events that are kept now
	Repeated int `json:"repeated"` // recognised as received before
	Ignored  int `json:"ignored"`  // not about the flow
}

// errStranger tells nothing of which flows there are.
func errStranger() error {
	return fault.New(fault.AccessDenied, "The request is not signed by somebody who may send events to this flow.")
}

// Receive takes in what was sent. When it returns without an error the events are durable. Errors: AccessDenied for a
// request that nobody vouches for, Validation for one that holds no events, Conflict when the flow is not active,
// Throttling with a time to come back when the inbox is full.
func (b *Inbox) Receive(ctx context.Context, d Delivery) (Receipt, error) {
	f, verifier, err := b.addressee(ctx, d.Flow)
	switch {
	case err != nil && !d.IsTrusted && (fault.Is(err, fault.NotFound) || fault.Is(err, fault.Validation)):
		return Receipt{}, errStranger()
	case err != nil:
		return Receipt{}, err
	}
	if verifier != nil {
		defer verifier.Close()
	}
	id := d.Header.Get(HeaderID)
	if !d.IsTrusted {
		v, ok := verifier.(connector.EventVerifier)
		if !ok {
			return Receipt{}, errStranger()
		}
		if id, err = v.VerifyEvents(d.Header, d.Body, b.o.Clock()); err != nil {
			return Receipt{}, err
		}
	}
	const maxID = 256
	if len(id) > maxID {
		return Receipt{}, fault.New(fault.Validation, "the header %s is longer than %d bytes", HeaderID, maxID)
	}
	a := &arrival{flow: f.Name, isPushed: true}
	if b.kindOf(f) == KindObject {
		err = notifications(d.Body, placeOf(f), a)
	} else {
		err = records(d.Body, id, a)
	}
	if err != nil {
		return Receipt{}, err
	}
	out, err := b.put(ctx, a)
	return Receipt{Accepted: out.events, Repeated: out.repeated, Ignored: int(a.ignored)}, err
}

// addressee finds the flow that events are sent to, with a connection that can judge them, nil where only keys can.
// NotFound when there is no such flow, Validation when it is not one that events are sent to.
func (b *Inbox) addressee(ctx context.Context, name string) (f *flow.Flow, conn connector.Connection, err error) {
	err = b.o.Store.Read(ctx, func(tx store.ReadTx) error {
		f, err = tx.FlowGet(ctx, name)
		return err
	})
	switch {
	case fault.Is(err, fault.NotFound):
		return nil, nil, fault.New(fault.NotFound, "Flow with name %s does not exist.", clip(name))
	case err != nil:
		return nil, nil, err
	case f.Trigger.Type != flow.TriggerEvent:
		return nil, nil, fault.New(fault.Validation, "Flow %s takes no events: its trigger is %s.", f.Name, f.Trigger.Type)
	}
	switch b.kindOf(f) {
	case KindObject:
		return f, nil, nil
	case KindFolder:
		return nil, nil, fault.New(fault.Validation, "Flow %s looks at the folder of its bucket by itself; nothing need be sent to it.", f.Name)
	}
	if f.Source.Connector != flow.CustomConnector {
		return nil, nil, fault.New(fault.Validation, "Flow %s listens to %s by itself; nothing need be sent to it.", f.Name, f.Source.Connector)
	}
	conn, err = b.connect(ctx, f)
	if err != nil {
		return nil, nil, err
	}
	if _, ok := conn.(connector.EventVerifier); !ok {
		conn.Close()
		return nil, nil, fault.New(fault.Validation, "Flow %s takes no events that are sent: its profile is not one of label %s.", f.Name, flow.LabelWebhook)
	}
	return f, conn, nil
}

// records reads a body of events: one JSON object, an array of objects, or objects one after the other.
func records(body []byte, id string, a *arrival) error {
	if id != "" {
		a.id = "sent/" + id
	}
	each := func(raw json.RawMessage) error {
		line, err := plain(raw)
		if err != nil {
			return fault.New(fault.Validation, "reading the request: event %d: %s", len(a.events)+1, err.Error())
		}
		if a.events = append(a.events, event{record: line}); len(a.events) > maxEvents {
			return fault.New(fault.Validation, "reading the request: it holds more than %d events", maxEvents)
		}
		return nil
	}
	return values(body, each)
}

// values calls each with every value of a body: the elements of an array, or values one after the other.
func values(body []byte, each func(json.RawMessage) error) error {
	bad := fault.New(fault.Validation, "reading the request: it is neither a JSON object, nor an array of objects, nor objects line by line")
	dec := json.NewDecoder(bytes.NewReader(body))
	inArray := bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("["))
	if inArray {
		if _, err := dec.Token(); err != nil {
			return bad
		}
	}
	for dec.More() {
		var raw json.RawMessage
		if dec.Decode(&raw) != nil {
			return bad
		}
		if err := each(raw); err != nil {
			return err
		}
	}
	if inArray {
		if _, err := dec.Token(); err != nil {
			return bad
		}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return bad
	}
	return nil
}
