package listen

import (
	"context"
	"errors"
	"fmt"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/store"
)

// ear is one attempt to listen, on a goroutine of its own. What it takes in goes straight to the inbox.
type ear struct {
	version int64 // of the flow that it listens for
	stop    context.CancelFunc
	done    chan struct{}
	err     error // why it ended; read after done
	// heard says that the attempt got as far as listening. Read after done.
	heard bool
	said  store.ListenerState // written last; used by its goroutine only
}

// Waits between attempts to listen.
const (
	firstWait   = time.Second
	longestWait = 5 * time.Minute
	// maxRefusals is how often in a row a vendor may refuse the credentials. Each attempt opens a new connection, whose
	// tokens are renewed as far as they can be; the second one tells a token that had just expired from credentials that
	// are not good any more.
	maxRefusals = 2
)

// listen keeps somebody listening while the flow is active, and nobody else.
func (k *keeper) listen(ctx context.Context, v *sight) error {
	if k.ear != nil {
		select {
		case <-k.ear.done:
			return k.ended(ctx) // what it has decided shows at the next look
		default:
			if v.listener.IsActive && v.flow.Version == k.ear.version {
				return nil
			}
			k.hangUp()
		}
	}
	if !v.listener.IsActive || k.m.now().Before(k.listenAt) || k.ear != nil {
		return nil
	}
	own, stop := context.WithCancel(ctx)
	e := &ear{version: v.flow.Version, stop: stop, done: make(chan struct{})}
	k.ear = e
	go func() {
		defer close(e.done)
		e.err = k.guard(func() error { return k.hear(own, e, v.flow) })
	}()
	return nil
}

// hangUp stops listening and waits until nobody does.
func (k *keeper) hangUp() {
	if k.ear != nil {
		k.ear.stop()
		<-k.ear.done
		k.ear = nil
	}
}

// ended decides what follows when listening has ended by itself.
func (k *keeper) ended(ctx context.Context) error {
	e := k.ear
	k.ear = nil
	e.stop()
	if e.heard {
		k.failures = 0
		if !fault.Is(e.err, fault.ConnectorAuth) {
			k.refusals = 0
		}
	}
	switch code := fault.CodeOf(e.err); {
	case durable.HasCode(e.err, fault.Fenced):
		return e.err
	case code == fault.ConnectorAuth, code == fault.AccessDenied:
		if k.refusals++; k.refusals >= maxRefusals {
			return k.deactivate(ctx, e.err)
		}
	case code == fault.Unsupported, code == fault.Validation:
		return k.deactivate(ctx, e.err)
	case code == fault.Conflict: // it was stopped meanwhile; the next look sees that
		return nil
	}
	k.failures++
	wait := longestWait
	if shift := k.failures - 1; shift < 9 {
		wait = min(firstWait<<shift, longestWait)
	}
	if class, after := fault.RetryOf(e.err); class == fault.Throttled {
		wait = max(wait, min(after, time.Hour))
	}
	k.listenAt = k.m.now().Add(wait)
	text := textOf(e.err)
	k.m.logger().Warn("listening ended, trying again", "flow", k.flow, "wait", wait, "error", e.err)
	return k.state(ctx, store.ListenerRetrying, text)
}

// textOf is what users are told of an error. An error that nobody classified is told in brief: its text was written for
// the log.
func textOf(err error) string {
	if e := (*fault.Error)(nil); !errors.As(err, &e) {
		return "an internal error; the log says more"
	}
	return clip(err.Error())
}

// deactivate suspends the flow: nobody can listen for it until somebody changes something. What is in the inbox is
// delivered all the same.
func (k *keeper) deactivate(ctx context.Context, cause error) error {
	text, now := textOf(cause), k.m.now()
	k.m.logger().Error("event flow deactivated", "flow", k.flow, "error", cause)
	return k.m.store().Write(ctx, func(tx store.Tx) error {
		if err := tx.FenceCheck(ctx, k.fence); err != nil {
			return err
		}
		l, err := tx.ListenerGet(ctx, k.flow)
		if err != nil || !l.IsActive {
			return goneIsOver(err)
		}
		f, err := tx.FlowGet(ctx, k.flow)
		if err != nil {
			return goneIsOver(err)
		}
		l.IsActive, l.State, l.Since, l.Message = false, store.ListenerStopped, now, text
		f.Status, f.StatusMessage = flow.StatusSuspended, clip("deactivated, because nobody can listen for it: "+text)
		if err := tx.FlowPut(ctx, f); err != nil {
			return err
		}
		if k.m.o.Announcer != nil {
			if err := k.m.o.Announcer.EventsDeactivated(ctx, tx, f, now); err != nil {
				return err
			}
		}
		return tx.ListenerPut(ctx, l)
	})
}

