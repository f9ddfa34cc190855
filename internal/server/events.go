package server

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/access/policy"
	"weir.dev/weir/internal/server/sigv4"
	"weir.dev/weir/internal/store"
)

// Inbox takes in the events of event flows; that of package listen is one.
type Inbox interface {
	// Settle brings a flow's subscription in line with the flow, in the transaction that changes the flow: an active event
	// flow takes events in, any other does not.
	Settle(ctx context.Context, tx store.Tx, f *flow.Flow, now time.Time) error
	// Receive takes in what was sent to a flow. Unless the sender is trusted, his signature in the header has to show that
	// he may send: AccessDenied else. When it returns without an error the events are durable. Throttling says that there is
	// no room now, and when to come back.
	Receive(ctx context.Context, flowName string, header http.Header, body []byte, isTrusted bool) (Received, error)
}

// Received says what became of events that were sent.
type Received struct {
	Accepted int `json:"accepted"` // kept now
	Repeated int `json:"repeated"` // recognised as received before
	Ignored  int `json:"ignored"`  // not about the flow
}

// noInbox is a server's that takes no events in.
type noInbox struct{}

func (noInbox) Settle(context.Context, store.Tx, *flow.Flow, time.Time) error { return nil }

func (noInbox) Receive(context.Context, string, http.Header, []byte, bool) (Received, error) {
	return Received{}, fault.New(fault.Unsupported, "This server takes no events in.")
}

var actionSendEvents = mustAction(policy.SendEvents)

// eventsPath reports which flow a request brings events for.
func eventsPath(r *http.Request) (flowName string, ok bool) {
	if r.Method != http.MethodPost {
		return "", false
	}
	params, ok := matchPath("flows/{}/events", strings.TrimPrefix(r.URL.Path, extensionPrefix))
	if !ok {
		return "", false
	}
	return params[0], true
}

// receiveEvents answers POST /weir/v1/flows/NAME/events. Three kinds of sender are known: one who signs as Standard
// Webhooks do, with the secret of the flow's profile; one who signs as AWS's clients do; and one who can do neither and
// gives an access key as HTTP's Basic authentication. Keys need the permission weir:SendEvents on the flow.
func (s *Server) receiveEvents(w http.ResponseWriter, r *http.Request, flowName string) {
	s.exchange(w, r, func(c *call, w http.ResponseWriter) error {
		c.operation = "SendEvents"
		body, isTrusted, err := s.sender(r, c, flowName)
		if err != nil {
			return err
		}
		out, err := s.Inbox.Receive(r.Context(), flowName, r.Header, body, isTrusted)
		switch {
		case fault.Is(err, fault.AccessDenied) && !isTrusted:
			return s.strangers.failed(c, senderName(flowName), err)
		case fault.Is(err, fault.Throttling):
			_, wait := fault.RetryOf(err)
			return tooMany(wait, err.Error())
		case err != nil:
			return err
		}
		text, err := json.Marshal(out)
		if err != nil {
			return err
		}
		w.Header().Set("x-amzn-RequestId", c.requestID)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text) // the client has gone away; there is nobody to tell
		return nil
	})
}

// senderName stands for the key of senders without one, where calls are counted.
func senderName(flowName string) string { return "events/" + flowName }

// sender finds out who sends, and reads the body. A sender without a key is judged by his signature, later.
func (s *Server) sender(r *http.Request, c *call, flowName string) (body []byte, isTrusted bool, err error) {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case strings.HasPrefix(scheme, "AWS4-"):
		body, err = s.authenticate(r, c)
	case strings.EqualFold(scheme, "Basic"):
		body, err = s.authenticateBasic(r, c)
	default:
		if err := s.strangers.admit(c, senderName(flowName)); err != nil {
			return nil, false, err
		}
		if wait := s.throttle.writes.take(senderName(flowName)+" "+addressName(c.address), c.began); wait > 0 {
			return nil, false, tooMany(wait, "Rate exceeded")
		}
		body, err = s.readBody(r)
		return body, false, err
	}
	if err != nil {
		return nil, false, err
	}
	if err := s.throttle.admit(c, true); err != nil {
		return nil, false, err
	}
	c.resource = clip(c.flowARN(flowName))
	err = s.Store.Read(r.Context(), func(tx store.ReadTx) error { return s.allowFlow(r.Context(), tx, c, actionSendEvents, flowName) })
	return body, true, err
}

