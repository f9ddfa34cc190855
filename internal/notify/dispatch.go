package notify

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
)

// Options say how a [Dispatcher] works. The zero value of a field means its default.
type Options struct {
	Store     store.Store // required
	Receivers []Receiver
	Log       *slog.Logger     // nil discards
	Now       func() time.Time // nil is the clock
	// Counted is told what became of a letter: delivered, postponed, dropped or expired. It must not block. May be nil.
	Counted func(receiver Receiver, outcome string)
	// Expiry is how long a letter is tried; a day.
	Expiry time.Duration
}

const (
	lookEvery   = 500 * time.Millisecond // an indexed query that finds nothing costs some ten microseconds
	lookAtOnce  = 200                    // letters in memory at the same time
	patience    = 10 * time.Second       // of one delivery
	roundTime   = 10 * time.Second       // after which a receiver that still takes letters waits for the next round
	leaseName   = "notifications"
	leaseTime   = time.Minute
	firstPause  = time.Second
	longestWait = 15 * time.Minute
	// unknownWait is how long a letter to a receiver that is not configured here waits for one that is.
	unknownWait = 10 * time.Minute
)

// Dispatcher delivers letters. Of the processes that share a store one at a time does.
type Dispatcher struct {
	Options
	receivers map[string]Receiver
	owner     string

	fence  store.Fence // used by the loop alone
	leased time.Time   // until when

	mu      sync.Mutex // guards resting
	resting map[string]rest
}

// rest is the pause of a receiver that does not answer.
type rest struct {
	until    time.Time
	failures int
}

// NewDispatcher makes a dispatcher. [Dispatcher.Run] sets it to work.
func NewDispatcher(o Options) *Dispatcher {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Expiry == 0 {
		o.Expiry = 24 * time.Hour
	}
	d := &Dispatcher{Options: o, receivers: map[string]Receiver{}, owner: uuid.NewString(), resting: map[string]rest{}}
	for _, r := range o.Receivers {
		d.receivers[r.Name()] = r
	}
	return d
}

