package server_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/aws/aws-sdk-go-v2/service/appflow/types"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// fullFlow uses every member that a flow from S3 to S3 can have.
func fullFlow(name string) *appflow.CreateFlowInput {
	day := func(d int) *time.Time { return aws.Time(time.Date(2030, 1, d, 12, 30, 15, 250e6, time.UTC)) }
	return &appflow.CreateFlowInput{
		FlowName: &name, Description: aws.String("orders, every hour"), KmsArn: aws.String("arn:aws:kms:eu-west-1:111122223333:key/k"),
		TriggerConfig: &types.TriggerConfig{TriggerType: types.TriggerTypeScheduled, TriggerProperties: &types.TriggerProperties{
			Scheduled: &types.ScheduledTriggerProperties{
				ScheduleExpression: aws.String("rate(1hours)"), DataPullMode: types.DataPullModeIncremental, ScheduleStartTime: day(2),
				ScheduleEndTime: day(9), Timezone: aws.String("Europe/Oslo"), ScheduleOffset: aws.Int64(0), FirstExecutionFrom: day(1),
				FlowErrorDeactivationThreshold: aws.Int32(5),
			},
		}},
		SourceFlowConfig: &types.SourceFlowConfig{
			ConnectorType: types.ConnectorTypeS3, ApiVersion: aws.String("v1"), ConnectorProfileName: aws.String("ignored"),
			SourceConnectorProperties: &types.SourceConnectorProperties{S3: &types.S3SourceProperties{
				BucketName: aws.String("in-bkt"), BucketPrefix: aws.String("orders"),
				S3InputFormatConfig: &types.S3InputFormatConfig{S3InputFileType: types.S3InputFileTypeCsv},
			}},
			IncrementalPullConfig: &types.IncrementalPullConfig{DatetimeTypeFieldName: aws.String("LastModified")},
		},
		DestinationFlowConfigList: []types.DestinationFlowConfig{{
			ConnectorType: types.ConnectorTypeS3,
			DestinationConnectorProperties: &types.DestinationConnectorProperties{S3: &types.S3DestinationProperties{
				BucketName: aws.String("out-bkt"), BucketPrefix: aws.String(""),
				S3OutputFormatConfig: &types.S3OutputFormatConfig{
					FileType: types.FileTypeParquet, PreserveSourceDataTyping: aws.Bool(false),
					PrefixConfig: &types.PrefixConfig{
						PrefixType: types.PrefixTypePathAndFilename, PrefixFormat: types.PrefixFormatDay,
						PathPrefixHierarchy: []types.PathPrefix{types.PathPrefixSchemaVersion, types.PathPrefixExecutionId},
					},
					AggregationConfig: &types.AggregationConfig{AggregationType: types.AggregationTypeSingleFile, TargetFileSize: aws.Int64(128)},
				},
			}},
		}},
		Tasks: []types.Task{
			{
				TaskType: types.TaskTypeMap, SourceFields: []string{"id"}, DestinationField: aws.String("id"),
				ConnectorOperator: &types.ConnectorOperator{S3: types.S3ConnectorOperatorNoOp}, TaskProperties: map[string]string{},
			},
			{
				TaskType: types.TaskTypeFilter, SourceFields: []string{"id", "country"},
				ConnectorOperator: &types.ConnectorOperator{S3: types.S3ConnectorOperatorProjection},
			},
			{
				TaskType: types.TaskTypeFilter, SourceFields: []string{"country"}, ConnectorOperator: &types.ConnectorOperator{S3: types.S3ConnectorOperatorEqualTo},
				TaskProperties: map[string]string{"DATA_TYPE": "string", "VALUES": "NO,SE <&>"},
			},
			{TaskType: types.TaskTypeMap, SourceFields: []string{"country"}, DestinationField: aws.String("land")},
			{
				TaskType: types.TaskTypePartition, SourceFields: []string{},
				TaskProperties: map[string]string{"ORDERED_PARTITION_KEYS_LIST": `["land"]`},
			},
		},
		MetadataCatalogConfig: &types.MetadataCatalogConfig{GlueDataCatalog: &types.GlueDataCatalogConfig{
			RoleArn: aws.String("arn:aws:iam::111122223333:role/r"), DatabaseName: aws.String("db"), TablePrefix: aws.String("t"),
		}},
		Tags: map[string]string{"team": "data", "empty": ""},
	}
}

