package durable

import (
	"context"
	"encoding/json"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/internal/engine"
	"weir.dev/weir/internal/land"
	"weir.dev/weir/internal/plan"
	"weir.dev/weir/internal/store"
)

// Error files are published however an execution ends, before its output is published or discarded. What they hold is
// told by the ledger alone: files by receipts with negative sequences, so that they stand apart from the output's, and the
// rest by the tails in the splits' checkpoints.

// errorSequence is the ledger's number of a split's n-th error file.
func errorSequence(n int64) int64 { return -1 - n }

// storedErrorFiles numbers a checkpoint's error files: the last one is just before its mark.
func storedErrorFiles(row *store.Split, c *engine.Checkpoint) ([]*store.Receipt, error) {
	list := make([]*store.Receipt, len(c.ErrorFiles))
	for i := range c.ErrorFiles {
		data, err := json.Marshal(&c.ErrorFiles[i])
		if err != nil {
			return nil, fault.Wrap(fault.Internal, err, "writing the receipt of an error file of split %d", row.Index)
		}
		n := c.Errors.Next - int64(len(c.ErrorFiles)-i)
		list[i] = &store.Receipt{ExecutionID: row.ExecutionID, Split: row.Index, Sequence: errorSequence(n), Data: data}
	}
	return list, nil
}

// Failed keeps what a failed attempt has to say in the split's row. The checkpoint stays what it was, but for that.
func (h *ledgerHooks) Failed(ctx context.Context, last engine.LastErrors) error {
	if h.closed.Load() {
		return fault.New(fault.Canceled, "saving error lines: the transfer has ended")
	}
	var c engine.Checkpoint
	if h.row.Checkpoint != nil {
		if err := json.Unmarshal(h.row.Checkpoint, &c); err != nil {
			return fault.Wrap(fault.Internal, err, "reading the checkpoint of split %d", h.row.Index)
		}
	}
	c.Last = &last
	raw, err := json.Marshal(&c)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "writing error lines of split %d", h.row.Index)
	}
	row := h.row
	row.Checkpoint = raw
	return h.steps.write(ctx, func(tx store.Tx) error {
		now, err := tx.SplitGet(ctx, row.ExecutionID, row.Index)
		if err != nil {
			return err
		}
		row.Attempts, row.Message = now.Attempts, now.Message
		return tx.SplitSave(ctx, h.fence, &row, nil, nil)
	})
}

// errorFiles is what the ledger knows of an execution's error files.
type errorFiles struct {
	files []connector.Receipt
	tails []string
}

func (f *errorFiles) add(c *engine.Checkpoint) {
	if c.Last != nil {
		f.files = append(f.files, c.Last.Files...)
		f.tails = append(f.tails, c.Last.Tail)
		return
	}
	f.tails = append(f.tails, c.Errors.Tail)
}

func (s *Steps) errorFiles(ctx context.Context, executionID string) (f errorFiles, splits int, err error) {
	rows, err := s.splits(ctx, executionID)
	if err != nil {
		return f, 0, err
	}
	if _, f.files, err = s.allReceipts(ctx, executionID); err != nil {
		return f, 0, err
	}
	for _, row := range rows {
		if row.Checkpoint == nil {
			continue
		}
		var c engine.Checkpoint
		if err := json.Unmarshal(row.Checkpoint, &c); err != nil {
			return f, 0, fault.Wrap(fault.Internal, err, "reading the checkpoint of split %d", row.Index)
		}
		f.add(&c)
	}
	return f, len(rows), nil
}

// publishErrors makes the execution's error files appear.
func (s *Steps) publishErrors(ctx context.Context, p *plan.Plan, fence store.Fence) error {
	if p == nil || p.Dest.ErrorFiles == nil {
		return nil
	}
	var e ends
	if err := e.openErrors(ctx, s, p); err != nil {
		return err
	}
	f, splits, err := s.errorFiles(ctx, p.ExecutionID)
	if err != nil {
		return err
	}
	if err := s.write(ctx, func(tx store.Tx) error { return tx.FenceCheck(ctx, fence) }); err != nil {
		return err
	}
	_, err = land.CommitErrors(ctx, e.errors, p, splits, f.files, f.tails)
	return fault.Wrap(fault.CodeOf(err), err, "publishing error files")
}

// dropErrors throws away error files that were staged after the execution was over.
func (s *Steps) dropErrors(ctx context.Context, p *plan.Plan) error {
	if p == nil || p.Dest.ErrorFiles == nil {
		return nil
	}
	var e ends
	if err := e.openErrors(ctx, s, p); err != nil {
		return err
	}
	rows, err := s.splits(ctx, p.ExecutionID)
	if err != nil {
		return err
	}
	_, err = land.CommitErrors(ctx, e.errors, p, len(rows), nil, nil)
	return err
}

// openErrors opens the bucket of the plan's error files.
func (e *ends) openErrors(ctx context.Context, s *Steps, p *plan.Plan) error {
	if p.Dest.ErrorFiles == nil {
		return nil
	}
	cfg, err := s.Configure(ctx, p.Dest.Connector, p.Dest.ProfileName, p.Dest.APIVersion)
	if err != nil {
		return fault.Wrap(fault.CodeOf(err), err, "configuring %s", p.Dest.Connector)
	}
	name := p.Dest.ErrorFiles.Bucket
	if cfg.Buckets == nil {
		return fault.New(fault.Unsupported, "opening bucket %q for error files: there are no buckets", name)
	}
	e.errors, err = cfg.Buckets.OpenBucket(ctx, name)
	return fault.Wrap(fault.CodeOf(err), err, "opening bucket %q for error files", name)
}
