package server

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/access/policy"
	"weir.dev/weir/internal/schedule"
	"weir.dev/weir/internal/store"
)

// Pages about a flow's life in time, which AppFlow keeps to itself: when it runs next, how far its incremental runs have
// come, and runs with a window of one's own. Times are seconds since 1970, as in AppFlow's API. They ask for the
// permissions of the operations they stand beside: DescribeFlow, UpdateFlow, StartFlow.
var (
	actionDescribeFlow = operationAction("DescribeFlow")
	actionUpdateFlow   = operationAction("UpdateFlow")
	actionStartFlow    = operationAction("StartFlow")
)

// ScheduleView is when a scheduled flow runs.
type ScheduleView struct {
	FlowName   string       `json:"flowName"`
	Expression string       `json:"expression,omitzero"`
	IsActive   bool         `json:"isActive"`
	Last       *float64     `json:"last,omitzero"`     // the scheduled time of the last run
	Upcoming   []float64    `json:"upcoming"`          // the next ten
	Skipped    int64        `json:"skipped"`           // times at which the run before was still going
	Missed     int64        `json:"missed"`            // times at which no server ran
	Passed     []PassedView `json:"passed,omitempty"`  // the latest of both
	Timezone   string       `json:"timezone,omitzero"` // a label; times are absolute
}

// PassedView is a time, or several in a row, without a run of its own.
type PassedView struct {
	At     float64 `json:"at"`
	Count  int64   `json:"count"`
	Reason string  `json:"reason"`
}

const upcomingShown = 10

func (s *Server) scheduleView(ctx context.Context, c *call, r *pageRequest) (any, error) {
	v := &ScheduleView{FlowName: r.params[0], Upcoming: []float64{}}
	err := s.Store.Read(ctx, func(tx store.ReadTx) error {
		f, err := s.flowOf(ctx, tx, c, actionDescribeFlow, r.params[0])
		if err != nil {
			return err
		}
		sch := f.Trigger.Schedule()
		if f.Trigger.Type != flow.TriggerScheduled || sch == nil {
			return fault.New(fault.Validation, "Flow %s is not scheduled: its trigger is %s.", f.Name, f.Trigger.Type)
		}
		v.Expression, v.IsActive, v.Timezone = sch.Expression, f.Status == flow.StatusActive, deref(sch.Timezone)
		table, err := tx.TimetableGet(ctx, f.Name)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		v.show(table, sch)
		return nil
	})
	return v, err
}

func (v *ScheduleView) show(t *flow.Timetable, sch *flow.Schedule) {
	v.Skipped, v.Missed = t.Skipped, t.Missed
	v.Upcoming, v.Passed = []float64{}, nil
	for _, at := range schedule.Upcoming(*t, sch, upcomingShown) {
		v.Upcoming = append(v.Upcoming, epoch(at))
	}
	if t.Last != nil {
		v.Last = ptr(epoch(*t.Last))
	}
	for _, p := range t.Passed {
		v.Passed = append(v.Passed, PassedView{At: epoch(p.At), Count: p.Count, Reason: p.Reason})
	}
}

// PositionView is how far a flow's incremental runs have come.
type PositionView struct {
	FlowName string `json:"flowName"`
	// ChangedUntil is the end of the last window that was fully committed; null when the next run is the first.
	ChangedUntil *float64 `json:"changedUntil"`
	ExecutionID  string   `json:"executionId,omitzero"` // that moved it last
	// Previous is what it was before somebody set it, as long as no run has moved it since.
	Previous *float64 `json:"previous,omitzero"`
	EditedBy string   `json:"editedBy,omitzero"`
}

func positionView(name string, w *flow.Watermark) *PositionView {
	v := &PositionView{FlowName: name}
	if w == nil {
		return v
	}
	v.ExecutionID = w.ExecutionID
	if !w.To.IsZero() {
		v.ChangedUntil = ptr(epoch(w.To))
	}
	if w.Edit != nil {
		v.EditedBy = w.Edit.By
		if !w.Edit.From.IsZero() {
			v.Previous = ptr(epoch(w.Edit.From))
		}
	}
	return v
}