// Run delivers what is due until ctx ends, and then gives its lease back.
func (d *Dispatcher) Run(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	failing := false
	for {
		more, err := d.Round(ctx)
		switch {
		case ctx.Err() != nil:
			d.release()
			return
		case err == nil:
			failing = false
		case !failing: // once for each time that it begins to fail
			d.Log.Warn("notifications are held up", "error", err)
			failing = true
		}
		if more && err == nil {
			continue
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

// Round takes one look at the outbox, tries to deliver what it finds due, and reports whether there may be more. For one
// caller at a time.
func (d *Dispatcher) Round(ctx context.Context) (more bool, err error) {
	defer func() {
		if fault.Is(err, fault.Fenced) {
			d.leased = time.Time{} // another process has taken over; ask for the lease before doing more
		}
	}()
	list, err := d.due(ctx)
	if err != nil || len(list) == 0 {
		return false, err
	}
	if err := d.lease(ctx); err != nil {
		if fault.Is(err, fault.Conflict) {
			return false, nil // another process delivers
		}
		return false, err
	}
	var late, wait []*store.Letter
	ready := map[Receiver][]*store.Letter{}
	now := d.Now()
	for _, l := range list {
		r := d.receivers[l.To]
		switch until := d.restsUntil(l.To, now); {
		case now.Sub(l.At) > d.Expiry:
			late = append(late, l)
		case r == nil:
			wait = append(wait, postponed(l, now.Add(unknownWait)))
		case !until.IsZero():
			wait = append(wait, postponed(l, until))
		default:
			ready[r] = append(ready[r], l)
		}
	}
	if err := d.settle(ctx, late, wait); err != nil {
		return false, err
	}
	d.expired(late)
	var failed error
	var all sync.WaitGroup
	for r, letters := range ready {
		all.Go(func() {
			if err := d.deliver(ctx, r, letters); err != nil {
				d.mu.Lock()
				failed = errors.Join(failed, err)
				d.mu.Unlock()
			}
		})
	}
	all.Wait()
	return len(list) == lookAtOnce, failed
}

func (d *Dispatcher) due(ctx context.Context) (list []*store.Letter, err error) {
	err = d.Store.Read(ctx, func(tx store.ReadTx) (err error) {
		list, err = tx.OutboxDue(ctx, d.Now(), lookAtOnce)
		return err
	})
	return list, err
}

// lease makes sure that the lease outlasts a round.
func (d *Dispatcher) lease(ctx context.Context) error {
	now := d.Now()
	if d.leased.Sub(now) > leaseTime/2 {
		return nil
	}
	var fence store.Fence
	err := d.Store.Write(ctx, func(tx store.Tx) (err error) {
		fence, err = tx.LeaseAcquire(ctx, leaseName, d.owner, now, leaseTime)
		return err
	})
	if err == nil {
		d.fence, d.leased = fence, now.Add(leaseTime)
	}
	return err
}

func (d *Dispatcher) release() {
	if d.leased.IsZero() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := d.Store.Write(ctx, func(tx store.Tx) error { return tx.LeaseRelease(ctx, d.fence) })
	if err != nil {
		d.Log.Warn("lease not released", "lease", leaseName, "error", err)
	}
}

// deliver hands letters to one receiver, so many at once as it takes, and writes down what came of them each time. It
// stops at the first delivery that fails as a whole, which lets the receiver rest, and when the round has lasted long
// enough.
func (d *Dispatcher) deliver(ctx context.Context, r Receiver, letters []*store.Letter) error {
	end := d.Now().Add(roundTime)
	for len(letters) > 0 && d.Now().Before(end) && ctx.Err() == nil {
		n := min(max(1, r.AtOnce()), len(letters))
		chunk := letters[:n]
		letters = letters[n:]
		gone, again, healthy := d.attempt(ctx, r, chunk)
		if ctx.Err() != nil {
			again = nil // stopped, not refused: they stay due
		}
		if !healthy && ctx.Err() == nil {
			until := d.rest(r)
			for _, l := range letters {
				again = append(again, postponed(l, until))
			}
			letters = nil
		}
		if err := d.settle(ctx, gone, again); err != nil {
			return err
		}
	}
	return nil
}

// attempt delivers a chunk. Gone are the letters to forget, again those to try later. Healthy is false when none of
// them got an answer that settles it.
func (d *Dispatcher) attempt(ctx context.Context, r Receiver, chunk []*store.Letter) (gone, again []*store.Letter, healthy bool) {
	var facts []Fact
	var sent []*store.Letter
	for _, l := range chunk {
		var f Fact
		if err := json.Unmarshal(l.Body, &f); err != nil || f.Execution == nil {
			d.Log.Error("notification dropped: it cannot be read", "letter", l.ID, "receiver", r.Name(), "error", err)
			d.count(r, "dropped")
			gone = append(gone, l)
			continue
		}
		facts, sent = append(facts, f), append(sent, l)
	}
	if len(sent) == 0 {
		return gone, nil, true
	}
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for i, err := range r.Deliver(within, facts) {
		l := sent[i]
		class, after := fault.RetryOf(err)
		switch {
		case err == nil:
			d.count(r, "delivered")
			gone, healthy = append(gone, l), true
		case class == fault.Never && ctx.Err() == nil && within.Err() == nil:
			d.Log.Warn("notification dropped", "flow", facts[i].Flow.Name, "kind", l.Kind, "receiver", r.Name(), "error", err)
			d.count(r, "dropped")
			gone, healthy = append(gone, l), true
		default:
			d.Log.Debug("notification not delivered, trying again", "flow", facts[i].Flow.Name, "kind", l.Kind, "receiver", r.Name(), "error", err)
			d.count(r, "postponed")
			next := postponed(l, d.Now().Add(max(backoff(l.Attempts+1), min(after, time.Hour))))
			next.Attempts++
			again = append(again, next)
		}
	}
	if healthy {
		d.wake(r)
	}
	return gone, again, healthy
}

// settle writes down what came of letters, unless another process has taken over.
func (d *Dispatcher) settle(ctx context.Context, gone, again []*store.Letter) error {
	if len(gone)+len(again) == 0 {
		return nil
	}
	ctx = context.WithoutCancel(ctx) // what has been delivered is forgotten, also at the very end
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return d.Store.Write(ctx, func(tx store.Tx) error {
		if err := tx.FenceCheck(ctx, d.fence); err != nil {
			return err
		}
		for _, l := range gone {
			if err := tx.OutboxDelete(ctx, l.ID); err != nil {
				return err
			}
		}
		for _, l := range again {
			if err := tx.OutboxPut(ctx, l); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *Dispatcher) expired(late []*store.Letter) {
	for _, l := range late {
		d.Log.Warn("notification dropped: it could not be delivered in time", "letter", l.ID, "kind", l.Kind, "receiver", l.To, "attempts", l.Attempts)
		if r := d.receivers[l.To]; r != nil {
			d.count(r, "expired")
		}
	}
}

func (d *Dispatcher) count(r Receiver, outcome string) {
	if d.Counted != nil {
		d.Counted(r, outcome)
	}
}

// restsUntil is when a resting receiver is tried again; zero when it is awake.
func (d *Dispatcher) restsUntil(name string, now time.Time) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.resting[name]; now.Before(r.until) {
		return r.until
	}
	return time.Time{}
}

// rest sends a receiver to rest, for longer each time, and says so when it begins.
func (d *Dispatcher) rest(r Receiver) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	old := d.resting[r.Name()]
	next := rest{failures: old.failures + 1, until: d.Now().Add(backoff(old.failures + 1))}
	d.resting[r.Name()] = next
	if old.failures == 0 {
		d.Log.Warn("a receiver of notifications does not take them; they wait", "receiver", r.Name())
	}
	return next.until
}

func (d *Dispatcher) wake(r Receiver) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.resting[r.Name()].failures > 0 {
		d.Log.Info("a receiver of notifications takes them again", "receiver", r.Name())
		delete(d.resting, r.Name())
	}
}

// backoff is the pause after so many failures in a row: 1 s, 2 s, 4 s, … with a fifth of chance in it.
func backoff(failures int) time.Duration {
	pause := longestWait
	if failures < 12 {
		pause = min(longestWait, firstPause<<(failures-1))
	}
	return time.Duration(float64(pause) * (0.9 + 0.2*rand.Float64())) //nolint:gosec // no secret hangs on it
}

func postponed(l *store.Letter, until time.Time) *store.Letter {
	c := *l
	c.DueAt = kept(until)
	return &c
}

// KindOf is the kind of a receiver, for metrics: what its name begins with.
func KindOf(r Receiver) string {
	kind, _, _ := strings.Cut(r.Name(), ":")
	return kind
}
