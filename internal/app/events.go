package app

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/listen"
	"weir.dev/weir/internal/server"
	"weir.dev/weir/internal/store"
	"weir.dev/weir/internal/vault"
)

// openInbox makes the inbox of event flows.
func (a *App) openInbox() error {
	buffer, err := ParseBytes(a.Config.EventBuffer)
	if err != nil {
		return fmt.Errorf("reading --event-buffer: %w", err)
	}
	if a.Config.EventDelay <= 0 {
		return fault.New(fault.Validation, "--event-delay must be a time such as 60s, not %s", a.Config.EventDelay)
	}
	a.inbox = listen.NewInbox(listen.InboxOptions{
		Store: a.Store, Sealer: a.vault, Connect: a.connect, IsLocal: a.buckets.IsLocal, Buffer: buffer, Log: a.Log,
	})
	return nil
}

// serveEvents listens for event flows until the app is closed.
func (a *App) serveEvents(steps *durable.Steps) {
	o := listen.Options{Inbox: a.inbox, Steps: steps, Start: a.Engine.Start, Delay: a.Config.EventDelay, Alone: a.Config.Store == "sqlite"}
	if a.book != nil {
		o.Announcer = a.book
	}
	a.background(listen.New(o).Run)
}

// inbox shows the inbox to the server.
type inbox struct{ *listen.Inbox }

// Settle implements [server.Inbox].
func (inbox) Settle(ctx context.Context, tx store.Tx, f *flow.Flow, now time.Time) error {
	return listen.Settle(ctx, tx, f, now)
}

// Receive implements [server.Inbox].
func (i inbox) Receive(ctx context.Context, flowName string, header http.Header, body []byte, isTrusted bool) (server.Received, error) {
	r, err := i.Inbox.Receive(ctx, listen.Delivery{Flow: flowName, Header: header, Body: body, IsTrusted: isTrusted})
	return server.Received(r), err
}

// resealEvents hangs the events that wait on the current master. They are dropped once they have been moved, but a flow
// that is stopped may keep them for long.
func resealEvents(ctx context.Context, st store.Store, v *vault.Vault) error {
	const page = 50
	for after := ""; ; {
		var listeners []*store.Listener
		err := st.Read(ctx, func(tx store.ReadTx) (err error) {
			listeners, err = tx.ListenerList(ctx, after, page)
			return err
		})
		if err != nil || len(listeners) == 0 {
			return err
		}
		for _, l := range listeners {
			after = l.FlowName
			if err := resealInbox(ctx, st, v, l.FlowName, l.Next); err != nil {
				return err
			}
		}
	}
}

func resealInbox(ctx context.Context, st store.Store, v *vault.Vault, flowName string, end int64) error {
	const page = 16
	for from := int64(0); ; {
		var chunks []*store.EventChunk
		err := st.Read(ctx, func(tx store.ReadTx) (err error) {
			chunks, err = tx.InboxList(ctx, flowName, from, end, page)
			return err
		})
		if err != nil || len(chunks) == 0 {
			return err
		}
		for _, c := range chunks {
			from = c.Sequence + 1
			if v.IsCurrent(c.Sealed) {
				continue
			}
			sealed, err := v.Reseal(ctx, listen.Purpose, flowName, c.Sealed)
			if err != nil {
				return err
			}
			// A chunk is never written again under its number, so that there is nothing to overwrite by mistake.
			if err := st.Write(ctx, func(tx store.Tx) error { return tx.InboxReseal(ctx, flowName, c.Sequence, sealed) }); err != nil {
				return err
			}
		}
	}
}
