package server_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/aws/aws-sdk-go-v2/service/appflow/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/server"
	"weir.dev/weir/internal/store"
)

// Every error that the model declares for an operation and that this build can meet, as the SDK's own type. AccessDenied,
// Throttling and the two of remote applications cannot occur without policies, limits and profiles.
func TestSDK_EveryErrorArrivesAsItsType(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(o *server.Options) { o.MaxFlows, o.MaxRunning = 4, 1 })
	ctx, c := t.Context(), g.client(region)
	create := func(in *appflow.CreateFlowInput) { _, err := c.CreateFlow(ctx, in); require.NoError(t, err) }
	create(onDemandFlow("orders"))
	create(fullFlow("hourly"))
	create(onDemandFlow("waiting"))
	foreign := onDemandFlow("upsolver")
	foreign.MetadataCatalogConfig = nil
	foreign.DestinationFlowConfigList = []types.DestinationFlowConfig{{
		ConnectorType: types.ConnectorTypeUpsolver,
		DestinationConnectorProperties: &types.DestinationConnectorProperties{Upsolver: &types.UpsolverDestinationProperties{
			BucketName: aws.String("upsolver-appflow-1"), S3OutputFormatConfig: &types.UpsolverS3OutputFormatConfig{PrefixConfig: &types.PrefixConfig{}},
		}},
	}}
	foreign.Tasks = foreign.Tasks[:2]
	create(foreign)
	_, err := c.StartFlow(ctx, &appflow.StartFlowInput{FlowName: aws.String("orders")})
	require.NoError(t, err)
	_, err = c.StartFlow(ctx, &appflow.StartFlowInput{FlowName: aws.String("hourly")})
	require.NoError(t, err)

	name := func(s string) *string { return &s }
	arn := func(s string) *string { return aws.String("arn:aws:appflow:eu-west-1:111122223333:flow/" + s) }
	changed := updateOf(onDemandFlow("orders"))
	changed.DestinationFlowConfigList = foreign.DestinationFlowConfigList
	changed.Tasks, changed.MetadataCatalogConfig = changed.Tasks[:2], nil
	noSchedule := updateOf(onDemandFlow("orders"))
	noSchedule.TriggerConfig = &types.TriggerConfig{TriggerType: types.TriggerTypeScheduled}
	unknownProfile := updateOf(onDemandFlow("orders"))
	unknownProfile.SourceFlowConfig = salesforceSource("crm")
	profileless := onDemandFlow("fresh")
	profileless.SourceFlowConfig = salesforceSource("crm")
	tooMany := map[string]string{}
	for i := range 49 {
		tooMany[fmt.Sprintf("k%d", i)] = "v"
	}

	type try func() error
	of := func(_ any, err error) error { return err }
	cases := []struct {
		name string
		try  try
		want error
		text string
	}{
		{"CreateFlow validation", func() error {
			in := onDemandFlow("fresh")
			in.TriggerConfig.TriggerType = types.TriggerTypeEvent
			return of(c.CreateFlow(ctx, in))
		}, &types.ServiceQuotaExceededException{}, "limit of 4 flows"}, // the quota comes before what depends on the definition
		{"CreateFlow pattern", func() error { return of(c.CreateFlow(ctx, onDemandFlow("no spaces"))) }, &types.ValidationException{}, "'flowName'"},
		{"CreateFlow conflict", func() error { return of(c.CreateFlow(ctx, onDemandFlow("orders"))) }, &types.ConflictException{}, "Flow with name orders already exists."},
		{"CreateFlow quota", func() error { return of(c.CreateFlow(ctx, profileless)) }, &types.ServiceQuotaExceededException{}, "limit of 4 flows"},
		{"UpdateFlow not found", func() error { return of(c.UpdateFlow(ctx, updateOf(onDemandFlow("none")))) }, &types.ResourceNotFoundException{}, "Flow with name none does not exist."},
		{"UpdateFlow profile", func() error { return of(c.UpdateFlow(ctx, unknownProfile)) }, &types.ResourceNotFoundException{}, "Connector Profile with name crm does not exist."},
		{"UpdateFlow connector", func() error { return of(c.UpdateFlow(ctx, changed)) }, &types.ValidationException{}, "Update Flow request failed due to:[Destination connector type can not be updated"},
		{"UpdateFlow schedule", func() error { return of(c.UpdateFlow(ctx, noSchedule)) }, &types.ValidationException{}, "Update Flow request failed due to:[TriggerProps is required for Scheduled Trigger Type.]"},
		{"UpdateFlow token", func() error {
			in := updateOf(onDemandFlow("waiting"))
			in.ClientToken = aws.String("tok")
			if _, err := c.UpdateFlow(ctx, in); err != nil {
				return err
			}
			in.Description = aws.String("other")
			return of(c.UpdateFlow(ctx, in))
		}, &types.ConflictException{}, "clientToken was used before"},
		{"DescribeFlow not found", func() error { return of(c.DescribeFlow(ctx, &appflow.DescribeFlowInput{FlowName: name("none")})) }, &types.ResourceNotFoundException{}, "none"},
		{"DescribeFlow validation", func() error { return of(c.DescribeFlow(ctx, &appflow.DescribeFlowInput{FlowName: name("a b")})) }, &smithy.GenericAPIError{}, "'flowName'"}, // not modelled for it, and told all the same
		{"ListFlows validation", func() error { return of(c.ListFlows(ctx, &appflow.ListFlowsInput{MaxResults: aws.Int32(101)})) }, &types.ValidationException{}, "'maxResults'"},
		{"ListFlows foreign token", func() error { return of(c.ListFlows(ctx, &appflow.ListFlowsInput{NextToken: aws.String("AAAA")})) }, &types.ValidationException{}, "'nextToken'"},
		{"StartFlow not found", func() error { return of(c.StartFlow(ctx, &appflow.StartFlowInput{FlowName: name("none")})) }, &types.ResourceNotFoundException{}, "none"},
		{"StartFlow running", func() error { return of(c.StartFlow(ctx, &appflow.StartFlowInput{FlowName: name("orders")})) }, &types.ConflictException{}, "running already"},
		{"StartFlow quota", func() error { return of(c.StartFlow(ctx, &appflow.StartFlowInput{FlowName: name("waiting")})) }, &types.ServiceQuotaExceededException{}, "concurrent executions"},
		{"StartFlow connector", func() error { return of(c.StartFlow(ctx, &appflow.StartFlowInput{FlowName: name("upsolver")})) }, &types.ConflictException{}, "The connector Upsolver is not in this build of Weir"},
		{"StopFlow not found", func() error { return of(c.StopFlow(ctx, &appflow.StopFlowInput{FlowName: name("none")})) }, &types.ResourceNotFoundException{}, "none"},
		{"StopFlow on demand", func() error { return of(c.StopFlow(ctx, &appflow.StopFlowInput{FlowName: name("orders")})) }, &types.UnsupportedOperationException{}, "CancelFlowExecutions"},
		{"CancelFlowExecutions not found", func() error {
			return of(c.CancelFlowExecutions(ctx, &appflow.CancelFlowExecutionsInput{FlowName: name("none")}))
		}, &types.ResourceNotFoundException{}, "none"},
		{"CancelFlowExecutions validation", func() error {
			return of(c.CancelFlowExecutions(ctx, &appflow.CancelFlowExecutionsInput{FlowName: name("orders"), ExecutionIds: []string{"a b"}}))
		}, &types.ValidationException{}, "'executionIds.1.member'"},
		{"DescribeFlowExecutionRecords not found", func() error {
			return of(c.DescribeFlowExecutionRecords(ctx, &appflow.DescribeFlowExecutionRecordsInput{FlowName: name("none")}))
		}, &types.ResourceNotFoundException{}, "none"},
		{"DescribeFlowExecutionRecords foreign token", func() error {
			page, err := c.ListFlows(ctx, &appflow.ListFlowsInput{MaxResults: aws.Int32(1)})
			if err != nil {
				return err
			}
			return of(c.DescribeFlowExecutionRecords(ctx, &appflow.DescribeFlowExecutionRecordsInput{FlowName: name("orders"), NextToken: page.NextToken}))
		}, &types.ValidationException{}, "'nextToken'"},
		{"DeleteFlow not found", func() error { return of(c.DeleteFlow(ctx, &appflow.DeleteFlowInput{FlowName: name("none")})) }, &types.ResourceNotFoundException{}, "none"},
		{"DeleteFlow running", func() error { return of(c.DeleteFlow(ctx, &appflow.DeleteFlowInput{FlowName: name("orders")})) }, &types.ConflictException{}, "is running"},
		{"DeleteFlow active", func() error { return of(c.DeleteFlow(ctx, &appflow.DeleteFlowInput{FlowName: name("hourly")})) }, &types.ConflictException{}, "is active"},
		{"TagResource not found", func() error {
			return of(c.TagResource(ctx, &appflow.TagResourceInput{ResourceArn: arn("none"), Tags: map[string]string{"a": "b"}}))
		}, &types.ResourceNotFoundException{}, "flow/none does not exist"},
		{"TagResource validation", func() error {
			return of(c.TagResource(ctx, &appflow.TagResourceInput{ResourceArn: arn("orders"), Tags: map[string]string{"aws:x": "b"}}))
		}, &types.ValidationException{}, "'tags'"},
		{"TagResource too many", func() error {
			return of(c.TagResource(ctx, &appflow.TagResourceInput{ResourceArn: arn("orders"), Tags: tooMany}))
		}, &types.ValidationException{}, "'tags'"},
		{"UntagResource not found", func() error {
			return of(c.UntagResource(ctx, &appflow.UntagResourceInput{ResourceArn: arn("none"), TagKeys: []string{"a"}}))
		}, &types.ResourceNotFoundException{}, "none"},
		{"UntagResource validation", func() error {
			return of(c.UntagResource(ctx, &appflow.UntagResourceInput{ResourceArn: name("arn:aws:s3:::bucket"), TagKeys: []string{"a"}}))
		}, &types.ValidationException{}, "'resourceArn'"},
		{"ListTagsForResource not found", func() error {
			return of(c.ListTagsForResource(ctx, &appflow.ListTagsForResourceInput{ResourceArn: name("arn:aws:appflow:eu-west-1:999999999999:flow/orders")}))
		}, &types.ResourceNotFoundException{}, "does not exist"},
		{"ListTagsForResource validation", func() error {
			return of(c.ListTagsForResource(ctx, &appflow.ListTagsForResourceInput{ResourceArn: name("arn:aws:s3:eu-west-1:1:x")}))
		}, &types.ValidationException{}, "'resourceArn'"},
	}
	for _, x := range cases {
		err := x.try()
		require.IsType(t, x.want, unwrapAPI(err), "%s: %v", x.name, err)
		require.ErrorContains(t, err, x.text, x.name)
	}
}

