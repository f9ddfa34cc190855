package listen

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/store"
)

// Announcer writes what others are to be told of event flows into the transaction that it is about; the book of package
// notify is one.
type Announcer interface {
	// EventReport is called every few minutes while a flow is active.
	EventReport(ctx context.Context, tx store.Tx, f *flow.Flow, r *store.EventReport) error
	// EventsDeactivated is called when a flow is deactivated because nobody can listen for it; its status message says why.
	EventsDeactivated(ctx context.Context, tx store.Tx, f *flow.Flow, at time.Time) error
}

// Options are what a manager is made of. All of the first block are required.
type Options struct {
	Inbox *Inbox
	Steps *durable.Steps // that begins executions
	// Start hands an execution to the engine, see [durable.Engine].
	Start func(ctx context.Context, executionID string) error

	Announcer Announcer // nil tells nobody

	Delay  time.Duration // that an event waits for others to be moved with; 0 means a minute
	Report time.Duration // between two activity reports; 0 means five minutes
	Poll   time.Duration // between two looks at a folder; 0 means five seconds
	Look   time.Duration // between two looks at the inboxes; 0 means a second
	Lease  time.Duration // how long a lease outlives its last renewal; 0 means 30 s
	// Alone says that no other process works on this store, because the data directory is locked: then the leases of a
	// process that died are taken over at once.
	Alone bool
}

func (o Options) withDefaults() Options {
	set := func(d *time.Duration, otherwise time.Duration) {
		if *d <= 0 {
			*d = otherwise
		}
	}
	set(&o.Delay, time.Minute)
	set(&o.Report, 5*time.Minute)
	set(&o.Poll, 5*time.Second)
	set(&o.Look, time.Second)
	set(&o.Lease, 30*time.Second)
	return o
}

// Manager serves event flows.
type Manager struct {
	o     Options
	owner string // of leases: this manager

	mu      sync.Mutex // guards all below
	keepers map[string]*keeper
	tryAt   map[string]time.Time // flows that another manager serves: when to ask again
	tries   int
	pruned  time.Time
	running sync.WaitGroup
}

// New makes a manager. It serves nothing until [Manager.Run].
func New(o Options) *Manager {
	return &Manager{o: o.withDefaults(), owner: uuid.NewString(), keepers: map[string]*keeper{}, tryAt: map[string]time.Time{}}
}

func (m *Manager) store() store.Store   { return m.o.Inbox.o.Store }
func (m *Manager) now() time.Time       { return m.o.Inbox.now() }
func (m *Manager) logger() *slog.Logger { return m.o.Inbox.o.Log }

