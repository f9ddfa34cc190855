package server

import (
	"context"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// createFlow saves a definition; it runs nothing
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_CreateFlow.html).
func (s *Server) createFlow(ctx context.Context, c *call, in *wire.CreateFlowInput) (*wire.CreateFlowOutput, error) {
	use := newTokenUse(c, &in.ClientToken, in)
	def, err := definitionIn(definitionParts{in.Description, in.TriggerConfig, in.SourceFlowConfig, in.DestinationFlowConfigList, in.Tasks, in.MetadataCatalogConfig})
	if err != nil {
		return nil, err
	}
	problems, refused := checkDefinition(&def, s.Connectors)
	f := &flow.Flow{
		Definition: def, Name: *in.FlowName, KMSArn: in.KmsArn, Status: flow.StatusDraft, SchemaVersion: 1, Version: 1,
		CreatedAt: c.at, UpdatedAt: c.at, CreatedBy: c.principal, UpdatedBy: c.principal, Tags: in.Tags,
	}
	if def.Trigger.Type == flow.TriggerOnDemand {
		f.Status = flow.StatusActive
	}
	out := &wire.CreateFlowOutput{}
	err = s.mutate(ctx, c, out, func(tx store.Tx) error {
		*out = wire.CreateFlowOutput{FlowArn: ptr(c.flowARN(f.Name)), FlowStatus: ptr(wire.FlowStatus(f.Status))}
		if done, err := use.repeated(ctx, tx, out); done || err != nil {
			return err
		}
		if err := s.admitFlow(ctx, tx, f); err != nil {
			return err
		}
		if len(problems) > 0 { // after the profiles, as AppFlow's own answers show
			return fault.New(fault.Validation, "Create Flow request failed: [%s]", problems)
		}
		if refused != nil {
			return refused
		}
		if err := tx.FlowPut(ctx, f); err != nil {
			return err
		}
		return use.remember(ctx, tx, out)
	})
	return out, err
}

// admitFlow checks what depends on what else is stored: the name, the number of flows, the profiles.
func (s *Server) admitFlow(ctx context.Context, tx store.ReadTx, f *flow.Flow) error {
	_, err := tx.FlowGet(ctx, f.Name)
	if err == nil {
		return fault.New(fault.Conflict, "Flow with name %s already exists.", f.Name)
	}
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	n, err := tx.FlowCount(ctx)
	if err != nil {
		return err
	}
	if n >= s.MaxFlows {
		return fault.New(fault.Quota, "The limit of %d flows is reached. Delete a flow, or raise the limit with --max-flows.", s.MaxFlows)
	}
	return checkProfiles(&f.Definition)
}

// checkProfiles refuses definitions that depend on connector profiles: this build stores none.
func checkProfiles(d *flow.Definition) error {
	if names := d.Profiles(); len(names) > 0 {
		return fault.New(fault.NotFound, "Connector Profile with name %s does not exist.", names[0])
	}
	return nil
}
