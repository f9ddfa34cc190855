package server

import (
	"context"
	"encoding/json"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/access/policy"
	"weir.dev/weir/internal/store"
)

// LiveView shows running executions as the engine sees them, ahead of the ledger's checkpoints.
type LiveView interface {
	// Live returns what the engine of this process knows of an execution; false when it runs elsewhere or not at all.
	Live(executionID string) (Live, bool)
}

// Live is a running execution's progress.
type Live struct {
	Totals     flow.Totals `json:"totals"`
	Stage      string      `json:"stage"`              // prepare, transfer, commit, conclude
	BytesTotal int64       `json:"bytesTotal"`         // estimate of the source data; 0 when unknown
	Splits     int         `json:"splits"`             // how many there are
	SplitsDone int         `json:"splitsDone"`         // how many are finished
	Waits      string      `json:"waits,omitzero"`     // what it waits for, when nothing has moved for a while
	Attempts   int         `json:"attempts,omitzero"`  // retries so far
	LastError  string      `json:"lastError,omitzero"` // why the last attempt of a split ended
}

// live is the freshest count of a running execution.
func (s *Server) live(x *flow.Execution) (flow.Totals, bool) {
	if s.Live == nil || x.Status.Done() {
		return flow.Totals{}, false
	}
	l, ok := s.Live.Live(x.ID)
	return l.Totals, ok
}

// ExecutionView is the extension's picture of one execution: what AppFlow's record leaves out.
type ExecutionView struct {
	ID          string               `json:"id"`
	FlowName    string               `json:"flowName"`
	FlowVersion int64                `json:"flowVersion"`
	Status      flow.ExecutionStatus `json:"status"`
	StartedAt   time.Time            `json:"startedAt"`
	UpdatedAt   time.Time            `json:"updatedAt"`
	Message     string               `json:"message,omitzero"`
	Code        string               `json:"code,omitzero"`
	Failures    int                  `json:"failures,omitzero"` // after which the run was to go on
	ResumeAt    *time.Time           `json:"resumeAt,omitzero"` // when a run that has failed goes on
	Totals      flow.Totals          `json:"totals"`
	Closes      bool                 `json:"closes"` // read = filtered + rejected + deduplicated + written
	Live        *Live                `json:"live,omitzero"`
	Splits      []SplitView          `json:"splits"`
}

// SplitView is one split of the ledger.
type SplitView struct {
	Index    int              `json:"index"`
	Label    string           `json:"label"`
	Bytes    int64            `json:"bytes"`
	State    store.SplitState `json:"state"`
	Totals   flow.Totals      `json:"totals"`
	Attempts int              `json:"attempts"`
	Message  string           `json:"message,omitzero"`
}

// maxRejects bounds one answer of rejected records.
const maxRejects = 1000

// Actions of these pages. They are about the execution's flow, so that a policy for a flow is one for its executions too.
var (
	actionReadExecutions = mustAction(policy.ReadExecutions)
	actionReadRejects    = mustAction(policy.ReadRejectedRecords)
)

// executionOf reads an execution that the caller may see. One that does not exist belongs to no flow: only who may see all
// flows is told so.
func (s *Server) executionOf(ctx context.Context, tx store.ReadTx, c *call, action policy.Action, id string) (*flow.Execution, error) {
	x, err := tx.ExecutionGet(ctx, id)
	if fault.Is(err, fault.NotFound) {
		if err := s.allow(c, action, c.flowARN(everything)); err != nil {
			return nil, err
		}
		return nil, fault.New(fault.NotFound, "Execution %s does not exist.", clip(id))
	}
	if err != nil {
		return nil, err
	}
	return x, s.allowFlow(ctx, tx, c, action, x.FlowName)
}

func (s *Server) executionView(ctx context.Context, c *call, r *pageRequest) (any, error) {
	id := r.params[0]
	var x *flow.Execution
	var splits []*store.Split
	err := s.Store.Read(ctx, func(tx store.ReadTx) (err error) {
		if x, err = s.executionOf(ctx, tx, c, actionReadExecutions, id); err != nil {
			return err
		}
		splits, err = tx.SplitList(ctx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	v := &ExecutionView{
		ID: x.ID, FlowName: x.FlowName, FlowVersion: x.FlowVersion, Status: x.Status, StartedAt: x.StartedAt, UpdatedAt: x.UpdatedAt,
		Message: x.Message, Code: x.Code, Failures: x.Failures, ResumeAt: x.ResumeAt, Totals: x.Totals, Splits: make([]SplitView, len(splits)),
	}
	for i, sp := range splits {
		v.Splits[i] = splitView(sp)
	}
	if s.Live != nil && !x.Status.Done() {
		if l, ok := s.Live.Live(id); ok {
			v.Live, v.Totals = &l, l.Totals
		}
	}
	v.Closes = v.Totals.Closes()
	return v, nil
}

func splitView(sp *store.Split) SplitView {
	var named struct {
		Label string `json:"label"`
		Bytes int64  `json:"bytes"`
	}
	_ = json.Unmarshal(sp.Data, &named) // a split without a label is shown by its number
	return SplitView{
		Index: sp.Index, Label: named.Label, Bytes: named.Bytes, State: sp.State, Totals: sp.Totals, Attempts: sp.Attempts, Message: sp.Message,
	}
}

func (s *Server) rejects(ctx context.Context, c *call, r *pageRequest) (any, error) {
	var list []flow.Reject
	err := s.Store.Read(ctx, func(tx store.ReadTx) (err error) {
		if _, err = s.executionOf(ctx, tx, c, actionReadRejects, r.params[0]); err != nil {
			return err
		}
		list, err = tx.RejectList(ctx, r.params[0], maxRejects)
		return err
	})
	return map[string]any{"rejects": orEmpty(list)}, err
}

func (s *Server) outputs(ctx context.Context, c *call, r *pageRequest) (any, error) {
	var list []*store.Receipt
	err := s.Store.Read(ctx, func(tx store.ReadTx) (err error) {
		if _, err = s.executionOf(ctx, tx, c, actionReadExecutions, r.params[0]); err != nil {
			return err
		}
		list, err = tx.ReceiptList(ctx, r.params[0])
		return err
	})
	return map[string]any{"outputs": orEmpty(list)}, err
}