func TestSDK_CreateFlowProfileAndValidation(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	ctx, c := t.Context(), g.client(region)
	in := onDemandFlow("fresh")
	in.SourceFlowConfig = salesforceSource("crm")
	in.Tasks = nil
	_, err := c.CreateFlow(ctx, in)
	require.Error(t, err, "the SDK itself refuses a flow without tasks")
	in.Tasks = []types.Task{{TaskType: types.TaskTypeFilter, SourceFields: []string{"a"}}}
	_, err = c.CreateFlow(ctx, in)
	require.Equal(t, "Connector Profile with name crm does not exist.", apiMessage(t, err, "ResourceNotFoundException"), "before the tasks are looked at")

	in = onDemandFlow("fresh")
	in.Tasks[0].TaskType = types.TaskTypeFilter
	_, err = c.CreateFlow(ctx, in)
	require.Contains(t, apiMessage(t, err, "ValidationException"),
		"Create Flow request failed: [Task Validation Error: The operator NO_OP is not valid for filtering tasks.  The task sourceConnectorType is FILTERING and the task operator is NO_OP")
	in = onDemandFlow("fresh")
	in.DestinationFlowConfigList = append(in.DestinationFlowConfigList, in.DestinationFlowConfigList[0])
	_, err = c.CreateFlow(ctx, in)
	require.Contains(t, apiMessage(t, err, "ValidationException"), "exactly one destination is supported, 2 were given (at destinationFlowConfigList)")
	in = onDemandFlow("fresh")
	in.SourceFlowConfig.SourceConnectorProperties.Slack = &types.SlackSourceProperties{Object: aws.String("o")}
	_, err = c.CreateFlow(ctx, in)
	require.Contains(t, apiMessage(t, err, "ValidationException"), "sourceConnectorProperties.Slack does not belong to connectorType S3")
}