// authenticateBasic takes an access key as user name and password. It serves senders that can be given no more than that:
// SNS topics, API destinations of EventBridge, MinIO.
func (s *Server) authenticateBasic(r *http.Request, c *call) ([]byte, error) {
	wrong := &httpError{status: http.StatusForbidden, name: "UnrecognizedClientException", message: "The access key is not known, or its secret is another."}
	id, secret, ok := r.BasicAuth()
	if !ok || id == "" || secret == "" {
		return nil, s.strangers.refused(c, wrong)
	}
	key, rules, err := s.Keys.Find(r.Context(), id)
	if errors.Is(err, sigv4.ErrUnknownKey) {
		return nil, s.strangers.refused(c, wrong)
	}
	if err != nil {
		return nil, err
	}
	if err := s.strangers.admit(c, key.ID); err != nil {
		return nil, err
	}
	if !hmac.Equal([]byte(secret), []byte(key.Secret)) {
		return nil, s.strangers.failed(c, key.ID, wrong)
	}
	c.keyID, c.userName, c.policy = key.ID, key.Name, rules
	c.region = defaultRegion
	c.principal = "arn:aws:iam::" + s.AccountID + ":user/" + key.Name
	return s.readBody(r)
}

// defaultRegion is that of callers who name none.
const defaultRegion = "us-east-1"

// ListenerView is how an event flow's subscription goes. Times are seconds since 1970.
type ListenerView struct {
	FlowName   string      `json:"flowName"`
	FlowStatus flow.Status `json:"flowStatus"`
	IsActive   bool        `json:"isActive"` // events are taken in
	// State is connecting, listening, full, retrying or stopped; Since is when it was entered.
	State   store.ListenerState `json:"state"`
	Since   *float64            `json:"since,omitzero"`
	Message string              `json:"message,omitzero"` // why listening or the last delivery failed
	Notice  string              `json:"notice,omitzero"`  // what somebody has to do
	LastAt  *float64            `json:"lastAt,omitzero"`  // when events came in last
	Gap     string              `json:"gap,omitzero"`     // why events may be missing
	GapAt   *float64            `json:"gapAt,omitzero"`

	WaitingEvents int64    `json:"waitingEvents"`
	WaitingBytes  int64    `json:"waitingBytes"`
	WaitingSince  *float64 `json:"waitingSince,omitzero"` // of the oldest

	FailedDeliveries int      `json:"failedDeliveries,omitzero"` // in a row
	RetryAt          *float64 `json:"retryAt,omitzero"`
	IsHeld           bool     `json:"isHeld,omitzero"` // deliveries wait until the flow is started again

	Counts store.EventCounts `json:"counts"` // since the flow was first started
}

func listenerView(f *flow.Flow, l *store.Listener, in store.Inbox) *ListenerView {
	at := func(t time.Time) *float64 {
		if t.IsZero() {
			return nil
		}
		return ptr(epoch(t))
	}
	v := &ListenerView{
		FlowName: f.Name, FlowStatus: f.Status, IsActive: l.IsActive, State: l.State, Since: at(l.Since), Message: l.Message, Notice: l.Notice,
		LastAt: at(l.LastAt), Gap: l.Gap, GapAt: at(l.GapAt), WaitingEvents: in.Events, WaitingBytes: in.Bytes, WaitingSince: at(in.Oldest),
		FailedDeliveries: l.Failures, RetryAt: at(l.RetryAt), IsHeld: l.IsHeld, Counts: l.Counts,
	}
	if v.Message == "" && l.Failures > 0 && f.LastRun != nil {
		v.Message = "the last delivery failed: " + f.LastRun.Message
	}
	return v
}

