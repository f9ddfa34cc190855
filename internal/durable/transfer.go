package durable

import (
	"context"
	"encoding/json"
	"reflect"
	"sync/atomic"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/engine"
	"weir.dev/weir/internal/store"
)

// ErrStopped ends a transfer that was asked to stop at its next checkpoint, see [StopAtCheckpoint]. Nothing is lost:
// the split goes on from there.
var ErrStopped = fault.New(fault.Canceled, "stopped at a checkpoint")

type stopKey struct{}

// StopAtCheckpoint returns a context whose transfers end with [ErrStopped] at their first checkpoint after stop closes.
func StopAtCheckpoint(ctx context.Context, stop <-chan struct{}) context.Context {
	return context.WithValue(ctx, stopKey{}, stop)
}

// Transfer moves what is left of one split. It returns nil when the ledger says that the split is done, also when it
// was done before.
//
// It does not throw away what an attempt that died has staged without a checkpoint: no receipt names it, so it is never
// published, and [Steps.Commit] and [Steps.Discard] drop it when nothing that is staged is needed any more. Dropping it
// here could hit a newer owner's files, if this process stood still between looking and dropping.
func (s *Steps) Transfer(ctx context.Context, executionID string, split int, fence store.Fence) error {
	x, p, err := s.frozen(ctx, executionID)
	if err != nil {
		return err
	}
	ctx = connector.InRun(ctx, connector.Run{Flow: x.FlowName, Execution: x.ID})
	if x.Status == flow.ExecutionCancelStarted {
		return errCanceled(executionID)
	}
	if p == nil {
		return fault.New(fault.Internal, "transferring split %d of execution %s: it is not prepared", split, executionID)
	}
	var row *store.Split
	err = s.read(ctx, func(tx store.ReadTx) (err error) {
		row, err = tx.SplitGet(ctx, executionID, split)
		return err
	})
	if err != nil || row.State == store.SplitDone {
		return err
	}
	t := engine.Transfer{Plan: p}
	if t.Split, err = splitOf(row); err != nil {
		return err
	}
	if row.Checkpoint != nil {
		t.From = new(engine.Checkpoint)
		if err := json.Unmarshal(row.Checkpoint, t.From); err != nil {
			return fault.Wrap(fault.Internal, err, "reading the checkpoint of split %d", split)
		}
	}
	if p.Dest.FailOnFirstError && row.Totals.PutFailures > 0 {
		return s.refusal(ctx, executionID)
	}
	var e ends
	defer e.close()
	if err := e.openSourceOf(ctx, s, x); err != nil {
		return err
	}
	if err := e.openDest(ctx, s, p.Dest); err != nil {
		return err
	}
	if err := e.openErrors(ctx, s, p); err != nil {
		return err
	}
	line := s.Board.begin(executionID, split, row.Totals)
	defer line.end()
	t.Source, t.Target, t.Writer = watchSource(e.reader, line, s.Options.patience()), watchTarget(e.target, line), e.writer
	t.Errors = e.errors
	return s.move(ctx, t, &ledgerHooks{steps: s, fence: fence, row: *row, line: line})
}

// refusal is the error of an execution that ends with the first refused record. The transfer that met it says so itself;
// when it died before anybody heard, the ledger knows.
func (s *Steps) refusal(ctx context.Context, executionID string) error {
	var samples []flow.Reject
	err := s.read(ctx, func(tx store.ReadTx) (err error) {
		samples, err = tx.RejectList(ctx, executionID, 1000)
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range samples {
		if r.Action == "refused" {
			return fault.New(fault.ConnectorServer, "record %d of %q was refused by %s: %s", r.Record, r.Object, r.Task, r.Reason)
		}
	}
	return fault.New(fault.ConnectorServer, "a record was refused")
}

// move runs the transfer and closes the split.
func (s *Steps) move(ctx context.Context, t engine.Transfer, h *ledgerHooks) error {
	h.stop, _ = ctx.Value(stopKey{}).(<-chan struct{})
	defer h.closed.Store(true)
	totals, err := s.Mover.Run(ctx, t, h)
	if err != nil {
		return err
	}
	if !totals.Closes() {
		return unbalanced(t.Split, totals)
	}
	row := h.row
	row.State, row.Totals, row.Attempts, row.Message = store.SplitDone, totals, 0, ""
	row.Totals.Parallelism = h.line.parallelism()
	err = s.write(ctx, func(tx store.Tx) error { return tx.SplitSave(ctx, h.fence, &row, nil, nil) })
	if err == nil {
		h.line.done(totals)
	}
	return err
}

func unbalanced(sp connector.Split, t flow.Totals) error {
	return fault.New(fault.Internal, "the ledger of split %d (%s) does not close: %d records read, but %d filtered + %d rejected + %d deduplicated + %d written",
		sp.Index, sp.Label, t.Read, t.Filtered, t.Rejected, t.Deduplicated, t.Written)
}

// ledgerHooks writes a transfer's checkpoints to the ledger.
type ledgerHooks struct {
	steps  *Steps
	fence  store.Fence
	row    store.Split // as last saved; used by the transfer's goroutine only
	line   *line
	stop   <-chan struct{}
	closed atomic.Bool // set when the step has ended: a transfer that was left behind must not write any more
}

func (h *ledgerHooks) Progress(t flow.Totals) { h.line.progress(t) }

func (h *ledgerHooks) Checkpoint(ctx context.Context, c engine.Checkpoint, receipts []connector.Receipt, rejects []flow.Reject) error {
	if h.closed.Load() {
		return fault.New(fault.Canceled, "saving a checkpoint: the transfer has ended")
	}
	raw, err := json.Marshal(&c)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "writing a checkpoint of split %d", h.row.Index)
	}
	row := h.row
	row.Checkpoint, row.Totals, row.Attempts, row.Message = raw, c.Totals, 0, ""
	row.Totals.Parallelism = h.line.parallelism()
	list, err := storedReceipts(&row, c.Sequence, receipts)
	if err != nil {
		return err
	}
	errors, err := storedErrorFiles(&row, &c)
	if err != nil {
		return err
	}
	list = append(list, errors...)
	for i := range rejects {
		rejects[i].Split = row.Index
	}
	if err := h.save(ctx, &row, list, rejects); err != nil {
		return fault.Wrap(fault.CodeOf(err), err, "saving a checkpoint of split %d", row.Index)
	}
	h.row = row
	h.line.progress(c.Totals)
	select {
	case <-h.stop:
		return ErrStopped
	default:
		return nil
	}
}