func onDemandFlow(name string) *appflow.CreateFlowInput {
	in := fullFlow(name)
	in.TriggerConfig = &types.TriggerConfig{TriggerType: types.TriggerTypeOndemand}
	return in
}

func TestSDK_LifeOfAnOnDemandFlow(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	ctx, c := t.Context(), g.client(region)
	arn := "arn:aws:appflow:eu-west-1:111122223333:flow/orders"
	in := onDemandFlow("orders")
	created, err := c.CreateFlow(ctx, in)
	require.NoError(t, err)
	require.Equal(t, arn, *created.FlowArn)
	require.Equal(t, types.FlowStatusActive, created.FlowStatus)

	got, err := c.DescribeFlow(ctx, &appflow.DescribeFlowInput{FlowName: in.FlowName})
	require.NoError(t, err)
	requireEcho(t, in, got)
	require.Equal(t, int64(1), *got.SchemaVersion)
	require.Equal(t, "arn:aws:iam::111122223333:user/alice", *got.CreatedBy)
	require.Nil(t, got.LastRunExecutionDetails)
	require.Nil(t, got.FlowStatusMessage)

	up := updateOf(in)
	up.Description = nil
	up.MetadataCatalogConfig = nil
	up.Tasks[0].DestinationField = aws.String("order_id")
	g.clock.advance(time.Minute)
	updated, err := c.UpdateFlow(ctx, up)
	require.NoError(t, err)
	require.Equal(t, types.FlowStatusActive, updated.FlowStatus)
	got, err = c.DescribeFlow(ctx, &appflow.DescribeFlowInput{FlowName: in.FlowName})
	require.NoError(t, err)
	in.Description, in.MetadataCatalogConfig, in.Tasks = nil, nil, up.Tasks
	requireEcho(t, in, got) // what an update leaves out is dropped; key and tags stay
	require.Equal(t, int64(2), *got.SchemaVersion)
	require.True(t, got.LastUpdatedAt.After(*got.CreatedAt))

	started, err := c.StartFlow(ctx, &appflow.StartFlowInput{FlowName: in.FlowName})
	require.NoError(t, err)
	require.Equal(t, arn, *started.FlowArn)
	require.Equal(t, types.FlowStatusActive, started.FlowStatus)
	records, err := c.DescribeFlowExecutionRecords(ctx, &appflow.DescribeFlowExecutionRecordsInput{FlowName: in.FlowName})
	require.NoError(t, err)
	require.Len(t, records.FlowExecutions, 1)
	require.Equal(t, started.ExecutionId, records.FlowExecutions[0].ExecutionId)
	require.Equal(t, types.ExecutionStatusInprogress, records.FlowExecutions[0].ExecutionStatus)
	require.Equal(t, types.ExecutionStatusInprogress, lastRun(t, c, "orders").MostRecentExecutionStatus)

	canceled, err := c.CancelFlowExecutions(ctx, &appflow.CancelFlowExecutionsInput{FlowName: in.FlowName, ExecutionIds: []string{*started.ExecutionId, "nope", "nope"}})
	require.NoError(t, err)
	require.Equal(t, []string{"nope"}, canceled.InvalidExecutions)
	require.Equal(t, types.ExecutionStatusCancelstarted, lastRun(t, c, "orders").MostRecentExecutionStatus)
	require.Equal(t, flow.ExecutionCancelStarted, g.execution(*started.ExecutionId).Status)
	g.finish(*started.ExecutionId, flow.ExecutionCanceled, nil)
	require.Equal(t, types.ExecutionStatusCanceled, lastRun(t, c, "orders").MostRecentExecutionStatus)
	canceled, err = c.CancelFlowExecutions(ctx, &appflow.CancelFlowExecutionsInput{FlowName: in.FlowName, ExecutionIds: []string{*started.ExecutionId}})
	require.NoError(t, err)
	require.Equal(t, []string{*started.ExecutionId}, canceled.InvalidExecutions)

	_, err = c.TagResource(ctx, &appflow.TagResourceInput{ResourceArn: &arn, Tags: map[string]string{"team": "core", "new": "x"}})
	require.NoError(t, err)
	_, err = c.UntagResource(ctx, &appflow.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"empty", "unknown"}})
	require.NoError(t, err)
	tags, err := c.ListTagsForResource(ctx, &appflow.ListTagsForResourceInput{ResourceArn: &arn})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"team": "core", "new": "x"}, tags.Tags)

	_, err = c.DeleteFlow(ctx, &appflow.DeleteFlowInput{FlowName: in.FlowName})
	require.NoError(t, err)
	_, err = c.DescribeFlow(ctx, &appflow.DescribeFlowInput{FlowName: in.FlowName})
	require.ErrorAs(t, err, new(*types.ResourceNotFoundException))
}

