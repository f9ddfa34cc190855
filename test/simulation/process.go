package simulation

import (
	"context"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"time"

	"weir.dev/weir/blob"
	"weir.dev/weir/blob/blobtest"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/durable/local"
	"weir.dev/weir/internal/engine"
	"weir.dev/weir/internal/store"
)

// errDead is what a process gets for every call after its death. The real one would not get that far.
var errDead = fault.New(fault.Internal, "this process is dead")

// process is one life of a server. All its calls to the outside go through around.
type process struct {
	w      *world
	n      int
	engine *local.Engine
	steps  *durable.Steps

	mu    sync.Mutex // guards all below
	dead  bool
	still chan struct{}        // not nil while the process stands still; closed when it goes on
	away  map[string]time.Time // what cannot be reached, by the first word of a call, and until when
	skew  time.Duration        // of its clock
}

// boot starts a process, as the server does.
func (w *world) boot(n int) *process {
	p := &process{w: w, n: n, away: map[string]time.Time{}}
	p.steps = &durable.Steps{
		Store: &link{Store: w.store, p: p}, Connectors: connector.NewRegistry(w.vendor.connectors(p)...),
		Configure: func(context.Context, flow.ConnectorType, string, string) (connector.Config, error) {
			return connector.Config{Buckets: opener{p.bucket()}}, nil
		},
		Mover: engine.New(engine.Options{Threads: 1, Memory: 64 << 20}), Board: durable.NewBoard(p.now), Clock: p.now,
		Options: durable.Options{
			Random: func() float64 { return w.draw("backoff", n) },
			NewID:  func() string { return w.newID("due") },
		},
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Concluded: func(x *flow.Execution) {
			w.note("process %d: %s of %s ends %s: %s", n, x.ID, x.FlowName, x.Status, x.Message)
		},
	}
	p.engine = local.New(p.steps, local.Options{Executions: w.atOnce, Splits: 1})
	w.note("process %d starts", n)
	return p
}

// run takes up what is unfinished, and the schedules.
func (p *process) run(ctx context.Context) {
	for p.engine.Resume(ctx) != nil && !p.isDead() { // the store may be away just now
		pass(p.w.between(time.Second, 3*time.Second, "restart", p.n))
	}
	p.engine.Schedule()
}

func (p *process) isDead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

// kill lets no call pass from now on.
func (p *process) kill() {
	p.w.note("process %d is killed", p.n)
	p.mu.Lock()
	p.dead = true
	p.mu.Unlock()
	p.engine.Close()
}

// pause lets the process stand still for a time.
func (p *process) pause(d time.Duration) {
	p.w.note("process %d stands still for %s", p.n, d.Round(time.Second))
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.still != nil {
		return
	}
	still := make(chan struct{})
	p.still = still
	time.AfterFunc(d, func() {
		p.mu.Lock()
		p.still = nil
		p.mu.Unlock()
		close(still)
	})
}

// lose makes something unreachable for a time.
func (p *process) lose(what string, d time.Duration) {
	p.w.note("process %d cannot reach the %s for %s", p.n, what, d.Round(time.Second))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away[what] = time.Now().Add(d)
}

// jump sets the process's clock.
func (p *process) jump(d time.Duration) {
	p.w.note("the clock of process %d is %s off", p.n, d.Round(time.Second))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.skew = d
}

func (p *process) now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Now().UTC().Add(p.skew)
}

// around makes a call: it takes its time on the way there and back, stands still with its process, is lost with it, and
// fails now and then, before it has taken effect or after.
func (p *process) around(what, about string, call func() error) error {
	if err := p.leg(what, about, "there"); err != nil {
		return err
	}
	if err := call(); err != nil {
		return err
	}
	return p.leg(what, about, "back")
}

// faults is the share of calls that fail, of each leg.
const faults = 0.003

func (p *process) leg(what, about, leg string) error {
	pass(p.w.between(time.Millisecond, 40*time.Millisecond, "delay", p.n, what, about, leg))
	p.mu.Lock()
	dead, still, until := p.dead, p.still, p.away[what]
	p.mu.Unlock()
	if still != nil {
		<-still
		dead = p.isDead()
	}
	switch {
	case dead:
		return errDead
	case p.w.isCalm():
		return nil
	case time.Now().Before(until), p.w.draw("fault", p.n, what, about, leg) < faults:
		return fault.Temporary(fault.ConnectorServer, nil, "the %s does not answer", what)
	}
	return nil
}

// link is the store as a process sees it.
type link struct {
	store.Store
	p *process
}

func (l *link) Read(ctx context.Context, fn func(store.ReadTx) error) error {
	return l.p.around("store", "read by "+caller(), func() error { return l.Store.Read(ctx, fn) })
}

func (l *link) Write(ctx context.Context, fn func(store.Tx) error) error {
	return l.p.around("store", "write by "+caller(), func() error { return l.Store.Write(ctx, fn) })
}

// caller names what uses the store, so that what two goroutines do at the same moment is drawn for each alone.
func caller() string {
	var at [24]uintptr
	frames := runtime.CallersFrames(at[:runtime.Callers(3, at[:])])
	var names []string
	for {
		f, more := frames.Next()
		if _, name, ours := strings.Cut(f.Function, "internal/durable"); ours {
			names = append(names, name)
		}
		if !more {
			return strings.Join(names, " ")
		}
	}
}

func (p *process) bucket() blob.Bucket {
	return blobtest.Faulty(p.w.bucket.Open(), func(at blobtest.Point) error {
		leg := "there"
		if at.After {
			leg = "back"
		}
		return p.leg("bucket", string(at.Op)+" "+at.Key, leg)
	})
}

// opener opens the one bucket there is.
type opener struct{ bucket blob.Bucket }

func (o opener) OpenBucket(context.Context, string) (blob.Bucket, error) { return o.bucket, nil }
