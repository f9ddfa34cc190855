package durable

import (
	"context"
	"encoding/json"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/plan"
	"weir.dev/weir/internal/store"
)

// Commit makes the output visible, when every split is done and its counts close. From then on the execution can
// not be canceled any more, and a repetition goes on publishing. It fails with Canceled or Conflict when the execution is
// bound for another outcome, and does nothing when it has ended.
func (s *Steps) Commit(ctx context.Context, executionID string, fence store.Fence) error {
	x, p, err := s.frozen(ctx, executionID)
	if err != nil || x.Status.Done() {
		return err
	}
	if p == nil {
		return fault.New(fault.Internal, "committing execution %s: it is not prepared", executionID)
	}
	receipts, err := s.receipts(ctx, executionID)
	if err != nil {
		return err
	}
	if x.Outcome == "" {
		if err := s.audit(ctx, p, receipts); err != nil {
			return err
		}
		if err := s.auditEvents(ctx, x); err != nil {
			return err
		}
	}
	outcome, err := s.decide(ctx, executionID, fence, flow.ExecutionSuccessful, "", "")
	switch {
	case err != nil:
		return err
	case outcome == flow.ExecutionCanceled:
		return errCanceled(executionID)
	case outcome != flow.ExecutionSuccessful:
		return fault.New(fault.Conflict, "committing execution %s: it is bound for %s", executionID, outcome)
	}
	if err := s.publishErrors(ctx, p, fence); err != nil {
		return err
	}
	if p.Dest.Files == nil {
		return nil // rows are visible since their destination acknowledged them
	}
	return s.publish(ctx, p, receipts, fence)
}

// audit checks the whole ledger before anything becomes visible: the splits are done, each closes, and the receipts add
// up to what the splits say was written.
func (s *Steps) audit(ctx context.Context, p *plan.Plan, receipts []connector.Receipt) error {
	rows, err := s.splits(ctx, p.ExecutionID)
	if err != nil {
		return err
	}
	var sum flow.Totals
	var content batch.Content
	for _, row := range rows {
		sp, err := splitOf(row)
		if err != nil {
			return err
		}
		if row.State != store.SplitDone {
			return fault.New(fault.Internal, "committing execution %s: split %d (%s) is not done", p.ExecutionID, sp.Index, sp.Label)
		}
		if !row.Totals.Closes() {
			return unbalanced(sp, row.Totals)
		}
		sum.Add(row.Totals)
		passed, err := contentOf(row)
		if err != nil {
			return err
		}
		content.Add(passed)
	}
	if p.Dest.FailOnFirstError && sum.PutFailures > 0 {
		return s.refusal(ctx, p.ExecutionID)
	}
	if p.Dest.Files != nil {
		if err := auditContent(content, receipts); err != nil {
			return err
		}
	}
	return auditReceipts(sum, receipts)
}

// contentOf is the sum of the rows that a split's program gave.
func contentOf(row *store.Split) (batch.Content, error) {
	var c struct {
		Content batch.Content `json:"content"`
	}
	if row.Checkpoint == nil {
		return c.Content, nil
	}
	err := json.Unmarshal(row.Checkpoint, &c)
	return c.Content, fault.Wrap(fault.Internal, err, "reading the checkpoint of split %d", row.Index)
}

// auditContent checks that the rows in the files are those that the programs gave.
func auditContent(passed batch.Content, receipts []connector.Receipt) error {
	var landed batch.Content
	for i := range receipts {
		landed.Add(receipts[i].Content)
	}
	if passed != landed {
		return fault.New(fault.Internal, "the ledger does not close: the staged files do not hold the records that were written to them")
	}
	return nil
}

// auditReceipts checks that what was proven is what was counted.
func auditReceipts(sum flow.Totals, receipts []connector.Receipt) error {
	var rows, bytes int64
	for i := range receipts {
		rows += receipts[i].Rows
		bytes += receipts[i].Bytes
	}
	if rows != sum.Written {
		return fault.New(fault.Internal, "the ledger does not close: %d records are counted as written, but the destination's receipts name %d", sum.Written, rows)
	}
	if bytes != sum.BytesWritten {
		return fault.New(fault.Internal, "the ledger does not close: %d bytes are counted as written, but the destination's receipts name %d", sum.BytesWritten, bytes)
	}
	return nil
}

// publish makes every staged file appear, asks the destination whether it holds them, and drops what attempts that died
// have staged besides.
func (s *Steps) publish(ctx context.Context, p *plan.Plan, receipts []connector.Receipt, fence store.Fence) error {
	var e ends
	defer e.close()
	if err := e.openDest(ctx, s, p.Dest); err != nil {
		return err
	}
	if e.target == nil {
		return fault.New(fault.Internal, "committing execution %s: the destination takes no files any more", p.ExecutionID)
	}
	rows, err := s.splits(ctx, p.ExecutionID)
	if err != nil {
		return err
	}
	if err := s.write(ctx, func(tx store.Tx) error { return tx.FenceCheck(ctx, fence) }); err != nil {
		return err
	}
	return publish(ctx, p, e.target, len(rows), receipts)
}
