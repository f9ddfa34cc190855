package durable

import (
	"context"
	"encoding/json"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/plan"
	"weir.dev/weir/internal/store"
)

// Prepare freezes the execution's plan and splits in the ledger, unless that has been done, and returns the splits that
// are not done yet. An execution whose outcome is decided has none: there is nothing left to read.
func (s *Steps) Prepare(ctx context.Context, executionID string, fence store.Fence) ([]int, error) {
	x, p, err := s.frozen(ctx, executionID)
	if err != nil {
		return nil, err
	}
	if x.Status.Done() || x.Outcome != "" {
		return nil, nil
	}
	if x.Status == flow.ExecutionCancelStarted {
		return nil, errCanceled(executionID)
	}
	if p == nil {
		if err := s.freeze(ctx, x, fence); err != nil {
			return nil, err
		}
	}
	return s.pending(ctx, executionID)
}

// pending lists the splits that are not done, and shows all of them on the board.
func (s *Steps) pending(ctx context.Context, executionID string) ([]int, error) {
	rows, err := s.splits(ctx, executionID)
	if err != nil {
		return nil, err
	}
	var list []int
	for _, row := range rows {
		sp, err := splitOf(row)
		if err != nil {
			return nil, err
		}
		s.Board.split(executionID, sp, row.Totals, row.State == store.SplitDone)
		if row.State != store.SplitDone {
			list = append(list, row.Index)
		}
	}
	return list, nil
}

// freeze asks both ends, compiles the plan and stores it with the splits. When another call was faster its plan stays.
func (s *Steps) freeze(ctx context.Context, x *flow.Execution, fence store.Fence) error {
	p, splits, err := s.draft(ctx, x)
	if err != nil {
		return err
	}
	rows := make([]*store.Split, len(splits))
	for i := range splits {
		data, err := json.Marshal(&splits[i])
		if err != nil {
			return fault.Wrap(fault.Internal, err, "writing split %d of execution %s", i, x.ID)
		}
		rows[i] = &store.Split{ExecutionID: x.ID, Index: i, Data: data, State: store.SplitPending}
	}
	return s.write(ctx, func(tx store.Tx) error {
		_, err := tx.PlanGet(ctx, x.ID)
		if err == nil {
			return tx.FenceCheck(ctx, fence)
		}
		if !fault.Is(err, fault.NotFound) {
			return err
		}
		if p.SchemaChanged {
			if err := renumber(ctx, tx, p); err != nil {
				return err
			}
		}
		raw, err := json.Marshal(p)
		if err != nil {
			return fault.Wrap(fault.Internal, err, "writing the plan of execution %s", x.ID)
		}
		if err := cutWindow(ctx, tx, x.ID, p.Source.Read.Window); err != nil {
			return err
		}
		return tx.PlanPut(ctx, fence, x.ID, raw, rows)
	})
}

// draft makes a plan and its splits.
func (s *Steps) draft(ctx context.Context, x *flow.Execution) (*plan.Plan, []connector.Split, error) {
	ctx = connector.InRun(ctx, connector.Run{Flow: x.FlowName, Execution: x.ID})
	_, dst, err := endsOf(&x.Definition)
	if err != nil {
		return nil, nil, err
	}
	m, err := s.recall(ctx, x)
	if err != nil {
		return nil, nil, err
	}
	m.options = eventOptions(x, m.options)
	var e ends
	defer e.close()
	if err := e.openSourceOf(ctx, s, x); err != nil {
		return nil, nil, err
	}
	if err := e.openDest(ctx, s, dst); err != nil {
		return nil, nil, err
	}
	return draft(ctx, x, &e, m, s.Options)
}

// draft asks the open ends for what a plan is made of, and makes it.
func draft(ctx context.Context, x *flow.Execution, e *ends, m memory, o Options) (*plan.Plan, []connector.Split, error) {
	schema, err := e.reader.Describe(ctx, x.Definition.Source.Properties)
	if err != nil {
		return nil, nil, fault.Wrap(fault.CodeOf(err), err, "describing the source")
	}
	window, err := settle(ctx, e.reader, x.Window)
	if err != nil {
		return nil, nil, err
	}
	in := plan.Input{Execution: x, Schema: schema, Window: window, ChunkBytes: o.ChunkBytes, Options: m.options, Reference: m.reference}
	if in.Survey, err = survey(ctx, e.reader, x, m.options); err != nil {
		return nil, nil, err
	}
	if e.target != nil {
		in.Files = &e.target.Output
	}
	p, err := plan.Compile(in)
	if err != nil {
		return nil, nil, err
	}
	want := o.Splits
	if want == 0 {
		want = defaultSplits
	}
	if p.OneSplit {
		want = 1
	}
	splits, err := e.reader.Splits(ctx, p.Source.Read, want)
	if err != nil {
		return nil, nil, fault.Wrap(fault.CodeOf(err), err, "splitting the source")
	}
	for i := range splits {
		if splits[i].Index != i {
			return nil, nil, fault.New(fault.Internal, "splitting the source: split %d is numbered %d", i, splits[i].Index)
		}
	}
	return p, splits, nil
}

func errCanceled(executionID string) error {
	return fault.New(fault.Canceled, "execution %s is being canceled", executionID)
}