// listenerOf reads a flow's listener; one that was never started has an empty one.
func listenerOf(ctx context.Context, tx store.ReadTx, f *flow.Flow) (*ListenerView, error) {
	l, err := tx.ListenerGet(ctx, f.Name)
	if fault.Is(err, fault.NotFound) {
		l, err = &store.Listener{FlowName: f.Name, State: store.ListenerStopped}, nil
	}
	if err != nil {
		return nil, err
	}
	in, err := tx.InboxGet(ctx, f.Name)
	return listenerView(f, l, in), err
}

// listenersPage shows the subscriptions of all flows that have one.
func (s *Server) listenersPage(ctx context.Context, _ *call, _ *pageRequest) (any, error) {
	const page = 200
	list := []*ListenerView{}
	for after := ""; ; {
		var found []*ListenerView
		n := 0
		err := s.Store.Read(ctx, func(tx store.ReadTx) error {
			found, n = nil, 0
			listeners, err := tx.ListenerList(ctx, after, page)
			for _, l := range listeners {
				n++
				after = l.FlowName
				f, err := tx.FlowGet(ctx, l.FlowName)
				if err != nil {
					return err
				}
				in, err := tx.InboxGet(ctx, l.FlowName)
				if err != nil {
					return err
				}
				found = append(found, listenerView(f, l, in))
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
		if n < page {
			return map[string]any{"listeners": list}, nil
		}
	}
}

func (s *Server) listenerPage(ctx context.Context, c *call, r *pageRequest) (any, error) {
	var v *ListenerView
	err := s.Store.Read(ctx, func(tx store.ReadTx) error {
		f, err := s.flowOf(ctx, tx, c, actionDescribeFlow, r.params[0])
		if err != nil {
			return err
		}
		if f.Trigger.Type != flow.TriggerEvent {
			if _, err := tx.ListenerGet(ctx, f.Name); err != nil {
				return fault.New(fault.Validation, "Flow %s takes no events: its trigger is %s.", f.Name, f.Trigger.Type)
			}
		}
		v, err = listenerOf(ctx, tx, f)
		return err
	})
	return v, err
}

// discardEvents drops what waits in a flow's inbox, for events that no delivery will ever take.
func (s *Server) discardEvents(ctx context.Context, c *call, r *pageRequest) (any, error) {
	out := map[string]int64{}
	err := s.changeFlow(ctx, c, "DiscardEvents", actionUpdateFlow, r, func(tx store.Tx, f *flow.Flow) (any, error) {
		if err := idle(ctx, tx, f); err != nil {
			return nil, err
		}
		in, err := tx.InboxGet(ctx, f.Name)
		if err != nil {
			return nil, err
		}
		out["discarded"] = in.Events
		if in.IsEmpty() {
			return out, nil
		}
		l, err := tx.ListenerGet(ctx, f.Name)
		if err != nil {
			return nil, err
		}
		l.Counts.Discarded += in.Events
		if err := tx.ListenerPut(ctx, l); err != nil {
			return nil, err
		}
		return out, tx.InboxDelete(ctx, f.Name, in.End)
	})
	return out, err
}

// checkSender holds an event flow's source against its profile: a custom connector is sent events under one label only.
func checkSender(d *flow.Definition, p *store.Profile) flow.Problems {
	isEvent, isWebhook := d.Trigger.Type == flow.TriggerEvent, p.Label == flow.LabelWebhook
	var text string
	switch {
	case isEvent && !isWebhook:
		text = "CustomConnector as a source does not support trigger type Event; it supports OnDemand, Scheduled, and with a profile of label " +
			flow.LabelWebhook + " Event"
	case isWebhook && !isEvent:
		text = "a profile of label " + flow.LabelWebhook + " is sent events: the flow needs trigger type Event"
	default:
		return nil
	}
	return flow.Problems{{Path: "triggerConfig.triggerType", Text: text}}
}
