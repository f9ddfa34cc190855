package server

import (
	"context"

	"github.com/google/uuid"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// startFlow runs an on-demand flow now, or activates a scheduled or event flow
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_StartFlow.html).
func (s *Server) startFlow(ctx context.Context, c *call, in *wire.StartFlowInput) (*wire.StartFlowOutput, error) {
	use := newTokenUse(c, &in.ClientToken, in)
	out := &wire.StartFlowOutput{}
	started := ""
	err := s.mutate(ctx, c, out, func(tx store.Tx) error {
		started = ""
		f, err := flowByName(ctx, tx, *in.FlowName)
		if err != nil {
			return err
		}
		start := s.activate
		if f.Trigger.Type == flow.TriggerOnDemand {
			start = s.runNow
		}
		started, err = start(ctx, tx, c, use.about(f), f, out)
		return err
	})
	if err != nil {
		return nil, err
	}
	if started != "" {
		s.handOver(ctx, *in.FlowName, started)
	}
	return out, nil
}

// handOver gives a new execution to the engine. The ledger holds it already: should the engine be unable to take it now,
// it does at its next start.
func (s *Server) handOver(ctx context.Context, flowName, executionID string) {
	if s.Began != nil {
		s.Began(flowName)
	}
	if err := s.Runner.Start(context.WithoutCancel(ctx), executionID); err != nil {
		s.Logger.WarnContext(ctx, "execution waits for the engine", "execution", executionID, "error", err)
	}
}

// runNow starts an execution of an on-demand flow and returns its id; none when the request is a repeated one. A token
// that was used for another flow is no mistake here.
func (s *Server) runNow(ctx context.Context, tx store.Tx, c *call, use tokenUse, f *flow.Flow, out *wire.StartFlowOutput) (string, error) {
	own := use.apart(f)
	if done, err := own.repeated(ctx, tx, out); done || err != nil {
		return "", err
	}
	if err := s.canStart(ctx, tx, f); err != nil {
		return "", err
	}
	x, err := s.newExecution(ctx, tx, c, f, nil, false)
	if err != nil {
		return "", err
	}
	*out = wire.StartFlowOutput{FlowArn: ptr(c.flowARN(f.Name)), FlowStatus: ptr(wire.FlowStatusActive), ExecutionId: &x.ID}
	if err := own.remember(ctx, tx, out); err != nil {
		return "", err
	}
	// A scheduled flow that is started with this token later has to be told that it stood for something else.
	if first, err := use.first(ctx, tx); first != nil || err != nil {
		return x.ID, err
	}
	return x.ID, use.remember(ctx, tx, out)
}

// activate makes a scheduled or event flow Active; one that is already stays so.
func (s *Server) activate(ctx context.Context, tx store.Tx, c *call, use tokenUse, f *flow.Flow, out *wire.StartFlowOutput) (string, error) {
	if done, err := use.repeated(ctx, tx, out); done || err != nil {
		return "", err
	}
	if err := s.canStart(ctx, tx, f); err != nil {
		return "", err
	}
	if f.Status != flow.StatusActive {
		f.Status, f.StatusMessage = flow.StatusActive, ""
		if err := tx.FlowPut(ctx, f); err != nil {
			return "", err
		}
		if err := s.settle(ctx, tx, f, c.at, true); err != nil {
			return "", err
		}
	}
	*out = wire.StartFlowOutput{FlowArn: ptr(c.flowARN(f.Name)), FlowStatus: ptr(wire.FlowStatusActive)}
	return "", use.remember(ctx, tx, out)
}

// canStart says plainly when the flow would fail for want of a connector or a profile.
func (s *Server) canStart(ctx context.Context, tx store.ReadTx, f *flow.Flow) error {
	for _, t := range []flow.ConnectorType{f.Source.Connector, f.Destinations[0].Connector} {
		if s.Connectors.Find(t) != nil {
			continue
		}
		name := string(t)
		if spec := s.Connectors.Spec(t); spec != nil && spec.Name != "" {
			name = spec.Name
		}
		return fault.New(fault.Conflict, "The connector %s is not in this build of Weir, so the flow cannot run yet.", name)
	}
	for _, name := range f.Profiles() {
		if _, err := profileByName(ctx, tx, name); err != nil {
			return err
		}
	}
	return nil
}

// newExecution puts a run into the ledger, with the window that it pulls; nil pulls everything. One run of a flow goes on
// at a time, because two would write the same folders.
func (s *Server) newExecution(
	ctx context.Context, tx store.Tx, c *call, f *flow.Flow, window *flow.Window, isBackfill bool,
) (*flow.Execution, error) {
	if err := s.engineIsReady(ctx); err != nil {
		return nil, err
	}
	running, err := tx.ExecutionUnfinished(ctx)
	if err != nil {
		return nil, err
	}
	for _, x := range running {
		if x.FlowName == f.Name {
			return nil, fault.New(fault.Conflict, "Flow %s is running already: execution %s is %s. Wait for it, or cancel it with CancelFlowExecutions.",
				f.Name, x.ID, x.Status)
		}
	}
	if len(running) >= s.MaxRunning {
		return nil, fault.New(fault.Quota, "The limit of %d concurrent executions is reached. Try again later, or raise it with --max-running.", s.MaxRunning)
	}
	x := flow.NewExecution(uuid.NewString(), f, c.at)
	x.Window, x.IsBackfill = window, isBackfill
	if err := tx.ExecutionPut(ctx, x); err != nil {
		return nil, err
	}
	if s.Announcer != nil {
		if err := s.Announcer.Started(ctx, tx, f, x); err != nil {
			return nil, err
		}
	}
	f.LastRun = &flow.LastRun{Status: x.Status, Time: x.StartedAt}
	return x, tx.FlowPut(ctx, f)
}
