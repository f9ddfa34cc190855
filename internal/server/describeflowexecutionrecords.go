package server

import (
	"context"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// describeFlowExecutionRecords lists a flow's runs, the newest first
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_DescribeFlowExecutionRecords.html).
func (s *Server) describeFlowExecutionRecords(ctx context.Context, _ *call, in *wire.DescribeFlowExecutionRecordsInput) (*wire.DescribeFlowExecutionRecordsOutput, error) {
	list := "DescribeFlowExecutionRecords " + *in.FlowName
	var from store.ExecutionPosition
	var after *store.ExecutionPosition
	given, err := s.openPageToken(list, in.NextToken, &from)
	if err != nil {
		return nil, err
	}
	if given {
		after = &from
	}
	size := pageSize(in.MaxResults)
	var runs []*flow.Execution
	err = s.Store.Read(ctx, func(tx store.ReadTx) error {
		if _, err := flowByName(ctx, tx, *in.FlowName); err != nil {
			return err
		}
		runs, err = tx.ExecutionList(ctx, *in.FlowName, after, size+1)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &wire.DescribeFlowExecutionRecordsOutput{}
	if len(runs) > size {
		runs = runs[:size]
		last := runs[size-1]
		out.NextToken = s.pageToken(list, store.ExecutionPosition{StartedAt: last.StartedAt, ID: last.ID})
	}
	out.FlowExecutions = make([]wire.ExecutionRecord, len(runs))
	for i, x := range runs {
		out.FlowExecutions[i] = s.recordOut(x)
	}
	return out, nil
}

func (s *Server) recordOut(x *flow.Execution) wire.ExecutionRecord {
	t := x.Totals
	if live, ok := s.live(x); ok {
		t = live
	}
	r := wire.ExecutionRecord{
		ExecutionId: &x.ID, ExecutionStatus: ptr(wire.ExecutionStatus(x.Status)),
		StartedAt: ptr(wire.TimestampOf(x.StartedAt)), LastUpdatedAt: ptr(wire.TimestampOf(x.UpdatedAt)),
		ExecutionResult: &wire.ExecutionResult{
			BytesProcessed: &t.BytesRead, BytesWritten: &t.BytesWritten, RecordsProcessed: &t.Read,
			NumParallelProcesses: &t.Parallelism, ErrorInfo: errorOut(x, t),
		},
	}
	r.MetadataCatalogDetails = catalogOut(x.Catalog)
	if w := x.Window; w != nil {
		r.DataPullStartTime, r.DataPullEndTime = ptr(wire.TimestampOf(w.From)), ptr(wire.TimestampOf(w.To))
	}
	return r
}

// errorOut is absent for a clean run. A run may succeed with records refused.
func errorOut(x *flow.Execution, t flow.Totals) *wire.ErrorInfo {
	if x.Status != flow.ExecutionError && t.PutFailures == 0 {
		return nil
	}
	return &wire.ErrorInfo{PutFailuresCount: &t.PutFailures, ExecutionMessage: ptr(clipTo(x.Message, 2048))}
}

// catalogOut shows what became of a run's tables in the catalog; nil for a flow that has none.
func catalogOut(list []flow.CatalogDetail) []wire.MetadataCatalogDetail {
	var out []wire.MetadataCatalogDetail
	for _, d := range list {
		out = append(out, wire.MetadataCatalogDetail{
			CatalogType: ptr(wire.CatalogTypeGlue), TableName: &d.Table,
			TableRegistrationOutput: outcomeOut(&d.Tables), PartitionRegistrationOutput: outcomeOut(d.Partitions),
		})
	}
	return out
}

func outcomeOut(o *flow.CatalogOutcome) *wire.RegistrationOutput {
	if o == nil {
		return nil
	}
	out := &wire.RegistrationOutput{Status: ptr(wire.ExecutionStatus(o.Status)), Result: &o.Result}
	if o.Message != "" {
		out.Message = ptr(clipTo(o.Message, 2048))
	}
	return out
}

// clipTo bounds a text to what a member of the API may hold.
func clipTo(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