// state writes how listening goes, if that is news.
func (k *keeper) state(ctx context.Context, state store.ListenerState, message string) error {
	return k.m.store().Write(ctx, func(tx store.Tx) error {
		if err := tx.FenceCheck(ctx, k.fence); err != nil {
			return err
		}
		l, err := tx.ListenerGet(ctx, k.flow)
		if err != nil || !l.IsActive || l.State == state && l.Message == message {
			return err
		}
		l.State, l.Message, l.Since = state, message, k.m.now()
		return tx.ListenerPut(ctx, l)
	})
}

// most is how many events are asked for at a time.
const most = 500

// hear listens until it cannot go on, or ctx ends.
func (k *keeper) hear(ctx context.Context, e *ear, f *flow.Flow) error {
	switch k.m.o.Inbox.kindOf(f) {
	case KindFolder:
		return k.watch(ctx, e, f)
	case KindObject:
		return k.beSent(ctx, e)
	}
	conn, err := k.m.o.Inbox.connect(ctx, f)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, ok := conn.(connector.EventVerifier); ok {
		return k.beSent(ctx, e)
	}
	listener, ok := conn.(connector.Listener)
	if !ok {
		return fault.New(fault.Unsupported, "the connector %s cannot be listened to", f.Source.Connector)
	}
	position, err := k.position(ctx)
	if err != nil {
		return err
	}
	events, err := listener.Listen(ctx, connector.ListenRequest{Properties: f.Source.Properties, Most: most}, position)
	if err != nil {
		return err
	}
	defer events.Close()
	return k.follow(ctx, e, events)
}

// beSent waits while others send.
func (k *keeper) beSent(ctx context.Context, e *ear) error {
	if err := k.state(ctx, store.ListenerListening, ""); err != nil {
		return err
	}
	e.heard = true
	<-ctx.Done()
	return ctx.Err()
}

// position is where listening goes on; nil at the start.
func (k *keeper) position(ctx context.Context) (at connector.Cursor, err error) {
	err = k.m.store().Read(ctx, func(tx store.ReadTx) error {
		l, err := tx.ListenerGet(ctx, k.flow)
		if err == nil {
			at = connector.Cursor(l.Position)
		}
		return err
	})
	return at, err
}

// follow takes in what happens. Before it asks for more there is room for it.
func (k *keeper) follow(ctx context.Context, e *ear, events connector.Events) error {
	e.heard = true
	for isFull := false; ; {
		hasRoom, err := k.room(ctx, e, &isFull)
		if err != nil {
			return err
		}
		if !hasRoom {
			if pause(ctx, k.m.o.Look) != nil {
				return ctx.Err()
			}
			continue
		}
		s, err := events.Next(ctx)
		if err != nil {
			return err
		}
		if err := k.takeIn(ctx, s); err != nil {
			return err
		}
	}
}

// room reports whether the inbox takes more. One that was full has to drain by half first, so that the state does not
// flicker.
func (k *keeper) room(ctx context.Context, e *ear, isFull *bool) (bool, error) {
	var in store.Inbox
	err := k.m.store().Read(ctx, func(tx store.ReadTx) (err error) {
		in, err = tx.InboxGet(ctx, k.flow)
		return err
	})
	if err != nil {
		return false, err
	}
	limit := k.m.o.Inbox.o.Buffer
	if *isFull {
		limit /= 2
	}
	state, text := store.ListenerListening, ""
	if *isFull = in.Bytes >= limit; *isFull {
		state, text = store.ListenerFull, fmt.Sprintf("the inbox is full: %d events wait to be moved", in.Events)
	}
	if e.said == state {
		return !*isFull, nil
	}
	e.said = state
	return !*isFull, k.state(ctx, state, text)
}

// takeIn puts what was heard into the inbox. An event that no execution could read is left out, and said to be missing.
func (k *keeper) takeIn(ctx context.Context, s connector.Signals) error {
	a := &arrival{flow: k.flow, fence: &k.fence, position: s.Position, gap: s.Gap}
	for _, record := range s.Records {
		line, err := plain(record)
		if err != nil {
			a.gap = "the vendor sent an event that is left out: " + err.Error()
			continue
		}
		a.events = append(a.events, event{record: line})
	}
	if a.gap != "" {
		k.m.logger().Warn("events may be missing", "flow", k.flow, "why", a.gap)
	}
	_, err := k.m.o.Inbox.put(ctx, a)
	return err
}