func TestSDK_LifeOfAScheduledFlow(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	ctx, c := t.Context(), g.client(region)
	in := fullFlow("hourly")
	created, err := c.CreateFlow(ctx, in)
	require.NoError(t, err)
	require.Equal(t, types.FlowStatusDraft, created.FlowStatus)
	got, err := c.DescribeFlow(ctx, &appflow.DescribeFlowInput{FlowName: in.FlowName})
	require.NoError(t, err)
	requireEcho(t, in, got) // firstExecutionFrom too, which AppFlow does not return

	status := func() types.FlowStatus {
		t.Helper()
		got, err := c.DescribeFlow(ctx, &appflow.DescribeFlowInput{FlowName: in.FlowName})
		require.NoError(t, err)
		return got.FlowStatus
	}
	stop := func(want types.FlowStatus) {
		t.Helper()
		out, err := c.StopFlow(ctx, &appflow.StopFlowInput{FlowName: in.FlowName})
		require.NoError(t, err)
		require.Equal(t, want, out.FlowStatus)
		require.Equal(t, want, status())
	}
	start := func() {
		t.Helper()
		out, err := c.StartFlow(ctx, &appflow.StartFlowInput{FlowName: in.FlowName})
		require.NoError(t, err)
		require.Nil(t, out.ExecutionId)
		require.Equal(t, types.FlowStatusActive, out.FlowStatus)
		require.Equal(t, types.FlowStatusActive, status())
	}
	stop(types.FlowStatusDraft) // nothing to stop, and no error
	start()
	start() // again, as CloudFormation does
	_, err = c.UpdateFlow(ctx, updateOf(in))
	require.NoError(t, err)
	require.Equal(t, types.FlowStatusActive, status(), "an update leaves the state alone")
	_, err = c.DeleteFlow(ctx, &appflow.DeleteFlowInput{FlowName: in.FlowName})
	require.ErrorAs(t, err, new(*types.ConflictException))
	stop(types.FlowStatusSuspended)
	stop(types.FlowStatusSuspended)
	start()

	up := updateOf(in)
	up.TriggerConfig = &types.TriggerConfig{TriggerType: types.TriggerTypeOndemand}
	out, err := c.UpdateFlow(ctx, up)
	require.NoError(t, err)
	require.Equal(t, types.FlowStatusActive, out.FlowStatus)
	_, err = c.StopFlow(ctx, &appflow.StopFlowInput{FlowName: in.FlowName})
	require.ErrorAs(t, err, new(*types.UnsupportedOperationException))
	out, err = c.UpdateFlow(ctx, updateOf(in))
	require.NoError(t, err)
	require.Equal(t, types.FlowStatusDraft, out.FlowStatus, "a flow that becomes scheduled has to be started")
	start()
	_, err = c.DeleteFlow(ctx, &appflow.DeleteFlowInput{FlowName: in.FlowName, ForceDelete: true})
	require.NoError(t, err)
}

