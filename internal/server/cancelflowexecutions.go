package server

import (
	"context"
	"slices"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// cancelFlowExecutions asks runs of a flow to stop: those named, or all when executionIds is left out; an empty list names
// none (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_CancelFlowExecutions.html).
func (s *Server) cancelFlowExecutions(ctx context.Context, c *call, in *wire.CancelFlowExecutionsInput) (*wire.CancelFlowExecutionsOutput, error) {
	out := &wire.CancelFlowExecutionsOutput{}
	var canceled []string
	err := s.mutate(ctx, c, out, func(tx store.Tx) (err error) {
		canceled, err = cancelRuns(ctx, tx, c, *in.FlowName, func(id string) bool {
			return in.ExecutionIds == nil || slices.Contains(in.ExecutionIds, id)
		})
		out.InvalidExecutions = invalid(in.ExecutionIds, canceled)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.cancel(ctx, canceled)
	return out, nil
}

// cancelRuns marks the chosen ones of a flow's unfinished executions as CancelStarted, in the ledger and in the flow's
// last run. It returns those that are being canceled now. A run whose end is decided otherwise goes on to it.
func cancelRuns(ctx context.Context, tx store.Tx, c *call, flowName string, isChosen func(id string) bool) ([]string, error) {
	f, err := flowByName(ctx, tx, flowName)
	if err != nil {
		return nil, err
	}
	running, err := tx.ExecutionUnfinishedOf(ctx, flowName)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, x := range running {
		if !isChosen(x.ID) || x.Outcome != "" && x.Outcome != flow.ExecutionCanceled {
			continue
		}
		ids = append(ids, x.ID)
		if x.Status == flow.ExecutionCancelStarted {
			continue
		}
		x.Status, x.UpdatedAt = flow.ExecutionCancelStarted, c.at
		if err := tx.ExecutionPut(ctx, x); err != nil {
			return nil, err
		}
		if f.LastRun != nil && f.LastRun.Time.Equal(x.StartedAt) {
			f.LastRun.Status = x.Status
			if err := tx.FlowPut(ctx, f); err != nil {
				return nil, err
			}
		}
	}
	return ids, nil
}

// invalid lists the ids that could not be canceled: finished or about to be, of another flow, or unknown.
func invalid(asked, canceled []string) []string {
	var list []string
	for _, id := range asked {
		if !slices.Contains(canceled, id) && !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return list
}

// cancel tells the engine. The ledger says CancelStarted already, so an engine that is down sees it at its next start.
func (s *Server) cancel(ctx context.Context, ids []string) {
	for _, id := range ids {
		if err := s.Runner.Cancel(context.WithoutCancel(ctx), id); err != nil {
			s.Logger.WarnContext(ctx, "cancel waits for the engine", "execution", id, "error", err)
		}
	}
}
