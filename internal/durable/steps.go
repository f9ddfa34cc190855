package durable

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"weir.dev/weir/blob"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/engine"
	"weir.dev/weir/internal/plan"
	"weir.dev/weir/internal/store"
)

// Steps are the four steps of an execution and what surrounds them, as methods that take ids and a fence. They keep no
// state between calls but the board: the ledger remembers. Safe for concurrent use; an execution's steps run in the
// order of the package comment, its transfers at the same time if the engine likes.
//
// Every step may be repeated after any error or crash. Errors that no repetition can help are returned as they are; the
// engine then calls [Steps.Fail], [Steps.Discard] and [Steps.Conclude]. fault.Fenced means that a newer owner has taken
// over: stop, touch nothing. fault.Canceled means that the execution is to be canceled: discard and conclude.
type Steps struct {
	Store      store.Store
	Connectors *connector.Registry
	// Configure gives a connection its settings: credentials, buckets, HTTP client.
	Configure func(ctx context.Context, c flow.ConnectorType, profile, apiVersion string) (connector.Config, error)
	Mover     Mover
	Clock     func() time.Time // nil means time.Now
	Log       *slog.Logger     // nil means slog.Default
	Board     *Board           // where transfers show their progress; nil shows none
	Options   Options
	// Announcer writes what others are to be told of a run into the transaction that it is about. Nil tells nobody.
	Announcer Announcer
	// Catalog registers published files in a metadata catalog, for flows that name one. Nil registers nothing.
	Catalog Catalog
	// Inbox reads what executions of events move. Nil fails them.
	Inbox Inbox
	// Began is told of every execution that a schedule or events have started, after the ledger says so. It must not block. May be nil.
	Began func(flowName string)
	// Concluded is told of every execution that has ended, after the ledger says so. It may be told twice of one, after
	// a crash not at all. It must not block. May be nil.
	Concluded func(x *flow.Execution)
}

// Mover moves one split's rows; *engine.Engine does.
type Mover interface {
	Run(ctx context.Context, t engine.Transfer, h engine.Hooks) (flow.Totals, error)
}

// Options are the settings that all engines share, in one table. Zero values mean the defaults.
type Options struct {
	// Splits is how many splits a source is asked for. It is the same everywhere, because the output depends on it.
	Splits int // 16
	// ChunkBytes is how much input one page holds. Part of the plan, too.
	ChunkBytes int // 0: the connector's default
	// MaxRunning is how many executions may run at the same time before the times of schedules have to wait; 0 means any
	// number.
	MaxRunning int
	// EventFailures is how many executions of a flow's events may fail in a row before the flow is deactivated; 0 means 10.
	EventFailures int
	Step          Retry
	Split         Retry // without progress in between
	Ledger        Retry // of one transaction, inside a step
	// Patience is how long a source may deliver nothing before its split is tried again: 6 h. It is long, because vendors
	// take hours over large exports; what moves bytes has shorter ones of its own.
	Patience time.Duration
	// Random gives numbers in [0,1) for backoff. Nil means math/rand.
	Random func() float64
	// NewID names executions that begin by themselves. Nil means random UUIDs; their form is part of keys.
	NewID func() string
}

func (o *Options) patience() time.Duration {
	if o.Patience > 0 {
		return o.Patience
	}
	return 6 * time.Hour
}

func (o *Options) newID() string {
	if o.NewID != nil {
		return o.NewID()
	}
	return uuid.NewString()
}

const defaultSplits = 16

// Now is the steps' clock, in UTC.
func (s *Steps) Now() time.Time {
	if s.Clock != nil {
		return s.Clock().UTC()
	}
	return time.Now().UTC()
}

// Logger is where the steps write, and engines too.
func (s *Steps) Logger() *slog.Logger {
	if s.Log != nil {
		return s.Log
	}
	return slog.Default()
}

// RetryStep runs a step until it succeeds, cannot be helped, or has failed often enough.
func (s *Steps) RetryStep(ctx context.Context, step func() error) error {
	return s.Options.Step.or(defaultStep).Do(ctx, s.Options.Random, step)
}

// connect opens a connection. The caller closes it.
func (s *Steps) connect(ctx context.Context, c flow.ConnectorType, profile, apiVersion string) (connector.Connection, error) {
	return connect(ctx, s.Connectors, s.Configure, c, profile, apiVersion)
}

func connect(
	ctx context.Context, list *connector.Registry,
	configure func(context.Context, flow.ConnectorType, string, string) (connector.Config, error),
	c flow.ConnectorType, profile, apiVersion string,
) (connector.Connection, error) {
	vendor := list.Find(c)
	if vendor == nil {
		return nil, fault.New(fault.Unsupported, "connecting to %s: this build has no such connector", c)
	}
	cfg, err := configure(ctx, c, profile, apiVersion)
	if err != nil {
		return nil, fault.Wrap(fault.CodeOf(err), err, "configuring %s", c)
	}
	conn, err := vendor.Connect(ctx, cfg)
	if err != nil {
		return nil, fault.Wrap(fault.CodeOf(err), err, "connecting to %s", c)
	}
	return conn, nil
}

// ends are the open connections of an execution's two ends.
type ends struct {
	source, dest connector.Connection
	reader       connector.Reader
	target       *connector.Target // for destinations of files
	writer       connector.Writer  // for destinations of rows
	errors       blob.Bucket       // for plans with error files; its opener owns it
}

func (e *ends) close() {
	for _, c := range []connector.Connection{e.source, e.dest} {
		if c != nil {
			c.Close() // nothing is lost: what matters was acknowledged before
		}
	}
}

// openSource connects the source.
func (e *ends) openSource(ctx context.Context, s *Steps, src plan.Source) error {
	conn, err := s.connect(ctx, src.Connector, src.ProfileName, src.APIVersion)
	if err != nil {
		return err
	}
	e.source = conn
	reader, ok := conn.(connector.Reader)
	if !ok {
		return fault.New(fault.Unsupported, "reading from %s: the connector cannot be a source", src.Connector)
	}
	e.reader = reader
	return nil
}

// openDest connects the destination and finds out which kind it is.
func (e *ends) openDest(ctx context.Context, s *Steps, dst plan.Dest) error {
	conn, err := s.connect(ctx, dst.Connector, dst.ProfileName, dst.APIVersion)
	if err != nil {
		return err
	}
	e.dest = conn
	switch d := conn.(type) {
	case connector.FileTarget:
		target, err := d.Target(ctx, dst.Properties)
		if err != nil {
			return err
		}
		e.target = &target
	case connector.Writer:
		e.writer = d
	default:
		return fault.New(fault.Unsupported, "writing to %s: the connector cannot be a destination", dst.Connector)
	}
	return nil
}

// endsOf names a definition's two ends the way a plan does, before there is one.
func endsOf(d *flow.Definition) (plan.Source, plan.Dest, error) {
	if len(d.Destinations) != 1 {
		return plan.Source{}, plan.Dest{}, fault.New(fault.Validation, "preparing: %d destinations; exactly one is supported", len(d.Destinations))
	}
	src, dst := &d.Source, &d.Destinations[0]
	deref := func(p *string) string {
		if p == nil {
			return ""
		}
		return *p
	}
	return plan.Source{Connector: src.Connector, ProfileName: deref(src.ProfileName), APIVersion: deref(src.APIVersion)},
		plan.Dest{Connector: dst.Connector, ProfileName: deref(dst.ProfileName), APIVersion: deref(dst.APIVersion), Properties: dst.Properties}, nil
}
