package server

import (
	"context"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// describeFlow returns a flow exactly as it was defined
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_DescribeFlow.html).
func (s *Server) describeFlow(ctx context.Context, c *call, in *wire.DescribeFlowInput) (*wire.DescribeFlowOutput, error) {
	var f *flow.Flow
	err := s.Store.Read(ctx, func(tx store.ReadTx) (err error) {
		f, err = flowByName(ctx, tx, *in.FlowName)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &wire.DescribeFlowOutput{
		FlowArn: ptr(c.flowARN(f.Name)), FlowName: &f.Name, FlowStatus: ptr(wire.FlowStatus(f.Status)), KmsArn: f.KMSArn,
		SchemaVersion: &f.SchemaVersion, LastRunExecutionDetails: lastRunOut(f.LastRun),
		CreatedAt: ptr(wire.TimestampOf(f.CreatedAt)), LastUpdatedAt: ptr(wire.TimestampOf(f.UpdatedAt)),
		CreatedBy: &f.CreatedBy, LastUpdatedBy: &f.UpdatedBy, Tags: tagsOut(f.Tags),
		LastRunMetadataCatalogDetails: catalogOut(f.LastCatalog),
	}
	if f.StatusMessage != "" {
		out.FlowStatusMessage = &f.StatusMessage
	}
	definitionOut(&f.Definition, out)
	return out, nil
}

// flowByName reads a flow, or says that there is none in the words clients know.
func flowByName(ctx context.Context, tx store.ReadTx, name string) (*flow.Flow, error) {
	f, err := tx.FlowGet(ctx, name)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, "Flow with name %s does not exist.", name)
	}
	return f, err
}

func lastRunOut(r *flow.LastRun) *wire.ExecutionDetails {
	if r == nil {
		return nil
	}
	out := &wire.ExecutionDetails{
		MostRecentExecutionStatus: ptr(wire.ExecutionStatus(r.Status)), MostRecentExecutionTime: ptr(wire.TimestampOf(r.Time)),
	}
	if r.Message != "" {
		out.MostRecentExecutionMessage = &r.Message
	}
	return out
}

// tagsOut shows no tags as an empty map, as AppFlow does.
func tagsOut(tags map[string]string) map[string]string {
	if tags == nil {
		return map[string]string{}
	}
	return tags
}