// A failure that is the server's own is an InternalServerException, and one that passes is worth a retry; neither shows
// its cause.
func TestSDK_OwnFailuresAreShownInBrief(t *testing.T) {
	t.Parallel()
	broken := &brokenStore{}
	g := newRig(t, func(o *server.Options) { broken.Store = o.Store; o.Store = broken })
	ctx, c := t.Context(), g.client(region)
	broken.fail(errors.New("disk on fire at /var/secret"))
	_, err := c.DescribeFlow(ctx, &appflow.DescribeFlowInput{FlowName: aws.String("orders")})
	require.ErrorAs(t, err, new(*types.InternalServerException))
	require.NotContains(t, err.Error(), "fire")
	require.Contains(t, g.log.String(), "disk on fire")
	_, err = c.CreateFlow(ctx, onDemandFlow("orders"))
	require.ErrorAs(t, err, new(*types.InternalServerException))
	require.Contains(t, g.log.String(), "audit record lost")

	broken.fail(fault.Temporary(fault.Internal, errors.New("busy"), "writing"))
	_, err = c.ListFlows(ctx, &appflow.ListFlowsInput{})
	var api smithy.APIError
	require.ErrorAs(t, err, &api)
	require.Equal(t, "ServiceUnavailable", api.ErrorCode())
	require.Equal(t, 503, g.send("GET", "/readyz", "").status)
	broken.fail(nil)
	require.Equal(t, 200, g.send("GET", "/readyz", "").status)
}

