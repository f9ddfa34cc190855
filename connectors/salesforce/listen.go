package salesforce

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectors/salesforce/internal/avro"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Events come by one of two of Salesforce's interfaces. The Pub/Sub API is asked first; where an organization has no way
// to it, the Streaming API over long polling (CometD) serves. Which of the two it was stands in the position, since each
// has positions of its own: who has begun with one goes on with it.
var _ connector.Listener = (*connection)(nil)

const (
	eventsService = "EVENTS"
	pubsubHost    = "https://api.pubsub.salesforce.com:7443"
	cometdPath    = "/cometd/"
)

// eventPosition is a [connector.Cursor] of events: one member is set.
type eventPosition struct {
	Replay []byte `json:"replayId,omitzero"` // of the Pub/Sub API; opaque
	Number *int64 `json:"number,omitzero"`   // of the Streaming API
}

func (p eventPosition) cursor() connector.Cursor {
	b, err := json.Marshal(p)
	if err != nil || (p.Replay == nil && p.Number == nil) {
		return nil
	}
	return b
}

func parsePosition(from connector.Cursor) (eventPosition, error) {
	var p eventPosition
	if len(from) == 0 {
		return p, nil
	}
	if json.Unmarshal(from, &p) != nil || (p.Replay == nil) == (p.Number == nil) {
		return p, fault.New(fault.Internal, "listening to events of Salesforce: the position is not one of its own")
	}
	return p, nil
}

// Texts of [connector.Signals.Gap].
const (
	gapForgotten = "Salesforce keeps events for 72 hours and has no more those that followed the last one taken; listening went on with the oldest that it has."
	gapUnknown   = "The connection to Salesforce broke before it had said where in its events listening began; what happened until it was back may be missing."
)

// Listen implements [connector.Listener].
func (c *connection) Listen(ctx context.Context, req connector.ListenRequest, from connector.Cursor) (connector.Events, error) {
	topic, err := topicOf(req.Properties)
	if err != nil {
		return nil, err
	}
	at, err := parsePosition(from)
	if err != nil {
		return nil, err
	}
	if at.Number != nil || c.onlyCometD() {
		if at.Replay != nil {
			return nil, fault.New(fault.ConnectorServer, "listening to %s: the flow's position is one of the Pub/Sub API, and the operator leads its events to the Streaming API", topic)
		}
		return c.openCometD(ctx, topic, at, req.Most)
	}
	events, err := c.openPubSub(ctx, topic, at, req.Most)
	if err == nil || at.Replay != nil || !noPubSub(err) {
		return events, err
	}
	streaming, serr := c.openCometD(ctx, topic, at, req.Most)
	if serr != nil { // the first error is about the way that should have worked
		return nil, err
	}
	return streaming, nil
}

// DescribeEvents implements [connector.Listener].
func (c *connection) DescribeEvents(ctx context.Context, props flow.Properties) (flow.Schema, error) {
	topic, err := topicOf(props)
	if err != nil {
		return flow.Schema{}, err
	}
	if hasSeveral(topic) {
		s := avro.Header().Describe(objectOf(topic))
		s.Open = true
		return s, nil
	}
	schema, err := c.schemaOf(ctx, topic)
	if err != nil {
		return flow.Schema{}, err
	}
	return schema.Describe(objectOf(topic)), nil
}

// hasSeveral reports whether a channel has the events of several objects. There is no schema of all of them: what they
// have in common is listed, and tasks may name more.
func hasSeveral(topic string) bool {
	name := strings.ToLower(objectOf(topic))
	return name == "changeevents" || strings.HasSuffix(name, "__chn")
}

// schemaOf fetches the schema of a channel's events: from the Pub/Sub API, else by REST.
func (c *connection) schemaOf(ctx context.Context, topic string) (*avro.Schema, error) {
	if c.onlyCometD() || c.connector.away.known(c.base, c.now()) {
		return c.eventSchema(ctx, topic)
	}
	schema, err := c.pubsubSchema(ctx, topic)
	if !noPubSub(err) {
		return schema, err
	}
	schema, serr := c.eventSchema(ctx, topic)
	if serr != nil { // the first error is about the way that should have worked
		return nil, err
	}
	c.connector.away.note(c.base, c.now())
	return schema, nil
}

