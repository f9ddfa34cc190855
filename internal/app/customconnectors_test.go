package app_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/aws/aws-sdk-go-v2/service/appflow/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectors/custom/customtest"
	"weir.dev/weir/fault"
	"weir.dev/weir/internal/app"
	"weir.dev/weir/internal/secretserver"
)

// served is an installation whose function is the double, and a client of it.
func served(t *testing.T, f *customtest.Function, log io.Writer) (*appflow.Client, string) {
	t.Helper()
	data := t.TempDir()
	a := open(t, app.Config{Data: data, Listen: "127.0.0.1:0", AccessKeyID: "AKIAGIVEN", SecretAccess: "secret", CustomConnectors: []string{customtest.ARN + "=" + f.URL}}, log)
	l, url, err := a.Listen()
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Serve(ctx, l) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-ended) })
	return appflow.New(appflow.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(url), Credentials: credentials.NewStaticCredentialsProvider("AKIAGIVEN", "secret", ""),
	}), data
}

func noOp() *types.ConnectorOperator {
	return &types.ConnectorOperator{CustomConnector: types.OperatorNoOp}
}

// Rows go from a bucket into a registered connector, and from there into another bucket, through AppFlow's API alone.
func TestCustomConnector_SourceAndDestination(t *testing.T) {
	t.Parallel()
	f := customtest.New(t)
	f.Put("Orders", customtest.Table{Fields: []string{"id", "note"}})
	found := make(chan string, 64)
	var data string
	f.Mood = func(q *customtest.Request) (string, bool) { // as a function does: it fetches its secret with AWS's client
		if q.Type != "QueryDataRequest" && q.Type != "WriteDataRequest" {
			return "", false
		}
		env, err := secretserver.ReadEnv(filepath.Join(data, secretserver.EnvFile))
		if err != nil {
			return customtest.Failure("ResourceNotFoundError", err.Error(), 0), true
		}
		c := secretsmanager.New(secretsmanager.Options{
			Region: "eu-west-1", BaseEndpoint: aws.String(env[secretserver.Endpoint]),
			Credentials: credentials.NewStaticCredentialsProvider(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], ""),
		})
		out, err := c.GetSecretValue(context.Background(), &secretsmanager.GetSecretValueInput{SecretId: aws.String(q.Context.Creds.SecretARN)})
		if err != nil {
			return customtest.Failure("ResourceNotFoundError", err.Error(), 0), true
		}
		found <- *out.SecretString
		return "", false
	}
	var log bytes.Buffer
	client, dir := served(t, f, &log)
	data = dir
	ctx := t.Context()
	_, err := client.RegisterConnector(ctx, &appflow.RegisterConnectorInput{
		ConnectorLabel: aws.String("shop"), ConnectorProvisioningType: types.ConnectorProvisioningTypeLambda,
		ConnectorProvisioningConfig: &types.ConnectorProvisioningConfig{Lambda: &types.LambdaConnectorProvisioningConfig{LambdaArn: aws.String(customtest.ARN)}},
	})
	require.NoError(t, err)
	_, err = client.CreateConnectorProfile(ctx, &appflow.CreateConnectorProfileInput{
		ConnectorProfileName: aws.String("main"), ConnectorType: types.ConnectorTypeCustomconnector, ConnectorLabel: aws.String("shop"), ConnectionMode: types.ConnectionModePublic,
		ConnectorProfileConfig: &types.ConnectorProfileConfig{
			ConnectorProfileProperties: &types.ConnectorProfileProperties{CustomConnector: &types.CustomConnectorProfileProperties{}},
			ConnectorProfileCredentials: &types.ConnectorProfileCredentials{CustomConnector: &types.CustomConnectorProfileCredentials{
				AuthenticationType: types.AuthenticationTypeApikey, ApiKey: &types.ApiKeyCredentials{ApiKey: aws.String("canary-key")},
			}},
		},
	})
	require.NoError(t, err)
	in := filepath.Join(data, "buckets", "inbox", "orders")
	require.NoError(t, os.MkdirAll(in, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(in, "a.csv"), []byte("id,note\n1,\"quote \"\" and \\\\\"\n2,日本\n"), 0o600))

	run(t, client, &appflow.CreateFlowInput{
		FlowName: aws.String("write"), TriggerConfig: &types.TriggerConfig{TriggerType: types.TriggerTypeOndemand},
		SourceFlowConfig: &types.SourceFlowConfig{ConnectorType: types.ConnectorTypeS3, SourceConnectorProperties: &types.SourceConnectorProperties{S3: &types.S3SourceProperties{BucketName: aws.String("inbox"), BucketPrefix: aws.String("orders")}}},
		DestinationFlowConfigList: []types.DestinationFlowConfig{{
			ConnectorType: types.ConnectorTypeCustomconnector, ConnectorProfileName: aws.String("main"), ApiVersion: aws.String("v1"),
			DestinationConnectorProperties: &types.DestinationConnectorProperties{CustomConnector: &types.CustomConnectorDestinationProperties{EntityName: aws.String("Orders"), WriteOperationType: types.WriteOperationTypeInsert}},
		}},
		Tasks: []types.Task{
			projected(&types.ConnectorOperator{S3: types.S3ConnectorOperatorProjection}), mapped("id", &types.ConnectorOperator{S3: types.S3ConnectorOperatorNoOp}),
			mapped("note", &types.ConnectorOperator{S3: types.S3ConnectorOperatorNoOp}),
		},
	})
	require.Equal(t, []string{`{"id":"1","note":"quote \" and \\\\"}`, `{"id":"2","note":"日本"}`}, f.Records("Orders"))

	run(t, client, &appflow.CreateFlowInput{
		FlowName: aws.String("read"), TriggerConfig: &types.TriggerConfig{TriggerType: types.TriggerTypeOndemand},
		SourceFlowConfig: &types.SourceFlowConfig{
			ConnectorType: types.ConnectorTypeCustomconnector, ConnectorProfileName: aws.String("main"), ApiVersion: aws.String("v1"),
			SourceConnectorProperties: &types.SourceConnectorProperties{CustomConnector: &types.CustomConnectorSourceProperties{EntityName: aws.String("Orders")}},
		},
		DestinationFlowConfigList: []types.DestinationFlowConfig{{
			ConnectorType:                  types.ConnectorTypeS3,
			DestinationConnectorProperties: &types.DestinationConnectorProperties{S3: &types.S3DestinationProperties{BucketName: aws.String("outbox"), S3OutputFormatConfig: &types.S3OutputFormatConfig{FileType: types.FileTypeJson}}},
		}},
		Tasks: []types.Task{projected(&types.ConnectorOperator{CustomConnector: types.OperatorProjection}), mapped("id", noOp()), mapped("note", noOp())},
	})
	require.Equal(t, "{\"id\":\"1\",\"note\":\"quote \\\" and \\\\\\\\\"}\n{\"id\":\"2\",\"note\":\"日本\"}\n", output(t, filepath.Join(data, "buckets", "outbox")))
	require.JSONEq(t, `{"apiKey":"canary-key","authenticationType":"ApiKey"}`, <-found)
	for kind, name := range map[string]string{"QueryData": "read", "WriteData": "write"} {
		calls := f.Calls(kind)
		last := calls[len(calls)-1].Context
		require.Equal(t, name, *last.Flow)
		require.Len(t, *last.Execution, 36)
	}
	for _, q := range f.Calls("ValidateConnectorRuntimeSettings") {
		require.Equal(t, "ApiKey", *q.AuthType)
	}
	require.NotContains(t, log.String(), "canary-key")
}

