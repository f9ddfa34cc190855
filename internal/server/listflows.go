package server

import (
	"context"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// flowPosition is where a page of flows ended.
type flowPosition struct {
	After string `json:"after"`
}

// listFlows lists the flows by name (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_ListFlows.html).
func (s *Server) listFlows(ctx context.Context, c *call, in *wire.ListFlowsInput) (*wire.ListFlowsOutput, error) {
	var from flowPosition
	if _, err := s.openPageToken("ListFlows", in.NextToken, &from); err != nil {
		return nil, err
	}
	size := pageSize(in.MaxResults)
	var flows []*flow.Flow
	err := s.Store.Read(ctx, func(tx store.ReadTx) (err error) {
		flows, err = tx.FlowList(ctx, from.After, size+1) // one more tells whether there is a next page
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &wire.ListFlowsOutput{}
	if len(flows) > size {
		flows = flows[:size]
		out.NextToken = s.pageToken("ListFlows", flowPosition{flows[size-1].Name})
	}
	out.Flows = make([]wire.FlowDefinition, len(flows))
	for i, f := range flows {
		out.Flows[i] = summaryOut(c, f)
	}
	return out, nil
}

func summaryOut(c *call, f *flow.Flow) wire.FlowDefinition {
	return wire.FlowDefinition{
		FlowArn: ptr(c.flowARN(f.Name)), FlowName: &f.Name, Description: f.Description, FlowStatus: ptr(wire.FlowStatus(f.Status)),
		SourceConnectorType:      ptr(wire.ConnectorType(f.Source.Connector)),
		DestinationConnectorType: ptr(wire.ConnectorType(f.Destinations[0].Connector)),
		TriggerType:              ptr(wire.TriggerType(f.Trigger.Type)),
		CreatedAt:                ptr(wire.TimestampOf(f.CreatedAt)), LastUpdatedAt: ptr(wire.TimestampOf(f.UpdatedAt)),
		CreatedBy: &f.CreatedBy, LastUpdatedBy: &f.UpdatedBy, Tags: tagsOut(f.Tags), LastRunExecutionDetails: lastRunOut(f.LastRun),
	}
}
