package listen_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/blob"
	"weir.dev/weir/blob/memblob"
	"weir.dev/weir/connector"
	"weir.dev/weir/connectors/s3"
	"weir.dev/weir/connectors/webhook"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/durable/durabletest"
	"weir.dev/weir/internal/durable/local"
	"weir.dev/weir/internal/engine"
	"weir.dev/weir/internal/listen"
	"weir.dev/weir/internal/store"
)

// vendor is an application that tells of what happens in it. It lives outside of every process.
type vendor struct {
	mu      sync.Mutex // guards all below
	events  []string   // that have happened; a position is the number of those before it
	more    chan struct{}
	listens int
	from    []int // where each listening began
	trouble func(listens int) error
	oldest  int // events before it are forgotten
	asked   int // calls of Next that gave events
	open    int // listening at the moment
}

func newVendor(events ...string) *vendor { return &vendor{events: events, more: make(chan struct{})} }

// happen adds events.
func (v *vendor) happen(events ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.events = append(v.events, events...)
	close(v.more)
	v.more = make(chan struct{})
}

func (v *vendor) begun() []int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.from)
}

func (v *vendor) isOpen() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.open
}

// Connector types of the rig.
const telling flow.ConnectorType = "Telling"

func (v *vendor) Spec() *connector.Spec {
	return &connector.Spec{Type: telling, Name: "Telling", CanBeSource: true}
}

func (v *vendor) Connect(context.Context, connector.Config) (connector.Connection, error) {
	return v, nil
}

func (v *vendor) Close() error { return nil }

func (v *vendor) DescribeEvents(context.Context, flow.Properties) (flow.Schema, error) {
	return flow.Schema{Entity: "things", Fields: []flow.Field{
		{Name: "id", Type: flow.TypeLong}, {Name: "who.name", Path: []string{"who", "name"}, Type: flow.TypeString},
	}}, nil
}

func (v *vendor) Listen(_ context.Context, _ connector.ListenRequest, from connector.Cursor) (connector.Events, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.listens++
	if v.trouble != nil {
		if err := v.trouble(v.listens); err != nil {
			return nil, err
		}
	}
	at := 0
	if from != nil {
		if err := json.Unmarshal(from, &at); err != nil {
			return nil, err
		}
	}
	v.from = append(v.from, at)
	v.open++
	e := &told{v: v, at: at}
	if at < v.oldest {
		e.at, e.gap = v.oldest, "the vendor keeps events for a day"
	}
	return e, nil
}

type told struct {
	v   *vendor
	at  int
	gap string
}

func (e *told) Close() error {
	e.v.mu.Lock()
	defer e.v.mu.Unlock()
	e.v.open--
	return nil
}

// Next gives two events at a time.
func (e *told) Next(ctx context.Context) (s connector.Signals, err error) {
	for {
		e.v.mu.Lock()
		events, more := e.v.events[e.at:], e.v.more
		if len(events) > 0 {
			e.v.asked++
		}
		e.v.mu.Unlock()
		if len(events) > 0 {
			for _, text := range events[:min(2, len(events))] {
				s.Records = append(s.Records, json.RawMessage(text))
				e.at++
			}
			s.Position, err = json.Marshal(e.at)
			s.Gap, e.gap = e.gap, ""
			return s, err
		}
		select {
		case <-more:
		case <-ctx.Done():
			return s, ctx.Err()
		}
	}
}

// things are n events, the first one numbered first.
func things(first, n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf(`{"id": %d, "who": {"name": "n%d"}, "more": [1, 2]}`, first+i, first+i))
	}
	return list
}

// sealer keeps bytes backwards, so that nothing in clear is found where it should not be.
type sealer struct{}

func (sealer) Seal(_ context.Context, purpose, id string, b []byte) ([]byte, error) {
	out := append([]byte(purpose+"/"+id+":"), b...)
	slices.Reverse(out)
	return out, nil
}

func (sealer) Open(_ context.Context, purpose, id string, b []byte) ([]byte, error) {
	out := slices.Clone(b)
	slices.Reverse(out)
	rest, ok := bytes.CutPrefix(out, []byte(purpose+"/"+id+":"))
	if !ok {
		return nil, fault.New(fault.Internal, "sealed for something else")
	}
	return rest, nil
}

// world is what outlives processes.
type world struct {
	store    store.Store
	vendor   *vendor
	bucket   *memblob.Store
	def      flow.Definition
	tags     map[string]string
	secret   string
	options  listen.Options
	buffer   int64
	isLocal  bool
	wrap     func(connector.Connector) connector.Connector // of the vendor
	failures int                                           // Steps.Options.EventFailures
}

