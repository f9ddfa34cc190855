package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectors/salesforce/internal/avro"
	"weir.dev/weir/connectors/salesforce/internal/pubsub"
	"weir.dev/weir/fault"
)

const (
	// maxRequested is how many events may be asked for at a time.
	maxRequested = 100
	// silence is how long a subscription may say nothing: the bus promises a word within 270 seconds.
	silence = 330 * time.Second
	// maxReplay bounds a position, which is kept with each batch.
	maxReplay = 4 << 10
	// maxSchemas bounds the schemas that are kept; a channel of many objects has many.
	maxSchemas = 256
)

// openPubSub subscribes by the Pub/Sub API.
func (c *connection) openPubSub(ctx context.Context, topic string, from eventPosition, most int) (connector.Events, error) {
	client, err := c.dialPubSub()
	if err != nil {
		return nil, err
	}
	if _, err := client.topic(ctx, topic); err != nil {
		client.close()
		return nil, err
	}
	e := &pubsubEvents{
		c: c, client: client, topic: topic, doing: "listening to " + topic, most: max(most, 1), at: from.Replay, schemas: map[string]*avro.Schema{},
	}
	if err := e.subscribe(ctx); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// pubsubEvents is one subscription, which outlives the streams that carry it. It asks for more events only when the ones
// before have been taken.
type pubsubEvents struct {
	c      *connection
	client *pubsubClient // nil between two streams
	topic  string
	doing  string
	most   int

	stream *pubsubStream // nil when there is none
	asked  int           // events that were asked for and have not come
	queue  []*pubsub.ConsumerEvent

	at []byte // the position after what was taken; nil before the first is known
	recovery

	schemas map[string]*avro.Schema // by id
}

// pubsubStream is one stream, and the goroutine that reads it.
type pubsubStream struct {
	api     grpc.BidiStreamingClient[pubsub.FetchRequest, pubsub.FetchResponse]
	token   string // that it was opened with
	arrived chan fetched
	cancel  context.CancelFunc
	done    chan struct{}
}

// fetched is one answer, or the end of the stream.
type fetched struct {
	response *pubsub.FetchResponse
	err      error
	trailer  metadata.MD
}

// subscribe opens a stream at the position, and asks for the first events.
func (e *pubsubEvents) subscribe(ctx context.Context) error {
	if e.client == nil {
		var err error
		if e.client, err = e.c.dialPubSub(); err != nil {
			return err
		}
	}
	ctx, token, err := e.client.authorized(ctx)
	if err != nil {
		return err
	}
	release, err := e.client.granted(ctx)
	if err != nil {
		return err
	}
	release() // a subscription that waits is no call at work
	// The stream lives until Close, and not only for as long as the call that opened it.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	api, err := e.client.api.Subscribe(ctx)
	if err != nil {
		cancel()
		return e.client.classify(e.doing, err, nil, token)
	}
	s := &pubsubStream{api: api, token: token, arrived: make(chan fetched), cancel: cancel, done: make(chan struct{})}
	go s.read(ctx)
	e.stream, e.asked, e.queue = s, 0, nil
	first := &pubsub.FetchRequest{TopicName: e.topic, ReplayPreset: pubsub.ReplayPreset_LATEST}
	switch {
	case e.at != nil:
		first.ReplayPreset, first.ReplayId = pubsub.ReplayPreset_CUSTOM, e.at
	case e.earliest:
		first.ReplayPreset = pubsub.ReplayPreset_EARLIEST
	}
	e.request(first)
	return nil
}

// read passes on what the stream brings until it ends.
func (s *pubsubStream) read(ctx context.Context) {
	defer close(s.done)
	for {
		var f fetched
		if f.response, f.err = s.api.Recv(); f.err != nil {
			f.trailer = s.api.Trailer()
		}
		select {
		case s.arrived <- f:
		case <-ctx.Done():
			return
		}
		if f.err != nil {
			return
		}
	}
}

// window is how many events may be on their way.
func (e *pubsubEvents) window() int { return min(e.most, maxRequested) }

// request asks for as many events as there is room for.
func (e *pubsubEvents) request(r *pubsub.FetchRequest) {
	n := e.window() - e.asked
	r.NumRequested = int32(n)
	e.asked += n
	_ = e.stream.api.Send(r) // what goes wrong shows when the stream is read, with its reason
}

// Next implements [connector.Events].
func (e *pubsubEvents) Next(ctx context.Context) (connector.Signals, error) {
	if ctx.Err() != nil {
		return connector.Signals{}, stopped(ctx, e.doing)
	}
	for len(e.queue) == 0 {
		quiet, err := e.receive(ctx)
		if err != nil {
			if err = e.recover(ctx, err); err != nil {
				return connector.Signals{}, err
			}
			continue
		}
		if quiet {
			return e.signals(nil), nil
		}
	}
	return e.take(ctx)
}

// receive waits for one answer. Quiet is one without events, which moves the position.
func (e *pubsubEvents) receive(ctx context.Context) (quiet bool, err error) {
	if e.stream == nil {
		if err := e.subscribe(ctx); err != nil {
			return false, err
		}
	}
	if e.asked <= e.window()/2 {
		e.request(&pubsub.FetchRequest{TopicName: e.topic})
	}
	dead := time.NewTimer(silence)
	defer dead.Stop()
	select {
	case <-ctx.Done():
		return false, stopped(ctx, e.doing)
	case <-dead.C:
		return false, &busError{busTransient, fault.Temporary(fault.ConnectorServer, nil, "%s: Salesforce has fallen silent", e.doing)}
	case f := <-e.stream.arrived:
		if errors.Is(f.err, io.EOF) {
			return false, &busError{busTransient, fault.Temporary(fault.ConnectorServer, nil, "%s: Salesforce has ended the stream", e.doing)}
		}
		if f.err != nil {
			return false, e.client.classify(e.doing, f.err, f.trailer, e.stream.token)
		}
		return e.accept(f.response)
	}
}

func (e *pubsubEvents) accept(r *pubsub.FetchResponse) (quiet bool, err error) {
	e.failures, e.renewed = 0, false
	e.queue = r.GetEvents()
	e.asked = max(e.asked-len(e.queue), 0)
	if len(e.queue) > 0 {
		return false, nil
	}
	if e.asked = int(max(r.GetPendingNumRequested(), 0)); len(r.GetLatestReplayId()) == 0 {
		return false, nil // nothing to say at all
	}
	return true, e.move(r.GetLatestReplayId())
}

// move takes over a position.
func (e *pubsubEvents) move(replay []byte) error {
	if len(replay) == 0 || len(replay) > maxReplay {
		return fault.New(fault.ConnectorServer, "%s: Salesforce sends a position that is not one", e.doing)
	}
	e.at = replay
	return nil
}

// take decodes the next events that have come.
func (e *pubsubEvents) take(ctx context.Context) (connector.Signals, error) {
	n := min(len(e.queue), e.most)
	out := make([]json.RawMessage, 0, n)
	for _, event := range e.queue[:n] {
		schema, err := e.schema(ctx, event.GetEvent().GetSchemaId())
		if err != nil {
			return connector.Signals{}, err
		}
		record, err := schema.Event(event.GetEvent().GetPayload())
		if err != nil {
			return connector.Signals{}, fault.Wrap(fault.CodeOf(err), err, "%s", e.doing)
		}
		out = append(out, record)
	}
	if err := e.move(e.queue[n-1].GetReplayId()); err != nil {
		return connector.Signals{}, err
	}
	e.queue = e.queue[n:]
	return e.signals(out), nil
}

// schema gives the schema of that id, which may be another one than that of the event before.
func (e *pubsubEvents) schema(ctx context.Context, id string) (*avro.Schema, error) {
	if t := e.schemas[id]; t != nil {
		return t, nil
	}
	t, err := e.client.schema(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(e.schemas) >= maxSchemas {
		clear(e.schemas)
	}
	e.schemas[id] = t
	return t, nil
}

func (e *pubsubEvents) signals(records []json.RawMessage) connector.Signals {
	s := connector.Signals{Records: records, Position: eventPosition{Replay: e.at}.cursor(), Gap: e.gap}
	e.gap = ""
	return s
}

// recover makes it possible to subscribe anew after an error, or returns what stands against it.
func (e *pubsubEvents) recover(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return stopped(ctx, e.doing)
	}
	token := ""
	if e.stream != nil {
		token = e.stream.token
	}
	e.hangUp()
	forget, err := e.decide(ctx, e.c, kindOf(err), err, e.at != nil, e.doing, func() error {
		_, err := e.c.cfg.Tokens.Renew(ctx, token)
		return err
	})
	if forget {
		e.at = nil
	}
	return err
}

// hangUp ends the stream and the connection under it.
func (e *pubsubEvents) hangUp() {
	if e.stream != nil {
		e.stream.cancel()
	}
	e.client.close()
	if e.stream != nil {
		<-e.stream.done
	}
	e.stream, e.client, e.asked = nil, nil, 0
}

// Close implements [connector.Events].
func (e *pubsubEvents) Close() error {
	e.hangUp()
	e.queue = nil
	return nil
}