func mapped(field string, op *types.ConnectorOperator) types.Task {
	return types.Task{TaskType: types.TaskTypeMap, SourceFields: []string{field}, DestinationField: aws.String(field), ConnectorOperator: op, TaskProperties: map[string]string{}}
}

func projected(op *types.ConnectorOperator) types.Task {
	return types.Task{TaskType: types.TaskTypeFilter, SourceFields: []string{"id", "note"}, ConnectorOperator: op, TaskProperties: map[string]string{}}
}

// run makes a flow, runs it, and waits for its success.
func run(t *testing.T, c *appflow.Client, in *appflow.CreateFlowInput) {
	t.Helper()
	_, err := c.CreateFlow(t.Context(), in)
	require.NoError(t, err)
	started, err := c.StartFlow(t.Context(), &appflow.StartFlowInput{FlowName: in.FlowName})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		out, err := c.DescribeFlowExecutionRecords(t.Context(), &appflow.DescribeFlowExecutionRecordsInput{FlowName: in.FlowName})
		require.NoError(t, err)
		for _, x := range out.FlowExecutions {
			if aws.ToString(x.ExecutionId) == aws.ToString(started.ExecutionId) && x.ExecutionStatus != types.ExecutionStatusInprogress {
				require.Equal(t, types.ExecutionStatusSuccessful, x.ExecutionStatus, "%+v", x.ExecutionResult)
				return true
			}
		}
		return false
	}, time.Minute, 20*time.Millisecond)
}

