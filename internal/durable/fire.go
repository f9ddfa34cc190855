package durable

import (
	"context"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/schedule"
	"weir.dev/weir/internal/store"
)

// Fire starts the execution that a flow's timetable says is due, and moves the timetable on, in one transaction: a time
// of a schedule gets one execution at most, whoever fires it and however often. It returns the execution's id for an
// engine to take on; "" when none is due, or when the time is skipped. A timetable whose flow is not active any more is
// removed. It fails with Quota, and leaves the time due, while as many executions run as may.
func (s *Steps) Fire(ctx context.Context, flowName string) (string, error) {
	var id string
	err := s.write(ctx, func(tx store.Tx) error {
		id = ""
		now := s.Now().Truncate(time.Microsecond)
		table, f, err := s.activeFlow(ctx, tx, flowName)
		if f == nil || err != nil {
			return err
		}
		running, err := tx.ExecutionUnfinishedOf(ctx, flowName)
		if err != nil {
			return err
		}
		due, moved, err := schedule.Advance(*table, f.Trigger.Schedule(), now, len(running) > 0)
		if err != nil {
			return fault.Wrap(fault.Internal, err, "firing flow %q", flowName)
		}
		if due != nil {
			if err := s.roomForOneMore(ctx, tx); err != nil {
				return err
			}
			if id, err = s.begin(ctx, tx, f, *due, now); err != nil {
				return err
			}
		}
		return tx.TimetablePut(ctx, &moved)
	})
	if fault.Is(err, fault.NotFound) { // deleted meanwhile
		return "", nil
	}
	if err == nil && id != "" && s.Began != nil {
		s.Began(flowName)
	}
	return id, err
}

// activeFlow reads a timetable and its flow. A flow that is not to run any more is nil, and its timetable removed.
func (s *Steps) activeFlow(ctx context.Context, tx store.Tx, flowName string) (*flow.Timetable, *flow.Flow, error) {
	table, err := tx.TimetableGet(ctx, flowName)
	if err != nil {
		return nil, nil, err
	}
	f, err := tx.FlowGet(ctx, flowName)
	if err != nil {
		return nil, nil, err
	}
	if f.Status != flow.StatusActive || f.Trigger.Type != flow.TriggerScheduled || f.Trigger.Schedule() == nil {
		return nil, nil, tx.TimetableDelete(ctx, flowName)
	}
	return table, f, nil
}

func (s *Steps) roomForOneMore(ctx context.Context, tx store.Tx) error {
	if s.Options.MaxRunning <= 0 {
		return nil
	}
	running, err := tx.ExecutionUnfinished(ctx)
	if err == nil && len(running) >= s.Options.MaxRunning {
		return fault.New(fault.Quota, "%d executions are running, as many as may", len(running))
	}
	return err
}

// begin puts the execution of a due time into the ledger.
func (s *Steps) begin(ctx context.Context, tx store.Tx, f *flow.Flow, due, now time.Time) (string, error) {
	x := flow.NewExecution(s.Options.newID(), f, now)
	if schedule.IsIncremental(&f.Definition) {
		mark, err := tx.WatermarkGet(ctx, f.Name)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return "", err
		}
		window := schedule.Window(f.Trigger.Schedule(), due, mark)
		x.Window = &window
	}
	return x.ID, s.enter(ctx, tx, f, x)
}

// enter puts a new execution into the ledger.
func (s *Steps) enter(ctx context.Context, tx store.Tx, f *flow.Flow, x *flow.Execution) error {
	if err := tx.ExecutionPut(ctx, x); err != nil {
		return err
	}
	if s.Announcer != nil {
		if err := s.Announcer.Started(ctx, tx, f, x); err != nil {
			return err
		}
	}
	f.LastRun = &flow.LastRun{Status: x.Status, Time: x.StartedAt}
	return tx.FlowPut(ctx, f)
}