func TestSDK_ListFlowsPagesOverAll(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	ctx, c := t.Context(), g.client(region)
	for i := range 250 {
		_, err := c.CreateFlow(ctx, onDemandFlow(fmt.Sprintf("flow-%03d", i)))
		require.NoError(t, err)
	}
	for _, size := range []int32{0, 1, 99, 100} {
		var names []string
		var pages int
		in := &appflow.ListFlowsInput{}
		if size > 0 {
			in.MaxResults = &size
		}
		for p := appflow.NewListFlowsPaginator(c, in); p.HasMorePages(); pages++ {
			out, err := p.NextPage(ctx)
			require.NoError(t, err)
			for _, f := range out.Flows {
				names = append(names, *f.FlowName)
			}
		}
		require.Len(t, names, 250)
		require.Equal(t, "flow-000", names[0])
		require.Equal(t, "flow-249", names[249])
		if size == 0 {
			require.Equal(t, 13, pages, "twenty a page")
		}
	}
	page, err := c.ListFlows(ctx, &appflow.ListFlowsInput{MaxResults: aws.Int32(1)})
	require.NoError(t, err)
	f := page.Flows[0]
	require.Equal(t, "arn:aws:appflow:eu-west-1:111122223333:flow/flow-000", *f.FlowArn)
	require.Equal(t, types.TriggerTypeOndemand, f.TriggerType)
	require.Equal(t, types.ConnectorTypeS3, f.SourceConnectorType)
	require.Equal(t, types.ConnectorTypeS3, f.DestinationConnectorType)
	require.Equal(t, map[string]string{"team": "data", "empty": ""}, f.Tags)
	require.Nil(t, f.SourceConnectorLabel)
}

func TestSDK_RecordsPageNewestFirst(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	ctx, c := t.Context(), g.client(region)
	_, err := c.CreateFlow(ctx, onDemandFlow("orders"))
	require.NoError(t, err)
	var ids []string
	for range 45 {
		out, err := c.StartFlow(ctx, &appflow.StartFlowInput{FlowName: aws.String("orders")})
		require.NoError(t, err)
		g.finish(*out.ExecutionId, flow.ExecutionSuccessful, nil)
		ids = append([]string{*out.ExecutionId}, ids...)
		g.clock.advance(time.Second)
	}
	var got []string
	for p := appflow.NewDescribeFlowExecutionRecordsPaginator(c, &appflow.DescribeFlowExecutionRecordsInput{FlowName: aws.String("orders")}); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		require.NoError(t, err)
		for _, x := range out.FlowExecutions {
			got = append(got, *x.ExecutionId)
		}
	}
	require.Equal(t, ids, got)
}

