package temporal

import (
	"context"
	"encoding/json"
	"sync"

	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/engine"
)

// gauge is how far a transfer has come, ahead of the ledger. It travels with heartbeats, so that servers can show it.
// Safe for concurrent use.
type gauge struct {
	split int

	mu     sync.Mutex // guards totals
	totals flow.Totals
}

// reading is a gauge as it is written down.
type reading struct {
	Split  int         `json:"split"`
	Totals flow.Totals `json:"totals"`
}

func (g *gauge) set(t flow.Totals) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.totals = t
}

// MarshalJSON implements json.Marshaler.
func (g *gauge) MarshalJSON() ([]byte, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return json.Marshal(reading{Split: g.split, Totals: g.totals})
}

type gaugeKey struct{}

func withGauge(ctx context.Context, g *gauge) context.Context {
	return context.WithValue(ctx, gaugeKey{}, g)
}

// gauged is a mover that keeps the context's gauge up to date.
type gauged struct{ durable.Mover }

// Run implements [durable.Mover].
func (m gauged) Run(ctx context.Context, t engine.Transfer, h engine.Hooks) (flow.Totals, error) {
	if g, ok := ctx.Value(gaugeKey{}).(*gauge); ok {
		h = &gaugedHooks{Hooks: h, gauge: g}
	}
	return m.Mover.Run(ctx, t, h)
}

type gaugedHooks struct {
	engine.Hooks
	gauge *gauge
}

func (h *gaugedHooks) Progress(t flow.Totals) {
	h.gauge.set(t)
	h.Hooks.Progress(t)
}

func (h *gaugedHooks) Checkpoint(ctx context.Context, c engine.Checkpoint, receipts []connector.Receipt, rejects []flow.Reject) error {
	h.gauge.set(c.Totals)
	return h.Hooks.Checkpoint(ctx, c, receipts, rejects)
}
