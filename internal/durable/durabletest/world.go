package durabletest

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/blob/memblob"
	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/store"
)

// Engine is what the suite needs of an engine under test.
type Engine interface {
	durable.Engine
	// Resume takes on what the store holds as unfinished, as at a process's start.
	Resume(ctx context.Context) error
	// Close stops the engine as a process's death would: no cleaning up, no leases given back. It returns when nothing of
	// it runs any more.
	Close()
}

// Factory builds an engine as a process does at its start. Alone says that no other process runs.
type Factory func(steps *durable.Steps, alone bool) Engine

// Scenario is a flow, what it reads, and how it must end when nothing disturbs it.
type Scenario struct {
	Name    string
	Objects []Object
	// Trouble makes the vendor's, see [Vendor], for one world. Nil means none.
	Trouble func() func(ctx context.Context, object, page int) error
	Dest    flow.Destination
	Tasks   []flow.Task
	Window  *flow.Window
	Tags    map[string]string // of the flow: its options
	Mover   func() durable.Mover
	Want    flow.ExecutionStatus
	Message string // part of the message it must end with
}

// World is what outlives processes.
type World struct {
	Scenario Scenario
	Vendor   *Vendor
	Store    store.Store
	Bucket   *memblob.Store
	ID       string // of the one execution

	factory Factory
	ended   chan flow.ExecutionStatus // told by every process's Concluded
}

// executionID has the form that keys must name.
const executionID = "5e8f1a5c-7d1b-4b0e-9c53-1f2e3d4c5b6a"

// NewWorld makes a world in which the scenario's execution has just been started.
func NewWorld(t testing.TB, factory Factory, sc Scenario, s store.Store) *World {
	w := &World{
		Scenario: sc, Store: s, Bucket: memblob.NewStore("out", nil), ID: executionID, factory: factory,
		Vendor: &Vendor{Objects: sc.Objects}, ended: make(chan flow.ExecutionStatus, 256),
	}
	if sc.Trouble != nil {
		w.Vendor.Trouble = sc.Trouble()
	}
	require.NoError(t, sc.begin(t.Context(), s))
	return w
}

// begin puts the scenario's flow and its execution, just started, into a store.
func (sc *Scenario) begin(ctx context.Context, s store.Store) error {
	noOp := map[string]flow.Operator{string(Rows): flow.OpNoOp}
	def := flow.Definition{
		Trigger:      flow.Trigger{Type: flow.TriggerOnDemand},
		Source:       flow.Source{Connector: Rows},
		Destinations: []flow.Destination{sc.Dest},
		Tasks:        append([]flow.Task{{Type: flow.TaskMapAll, Operators: noOp}}, sc.Tasks...),
	}
	started := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	return s.Write(ctx, func(tx store.Tx) error {
		err := tx.FlowPut(ctx, &flow.Flow{
			Definition: def, Name: "orders", Status: flow.StatusActive, SchemaVersion: 1, Version: 1, CreatedAt: started, UpdatedAt: started,
			Tags: sc.Tags,
		})
		if err != nil {
			return err
		}
		return tx.ExecutionPut(ctx, &flow.Execution{
			ID: executionID, FlowName: "orders", FlowVersion: 1, SchemaVersion: 1, Definition: def, Window: sc.Window,
			Status: flow.ExecutionInProgress, StartedAt: started, UpdatedAt: started,
		})
	})
}

// Process is one life of an engine.
type Process struct {
	Engine Engine
	Steps  *durable.Steps
	Trap   *Trap
	world  *World
}