func TestSDK_RecordSaysWhatARunCameTo(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	ctx, c := t.Context(), g.client(region)
	_, err := c.CreateFlow(ctx, onDemandFlow("orders"))
	require.NoError(t, err)
	run := func(status flow.ExecutionStatus, change func(x *flow.Execution)) types.ExecutionRecord {
		t.Helper()
		out, err := c.StartFlow(ctx, &appflow.StartFlowInput{FlowName: aws.String("orders")})
		require.NoError(t, err)
		g.clock.advance(time.Minute)
		g.finish(*out.ExecutionId, status, change)
		records, err := c.DescribeFlowExecutionRecords(ctx, &appflow.DescribeFlowExecutionRecordsInput{FlowName: aws.String("orders"), MaxResults: aws.Int32(1)})
		require.NoError(t, err)
		require.Equal(t, out.ExecutionId, records.FlowExecutions[0].ExecutionId)
		return records.FlowExecutions[0]
	}
	clean := run(flow.ExecutionSuccessful, func(x *flow.Execution) {
		x.Totals = flow.Totals{Read: 20, Written: 20, BytesRead: 4096, BytesWritten: 1024, Parallelism: 2}
		x.Message = "Successfully processed 20 records"
		x.Window = &flow.Window{From: time.Unix(1000, 0), To: time.Unix(2000, 0)}
	})
	require.Equal(t, types.ExecutionStatusSuccessful, clean.ExecutionStatus)
	require.Nil(t, clean.ExecutionResult.ErrorInfo)
	require.Equal(t, int64(20), *clean.ExecutionResult.RecordsProcessed)
	require.Equal(t, int64(4096), *clean.ExecutionResult.BytesProcessed)
	require.Equal(t, int64(1024), *clean.ExecutionResult.BytesWritten)
	require.Equal(t, int64(1000), clean.DataPullStartTime.Unix())
	require.Equal(t, int64(2000), clean.DataPullEndTime.Unix())
	require.Equal(t, time.Minute, clean.LastUpdatedAt.Sub(*clean.StartedAt))
	require.Equal(t, "Successfully processed 20 records", *lastRun(t, c, "orders").MostRecentExecutionMessage)

	partly := run(flow.ExecutionSuccessful, func(x *flow.Execution) { x.Totals = flow.Totals{Read: 2, Written: 1, Rejected: 1, PutFailures: 1} })
	require.Equal(t, int64(1), *partly.ExecutionResult.ErrorInfo.PutFailuresCount)
	failed := run(flow.ExecutionError, func(x *flow.Execution) { x.Message = "the bucket is gone" })
	require.Equal(t, "the bucket is gone", *failed.ExecutionResult.ErrorInfo.ExecutionMessage)
	require.Equal(t, types.ExecutionStatusError, lastRun(t, c, "orders").MostRecentExecutionStatus)
}

func TestSDK_CancelWithoutIdsCancelsWhatRuns(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	ctx, c := t.Context(), g.client(region)
	_, err := c.CreateFlow(ctx, onDemandFlow("orders"))
	require.NoError(t, err)
	started, err := c.StartFlow(ctx, &appflow.StartFlowInput{FlowName: aws.String("orders")})
	require.NoError(t, err)
	none, err := c.CancelFlowExecutions(ctx, &appflow.CancelFlowExecutionsInput{FlowName: aws.String("orders"), ExecutionIds: []string{}})
	require.NoError(t, err)
	require.Empty(t, none.InvalidExecutions)
	require.Equal(t, flow.ExecutionInProgress, g.execution(*started.ExecutionId).Status, "an empty list names none")
	for range 2 { // the second finds it stopping already, which is no mistake
		out, err := c.CancelFlowExecutions(ctx, &appflow.CancelFlowExecutionsInput{FlowName: aws.String("orders")})
		require.NoError(t, err)
		require.Empty(t, out.InvalidExecutions)
	}
	_, canceled := g.runner.seen()
	require.Equal(t, []string{*started.ExecutionId, *started.ExecutionId}, canceled)
}

func TestSDK_CancelComesTooLateForARunThatPublishes(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	ctx, c := t.Context(), g.client(region)
	_, err := c.CreateFlow(ctx, onDemandFlow("orders"))
	require.NoError(t, err)
	started, err := c.StartFlow(ctx, &appflow.StartFlowInput{FlowName: aws.String("orders")})
	require.NoError(t, err)
	require.NoError(t, g.store.Write(ctx, func(tx store.Tx) error {
		x, err := tx.ExecutionGet(ctx, *started.ExecutionId)
		if err != nil {
			return err
		}
		x.Outcome = flow.ExecutionSuccessful
		return tx.ExecutionPut(ctx, x)
	}))
	out, err := c.CancelFlowExecutions(ctx, &appflow.CancelFlowExecutionsInput{FlowName: aws.String("orders"), ExecutionIds: []string{*started.ExecutionId}})
	require.NoError(t, err)
	require.Equal(t, []string{*started.ExecutionId}, out.InvalidExecutions)
	require.Equal(t, flow.ExecutionInProgress, g.execution(*started.ExecutionId).Status)
}

