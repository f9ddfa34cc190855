package salesforce

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/connectors/salesforce/internal/avro"
	"weir.dev/weir/fault"
)

const (
	// goodbye bounds the disconnect of a subscription that ends.
	goodbye = 2 * time.Second
	// maxInterval bounds the pause between polls that Salesforce may ask for.
	maxInterval = 30 * time.Second
)

// openCometD subscribes by the Streaming API.
func (c *connection) openCometD(ctx context.Context, topic string, from eventPosition, most int) (connector.Events, error) {
	doing := "listening to " + topic
	session, err := c.newCometD(doing)
	if err != nil {
		return nil, err
	}
	e := &cometdEvents{c: c, session: session, topic: topic, doing: doing, most: max(most, 1), at: from.Number}
	e.polls, e.cancel = context.WithCancel(context.WithoutCancel(ctx)) // they outlive the call that began them
	for e.session.id == "" {
		if err := e.begin(ctx); err != nil {
			if err = e.recover(ctx, err); err != nil {
				e.cancel()
				return nil, err
			}
		}
	}
	if e.gap == gapUnknown {
		e.gap = "" // nothing had begun yet
	}
	return e, nil
}

// cometdEvents is one subscription, which outlives the sessions that carry it. A poll goes on when nobody waits for it any
// more, since breaking it off may lose what it carries; what it has brought is handed out before the next one.
type cometdEvents struct {
	c       *connection
	session *cometdSession
	topic   string
	doing   string
	most    int

	queue []bayeuxAnswer
	at    *int64 // the position after what was taken; nil before the first is known
	recovery
	pause time.Duration

	polls   context.Context // of all polls; ends with Close
	cancel  context.CancelFunc
	polling chan polled // of the poll that is under way; nil when none is. It has the session to itself.
}

// polled is what a poll has brought.
type polled struct {
	list  []bayeuxAnswer
	reply *bayeuxAnswer
	err   error
}

// begin makes a session and subscribes.
func (e *cometdEvents) begin(ctx context.Context) error {
	e.queue = nil // what was not taken comes again, after the position
	if err := e.session.handshake(ctx); err != nil {
		return err
	}
	after := int64(replayNew)
	switch {
	case e.at != nil:
		after = *e.at
	case e.earliest:
		after = replayEarliest
	}
	list, err := e.session.subscribe(ctx, e.topic, after)
	if err != nil {
		e.session.id = ""
		return err
	}
	e.accept(list)
	return nil
}

// Next implements [connector.Events].
func (e *cometdEvents) Next(ctx context.Context) (connector.Signals, error) {
	if ctx.Err() != nil {
		return connector.Signals{}, stopped(ctx, e.doing)
	}
	for len(e.queue) == 0 {
		if err := e.poll(ctx); err != nil {
			if err = e.recover(ctx, err); err != nil {
				return connector.Signals{}, err
			}
		}
	}
	return e.take()
}

// poll waits for events once. A poll that fails may have lost what it carried: the session ends with it, and a new one
// begins at the position.
func (e *cometdEvents) poll(ctx context.Context) error {
	if e.polling == nil {
		if e.session.id == "" {
			return e.begin(ctx)
		}
		if e.pause > 0 {
			if err := sleep(ctx, e.pause, e.doing); err != nil {
				return err
			}
		}
		arrived := make(chan polled, 1)
		go func() {
			var p polled
			p.list, p.reply, p.err = e.session.connect(e.polls)
			arrived <- p
		}()
		e.polling = arrived
	}
	select {
	case p := <-e.polling:
		e.polling = nil
		return e.settle(p)
	case <-ctx.Done():
		return stopped(ctx, e.doing)
	}
}

// settle takes in what a poll has brought.
func (e *cometdEvents) settle(p polled) error {
	if p.err != nil {
		return p.err
	}
	e.accept(p.list)
	advice := p.reply.Advice
	switch {
	case p.reply.Successful && advice.Reconnect != "handshake" && advice.Reconnect != "none":
		e.failures, e.renewed = 0, false
		e.pause = min(max(time.Duration(advice.Interval)*time.Millisecond, 0), maxInterval)
		return nil
	case len(e.queue) > 0: // first what has come; the session is over
		e.session.id = ""
		return nil
	}
	return e.session.classify(p.reply)
}

// accept queues the events of an answer.
func (e *cometdEvents) accept(list []bayeuxAnswer) {
	for _, m := range list {
		if m.Channel == e.topic && len(m.Data.Payload) > 0 {
			e.queue = append(e.queue, m)
		}
	}
}

func (e *cometdEvents) take() (connector.Signals, error) {
	n := min(len(e.queue), e.most)
	s := connector.Signals{Records: make([]json.RawMessage, 0, n)}
	for _, m := range e.queue[:n] {
		var record bytes.Buffer
		if json.Compact(&record, m.Data.Payload) != nil || !bytes.HasPrefix(record.Bytes(), []byte("{")) || m.Data.Event.ReplayID == nil {
			return s, fault.New(fault.ConnectorServer, "%s: an event has no payload or no replayId", e.doing)
		}
		s.Records = append(s.Records, record.Bytes())
		e.at = m.Data.Event.ReplayID
	}
	e.queue = e.queue[n:]
	s.Position, s.Gap = eventPosition{Number: e.at}.cursor(), e.gap
	e.gap = ""
	return s, nil
}

// recover makes it possible to begin anew after an error, or returns what stands against it.
func (e *cometdEvents) recover(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return stopped(ctx, e.doing)
	}
	e.session.id = ""
	kind := kindOf(err)
	if retry, _ := fault.RetryOf(err); kind == busFatal && retry == fault.Transient { // of the HTTP exchange
		kind = busTransient
	}
	forget, err := e.decide(ctx, e.c, kind, err, e.at != nil, e.doing, func() error {
		_, err := rest.Bearer(e.c.cfg.Tokens, "").Renew(ctx, e.session.token)
		return err
	})
	if forget {
		e.at = nil
	}
	return err
}

// Close implements [connector.Events].
func (e *cometdEvents) Close() error {
	e.cancel()
	if e.polling != nil {
		<-e.polling
		e.polling = nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	e.session.disconnect(ctx)
	e.queue = nil
	return nil
}

// eventSchema fetches the schema of a channel's events by REST.
func (c *connection) eventSchema(ctx context.Context, topic string) (*avro.Schema, error) {
	a, err := c.client.Do(ctx, &rest.Request{
		Doing: "fetching the schema of " + topic, Path: dataPath + "/sobjects/" + objectOf(topic) + "/eventSchema", Query: map[string][]string{"payloadFormat": {"COMPACT"}},
	})
	if err != nil {
		return nil, err
	}
	return avro.Parse(string(a.Body))
}
