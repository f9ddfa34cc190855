package durable

import (
	"context"
	"fmt"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/land"
	"weir.dev/weir/internal/plan"
	"weir.dev/weir/internal/store"
)

// Discard publishes the execution's error files and throws away everything else it has staged. An execution that is to be canceled becomes bound for
// Canceled by it. For one that is bound for Successful it fails with Conflict: what is staged there must be published.
func (s *Steps) Discard(ctx context.Context, executionID string, fence store.Fence) error {
	x, p, err := s.frozen(ctx, executionID)
	if err != nil || x.Status.Done() {
		return err
	}
	outcome := x.Outcome
	if outcome == "" {
		if x.Status != flow.ExecutionCancelStarted {
			return fault.New(fault.Internal, "discarding the output of execution %s: nobody decided to", executionID)
		}
		if outcome, err = s.decide(ctx, executionID, fence, flow.ExecutionCanceled, "", canceledText); err != nil {
			return err
		}
	}
	if outcome == flow.ExecutionSuccessful {
		return fault.New(fault.Conflict, "discarding the output of execution %s: it is bound for %s", executionID, outcome)
	}
	// First: where both lie in one bucket, dropping what the execution has staged drops error files, too.
	if err := s.publishErrors(ctx, p, fence); err != nil {
		return err
	}
	return s.drop(ctx, p)
}

// Sweep throws away what an owner that has lost its lease may have staged after the execution was over, when nobody else
// was left to do it. It leaves an execution alone that is not over: what is staged for it belongs to the newer owner.
func (s *Steps) Sweep(ctx context.Context, executionID string) error {
	x, p, err := s.frozen(ctx, executionID)
	if err != nil || !x.Status.Done() {
		return err
	}
	if err := s.dropErrors(ctx, p); err != nil {
		return err
	}
	return s.drop(ctx, p)
}

// drop throws away everything staged for the plan's execution.
func (s *Steps) drop(ctx context.Context, p *plan.Plan) error {
	if p == nil || p.Dest.Files == nil {
		return nil // nothing can be staged
	}
	var e ends
	defer e.close()
	if err := e.openDest(ctx, s, p.Dest); err != nil {
		return err
	}
	if e.target == nil {
		return nil
	}
	rows, err := s.splits(ctx, p.ExecutionID)
	if err != nil {
		return err
	}
	return land.Discard(ctx, *e.target, p, len(rows), nil)
}

// Conclude ends the execution with the outcome it is bound for: totals, message, the flow's last run and, after a
// success, the watermark, all in one transaction. A success whose ledger does not close becomes an Error. It returns the
// final state, also when the execution had it already.
//
// Before that it registers a success in the flow's metadata catalog, which may fail without any harm to the run.
func (s *Steps) Conclude(ctx context.Context, executionID string, fence store.Fence) (flow.ExecutionStatus, error) {
	catalogued, err := s.register(ctx, executionID)
	if err != nil {
		return "", err
	}
	var ended *flow.Execution
	var status flow.ExecutionStatus
	tries := 0
	err = s.write(ctx, func(tx store.Tx) error {
		ended = nil
		tries++
		if err := tx.FenceCheck(ctx, fence); err != nil {
			return err
		}
		x, err := tx.ExecutionGet(ctx, executionID)
		if err != nil {
			return err
		}
		if status = x.Status; status.Done() {
			if tries > 1 { // it was this call that ended it; only the answer got lost
				ended = x
			}
			return nil
		}
		if x.Outcome == "" {
			return fault.New(fault.Internal, "concluding execution %s: its outcome is not decided", executionID)
		}
		x.Catalog = catalogued
		if err := s.close(ctx, tx, x); err != nil {
			return err
		}
		ended, status = x, x.Status
		return nil
	})
	if err == nil && ended != nil {
		s.Logger().Info("execution ended", "flow", ended.FlowName, "execution", ended.ID, "status", ended.Status,
			"read", ended.Totals.Read, "written", ended.Totals.Written, "message", ended.Message)
		if s.Concluded != nil {
			s.Concluded(ended)
		}
	}
	return status, err
}

// close writes the end of an execution into the ledger.
func (s *Steps) close(ctx context.Context, tx store.Tx, x *flow.Execution) error {
	rows, err := tx.SplitList(ctx, x.ID)
	if err != nil {
		return err
	}
	plain, err := hasRows(ctx, tx, x.ID)
	if err != nil {
		return err
	}
	x.Totals = sum(rows)
	x.Status, x.UpdatedAt, x.ResumeAt = x.Outcome, s.Now(), nil
	if x.Status == flow.ExecutionSuccessful {
		x.Message = SuccessText(x.Totals)
		if bad := firstOpen(rows); bad != "" {
			x.Status, x.Code, x.Message = flow.ExecutionError, string(fault.Internal), bad
		}
	} else if !plain { // the files it staged are gone
		x.Totals.Written, x.Totals.BytesWritten = 0, 0
	}
	if err := tx.ExecutionPut(ctx, x); err != nil {
		return err
	}
	if x.Status == flow.ExecutionSuccessful && x.Window != nil && !x.IsBackfill {
		if err := advance(ctx, tx, x); err != nil {
			return err
		}
	}
	return s.closeFlow(ctx, tx, x)
}

