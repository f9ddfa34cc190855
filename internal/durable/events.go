package durable

import (
	"context"
	"fmt"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// Inbox reads the events that wait in the ledger; package listen's is one.
type Inbox interface {
	// Reader returns what an execution of events reads, in place of its source: a reader of its part of the flow's inbox,
	// x.Events. The source is an open connection of the flow's, which stays the caller's.
	Reader(ctx context.Context, x *flow.Execution, source connector.Connection) (connector.Reader, error)
}

// EventRules say when events that wait are moved. What the flow's own tags say comes first.
type EventRules struct {
	Delay time.Duration // that the oldest event may wait for others
	Bytes int64         // that are enough not to wait
}

// FireEvents starts the execution that moves what waits in a flow's inbox, when that has waited long enough, or is enough,
// or the flow has been stopped, so that nothing more will come. Of one flow one execution runs at a time, so that events
// arrive in order. It returns the execution's id for an engine to take on; "" when it is not the time. The caller holds
// the fence of the flow's listener. It fails with Quota while as many executions run as may.
func (s *Steps) FireEvents(ctx context.Context, flowName string, fence store.Fence, rules EventRules) (string, error) {
	var id string
	isDue := false
	err := s.read(ctx, func(tx store.ReadTx) error { // most looks find nothing due, and should cost next to nothing
		f, _, err := dueEvents(ctx, tx, flowName, s.Now(), rules)
		isDue = f != nil
		return err
	})
	if err != nil || !isDue {
		return "", goneIsNothing(err)
	}
	err = s.write(ctx, func(tx store.Tx) error {
		id = ""
		if err := tx.FenceCheck(ctx, fence); err != nil {
			return err
		}
		now := s.Now().Truncate(time.Microsecond)
		f, waiting, err := dueEvents(ctx, tx, flowName, now, rules)
		if f == nil || err != nil {
			return err
		}
		if err := s.roomForOneMore(ctx, tx); err != nil {
			return err
		}
		x := flow.NewExecution(s.Options.newID(), f, now)
		x.Events = &flow.EventRange{From: waiting.First, To: waiting.End, Events: waiting.Events}
		id = x.ID
		return s.enter(ctx, tx, f, x)
	})
	if err == nil && id != "" && s.Began != nil {
		s.Began(flowName)
	}
	return id, goneIsNothing(err)
}

// goneIsNothing takes the error away that a flow was deleted meanwhile.
func goneIsNothing(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// dueEvents returns what waits in the inbox of a flow, with the flow; no flow when it is not the time to move it.
func dueEvents(ctx context.Context, tx store.ReadTx, flowName string, now time.Time, rules EventRules) (*flow.Flow, store.Inbox, error) {
	l, err := tx.ListenerGet(ctx, flowName)
	if err != nil {
		return nil, store.Inbox{}, err
	}
	waiting, err := tx.InboxGet(ctx, flowName)
	if err != nil || waiting.IsEmpty() || l.IsHeld || now.Before(l.RetryAt) {
		return nil, waiting, err
	}
	f, err := tx.FlowGet(ctx, flowName)
	if err != nil {
		return nil, waiting, err
	}
	if o, _ := flow.OptionsOf(f.Tags); o.EventDelay > 0 { // wrong tags fail the execution itself
		rules.Delay = o.EventDelay
	}
	isDue := !l.IsActive || now.Sub(waiting.Oldest) >= rules.Delay || rules.Bytes > 0 && waiting.Bytes >= rules.Bytes
	if !isDue {
		return nil, waiting, nil
	}
	running, err := tx.ExecutionUnfinishedOf(ctx, flowName)
	if err != nil || len(running) > 0 {
		return nil, waiting, err
	}
	return f, waiting, nil
}

// Waits between executions of events that failed.
const (
	firstEventWait   = 30 * time.Second
	longestEventWait = 15 * time.Minute
)

// defaultEventFailures is how many executions of events may fail in a row before the flow is deactivated: with the waits
// between them about an hour and a half.
const defaultEventFailures = 10

func eventWait(failures int) time.Duration {
	if shift := failures - 1; shift < 10 {
		return min(firstEventWait<<max(shift, 0), longestEventWait)
	}
	return longestEventWait
}

// closeEvents writes what an execution of events has come to into the flow's inbox and listener: what was moved is
// removed from the inbox in the transaction that says so. What was not stays first in line, and is tried again after a
// while; too many failures in a row hold deliveries and deactivate the flow, until somebody starts it again.
func (s *Steps) closeEvents(ctx context.Context, tx store.Tx, f *flow.Flow, x *flow.Execution) error {
	l, err := tx.ListenerGet(ctx, x.FlowName)
	if err != nil {
		return err
	}
	switch x.Status {
	case flow.ExecutionSuccessful:
		if err := tx.InboxDelete(ctx, x.FlowName, x.Events.To); err != nil {
			return err
		}
		l.Failures, l.RetryAt = 0, time.Time{}
		l.Counts.Delivered += x.Events.Events
	case flow.ExecutionError:
		l.Failures++
		fallthrough
	default:
		l.RetryAt = x.UpdatedAt.Add(eventWait(l.Failures))
	}
	most := s.Options.EventFailures
	if most <= 0 {
		most = defaultEventFailures
	}
	if l.Failures >= most && !l.IsHeld {
		l.IsHeld, l.IsActive, l.State, l.Since = true, false, store.ListenerStopped, x.UpdatedAt
		if f.Status == flow.StatusActive {
			f.Status = flow.StatusSuspended
			f.StatusMessage = fmt.Sprintf("deactivated after %d failed deliveries in a row; the events wait in the inbox until the flow is started again; the last failure: %s",
				l.Failures, x.Message)
		}
	}
	return tx.ListenerPut(ctx, l)
}

// auditEvents checks that an execution has read as many events as it was to move. An execution that reads objects counts
// their records.
func (s *Steps) auditEvents(ctx context.Context, x *flow.Execution) error {
	if x.Events == nil || x.Definition.Source.Connector == flow.S3 {
		return nil
	}
	rows, err := s.splits(ctx, x.ID)
	if err != nil {
		return err
	}
	if read := sum(rows).Read; read != x.Events.Events {
		return fault.New(fault.Internal, "the ledger does not close: %d events waited, but %d were read", x.Events.Events, read)
	}
	return nil
}

// openSourceOf connects what an execution reads: its source, or the part of its flow's inbox that it moves.
func (e *ends) openSourceOf(ctx context.Context, s *Steps, x *flow.Execution) error {
	src, _, err := endsOf(&x.Definition)
	if err != nil {
		return err
	}
	if x.Events == nil {
		return e.openSource(ctx, s, src)
	}
	if s.Inbox == nil {
		return fault.New(fault.Unsupported, "reading the events of flow %q: this process has no inbox", x.FlowName)
	}
	if e.source, err = s.connect(ctx, src.Connector, src.ProfileName, src.APIVersion); err != nil {
		return err
	}
	e.reader, err = s.Inbox.Reader(ctx, x, e.source)
	return err
}

// eventOptions are the options of an execution. Events that are sent describe themselves, so that each execution knows the
// fields of its own events only: unless the flow says otherwise, fields that are new are taken along.
func eventOptions(x *flow.Execution, o flow.Options) flow.Options {
	if x.Events != nil && x.Definition.Source.Connector == flow.CustomConnector && o.Drift == "" {
		o.Drift = flow.DriftEvolve
	}
	return o
}