// save writes the checkpoint, and sees in the same transaction whether the execution is to be canceled. A repetition
// after a lost answer finds its own work and leaves it, so that no sample of a reject is kept twice.
func (h *ledgerHooks) save(ctx context.Context, row *store.Split, receipts []*store.Receipt, rejects []flow.Reject) error {
	tries := 0
	return h.steps.write(ctx, func(tx store.Tx) error {
		tries++
		x, err := tx.ExecutionGet(ctx, row.ExecutionID)
		if err != nil {
			return err
		}
		if x.Status == flow.ExecutionCancelStarted {
			return errCanceled(row.ExecutionID)
		}
		if tries > 1 {
			if saved, err := isSaved(ctx, tx, row); saved || err != nil {
				return err
			}
		}
		return tx.SplitSave(ctx, h.fence, row, receipts, rejects)
	})
}

// isSaved reports whether the ledger holds this very checkpoint already.
func isSaved(ctx context.Context, tx store.Tx, row *store.Split) (bool, error) {
	saved, err := tx.SplitGet(ctx, row.ExecutionID, row.Index)
	if err != nil || saved.Checkpoint == nil {
		return false, err
	}
	var have, want engine.Checkpoint
	if json.Unmarshal(saved.Checkpoint, &have) != nil || json.Unmarshal(row.Checkpoint, &want) != nil {
		return false, nil
	}
	return have.Sequence == want.Sequence && have.Totals == want.Totals && reflect.DeepEqual(have.Cursor, want.Cursor), nil
}

// storedReceipts numbers the receipts: the last one is just before next, the number that the following one will have.
func storedReceipts(row *store.Split, next int64, receipts []connector.Receipt) ([]*store.Receipt, error) {
	list := make([]*store.Receipt, len(receipts))
	for i := range receipts {
		data, err := json.Marshal(&receipts[i])
		if err != nil {
			return nil, fault.Wrap(fault.Internal, err, "writing a receipt of split %d", row.Index)
		}
		sequence := next - int64(len(receipts)-i)
		if sequence < 0 {
			return nil, fault.New(fault.Internal, "writing a receipt of split %d: %d receipts, but only %d so far", row.Index, len(receipts), next)
		}
		list[i] = &store.Receipt{ExecutionID: row.ExecutionID, Split: row.Index, Sequence: sequence, Data: data}
	}
	return list, nil
}

// SplitFailed writes down that an attempt at a split has failed, and says whether to try again, and when. Attempts are
// counted since the last checkpoint, across restarts; crashes do not count.
func (s *Steps) SplitFailed(ctx context.Context, executionID string, split int, fence store.Fence, cause error) (wait Wait, err error) {
	message, _ := userText(cause)
	tries, failed := 0, 0
	err = s.write(ctx, func(tx store.Tx) error {
		row, err := tx.SplitGet(ctx, executionID, split)
		if err != nil {
			return err
		}
		if tries++; tries == 1 {
			failed = row.Attempts + 1
		}
		row.Attempts, row.Message = failed, message
		return tx.SplitSave(ctx, fence, row, nil, nil)
	})
	if err != nil {
		return Wait{}, err
	}
	wait.For, wait.Again = s.Options.Split.or(defaultSplit).Delay(failed, cause, s.Options.Random)
	return wait, nil
}

// Wait says whether failed work is tried again, and after how long.
type Wait struct {
	Again bool
	For   time.Duration
}
