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

// memory is what a plan is made of besides the definition and the source: the flow's options and the schema that its
// last run went by.
type memory struct {
	options   flow.Options
	reference flow.Schema
}

// recall reads both from the store. The schema is that of the last plan of the same version of the flow: an update of the
// flow makes it forget what the source once looked like. Runs that found an empty source remember nothing.
func (s *Steps) recall(ctx context.Context, x *flow.Execution) (m memory, err error) {
	m = memoryOf(x)
	if s.Store == nil {
		return m, nil
	}
	err = s.read(ctx, func(tx store.ReadTx) (err error) {
		m.reference = flow.Schema{}
		if m.options, err = optionsOf(ctx, tx, x); err != nil {
			return err
		}
		m.reference, err = reference(ctx, tx, x)
		return err
	})
	return m, err
}

// memoryOf is what an execution itself knows.
func memoryOf(x *flow.Execution) (m memory) {
	if x.Options != nil {
		m.options = *x.Options
	}
	return m
}

// optionsOf reads the options of an execution's flow.
func optionsOf(ctx context.Context, tx store.ReadTx, x *flow.Execution) (flow.Options, error) {
	if x.Options != nil {
		return *x.Options, nil
	}
	f, err := tx.FlowGet(ctx, x.FlowName)
	if err != nil {
		return flow.Options{}, err
	}
	o, problems := flow.OptionsOf(f.Tags)
	if len(problems) > 0 {
		return o, fault.New(fault.Validation, "reading the options of flow %q: %s", x.FlowName, problems)
	}
	return o, nil
}

// lookBack is how many executions are read at a time.
const lookBack = 20

func reference(ctx context.Context, tx store.ReadTx, x *flow.Execution) (flow.Schema, error) {
	var after *store.ExecutionPosition
	for {
		list, err := tx.ExecutionList(ctx, x.FlowName, after, lookBack)
		if err != nil || len(list) == 0 {
			return flow.Schema{}, err
		}
		for _, o := range list {
			after = &store.ExecutionPosition{StartedAt: o.StartedAt, ID: o.ID}
			if o.ID == x.ID || o.FlowVersion > x.FlowVersion {
				continue
			}
			if o.FlowVersion < x.FlowVersion {
				return flow.Schema{}, nil
			}
			schema, err := plannedSchema(ctx, tx, o.ID)
			if err != nil || len(schema.Fields) > 0 {
				return schema, err
			}
		}
		if len(list) < lookBack {
			return flow.Schema{}, nil
		}
	}
}

// plannedSchema is the schema in an execution's plan; no fields when it has none.
func plannedSchema(ctx context.Context, tx store.ReadTx, executionID string) (flow.Schema, error) {
	raw, err := tx.PlanGet(ctx, executionID)
	if fault.Is(err, fault.NotFound) {
		return flow.Schema{}, nil
	}
	if err != nil {
		return flow.Schema{}, err
	}
	var p struct {
		Source struct {
			Read struct {
				Schema flow.Schema `json:"schema"`
			} `json:"read"`
		} `json:"source"`
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return flow.Schema{}, fault.Wrap(fault.Internal, err, "reading the plan of execution %s", executionID)
	}
	return p.Source.Read.Schema, nil
}

// survey looks at every object of the source where the flow's drift policy must know.
func survey(ctx context.Context, r connector.Reader, x *flow.Execution, o flow.Options) ([]flow.Schema, error) {
	surveyor, ok := r.(connector.Surveyor)
	if !ok || !plan.NeedsSurvey(&x.Definition, o) {
		return nil, nil
	}
	list, err := surveyor.Survey(ctx, connector.ReadRequest{Properties: x.Definition.Source.Properties, Window: x.Window})
	return list, fault.Wrap(fault.CodeOf(err), err, "looking at the source's schemas")
}

// renumber gives the output a new schema version when the source has grown fields that are taken along. It runs in the
// transaction that freezes the plan, so it happens once.
func renumber(ctx context.Context, tx store.Tx, p *plan.Plan) error {
	f, err := tx.FlowGet(ctx, p.FlowName)
	if err != nil {
		return err
	}
	x, err := tx.ExecutionGet(ctx, p.ExecutionID)
	if err != nil {
		return err
	}
	f.SchemaVersion++
	x.SchemaVersion, p.SchemaVersion = f.SchemaVersion, f.SchemaVersion
	if err := tx.FlowPut(ctx, f); err != nil {
		return err
	}
	return tx.ExecutionPut(ctx, x)
}