// absences are the organizations whose Pub/Sub API was not there a short while ago: runs that follow each other need not
// all wait for it. Safe for concurrent use; the zero value is ready.
type absences struct {
	mu    sync.Mutex
	since map[string]time.Time // by the organization's address
}

// absence is how long one is believed.
const absence = 10 * time.Minute

func (a *absences) note(base string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.since == nil {
		a.since = map[string]time.Time{}
	}
	a.since[base] = now
}

func (a *absences) known(base string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	since, ok := a.since[base]
	return ok && now.Sub(since) < absence
}

// topicOf is the channel that a flow's object names: AccountChangeEvent, Order__ChangeEvent, ChangeEvents for those of
// all objects, Sales__chn for a channel of the organization's own, Order_Placed__e; or a channel as Salesforce writes it.
func topicOf(props flow.Properties) (string, error) {
	var p struct {
		Object string `json:"object"`
	}
	if err := props.Decode(&p); err != nil {
		return "", fault.Wrap(fault.Validation, err, "reading the source's properties")
	}
	name, lower := p.Object, strings.ToLower(p.Object)
	for _, channel := range []string{"/data/", "/event/"} {
		if rest, ok := strings.CutPrefix(name, channel); ok && isName(rest) {
			return name, nil
		}
	}
	switch {
	case !isName(name):
	case strings.HasSuffix(lower, "changeevent"), strings.EqualFold(name, "ChangeEvents"), strings.HasSuffix(lower, "__chn"):
		return "/data/" + name, nil
	case strings.HasSuffix(lower, "__e"), strings.HasSuffix(lower, "event"), strings.HasSuffix(lower, "eventstream"):
		return "/event/" + name, nil
	case strings.HasSuffix(lower, "__c"):
		return "", fault.New(fault.Validation, "%q is no event: to hear of changes of its records, name %s__ChangeEvent", name, name[:len(name)-len("__c")])
	default:
		return "", fault.New(fault.Validation, "%q is no event: to hear of changes of its records, name %sChangeEvent; a platform event's name ends with __e", name, name)
	}
	return "", fault.New(fault.Validation, "object names no event of Salesforce; write for instance AccountChangeEvent or Order_Placed__e")
}

// isName reports whether a text is the name of an object.
func isName(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
	return s != "" && len(s) <= 128 && strings.Trim(s, letters) == ""
}

// objectOf is the object whose events a channel has.
func objectOf(topic string) string { return topic[strings.LastIndexByte(topic, '/')+1:] }

// onlyCometD reports whether the operator leads events to the Streaming API.
func (c *connection) onlyCometD() bool {
	return c.cfg.Dial == nil || strings.Contains(c.endpoint(eventsService)+"/", cometdPath)
}

func (c *connection) endpoint(sub string) string {
	if c.cfg.Endpoint == nil {
		return ""
	}
	return strings.TrimRight(c.cfg.Endpoint(sub), "/")
}

// Waits after failures, the first the shortest, and how many of them there may be in a row.
const (
	eventTries   = 6
	eventMaxWait = 30 * time.Second
)

// await waits before a try after some failures in a row. Canceled when the context ends first.
func (c *connection) await(ctx context.Context, failures int) error {
	first := c.connector.o.Poll // its unit of waiting
	wait := min(first<<max(failures-1, 0), eventMaxWait)
	return sleep(ctx, wait/2+rand.N(wait/2+1), "listening to events of "+vendor)
}

// sleep waits. Canceled when the context ends first.
func sleep(ctx context.Context, d time.Duration, doing string) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return stopped(ctx, doing)
	}
}

// stopped is the error of listening that the caller has ended.
func stopped(ctx context.Context, doing string) error {
	return fault.Wrap(fault.Canceled, context.Cause(ctx), "%s", doing)
}