// Boot starts a process whose calls go through the trap.
func (w *World) Boot(trap *Trap, alone bool) *Process {
	open := buckets{"out": trap.Bucket(w.Bucket.Open())}
	steps := &durable.Steps{
		Store:      trap.Store(w.Store),
		Connectors: connector.NewRegistry(w.Vendor.Connectors(trap)...),
		Configure: func(context.Context, flow.ConnectorType, string, string) (connector.Config, error) {
			return connector.Config{Buckets: open}, nil
		},
		Mover: w.Scenario.Mover(),
		Board: durable.NewBoard(nil),
		Log:   slog.New(slog.NewTextHandler(io.Discard, nil)),
		Concluded: func(x *flow.Execution) {
			w.ended <- x.Status
		},
	}
	e := w.factory(steps, alone)
	if m, ok := e.(Mortal); ok {
		m.Bind(trap.Gate)
	}
	return &Process{Engine: e, Steps: steps, Trap: trap, world: w}
}

// Finish runs the process until the execution is over and the engine is at rest, or the process has died; it says
// whether it died. Either way nothing of it runs afterwards.
func (p *Process) Finish(t testing.TB) (died bool) {
	defer p.Engine.Close()
	if p.Engine.Resume(t.Context()) != nil {
		<-p.Trap.Died
		return true
	}
	if p.world.Execution(t).Status.Done() {
		return false
	}
	return p.Await(t)
}

// Await waits for the end of the execution, or of the process.
func (p *Process) Await(t testing.TB) (died bool) {
	select {
	case <-p.Trap.Died:
		return true
	case <-p.world.ended:
	case <-time.After(24 * time.Hour):
		require.Fail(t, "the execution does not end", "%+v", p.world.Execution(t))
	}
	require.NoError(t, p.Engine.Drain(t.Context()))
	select {
	case <-p.Trap.Died:
		return true
	default:
		return false
	}
}

// Next waits for the end of one of several executions.
func (w *World) Next(t testing.TB) {
	select {
	case <-w.ended:
	case <-time.After(24 * time.Hour):
		require.Fail(t, "no execution ends")
	}
}

// Execution reads the execution, past all traps.
func (w *World) Execution(t testing.TB) (x *flow.Execution) {
	require.NoError(t, w.Store.Read(t.Context(), func(tx store.ReadTx) (err error) {
		x, err = tx.ExecutionGet(t.Context(), w.ID)
		return err
	}))
	return x
}

// Result is all that can be seen of an execution from outside when it is over.
type Result struct {
	Status    flow.ExecutionStatus
	Message   string
	Totals    flow.Totals
	LastRun   flow.LastRun
	Watermark flow.Watermark
	Files     map[string]string // by key
	Staged    []string
	Rows      []string
	Receipts  int
	Rejects   []flow.Reject
}

// Result collects the result.
func (w *World) Result(t testing.TB) Result {
	r := Result{Files: map[string]string{}, Staged: w.Bucket.Staged(), Rows: w.Vendor.Table()}
	b := w.Bucket.Open()
	for o, err := range b.List(t.Context(), "") {
		require.NoError(t, err)
		in, err := b.OpenAt(t.Context(), o.Key, 0, -1, "")
		require.NoError(t, err)
		data, err := io.ReadAll(in)
		require.NoError(t, err)
		r.Files[o.Key] = string(data)
	}
	ctx := t.Context()
	require.NoError(t, w.Store.Read(ctx, func(tx store.ReadTx) error {
		x, err := tx.ExecutionGet(ctx, w.ID)
		if err != nil {
			return err
		}
		r.Status, r.Message, r.Totals = x.Status, x.Message, x.Totals
		r.Totals.Parallelism = 0 // depends on the moment
		f, err := tx.FlowGet(ctx, x.FlowName)
		if err != nil {
			return err
		}
		if f.LastRun != nil {
			r.LastRun = *f.LastRun
		}
		if mark, err := tx.WatermarkGet(ctx, x.FlowName); err == nil {
			r.Watermark = *mark
		}
		receipts, err := tx.ReceiptList(ctx, w.ID)
		if err != nil {
			return err
		}
		r.Receipts = len(receipts)
		r.Rejects, err = tx.RejectList(ctx, w.ID, 1000)
		return err
	}))
	return r
}
