package server

import (
	"context"
	"fmt"
	"slices"

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
	problems, refused := s.examine(ctx, &def)
	problems = append(problems, def.CheckTags(in.Tags)...)
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
		foreign, err := checkProfiles(ctx, tx, &f.Definition)
		if err != nil {
			return err
		}
		if found := slices.Concat(foreign, problems); len(found) > 0 { // after missing profiles, as AppFlow's own answers show
			return fault.New(fault.Validation, "Create Flow request failed: [%s]", found)
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

// admitFlow checks the name and the number of flows.
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
	return nil
}

// checkProfiles looks for the profiles that a definition uses: a missing one is an error by itself, one of another
// connector is a problem of the definition. Names given with connectors that take no profile mean nothing.
func checkProfiles(ctx context.Context, tx store.ReadTx, d *flow.Definition) (flow.Problems, error) {
	var problems flow.Problems
	check := func(path string, connector flow.ConnectorType, name *string) error {
		if !flow.TraitsOf(connector).NeedsProfile || deref(name) == "" {
			return nil // whether one is needed is the definition's own rule
		}
		p, err := profileByName(ctx, tx, *name)
		if err == nil && p.Connector == flow.CustomConnector && connector == p.Connector {
			if path == "sourceFlowConfig" {
				problems = append(problems, checkSender(d, p)...)
			} else if p.Label == flow.LabelWebhook {
				problems = append(problems, flow.Problem{Path: path + ".connectorProfileName", Text: "a profile of label " + p.Label + " cannot be used as a destination"})
			}
		}
		if err == nil && p.Connector != connector {
			problems = append(problems, flow.Problem{
				Path: path + ".connectorProfileName",
				Text: fmt.Sprintf("Connector Profile %s is of connectorType %s, not %s", p.Name, p.Connector, connector),
			})
		}
		return err
	}
	if err := check("sourceFlowConfig", d.Source.Connector, d.Source.ProfileName); err != nil {
		return nil, err
	}
	for i, dst := range d.Destinations {
		if err := check(fmt.Sprintf("destinationFlowConfigList.%d.member", i+1), dst.Connector, dst.ProfileName); err != nil {
			return nil, err
		}
	}
	return problems, nil
}