// output is all files of a bucket, one after the other.
func output(t *testing.T, folder string) string {
	t.Helper()
	var all strings.Builder
	require.NoError(t, filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	}))
	return all.String()
}

func TestOneRun_CustomConnectorFromTheCommandLine(t *testing.T) {
	t.Parallel()
	f := customtest.New(t)
	f.Put("Orders", customtest.Table{Fields: []string{"id"}, Records: []string{`{"id":"1"}`}})
	data := t.TempDir()
	profiles := filepath.Join(data, "profiles.yaml")
	require.NoError(t, os.WriteFile(profiles, []byte(`{"connectorProfileName":"main","connectorType":"CustomConnector","connectorLabel":"shop","connectionMode":"Public",
		"connectorProfileConfig":{"connectorProfileProperties":{"CustomConnector":{}},"connectorProfileCredentials":{"CustomConnector":{"authenticationType":"APIKEY","apiKey":{"apiKey":"canary-key"}}}}}`), 0o600))
	request := []byte(`{"flowName":"read","triggerConfig":{"triggerType":"OnDemand"},
		"sourceFlowConfig":{"connectorType":"CustomConnector","connectorProfileName":"main","apiVersion":"v1","sourceConnectorProperties":{"CustomConnector":{"entityName":"Orders"}}},
		"destinationFlowConfigList":[{"connectorType":"S3","destinationConnectorProperties":{"S3":{"bucketName":"outbox","s3OutputFormatConfig":{"fileType":"JSON"}}}}],
		"tasks":[{"taskType":"Filter","sourceFields":["id"],"connectorOperator":{"CustomConnector":"PROJECTION"},"taskProperties":{}},{"taskType":"Map","sourceFields":["id"],"destinationField":"id","connectorOperator":{"CustomConnector":"NO_OP"},"taskProperties":{}}]}`)
	cfg := app.Config{Data: data, ProfileFile: profiles, CustomConnectors: []string{"shop=" + f.URL}}
	r, err := app.NewOneRun(cfg, request, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	res, err := r.Run(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, res.Totals.Written)
	require.NoError(t, r.Close())
	require.Equal(t, "{\"id\":\"1\"}\n", output(t, filepath.Join(data, "buckets", "outbox")))

	for _, wrong := range []string{"shop", "=http://x", "arn:aws:lambda:x=http://x"} {
		cfg.CustomConnectors = []string{wrong}
		_, err := app.NewOneRun(cfg, request, slog.New(slog.DiscardHandler))
		require.True(t, fault.Is(err, fault.Validation), wrong)
	}
}