func newWorld(v *vendor) *world {
	w := &world{store: durabletest.NewLedger(), vendor: v, bucket: memblob.NewStore("out", nil)}
	w.def = flow.Definition{
		Trigger: flow.Trigger{Type: flow.TriggerEvent}, Source: flow.Source{Connector: telling},
		Destinations: []flow.Destination{durabletest.Folder(flow.FileOutput{Prefix: "lake", Type: flow.FileJSON})},
		Tasks:        []flow.Task{mapping(telling, "id", "id"), mapping(telling, "who.name", "name")},
	}
	w.options = listen.Options{Delay: 5 * time.Second, Report: 5 * time.Minute, Lease: 30 * time.Second}
	return w
}

func mapping(source flow.ConnectorType, from, to string) flow.Task {
	return flow.Task{
		Type: flow.TaskMap, SourceFields: []string{from}, DestinationField: &to,
		Operators: map[string]flow.Operator{source.Member(): flow.OpNoOp},
	}
}

const flowName = "happenings"

// start does in the store what CreateFlow and StartFlow do.
func (w *world) start(t testing.TB) {
	ctx := t.Context()
	require.NoError(t, w.store.Write(ctx, func(tx store.Tx) error {
		f, err := tx.FlowGet(ctx, flowName)
		if fault.Is(err, fault.NotFound) {
			f, err = &flow.Flow{Definition: w.def, Name: flowName, SchemaVersion: 1, Version: 1, Tags: w.tags}, nil
		}
		if err != nil {
			return err
		}
		f.Status, f.StatusMessage = flow.StatusActive, ""
		if err := tx.FlowPut(ctx, f); err != nil {
			return err
		}
		return listen.Settle(ctx, tx, f, time.Now())
	}))
}

// stop does what StopFlow does.
func (w *world) stop(t testing.TB) {
	ctx := t.Context()
	require.NoError(t, w.store.Write(ctx, func(tx store.Tx) error {
		f, err := tx.FlowGet(ctx, flowName)
		if err != nil {
			return err
		}
		f.Status = flow.StatusSuspended
		if err := tx.FlowPut(ctx, f); err != nil {
			return err
		}
		return listen.Settle(ctx, tx, f, time.Now())
	}))
}

// process is one life of a server.
type process struct {
	inbox  *listen.Inbox
	engine *local.Engine
	steps  *durable.Steps
	stop   context.CancelFunc
	ended  chan struct{}
}

// opener opens the world's buckets.
type opener struct{ w *world }

func (o opener) OpenBucket(context.Context, string) (blob.Bucket, error) {
	return o.w.bucket.Open(), nil
}

