package server

import (
	"context"
	"time"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// stopPatience is how long a forced delete waits for running executions to stop and clean up behind them; it is within
// the minute that AWS's clients wait for an answer.
const stopPatience = 30 * time.Second

// deleteFlow removes a flow with its history
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_DeleteFlow.html). Data at the destination stays.
func (s *Server) deleteFlow(ctx context.Context, c *call, in *wire.DeleteFlowInput) (*wire.DeleteFlowOutput, error) {
	name := *in.FlowName
	if !deref(in.ForceDelete) {
		return s.deleteIdle(ctx, c, name, false)
	}
	patience := time.NewTimer(stopPatience)
	defer patience.Stop()
	for wait := 2 * time.Millisecond; ; wait = min(2*wait, 200*time.Millisecond) {
		out, err := s.deleteIdle(ctx, c, name, true)
		if !fault.Is(err, fault.Conflict) {
			return out, err
		}
		if err := s.cancelAll(ctx, c, name); err != nil {
			return nil, err
		}
		select {
		case <-patience.C:
			return nil, fault.New(fault.Conflict, "Flow %s still has an execution that is stopping. Try again.", name)
		case <-ctx.Done():
			return nil, fault.Wrap(fault.Canceled, ctx.Err(), "deleting flow %q", name)
		case <-time.After(wait):
		}
	}
}

// deleteIdle deletes a flow that nothing runs of; a Conflict says what does. Unless forced it spares a flow that is
// active by schedule or event as well.
func (s *Server) deleteIdle(ctx context.Context, c *call, name string, force bool) (*wire.DeleteFlowOutput, error) {
	out := &wire.DeleteFlowOutput{}
	err := s.mutate(ctx, c, out, func(tx store.Tx) error {
		f, err := flowByName(ctx, tx, name)
		if err != nil {
			return err
		}
		running, err := tx.ExecutionUnfinishedOf(ctx, name)
		switch {
		case err != nil:
			return err
		case len(running) > 0:
			return fault.New(fault.Conflict, "Flow %s is running: execution %s is %s. Cancel it first, or delete with forceDelete.", name, running[0].ID, running[0].Status)
		case !force && f.Trigger.Type != flow.TriggerOnDemand && f.Status == flow.StatusActive:
			return fault.New(fault.Conflict, "Flow %s is active. Stop it first with StopFlow, or delete with forceDelete.", name)
		}
		return tx.FlowDelete(ctx, name)
	})
	return out, err
}

// cancelAll cancels what runs of a flow that is about to be deleted. A flow that is gone meanwhile has nothing left.
func (s *Server) cancelAll(ctx context.Context, c *call, name string) error {
	var ids []string
	err := s.Store.Write(ctx, func(tx store.Tx) (err error) {
		ids, err = cancelRuns(ctx, tx, c, name, func(string) bool { return true })
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err == nil {
		s.cancel(ctx, ids)
	}
	return err
}