func (s *Server) positionPage(ctx context.Context, c *call, r *pageRequest) (any, error) {
	var v *PositionView
	err := s.Store.Read(ctx, func(tx store.ReadTx) error {
		f, err := s.flowOf(ctx, tx, c, actionDescribeFlow, r.params[0])
		if err != nil {
			return err
		}
		w, err := watermarkOf(ctx, tx, f.Name)
		v = positionView(f.Name, w)
		return err
	})
	return v, err
}

// setPosition says where the next incremental run begins: {"changedUntil": 1727740800}, null for the very beginning, or
// {"undo": true} for what it was before. Refused while a run goes, which would move it again.
func (s *Server) setPosition(ctx context.Context, c *call, r *pageRequest) (any, error) {
	var in struct {
		ChangedUntil json.RawMessage `json:"changedUntil"`
		Undo         bool            `json:"undo"`
	}
	to, bad := time.Time{}, json.Unmarshal(r.body, &in) != nil || (in.ChangedUntil == nil) != in.Undo
	if !bad && !in.Undo && string(in.ChangedUntil) != "null" {
		var seconds float64
		bad = json.Unmarshal(in.ChangedUntil, &seconds) != nil
		if !bad {
			to, bad = instant(seconds)
		}
	}
	var v *PositionView
	err := s.changeFlow(ctx, c, "SetFlowPosition", actionUpdateFlow, r, func(tx store.Tx, f *flow.Flow) (any, error) {
		if bad {
			return nil, fault.New(fault.Validation, `give {"changedUntil": SECONDS} with a time in seconds since 1970, {"changedUntil": null}, or {"undo": true}`)
		}
		if err := idle(ctx, tx, f); err != nil {
			return nil, err
		}
		w, err := watermarkOf(ctx, tx, f.Name)
		if err != nil {
			return nil, err
		}
		if w == nil {
			w = &flow.Watermark{FlowName: f.Name}
		}
		if in.Undo {
			if w.Edit == nil {
				return nil, fault.New(fault.Conflict, "The position of flow %s was not set by hand, or a run has moved it since; there is nothing to undo.", f.Name)
			}
			w.To, w.Edit = w.Edit.From, nil
		} else {
			w.Edit = &flow.WatermarkEdit{From: w.To, By: c.principal, At: c.at}
			w.To = to
		}
		v = positionView(f.Name, w)
		return v, tx.WatermarkPut(ctx, w)
	})
	return v, err
}

// RunRequest asks for a run of a flow now, whatever its trigger.
type RunRequest struct {
	// Pull is Complete, or Incremental: from where the last incremental run ended until now.
	Pull flow.DataPullMode `json:"pull"`
	// From and To bound a run over a span of change times, in seconds since 1970: a backfill, which moves no position.
	From *float64 `json:"from"`
	To   *float64 `json:"to"`
}

// startRun starts a run with a window of its own and answers {"executionId": …}.
func (s *Server) startRun(ctx context.Context, c *call, r *pageRequest) (any, error) {
	var in RunRequest
	bad := json.Unmarshal(orBytes(r.body, "{}"), &in) != nil
	var out map[string]string
	err := s.changeFlow(ctx, c, "StartFlowRun", actionStartFlow, r, func(tx store.Tx, f *flow.Flow) (any, error) {
		if bad {
			return nil, fault.New(fault.Validation, `give {"pull": "Complete"}, {"pull": "Incremental"} or {"from": SECONDS, "to": SECONDS}`)
		}
		window, isBackfill, err := s.windowOf(ctx, tx, c, f, &in)
		if err != nil {
			return nil, err
		}
		if err := s.canStart(ctx, tx, f); err != nil {
			return nil, err
		}
		x, err := s.newExecution(ctx, tx, c, f, window, isBackfill)
		if err != nil {
			return nil, err
		}
		out = map[string]string{"executionId": x.ID}
		return out, nil
	})
	if err != nil {
		return nil, err
	}
	s.handOver(ctx, r.params[0], out["executionId"])
	return out, nil
}