// boot starts a process over the world, which sees the store as given.
func (w *world) boot(t testing.TB, s store.Store, alone bool) *process {
	trap := durabletest.NewTrap(nil)
	files := (&durabletest.Vendor{}).Connectors(trap)[1]
	var source connector.Connector = w.vendor
	if w.wrap != nil {
		source = w.wrap(source)
	}
	list := connector.NewRegistry(source, files, s3.New(), webhook.Or(described{}))
	configure := func(_ context.Context, c flow.ConnectorType, profile, _ string) (connector.Config, error) {
		cfg := connector.Config{Buckets: opener{w}}
		if c == flow.CustomConnector {
			cfg.Label = flow.LabelWebhook
			cfg.ProfileCredentials = flow.Properties(fmt.Sprintf(`{"apiKey":{"apiKey":%q}}`, w.secret))
		}
		return cfg, nil
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	p := &process{ended: make(chan struct{})}
	p.inbox = listen.NewInbox(listen.InboxOptions{
		Store: s, Sealer: sealer{}, Buffer: w.buffer, Log: log,
		Connect: func(ctx context.Context, c flow.ConnectorType, profile, apiVersion string) (connector.Connection, error) {
			cfg, err := configure(ctx, c, profile, apiVersion)
			if err != nil {
				return nil, err
			}
			return list.Find(c).Connect(ctx, cfg)
		},
		IsLocal: func(string) bool { return w.isLocal },
	})
	p.steps = &durable.Steps{
		Store: s, Connectors: list, Configure: configure, Mover: engine.New(engine.Options{Threads: 1}), Log: log, Inbox: p.inbox,
		Options: durable.Options{EventFailures: w.failures},
	}
	p.engine = local.New(p.steps, local.Options{Alone: alone})
	o := w.options
	o.Inbox, o.Steps, o.Start, o.Alone = p.inbox, p.steps, p.engine.Start, alone
	ctx, cancel := context.WithCancel(t.Context())
	p.stop = cancel
	manager := listen.New(o)
	go func() {
		defer close(p.ended)
		if p.engine.Resume(ctx) == nil {
			manager.Run(ctx)
		}
	}()
	return p
}

// described stands for the custom connector.
type described struct{ connector.Connector }

func (described) Spec() *connector.Spec {
	return &connector.Spec{Type: flow.CustomConnector, Name: "Custom", CanBeSource: true}
}

// kill ends the process; nothing of it runs afterwards.
func (p *process) kill() {
	p.stop()
	p.engine.Close()
	<-p.ended
}

// listener reads the listener past all traps.
func (w *world) listener(t testing.TB) (l *store.Listener) {
	require.NoError(t, w.store.Read(t.Context(), func(tx store.ReadTx) (err error) {
		l, err = tx.ListenerGet(t.Context(), flowName)
		return err
	}))
	return l
}

func (w *world) waiting(t testing.TB) (in store.Inbox) {
	require.NoError(t, w.store.Read(t.Context(), func(tx store.ReadTx) (err error) {
		in, err = tx.InboxGet(t.Context(), flowName)
		return err
	}))
	return in
}

func (w *world) flow(t testing.TB) (f *flow.Flow) {
	require.NoError(t, w.store.Read(t.Context(), func(tx store.ReadTx) (err error) {
		f, err = tx.FlowGet(t.Context(), flowName)
		return err
	}))
	return f
}

// executions are the flow's, the oldest first.
func (w *world) executions(t testing.TB) (list []*flow.Execution) {
	require.NoError(t, w.store.Read(t.Context(), func(tx store.ReadTx) (err error) {
		list, err = tx.ExecutionList(t.Context(), flowName, nil, 1000)
		return err
	}))
	slices.Reverse(list)
	return list
}

// landed are the lines in the bucket, in the order of the executions and their files.
func (w *world) landed(t testing.TB) (lines []string) {
	bucket := w.bucket.Open()
	var keys []string
	for o, err := range bucket.List(t.Context(), "lake") {
		require.NoError(t, err)
		keys = append(keys, o.Key)
	}
	for _, x := range w.executions(t) {
		for _, key := range keys {
			if !strings.Contains(key, x.ID) {
				continue
			}
			in, err := bucket.OpenAt(t.Context(), key, 0, -1, "")
			require.NoError(t, err)
			for scan := bufio.NewScanner(in); scan.Scan(); {
				lines = append(lines, scan.Text())
			}
		}
	}
	return lines
}

// await waits until something holds, in virtual time.
func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for range 24 * 60 {
		if holds() {
			return
		}
		<-time.After(time.Second)
	}
	require.Fail(t, "it does not come to it: "+what)
}

// moved are the lines that the things come to.
func moved(first, n int) (lines []string) {
	for i := range n {
		lines = append(lines, fmt.Sprintf(`{"id":%d,"name":"n%d"}`, first+i, first+i))
	}
	return lines
}

// connect opens a connection of a source, for inboxes without a process.
func (w *world) connect(ctx context.Context, c flow.ConnectorType, _, _ string) (connector.Connection, error) {
	if c == flow.S3 {
		return s3.New().Connect(ctx, connector.Config{Buckets: opener{w}})
	}
	return webhook.Or(described{}).Connect(ctx, connector.Config{
		Label: flow.LabelWebhook, ProfileCredentials: flow.Properties(fmt.Sprintf(`{"apiKey":{"apiKey":%q}}`, w.secret)),
	})
}

// empty drops what waits.
func (w *world) empty(t testing.TB) {
	require.NoError(t, w.store.Write(t.Context(), func(tx store.Tx) error { return tx.InboxDelete(t.Context(), flowName, 1<<62) }))
}

// requireReadable reads a part of the inbox as an execution does.
func (w *world) requireReadable(t testing.TB, inbox *listen.Inbox, from, to, events int64) {
	if from == to {
		require.Zero(t, events)
		return
	}
	ctx := t.Context()
	source, err := w.connect(ctx, w.def.Source.Connector, "", "")
	require.NoError(t, err)
	x := &flow.Execution{FlowName: flowName, Definition: w.def, Events: &flow.EventRange{From: from, To: to, Events: events}}
	reader, err := inbox.Reader(ctx, x, source)
	require.NoError(t, err)
	schema, err := reader.Describe(ctx, w.def.Source.Properties)
	require.NoError(t, err)
	if w.def.Source.Connector == flow.S3 {
		return
	}
	req := connector.ReadRequest{Schema: schema}
	for _, f := range schema.Fields {
		req.Fields = append(req.Fields, f.Name)
	}
	splits, err := reader.Splits(ctx, req, 4)
	require.NoError(t, err)
	require.Len(t, splits, 1)
	pages, err := reader.Read(ctx, req, splits[0], nil)
	require.NoError(t, err)
	defer pages.Close()
	rows := 0
	for {
		page, err := pages.Next(ctx)
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		b, err := page.Decode()
		require.NoError(t, err)
		rows += b.Rows
		b.Release()
	}
	require.EqualValues(t, events, rows)
}
