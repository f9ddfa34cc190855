package fake

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// stream is one subscription of the Pub/Sub API.
type stream struct {
	b       *Bus
	c       *grpcCall
	topic   topic
	at      int64 // of the log: what was sent reaches to it
	pending int   // events that were asked for and not sent
	sent    int
	token   string
	asks    chan ask
}

// ask is one FetchRequest, or the end of them.
type ask struct {
	m   protoMessage
	err error
}

func (b *Bus) subscribe(c *grpcCall) error {
	first, err := c.receive()
	if err != nil {
		return err
	}
	s := &stream{b: b, c: c, token: c.r.Header.Get("accesstoken"), asks: make(chan ask)}
	if s.topic, err = b.lookup(first.text(1)); err != nil {
		return err
	}
	if mood, _, _ := b.state(); mood == BusSpent {
		return failing(grpcResourceExhausted, "subscription.limit.exceeded", "You have exceeded the event delivery limit for the organization.")
	}
	if err := s.position(first); err != nil {
		return err
	}
	if err := s.take(first); err != nil {
		return err
	}
	c.begin()
	b.note(1, 1)
	defer b.note(-1, -1)
	stop := make(chan struct{})
	defer close(stop)
	go s.listen(stop)
	return s.run()
}

// position is where the first request says to begin.
func (s *stream) position(m protoMessage) error {
	switch m.number(2) {
	case replayLatest:
		_, s.at, _, _ = s.b.org.Changes(-1)
	case replayEarliest:
	case replayCustom:
		at, ok := positionOf(m.raw(3))
		if !ok {
			return failing(grpcInvalid, "subscription.fetch.replayid.corrupted", "The Replay ID is corrupted.")
		}
		if !s.b.known(s.topic, at) {
			return failing(grpcInvalid, "subscription.fetch.replayid.validation.failed", "The Replay ID validation failed: it is not one of the retention window.")
		}
		s.at = at
	default:
		return failing(grpcInvalid, "subscription.fetch.replay.preset.invalid", "The replay preset is invalid.")
	}
	return nil
}

// take adds what a request asks for.
func (s *stream) take(m protoMessage) error {
	n := m.number(4)
	if n < 1 || n > maxRequested {
		return failing(grpcInvalid, "subscription.fetch.requested.events.invalid", "The number of requested events must be between 1 and %d.", maxRequested)
	}
	if name := m.text(1); name != "" && name != s.topic.name {
		return failing(grpcInvalid, "subscription.topic.invalid", "The topic can't change within a stream.")
	}
	s.pending += int(n)
	s.b.mu.Lock()
	s.b.requested = max(s.b.requested, s.pending)
	s.b.mu.Unlock()
	return nil
}

// listen passes the client's requests on.
func (s *stream) listen(stop <-chan struct{}) {
	for {
		m, err := s.c.receive()
		select {
		case s.asks <- ask{m, err}:
		case <-stop:
			return
		}
		if err != nil {
			return
		}
	}
}

// run sends events while any are asked for.
func (s *stream) run() error {
	for {
		_, cut, cutAfter := s.b.state()
		if err := s.b.authenticate(s.token); err != nil {
			return err
		}
		list, next, _, more := s.b.read(s.topic, s.at)
		if s.pending > 0 && len(list) > 0 {
			if err := s.deliver(list, cutAfter); err != nil {
				return err
			}
			continue
		}
		if len(list) == 0 {
			s.at = next
		}
		if err := s.wait(more, cut); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// deliver sends one answer with events.
func (s *stream) deliver(list []Change, cutAfter int) error {
	n := min(len(list), s.pending, s.b.opts.Batch)
	if cutAfter > 0 {
		n = min(n, cutAfter-s.sent)
	}
	var out []byte
	for _, c := range list[:n] {
		schema := s.b.schemaAt(c.Entity, c.Position)
		event := protoText(nil, 1, c.TransactionKey)
		event = protoText(event, 2, schema.id)
		event = protoBytes(event, 3, schema.encode(c))
		out = protoPart(out, 1, protoBytes(protoPart(nil, 1, event), 2, replayID(c.Position)))
		s.at = c.Position
	}
	s.pending -= n
	s.sent += n
	if err := s.answer(out); err != nil {
		return err
	}
	if cutAfter > 0 && s.sent >= cutAfter {
		return http.ErrAbortHandler
	}
	return nil
}

func (s *stream) answer(events []byte) error {
	out := protoBytes(events, 2, replayID(s.at))
	out = protoText(out, 3, rpcID())
	return s.c.send(protoNumber(out, 4, uint64(s.pending))) //nolint:gosec // not negative
}

// wait waits for events, a request, or the time to show a sign of life. io.EOF ends the subscription well.
func (s *stream) wait(more, cut <-chan struct{}) error {
	patience := s.b.opts.KeepAlive
	if s.pending == 0 {
		patience, more = s.b.opts.Hold, nil
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-more:
	case a := <-s.asks:
		if a.err != nil {
			return a.err
		}
		return s.take(a.m)
	case <-cut:
		return http.ErrAbortHandler
	case <-s.c.r.Context().Done():
		return io.EOF
	case <-timer.C:
		if s.pending == 0 {
			return io.EOF
		}
		return s.answer(nil)
	}
	return nil
}
