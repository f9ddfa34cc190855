package server

import (
	"context"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// stopFlow deactivates a scheduled or event flow; a run that is under way finishes, and events that have come in are
// still delivered
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_StopFlow.html).
func (s *Server) stopFlow(ctx context.Context, c *call, in *wire.StopFlowInput) (*wire.StopFlowOutput, error) {
	out := &wire.StopFlowOutput{FlowArn: ptr(c.flowARN(*in.FlowName))}
	err := s.mutate(ctx, c, out, func(tx store.Tx) error {
		f, err := flowByName(ctx, tx, *in.FlowName)
		if err != nil {
			return err
		}
		if f.Trigger.Type == flow.TriggerOnDemand {
			return fault.New(fault.Unsupported, "Flow %s runs on demand and has no schedule or subscription to stop. Use CancelFlowExecutions to stop a run.", f.Name)
		}
		if f.Status == flow.StatusActive {
			f.Status, f.StatusMessage = flow.StatusSuspended, ""
			if err := tx.FlowPut(ctx, f); err != nil {
				return err
			}
			if err := s.settle(ctx, tx, f, c.at, false); err != nil {
				return err
			}
		}
		out.FlowStatus = ptr(wire.FlowStatus(f.Status))
		return nil
	})
	return out, err
}