// Run serves event flows until ctx ends, then gives their leases back. Events keep coming in through [Inbox.Receive], for
// another manager to have them moved. Call it once.
func (m *Manager) Run(ctx context.Context) {
	defer m.running.Wait()
	adopted, failing := false, false
	for {
		var err error
		if !adopted {
			if err = m.adopt(ctx); err == nil {
				adopted = true
			}
		}
		if err == nil {
			err = m.round(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			failing = false
		case !failing: // once for each time that it begins to fail
			m.logger().Warn("event flows are held up", "error", err)
			failing = true
		}
		if pause(ctx, m.o.Look) != nil {
			return
		}
	}
}

// listed is how many flows are read at a time.
const listed = 200

// adopt gives a listener to active event flows that have none: those of a store from before there were listeners.
func (m *Manager) adopt(ctx context.Context) error {
	for after := ""; ; {
		var flows []*flow.Flow
		err := m.store().Read(ctx, func(tx store.ReadTx) (err error) {
			flows, err = tx.FlowList(ctx, after, listed)
			return err
		})
		if err != nil || len(flows) == 0 {
			return err
		}
		for _, f := range flows {
			after = f.Name
			if f.Trigger.Type != flow.TriggerEvent || f.Status != flow.StatusActive {
				continue
			}
			err := m.store().Write(ctx, func(tx store.Tx) error { return Settle(ctx, tx, f, m.now()) })
			if err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
		}
	}
}

// Settle brings a flow's listener in line with the flow: an active event flow takes events in, any other does not. What is
// in the inbox stays, and so does the position.
func Settle(ctx context.Context, tx store.Tx, f *flow.Flow, now time.Time) error {
	isActive := f.Status == flow.StatusActive && f.Trigger.Type == flow.TriggerEvent
	l, err := tx.ListenerGet(ctx, f.Name)
	switch {
	case fault.Is(err, fault.NotFound) && !isActive:
		return nil
	case fault.Is(err, fault.NotFound):
		l = &store.Listener{FlowName: f.Name, Next: 1}
	case err != nil:
		return err
	case l.IsActive == isActive:
		return nil
	}
	l.IsActive = isActive
	l.State, l.Since = store.ListenerStopped, now
	if isActive {
		l.State, l.Message, l.Notice = store.ListenerConnecting, "", ""
		l.IsHeld, l.Failures, l.RetryAt = false, 0, time.Time{}
		l.Reported = store.EventsAtMoment{At: now, Counts: l.Counts}
	}
	return tx.ListenerPut(ctx, l)
}

const pruneEvery = time.Hour

// round takes on every flow that has something to do and that nobody serves.
func (m *Manager) round(ctx context.Context) error {
	if now := m.now(); now.Sub(m.pruned) >= pruneEvery {
		if err := m.store().Write(ctx, func(tx store.Tx) error { return tx.EventIDPrune(ctx, now) }); err != nil {
			return err
		}
		m.pruned = now
	}
	for after := ""; ; {
		var names []string
		n := 0
		err := m.store().Read(ctx, func(tx store.ReadTx) error {
			names, n = nil, 0
			list, err := tx.ListenerList(ctx, after, listed)
			for _, l := range list {
				after = l.FlowName
				n++
				works, err := hasWork(ctx, tx, l)
				if err != nil {
					return err
				}
				if works {
					names = append(names, l.FlowName)
				}
			}
			return err
		})
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := m.take(ctx, name); err != nil {
				return err
			}
		}
		if n < listed {
			return nil
		}
	}
}

// hasWork reports whether a flow needs a keeper: it takes events in, or has some to deliver.
func hasWork(ctx context.Context, tx store.ReadTx, l *store.Listener) (bool, error) {
	if l.IsActive {
		return true, nil
	}
	if l.IsHeld {
		return false, nil
	}
	waiting, err := tx.InboxGet(ctx, l.FlowName)
	return !waiting.IsEmpty(), err
}

// take takes a flow's lease, and serves it as long as it lasts. A flow that another manager has is left for a while.
func (m *Manager) take(ctx context.Context, flowName string) error {
	m.mu.Lock()
	isServed := m.keepers[flowName] != nil || m.now().Before(m.tryAt[flowName])
	m.tries++
	owner := fmt.Sprintf("%s/%d", m.owner, m.tries) // never used before, so that the token rises with each tenure
	m.mu.Unlock()
	if isServed {
		return nil
	}
	fence, err := m.acquire(ctx, flowName, owner)
	if fault.Is(err, fault.Conflict) {
		m.mu.Lock()
		m.tryAt[flowName] = m.now().Add(m.o.Lease / 3)
		m.mu.Unlock()
		return nil
	}
	if err != nil {
		return err
	}
	k := &keeper{m: m, flow: flowName, fence: fence, renewed: m.now()}
	m.mu.Lock()
	m.keepers[flowName] = k
	delete(m.tryAt, flowName)
	m.mu.Unlock()
	m.running.Go(func() {
		k.run(ctx)
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.keepers, flowName)
	})
	return nil
}

func leaseOf(flowName string) string { return "listen/" + flowName }

func (m *Manager) acquire(ctx context.Context, flowName, owner string) (fence store.Fence, err error) {
	err = m.store().Write(ctx, func(tx store.Tx) (err error) {
		now := m.now()
		if !m.o.Alone {
			fence, err = tx.LeaseAcquire(ctx, leaseOf(flowName), owner, now, m.o.Lease)
			return err
		}
		// Whoever holds it is dead: ask as if the lease had expired, then set it right.
		if fence, err = tx.LeaseAcquire(ctx, leaseOf(flowName), owner, now.Add(2*m.o.Lease), m.o.Lease); err != nil {
			return err
		}
		return tx.LeaseRenew(ctx, fence, now, m.o.Lease)
	})
	return fence, err
}

// pause waits, or returns why ctx ended.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
