package fake

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The Pub/Sub API: https://developer.salesforce.com/docs/platform/pub-sub-api/guide.

const (
	pubsubPath = "/eventbus.v1.PubSub/"
	// maxRequested is the most events that one FetchRequest may ask for.
	maxRequested = 100
)

// Presets of a FetchRequest.
const (
	replayLatest   = 0
	replayEarliest = 1
	replayCustom   = 2
)

func (b *Bus) servePubSub(w http.ResponseWriter, r *http.Request) {
	mood, _, _ := b.state()
	if r.Method != http.MethodPost || r.ProtoMajor != 2 || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") || mood == BusMissing {
		http.NotFound(w, r)
		return
	}
	c := &grpcCall{w: w, r: r}
	err := b.admit(r, mood)
	if err == nil {
		err = b.call(c, strings.TrimPrefix(r.URL.Path, pubsubPath))
	}
	if errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler) // net/http's way to break a connection
	}
	if w.Header().Get("Content-Type") == "" {
		c.begin()
	}
	c.end(err)
}

func (b *Bus) call(c *grpcCall, method string) error {
	switch method {
	case "GetTopic":
		return c.unary(b.getTopic)
	case "GetSchema":
		return c.unary(b.getSchema)
	case "Publish":
		return c.unary(b.publish)
	case "PublishStream":
		return b.publishStream(c)
	case "Subscribe":
		return b.subscribe(c)
	}
	return failing(grpcUnimplemented, "", "Method not found: eventbus.v1.PubSub/%s", method)
}

// unary answers a call of one message.
func (c *grpcCall) unary(do func(protoMessage) ([]byte, error)) error {
	m, err := c.receive()
	if err != nil {
		return err
	}
	answer, err := do(m)
	if err != nil {
		return err
	}
	c.begin()
	return c.send(answer)
}

// admit checks the three headers of a call.
func (b *Bus) admit(r *http.Request, mood BusMood) error {
	token, tenant := r.Header.Get("accesstoken"), r.Header.Get("tenantid")
	instance, err := url.Parse(r.Header.Get("instanceurl"))
	switch {
	case mood == BusUnavailable:
		return failing(grpcUnavailable, "service.unavailable", "The service is unavailable. Try again.")
	case mood == BusNoLicense:
		return failing(grpcDenied, "service.tenant.license", "The organization has no licence for the Pub/Sub API.")
	case token == "" || tenant == "" || err != nil || instance.Host == "":
		return failing(grpcUnauthenticated, "service.auth.headers.invalid", "The request is missing one of the headers accesstoken, instanceurl and tenantid, or it is not valid.")
	case tenant != b.org.OrgID() && tenant != b.org.OrgID()[:shortID]:
		return failing(grpcUnauthenticated, "service.auth.headers.invalid", "tenantid is not the id of the token's organization.")
	}
	return b.authenticate(token)
}

func (b *Bus) authenticate(token string) error {
	if !b.org.Authorized(token) {
		return failing(grpcUnauthenticated, "service.auth.error", "An authentication exception occurred: the session has expired or is invalid.")
	}
	return nil
}

func rpcID() string {
	return hex.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixNano())))
} //nolint:gosec // an id

// lookup finds a channel that may be subscribed to.
func (b *Bus) lookup(name string) (topic, error) {
	t, ok := b.findTopic(name)
	mood, _, _ := b.state()
	switch {
	case !ok:
		return t, failing(grpcNotFound, "topic.not.found", "The topic %s was not found.", name)
	case mood == BusForbidden:
		return t, failing(grpcDenied, "topic.meta.permission", "You don't have permission to read %s.", name)
	}
	return t, nil
}

func (b *Bus) getTopic(m protoMessage) ([]byte, error) {
	t, err := b.lookup(m.text(1))
	if err != nil {
		return nil, err
	}
	out := protoText(nil, 1, t.name)
	out = protoText(out, 2, b.org.OrgID())
	if t.event {
		out = protoNumber(out, 3, 1)
	}
	out = protoNumber(out, 4, 1)
	if t.entity != "" {
		_, last, _, _ := b.org.Changes(-1)
		out = protoText(out, 5, b.schemaAt(t.entity, last+1).id)
	}
	return protoText(out, 6, rpcID()), nil
}

func (b *Bus) getSchema(m protoMessage) ([]byte, error) {
	id := m.text(1)
	b.mu.Lock()
	s, ok := b.schemas[id]
	b.mu.Unlock()
	if !ok {
		return nil, failing(grpcNotFound, "schema.not.found", "The schema %s was not found.", id)
	}
	out := protoText(nil, 1, s.json)
	out = protoText(out, 2, id)
	return protoText(out, 3, rpcID()), nil
}

// publish adds platform events to the bus.
func (b *Bus) publish(m protoMessage) ([]byte, error) {
	t, err := b.lookup(m.text(1))
	if err != nil {
		return nil, err
	}
	if !t.event {
		return nil, failing(grpcDenied, "topic.cannot.publish", "The topic %s can't be published to.", t.name)
	}
	events, err := m.all(2)
	if err != nil {
		return nil, failing(grpcInternal, "", "%v", err)
	}
	if len(events) == 0 {
		return nil, failing(grpcInvalid, "publish.events.invalid", "A publish request must have events.")
	}
	var out []byte
	schema := ""
	for _, e := range events {
		result := protoText(nil, 3, e.text(1))
		schema = e.text(2)
		record, err := b.decodeEvent(schema, e.raw(3))
		if err != nil {
			result = protoPart(result, 2, protoText(protoNumber(nil, 1, 1), 2, err.Error()))
		} else {
			result = protoBytes(result, 1, replayID(b.org.Publish(Change{Entity: b.entityName(t.entity), Type: Published, Fields: record})))
		}
		out = protoPart(out, 1, result)
	}
	out = protoText(out, 2, schema)
	return protoText(out, 3, rpcID()), nil
}

func (b *Bus) publishStream(c *grpcCall) error {
	c.begin()
	topic := ""
	for {
		m, err := c.receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if name := m.text(1); topic == "" {
			topic = name
		} else if name != "" && name != topic {
			return failing(grpcInvalid, "publish.topic.invalid", "The topic can't change within a stream.")
		}
		answer, err := b.publish(append(m, protoField{number: 1, bytes: []byte(topic)}))
		if err != nil {
			return err
		}
		if err := c.send(answer); err != nil {
			return err
		}
	}
}

// replayID makes the id of a position. Clients must take it for opaque; many know that its first eight bytes are a number.
func replayID(position int64) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(position)), 0, 0) //nolint:gosec // positions are not negative
}

func positionOf(replay []byte) (int64, bool) {
	if len(replay) != 8 && (len(replay) != 10 || replay[8] != 0 || replay[9] != 0) {
		return 0, false
	}
	n := int64(binary.BigEndian.Uint64(replay)) //nolint:gosec // checked here
	return n, n >= 0
}
