package temporal

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/store"
)

// How long a picture of an execution is shown again, how many are kept, and how long taking one may last.
const (
	pictureTime = time.Second
	mostShown   = 4096
	lookTime    = time.Second
	// silentFor is how long Temporal is not asked again after it has not answered: a page must not wait for each of its
	// executions.
	silentFor = 5 * time.Second
)

// shown keeps pictures for a moment: a page of executions asks for many, and its readers reload it.
type shown struct {
	mu     sync.Mutex // guards all below
	seen   map[string]picture
	silent time.Time // when Temporal did not answer, last
}

func (s *shown) isSilent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.silent) < silentFor
}

func (s *shown) noAnswer() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = time.Now()
}

type picture struct {
	at       time.Time
	progress durable.Progress
	isThere  bool
}

// Progress is a picture of an unfinished execution, wherever it runs: the ledger's, and of transfers that are under way
// what their workers have said last. False when there is none.
func (e *Engine) Progress(executionID string) (durable.Progress, bool) {
	e.shown.mu.Lock()
	p, ok := e.shown.seen[executionID]
	e.shown.mu.Unlock()
	if ok && time.Since(p.at) < pictureTime {
		return p.progress, p.isThere
	}
	p = picture{at: time.Now()}
	p.progress, p.isThere = e.look(executionID)
	e.shown.mu.Lock()
	defer e.shown.mu.Unlock()
	if len(e.shown.seen) >= mostShown {
		clear(e.shown.seen)
	}
	e.shown.seen[executionID] = p
	return p.progress, p.isThere
}

// records is what the ledger says of an execution.
type records struct {
	execution  *flow.Execution
	splits     []*store.Split
	isPrepared bool
}

func (e *Engine) records(ctx context.Context, executionID string) (r records, err error) {
	err = e.steps.Store.Read(ctx, func(tx store.ReadTx) (err error) {
		if r.execution, err = tx.ExecutionGet(ctx, executionID); err != nil {
			return err
		}
		if r.splits, err = tx.SplitList(ctx, executionID); err != nil {
			return err
		}
		_, err = tx.PlanGet(ctx, executionID)
		if r.isPrepared = err == nil; fault.Is(err, fault.NotFound) {
			err = nil
		}
		return err
	})
	return r, err
}

func (e *Engine) look(executionID string) (durable.Progress, bool) {
	ctx, cancel := context.WithTimeout(e.life, lookTime)
	defer cancel()
	r, err := e.records(ctx, executionID)
	if err != nil || r.execution.Status.Done() {
		return durable.Progress{}, false
	}
	x := r.execution
	p := durable.Progress{ExecutionID: executionID, At: time.Now(), Since: x.UpdatedAt, MovedAt: x.UpdatedAt}
	ahead, work := e.ahead(ctx, executionID)
	addSplits(&p, r.splits, ahead)
	p.Stage = stage(x, r.isPrepared, p.SplitsDone == p.Splits, work.running > 0)
	if what := e.waitsFor(x, r.isPrepared, work); what != "" {
		p.Waits = []durable.WaitsFor{{Split: -1, For: what, Since: p.Since, Slow: p.At.Sub(p.Since) > tooLong}}
	}
	return p, true
}

// addSplits adds up what the ledger says of splits, or of those that are under way their workers, who are ahead of it.
func addSplits(p *durable.Progress, rows []*store.Split, ahead map[int]flow.Totals) {
	p.Splits = len(rows)
	unknown := false
	for _, row := range rows {
		totals := row.Totals
		if t, ok := ahead[row.Index]; ok && row.State != store.SplitDone && t.Read >= totals.Read {
			totals = t
		}
		p.Totals.Add(totals)
		if row.State == store.SplitDone {
			p.SplitsDone++
		}
		var sp connector.Split
		_ = json.Unmarshal(row.Data, &sp) // a split that cannot be read has no size
		p.BytesTotal += sp.Bytes
		unknown = unknown || sp.Bytes == 0
	}
	if unknown {
		p.BytesTotal = 0
	}
	p.Totals.Parallelism = max(p.Totals.Parallelism, int64(len(ahead)))
}

// tooLong is how long an execution should not have to wait for being worked on.
const tooLong = time.Minute

// waitsFor says what keeps anybody from working on an execution; "" when somebody does.
func (e *Engine) waitsFor(x *flow.Execution, isPrepared bool, w work) string {
	switch {
	case e.shown.isSilent():
		return "Temporal, which does not answer"
	case w.running > 0:
		return ""
	case x.ResumeAt != nil && x.ResumeAt.After(e.steps.Now()):
		return "its next attempt at " + x.ResumeAt.UTC().Format(time.RFC3339)
	case w.pending > 0 || !isPrepared:
		return "a worker"
	}
	return "" // between two steps
}

// stage is where an execution is, as far as the ledger and Temporal tell.
func stage(x *flow.Execution, isPrepared, isMoved, isWorkedOn bool) durable.Stage {
	switch {
	case x.Outcome == flow.ExecutionSuccessful, isPrepared && isMoved && x.Outcome == "":
		return durable.StageCommit
	case x.Outcome != "":
		return durable.StageDiscard
	case isPrepared:
		return durable.StageTransfer
	case isWorkedOn:
		return durable.StagePrepare
	}
	return durable.StageQueued
}

// work is how many activities of an execution have been given out, and how many of them workers have taken.
type work struct{ pending, running int }

// ahead is what the workers have said about running transfers with their last heartbeats, and how much work there is.
// Nothing when Temporal does not answer.
func (e *Engine) ahead(ctx context.Context, executionID string) (totals map[int]flow.Totals, w work) {
	if e.shown.isSilent() {
		return nil, w
	}
	d, err := e.client.DescribeWorkflowExecution(ctx, e.opts.workflowID(executionID), "")
	if none := (*serviceerror.NotFound)(nil); err != nil {
		if !errors.As(err, &none) {
			e.shown.noAnswer()
		}
		return nil, w
	}
	totals = map[int]flow.Totals{}
	data, _ := converters(e.opts.Sealer, e.opts.Queue)
	for _, a := range d.GetPendingActivities() {
		w.pending++
		if a.GetState() == enumspb.PENDING_ACTIVITY_STATE_STARTED {
			w.running++
		}
		var r reading
		if a.GetActivityType().GetName() != activityTransfer || len(a.GetHeartbeatDetails().GetPayloads()) == 0 ||
			data.FromPayloads(a.GetHeartbeatDetails(), &r) != nil {
			continue
		}
		totals[r.Split] = r.Totals
	}
	return totals, w
}
