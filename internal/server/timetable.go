package server

import (
	"context"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/schedule"
	"weir.dev/weir/internal/store"
)

// settle brings what belongs to a flow in line with the flow: its timetable, and its subscription to events.
func (s *Server) settle(ctx context.Context, tx store.Tx, f *flow.Flow, now time.Time, restart bool) error {
	if err := settleTimetable(ctx, tx, f, now, restart); err != nil {
		return err
	}
	return s.Inbox.Settle(ctx, tx, f, now)
}

// settleTimetable brings a flow's timetable in line with the flow: an active scheduled flow has one, any other none. With
// restart the times begin anew, as after an activation or another schedule.
func settleTimetable(ctx context.Context, tx store.Tx, f *flow.Flow, now time.Time, restart bool) error {
	sch := f.Trigger.Schedule()
	if f.Status != flow.StatusActive || f.Trigger.Type != flow.TriggerScheduled || sch == nil {
		return tx.TimetableDelete(ctx, f.Name)
	}
	before, err := tx.TimetableGet(ctx, f.Name)
	switch {
	case fault.Is(err, fault.NotFound):
		before = &flow.Timetable{FlowName: f.Name}
	case err != nil:
		return err
	case !restart:
		return nil
	}
	table, err := schedule.Activate(*before, sch, now)
	if err != nil {
		return fault.Wrap(fault.Validation, err, "reading the schedule of flow %s", f.Name)
	}
	return tx.TimetablePut(ctx, &table)
}
