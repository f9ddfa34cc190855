package durable

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/engine"
	"weir.dev/weir/internal/land"
	"weir.dev/weir/internal/plan"
)

// RunResult is what a run in the foreground came to.
type RunResult struct {
	Plan    *plan.Plan
	Totals  flow.Totals
	Outputs []connector.Receipt // published files by key, or accepted writes by split; empty after a failure
	Rejects []flow.Reject       // samples
	Errors  []connector.Receipt // published error files
}

// discardTime bounds how long a failed run may take to clean up.
const discardTime = 30 * time.Second

// Draft makes an execution's plan and its splits, as [Steps.Prepare] would, and keeps neither: for previews. It needs no
// store.
func (s *Steps) Draft(ctx context.Context, x *flow.Execution) (*plan.Plan, []connector.Split, error) {
	return s.draft(ctx, x)
}

// Run runs an execution at once and in the foreground, with up to so many splits at a time: the same plan, transfers and
// commit as on an engine, with a ledger in memory. Steps.Store is not used: the flow has no past. A failure, or the end of ctx, discards what
// was staged; once publishing has begun, the end of ctx does not stop it any more. A process that dies leaves staged
// files behind, which nobody sees.
//
// The result is nil when there was not even a plan. An error because ctx ended has the code Canceled.
func Run(ctx context.Context, s *Steps, x *flow.Execution, parallel int) (*RunResult, error) {
	res, err := run(ctx, s, x, parallel)
	if err != nil && ctx.Err() != nil && !HasCode(err, fault.Canceled) { // a source may return the bare error
		err = fault.Wrap(fault.Canceled, err, "running flow %q", x.FlowName)
	}
	return res, err
}

func run(ctx context.Context, s *Steps, x *flow.Execution, parallel int) (*RunResult, error) {
	ctx = connector.InRun(ctx, connector.Run{Flow: x.FlowName, Execution: x.ID})
	src, dst, err := endsOf(&x.Definition)
	if err != nil {
		return nil, err
	}
	s.Board.Enter(x.ID, StagePrepare)
	defer s.Board.Forget(x.ID)
	r := &foreground{steps: s}
	defer r.ends.close()
	if err := r.ends.openSource(ctx, s, src); err != nil {
		return nil, err
	}
	if err := r.ends.openDest(ctx, s, dst); err != nil {
		return nil, err
	}
	var splits []connector.Split
	err = s.RetryStep(ctx, func() (err error) {
		r.plan, splits, err = draft(ctx, x, &r.ends, memoryOf(x), s.Options)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := r.ends.openErrors(ctx, s, r.plan); err != nil {
		return nil, err
	}
	err = r.transferAll(ctx, splits, parallel)
	if err == nil {
		err = r.commit(ctx)
	}
	if err != nil {
		r.discard(ctx)
	}
	return r.result(err), err
}

// publishErrors makes the error files appear, once.
func (r *foreground) publishErrors(ctx context.Context) (err error) {
	if r.plan.Dest.ErrorFiles == nil || r.errors != nil {
		return nil
	}
	var f errorFiles
	for _, h := range r.splits {
		f.files = append(f.files, h.errorFiles...)
		if h.at != nil {
			f.add(h.at)
		}
	}
	r.errors, err = land.CommitErrors(ctx, r.ends.errors, r.plan, len(r.splits), f.files, f.tails)
	return err
}

// foreground is a run with its ledger.
type foreground struct {
	steps  *Steps
	ends   ends
	plan   *plan.Plan
	splits []*foregroundSplit
	errors []connector.Receipt // published
}

// foregroundSplit is a split's part of the ledger, and the hooks that write it.
type foregroundSplit struct {
	split connector.Split
	line  *line

	mu       sync.Mutex // guards all below
	at       *engine.Checkpoint
	totals   flow.Totals
	receipts []connector.Receipt
	rejects  []flow.Reject
	failed   int // attempts since the last checkpoint

	errorFiles []connector.Receipt
}

func (h *foregroundSplit) Failed(_ context.Context, last engine.LastErrors) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := engine.Checkpoint{}
	if h.at != nil {
		c = *h.at
	}
	c.Last = &last
	h.at = &c
	return nil
}

func (h *foregroundSplit) Progress(t flow.Totals) { h.line.progress(t) }

func (h *foregroundSplit) Checkpoint(_ context.Context, c engine.Checkpoint, receipts []connector.Receipt, rejects []flow.Reject) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at, h.totals, h.failed = &c, c.Totals, 0
	h.receipts = append(h.receipts, receipts...)
	h.errorFiles = append(h.errorFiles, c.ErrorFiles...)
	for _, r := range rejects {
		r.Split = h.split.Index
		h.rejects = append(h.rejects, r)
	}
	h.line.progress(c.Totals)
	return nil
}