// hasRows reports whether the execution writes rows, which stay where they are when it fails.
func hasRows(ctx context.Context, tx store.Tx, executionID string) (bool, error) {
	raw, err := tx.PlanGet(ctx, executionID)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	p, err := decodePlan(executionID, raw)
	return err == nil && p.Dest.Files == nil, err
}

func sum(rows []*store.Split) flow.Totals {
	var t flow.Totals
	for _, row := range rows {
		t.Add(row.Totals)
	}
	return t
}

// firstOpen says what is wrong with the first split that is not done or does not close; "" when all are right.
func firstOpen(rows []*store.Split) string {
	for _, row := range rows {
		if row.State != store.SplitDone {
			return fmt.Sprintf("the ledger does not close: split %d is not done", row.Index)
		}
		if !row.Totals.Closes() {
			return unbalanced(splitLabel(row), row.Totals).Error()
		}
	}
	return ""
}

// advance moves the flow's watermark to the end of the execution's window, never back.
func advance(ctx context.Context, tx store.Tx, x *flow.Execution) error {
	w, err := tx.WatermarkGet(ctx, x.FlowName)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if err == nil && !x.Window.To.After(w.To) {
		return nil
	}
	return tx.WatermarkPut(ctx, &flow.Watermark{FlowName: x.FlowName, To: x.Window.To, ExecutionID: x.ID})
}

// closeFlow writes the flow's side of it: the last run, and suspension after too many failures in a row. A flow that was
// deleted meanwhile has no side.
func (s *Steps) closeFlow(ctx context.Context, tx store.Tx, x *flow.Execution) error {
	f, err := tx.FlowGet(ctx, x.FlowName)
	if fault.Is(err, fault.NotFound) {
		return s.tellEnd(ctx, tx, nil, x)
	}
	if err != nil {
		return err
	}
	if f.LastRun == nil || !f.LastRun.Time.After(x.StartedAt) {
		f.LastRun = &flow.LastRun{Message: x.Message, Time: x.StartedAt, Status: x.Status}
	}
	if x.Catalog != nil {
		f.LastCatalog = x.Catalog
	}
	wasActive := f.Status == flow.StatusActive
	if x.Status == flow.ExecutionError {
		if err := suspend(ctx, tx, f); err != nil {
			return err
		}
	}
	if x.Events != nil {
		if err := s.closeEvents(ctx, tx, f, x); err != nil {
			return err
		}
	}
	if err := tx.FlowPut(ctx, f); err != nil {
		return err
	}
	if err := s.tellEnd(ctx, tx, f, x); err != nil {
		return err
	}
	if s.Announcer != nil && wasActive && f.Status == flow.StatusSuspended {
		return s.Announcer.Deactivated(ctx, tx, f, x)
	}
	return nil
}

// suspend deactivates a scheduled flow whose last runs have all failed, as many as its schedule allows.
func suspend(ctx context.Context, tx store.Tx, f *flow.Flow) error {
	schedule := f.Trigger.Schedule()
	if schedule == nil || schedule.DeactivateAfterRuns == nil || f.Status != flow.StatusActive {
		return nil
	}
	most := int(*schedule.DeactivateAfterRuns)
	last, err := tx.ExecutionList(ctx, f.Name, nil, most)
	if err != nil || len(last) < most {
		return err
	}
	for _, x := range last {
		if x.Status != flow.ExecutionError {
			return nil
		}
	}
	f.Status = flow.StatusSuspended
	f.StatusMessage = fmt.Sprintf("deactivated after %d failed runs in a row; the last one: %s", most, last[0].Message)
	return nil
}

// SuccessText is the sentence of a successful run.
func SuccessText(t flow.Totals) string {
	text := fmt.Sprintf("Successfully processed %d records", t.Read)
	if t.Read == 1 {
		text = "Successfully processed 1 record"
	}
	if t.Filtered > 0 {
		text += fmt.Sprintf(", %d filtered", t.Filtered)
	}
	if dropped := t.Rejected - t.PutFailures; dropped > 0 {
		text += fmt.Sprintf(", %d dropped by validations", dropped)
	}
	if t.PutFailures > 0 {
		text += fmt.Sprintf(", %d refused", t.PutFailures)
	}
	return text
}