func TestSDK_ForcedDeleteStopsWhatRuns(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.runner.obeys = true
	ctx, c := t.Context(), g.client(region)
	_, err := c.CreateFlow(ctx, onDemandFlow("orders"))
	require.NoError(t, err)
	started, err := c.StartFlow(ctx, &appflow.StartFlowInput{FlowName: aws.String("orders")})
	require.NoError(t, err)
	_, err = c.DeleteFlow(ctx, &appflow.DeleteFlowInput{FlowName: aws.String("orders")})
	require.ErrorAs(t, err, new(*types.ConflictException))
	_, err = c.DeleteFlow(ctx, &appflow.DeleteFlowInput{FlowName: aws.String("orders"), ForceDelete: true})
	require.NoError(t, err)
	_, canceled := g.runner.seen()
	require.Equal(t, []string{*started.ExecutionId}, canceled)
	_, err = c.DeleteFlow(ctx, &appflow.DeleteFlowInput{FlowName: aws.String("orders"), ForceDelete: true})
	require.ErrorAs(t, err, new(*types.ResourceNotFoundException))
}

func TestSDK_AnswersNameTheRegionOfTheSignature(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	ctx := t.Context()
	_, err := g.client("us-east-1").CreateFlow(ctx, onDemandFlow("orders"))
	require.NoError(t, err)
	got, err := g.client("ap-southeast-2").DescribeFlow(ctx, &appflow.DescribeFlowInput{FlowName: aws.String("orders")})
	require.NoError(t, err)
	require.Equal(t, "arn:aws:appflow:ap-southeast-2:111122223333:flow/orders", *got.FlowArn)
	tags, err := g.client("us-east-1").ListTagsForResource(ctx, &appflow.ListTagsForResourceInput{ResourceArn: got.FlowArn})
	require.NoError(t, err)
	require.Equal(t, "data", tags.Tags["team"])
}

func salesforceSource(profile string) *types.SourceFlowConfig {
	return &types.SourceFlowConfig{
		ConnectorType: types.ConnectorTypeSalesforce, ConnectorProfileName: &profile,
		SourceConnectorProperties: &types.SourceConnectorProperties{Salesforce: &types.SalesforceSourceProperties{Object: aws.String("Account")}},
	}
}

func updateOf(in *appflow.CreateFlowInput) *appflow.UpdateFlowInput {
	return &appflow.UpdateFlowInput{
		FlowName: in.FlowName, Description: in.Description, TriggerConfig: in.TriggerConfig, SourceFlowConfig: in.SourceFlowConfig,
		DestinationFlowConfigList: in.DestinationFlowConfigList, Tasks: append([]types.Task{}, in.Tasks...), MetadataCatalogConfig: in.MetadataCatalogConfig,
	}
}

func requireEcho(t *testing.T, in *appflow.CreateFlowInput, got *appflow.DescribeFlowOutput) {
	t.Helper()
	require.Equal(t, in.FlowName, got.FlowName)
	require.Equal(t, in.Description, got.Description)
	require.Equal(t, in.KmsArn, got.KmsArn)
	require.Equal(t, in.TriggerConfig, got.TriggerConfig)
	require.Equal(t, in.SourceFlowConfig, got.SourceFlowConfig)
	require.Equal(t, in.DestinationFlowConfigList, got.DestinationFlowConfigList)
	require.Equal(t, in.Tasks, got.Tasks)
	require.Equal(t, in.MetadataCatalogConfig, got.MetadataCatalogConfig)
	require.Equal(t, in.Tags, got.Tags)
}

func lastRun(t *testing.T, c *appflow.Client, name string) *types.ExecutionDetails {
	t.Helper()
	got, err := c.DescribeFlow(t.Context(), &appflow.DescribeFlowInput{FlowName: &name})
	require.NoError(t, err)
	require.NotNil(t, got.LastRunExecutionDetails)
	return got.LastRunExecutionDetails
}
