package listen

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/store"
)

// keeper serves one flow for one tenure of its lease. Its loop renews the lease, listens (on a goroutine of its own),
// begins executions and reports; all its effects carry the fence.
type keeper struct {
	m       *Manager
	flow    string
	fence   store.Fence
	renewed time.Time

	handed string // the execution that the engine was given last

	ear *ear // nil while nobody listens
	// Failed attempts to listen, in a row.
	failures, refusals int
	listenAt           time.Time // not before
}

// errOver ends a tenure that has nothing more to do.
var errOver = errors.New("the flow needs nobody any more")

func (k *keeper) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer k.release(ctx)
	defer k.hangUp()
	defer cancel()
	for {
		err := k.guard(func() error { return k.look(ctx) })
		switch {
		case err == nil:
		case ctx.Err() != nil, errors.Is(err, errOver):
			return
		case durable.HasCode(err, fault.Fenced):
			k.m.logger().Warn("another process serves the flow's events by now", "flow", k.flow)
			return
		case k.m.now().Sub(k.renewed) >= k.m.o.Lease:
			k.m.logger().Warn("lease not renewed", "flow", k.flow, "error", err)
			return
		default:
			k.m.logger().Warn("event flow held up", "flow", k.flow, "error", err)
		}
		if pause(ctx, k.m.o.Look) != nil {
			return
		}
	}
}

// release gives the lease back, so that whoever comes next need not wait. A lease that has passed on is left alone.
func (k *keeper) release(ctx context.Context) {
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := k.m.store().Write(ctx, func(tx store.Tx) error { return tx.LeaseRelease(ctx, k.fence) }); err != nil {
		k.m.logger().Warn("lease not released", "flow", k.flow, "error", err)
	}
}

// guard contains a panic: it holds the flow up instead of ending the process.
func (k *keeper) guard(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			k.m.logger().Error("panic", "flow", k.flow, "panic", p, "stack", string(debug.Stack()))
			err = fault.New(fault.Internal, "an internal error; the log says more")
		}
	}()
	return fn()
}

// sight is what one look at the store shows.
type sight struct {
	listener *store.Listener
	flow     *flow.Flow
	waiting  store.Inbox
	running  []*flow.Execution
}

func (k *keeper) see(ctx context.Context) (v sight, err error) {
	err = k.m.store().Read(ctx, func(tx store.ReadTx) (err error) {
		if v.listener, err = tx.ListenerGet(ctx, k.flow); err != nil {
			return err
		}
		if v.flow, err = tx.FlowGet(ctx, k.flow); err != nil {
			return err
		}
		if v.waiting, err = tx.InboxGet(ctx, k.flow); err != nil {
			return err
		}
		v.running, err = tx.ExecutionUnfinishedOf(ctx, k.flow)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return v, errOver
	}
	return v, err
}

func (k *keeper) look(ctx context.Context) error {
	if err := k.renew(ctx); err != nil {
		return err
	}
	v, err := k.see(ctx)
	if err != nil {
		return err
	}
	if err := k.listen(ctx, &v); err != nil {
		return err
	}
	if err := k.deliver(ctx, &v); err != nil {
		return err
	}
	if !v.listener.IsActive && (v.waiting.IsEmpty() || v.listener.IsHeld) && k.ear == nil {
		return errOver
	}
	return k.report(ctx, &v)
}

func (k *keeper) renew(ctx context.Context) error {
	now := k.m.now()
	if now.Sub(k.renewed) < k.m.o.Lease/3 {
		return nil
	}
	if err := k.m.store().Write(ctx, func(tx store.Tx) error { return tx.LeaseRenew(ctx, k.fence, now, k.m.o.Lease) }); err != nil {
		return fmt.Errorf("renewing the lease: %w", err)
	}
	k.renewed = now
	return nil
}

// deliver begins the execution that is due, and sees to it that the engine has it. An execution that is there without
// having been handed over is one of a process that died before it came to that, or one whose beginning got no answer.
func (k *keeper) deliver(ctx context.Context, v *sight) error {
	for _, x := range v.running {
		if x.Events != nil {
			return k.handOver(ctx, x.ID)
		}
	}
	rules := durable.EventRules{Delay: k.m.o.Delay, Bytes: k.m.o.Inbox.o.Buffer / 2}
	id, err := k.m.o.Steps.FireEvents(ctx, k.flow, k.fence, rules)
	switch {
	case fault.Is(err, fault.Quota):
		return nil // it stays due
	case err != nil:
		return fmt.Errorf("beginning an execution: %w", err)
	case id != "":
		return k.handOver(ctx, id)
	}
	return nil
}

// handOver gives an execution to the engine, once.
func (k *keeper) handOver(ctx context.Context, executionID string) error {
	if k.handed == executionID {
		return nil
	}
	if err := k.m.o.Start(ctx, executionID); err != nil && !fault.Is(err, fault.NotFound) {
		return fmt.Errorf("handing execution %s to the engine: %w", executionID, err)
	}
	k.handed = executionID
	return nil
}

// report tells others, every few minutes, what an active flow has done.
func (k *keeper) report(ctx context.Context, v *sight) error {
	now := k.m.now()
	if !v.listener.IsActive || now.Sub(v.listener.Reported.At) < k.m.o.Report {
		return nil
	}
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
		before := l.Reported
		l.Reported = store.EventsAtMoment{At: now, Counts: l.Counts}
		if k.m.o.Announcer != nil {
			r := &store.EventReport{From: before.At, To: now, Counts: since(l.Counts, before.Counts), State: l.State, Message: l.Message, Waiting: v.waiting.Events}
			if err := k.m.o.Announcer.EventReport(ctx, tx, f, r); err != nil {
				return err
			}
		}
		return tx.ListenerPut(ctx, l)
	})
}

func goneIsOver(err error) error {
	if fault.Is(err, fault.NotFound) {
		return errOver
	}
	return err
}

// since is what was counted since an earlier count.
func since(now, then store.EventCounts) store.EventCounts {
	now.Received -= then.Received
	now.Bytes -= then.Bytes
	now.Repeated -= then.Repeated
	now.Ignored -= then.Ignored
	now.Delivered -= then.Delivered
	now.Discarded -= then.Discarded
	now.Gaps -= then.Gaps
	return now
}