func (r *foreground) transferAll(ctx context.Context, splits []connector.Split, parallel int) error {
	r.steps.Board.Enter(r.plan.ExecutionID, StageTransfer)
	for _, sp := range splits {
		r.steps.Board.split(r.plan.ExecutionID, sp, flow.Totals{}, false)
		r.splits = append(r.splits, &foregroundSplit{split: sp})
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, parallel))
	for _, h := range r.splits {
		group.Go(func() error { return r.transfer(ctx, h) })
	}
	return group.Wait()
}

// transfer moves one split, attempt after attempt.
func (r *foreground) transfer(ctx context.Context, h *foregroundSplit) error {
	h.line = r.steps.Board.begin(r.plan.ExecutionID, h.split.Index, flow.Totals{})
	defer h.line.end()
	for {
		err := r.attempt(ctx, h)
		if err == nil || ctx.Err() != nil {
			return err
		}
		h.failed++ // no hook runs between attempts
		wait, again := r.steps.Options.Split.or(defaultSplit).Delay(h.failed, err, r.steps.Options.Random)
		if !again {
			return err
		}
		r.steps.Logger().Warn("split failed, trying again", "split", h.split.Index, "wait", wait, "error", err)
		h.line.enter(waitsForBackoff)
		slept := sleep(ctx, wait)
		h.line.leave(waitsForBackoff)
		if slept != nil {
			return fault.Wrap(fault.Canceled, slept, "waiting to try split %d again", h.split.Index)
		}
	}
}

func (r *foreground) attempt(ctx context.Context, h *foregroundSplit) error {
	t := engine.Transfer{Plan: r.plan, Split: h.split, From: h.at, Writer: r.ends.writer, Errors: r.ends.errors}
	t.Source, t.Target = watchSource(r.ends.reader, h.line, r.steps.Options.patience()), watchTarget(r.ends.target, h.line)
	totals, err := r.steps.Mover.Run(ctx, t, h)
	if err != nil {
		return err
	}
	if !totals.Closes() {
		return unbalanced(h.split, totals)
	}
	h.totals, h.totals.Parallelism = totals, h.line.parallelism()
	h.line.done(totals)
	return nil
}

// commit audits the ledger and publishes.
func (r *foreground) commit(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.Canceled, err, "publishing")
	}
	r.steps.Board.Enter(r.plan.ExecutionID, StageCommit)
	res := r.result(nil)
	if err := auditReceipts(res.Totals, res.Outputs); err != nil {
		return err
	}
	if err := r.publishErrors(context.WithoutCancel(ctx)); err != nil {
		return fault.Wrap(fault.CodeOf(err), err, "publishing error files")
	}
	if r.ends.target == nil {
		return nil
	}
	if err := r.auditContent(res.Outputs); err != nil {
		return err
	}
	return publish(context.WithoutCancel(ctx), r.plan, r.ends.target, len(r.splits), res.Outputs)
}

// auditContent checks that the rows in the files are those that the programs gave.
func (r *foreground) auditContent(receipts []connector.Receipt) error {
	var passed batch.Content
	for _, h := range r.splits {
		if h.at != nil {
			passed.Add(h.at.Content)
		}
	}
	return auditContent(passed, receipts)
}

// discard drops what is staged. What cannot be dropped is invisible, and said in the log.
func (r *foreground) discard(ctx context.Context) {
	r.steps.Board.Enter(r.plan.ExecutionID, StageDiscard)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTime)
	defer cancel()
	if err := r.publishErrors(ctx); err != nil {
		r.steps.Logger().Error("error files not published", "execution", r.plan.ExecutionID, "error", err)
	}
	if r.ends.target == nil {
		return
	}
	if err := land.Discard(ctx, *r.ends.target, r.plan, len(r.splits), nil); err != nil {
		r.steps.Logger().Error("staged output not discarded", "execution", r.plan.ExecutionID, "error", err)
	}
}

// result adds up the splits. Files of a run that failed are gone.
func (r *foreground) result(failed error) *RunResult {
	res := &RunResult{Plan: r.plan, Errors: r.errors}
	for _, h := range r.splits {
		res.Totals.Add(h.totals)
		res.Outputs = append(res.Outputs, h.receipts...)
		res.Rejects = append(res.Rejects, h.rejects...)
	}
	if failed != nil && r.ends.target != nil {
		res.Outputs, res.Totals.Written, res.Totals.BytesWritten = nil, 0, 0
	}
	return res
}