func TestSDK_StartIsKeptWhenTheEngineIsDown(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.runner.fails = errors.New("engine is down")
	ctx, c := t.Context(), g.client(region)
	_, err := c.CreateFlow(ctx, onDemandFlow("orders"))
	require.NoError(t, err)
	out, err := c.StartFlow(ctx, &appflow.StartFlowInput{FlowName: aws.String("orders")})
	require.NoError(t, err, "the ledger holds it; the engine takes it at its next start")
	require.Equal(t, flow.ExecutionInProgress, g.execution(*out.ExecutionId).Status)
	_, err = c.CancelFlowExecutions(ctx, &appflow.CancelFlowExecutionsInput{FlowName: aws.String("orders")})
	require.NoError(t, err)
	require.Contains(t, g.log.String(), "execution waits for the engine")
}

// unwrapAPI is the SDK's typed exception inside err.
func unwrapAPI(err error) error {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api
	}
	return err
}

func apiMessage(t *testing.T, err error, code string) string {
	t.Helper()
	var api smithy.APIError
	require.ErrorAs(t, err, &api)
	require.Equal(t, code, api.ErrorCode(), api.ErrorMessage())
	return api.ErrorMessage()
}

// brokenStore fails every transaction while it is told to.
type brokenStore struct {
	store.Store
	err atomic.Pointer[error]
}

func (b *brokenStore) fail(err error) { b.err.Store(&err) }

func (b *brokenStore) broken() error {
	if err := b.err.Load(); err != nil {
		return *err
	}
	return nil
}

func (b *brokenStore) Read(ctx context.Context, fn func(store.ReadTx) error) error {
	if err := b.broken(); err != nil {
		return err
	}
	return b.Store.Read(ctx, fn)
}

func (b *brokenStore) Write(ctx context.Context, fn func(store.Tx) error) error {
	if err := b.broken(); err != nil {
		return err
	}
	return b.Store.Write(ctx, fn)
}

func (b *brokenStore) Ping(ctx context.Context) error {
	if err := b.broken(); err != nil {
		return err
	}
	return b.Store.Ping(ctx)
}