// windowOf is the window that a request asks for; nil takes everything.
func (s *Server) windowOf(ctx context.Context, tx store.ReadTx, c *call, f *flow.Flow, in *RunRequest) (*flow.Window, bool, error) {
	if in.From != nil || in.To != nil {
		if in.From == nil || in.To == nil || in.Pull != "" {
			return nil, false, fault.New(fault.Validation, "a backfill needs both from and to, and no pull")
		}
		from, badFrom := instant(*in.From)
		to, badTo := instant(*in.To)
		if badFrom || badTo || !from.Before(to) {
			return nil, false, fault.New(fault.Validation, "from must be before to; both are seconds since 1970")
		}
		return &flow.Window{From: from, To: to}, true, nil
	}
	switch in.Pull {
	case "", flow.PullComplete:
		return nil, false, nil
	case flow.PullIncremental:
	default:
		return nil, false, fault.New(fault.Validation, "pull must be Complete or Incremental, not %q", clip(string(in.Pull)))
	}
	sch := f.Trigger.Schedule()
	if sch == nil {
		sch = &flow.Schedule{}
	}
	w, err := watermarkOf(ctx, tx, f.Name)
	if err != nil {
		return nil, false, err
	}
	window := schedule.Window(sch, c.at, w)
	return &window, false, nil
}

// flowOf reads a flow that the caller may do something with.
func (s *Server) flowOf(ctx context.Context, tx store.ReadTx, c *call, action policy.Action, name string) (*flow.Flow, error) {
	if err := s.allowFlow(ctx, tx, c, action, name); err != nil {
		return nil, err
	}
	return flowByName(ctx, tx, name)
}

// changeFlow changes what belongs to a flow, in one transaction with the audit record of it; a refusal is recorded too.
func (s *Server) changeFlow(
	ctx context.Context, c *call, operation string, action policy.Action, r *pageRequest, change func(tx store.Tx, f *flow.Flow) (any, error),
) error {
	c.operation, c.resource = operation, clip(c.flowARN(r.params[0]))
	event := func() *store.AuditEvent {
		e := c.auditEvent()
		if len(r.body) <= maxAuditBody && json.Valid(r.body) {
			e.Request = bytes.Clone(r.body)
		}
		return e
	}
	err := s.Store.Write(ctx, func(tx store.Tx) error {
		f, err := s.flowOf(ctx, tx, c, action, r.params[0])
		if err != nil {
			return err
		}
		out, err := change(tx, f)
		if err != nil {
			return err
		}
		e := event()
		if e.Response, err = json.Marshal(out); err != nil {
			return err
		}
		return tx.AuditAppend(ctx, e)
	})
	if err != nil {
		s.auditRefusal(ctx, c, event(), err)
	}
	return err
}

// idle refuses while a run of the flow goes.
func idle(ctx context.Context, tx store.ReadTx, f *flow.Flow) error {
	running, err := tx.ExecutionUnfinishedOf(ctx, f.Name)
	if err == nil && len(running) > 0 {
		return fault.New(fault.Conflict, "Flow %s is running: execution %s is %s. Wait for it, or cancel it.", f.Name, running[0].ID, running[0].Status)
	}
	return err
}

// watermarkOf is nil before the first incremental run.
func watermarkOf(ctx context.Context, tx store.ReadTx, name string) (*flow.Watermark, error) {
	w, err := tx.WatermarkGet(ctx, name)
	if fault.Is(err, fault.NotFound) {
		return nil, nil //nolint:nilnil // no watermark is an answer
	}
	return w, err
}

func epoch(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// instant reads seconds since 1970; it answers true for what is no sensible time.
func instant(seconds float64) (time.Time, bool) {
	if math.IsNaN(seconds) || seconds < 0 || seconds > 253402300799 {
		return time.Time{}, true
	}
	return time.UnixMilli(int64(math.Round(seconds * 1000))).UTC(), false
}
