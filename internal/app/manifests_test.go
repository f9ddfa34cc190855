package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/aws/aws-sdk-go-v2/service/appflow/types"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/internal/app"
)

// tasksManifest is a to-do list's API.
const tasksManifest = `name: To-do
summary: Tasks of a to-do list.
base: "{instanceUrl}"
auth: {kind: basic}
check: {path: /me}
entities:
  - name: tasks
    fields:
      - {name: id, key: true}
      - {name: note}
      - {name: changed, type: datetime, timestamp: true, readOnly: true}
    read: {path: /tasks, records: tasks}
    write:
      insert: {path: /tasks}
`

// todo is that list's server, for one user.
type todo struct {
	mu    sync.Mutex
	tasks []map[string]string
}

func (s *todo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if user, password, _ := r.BasicAuth(); user != "ann" || password != "canary-password" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	switch {
	case r.Method == http.MethodPost:
		task := map[string]string{}
		if json.NewDecoder(r.Body).Decode(&task) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		s.tasks = append(s.tasks, task)
		fmt.Fprint(w, "{}")
	case r.URL.Path == "/me":
		fmt.Fprint(w, "{}")
	default:
		_ = json.NewEncoder(w).Encode(map[string]any{"tasks": s.tasks})
	}
}

// client serves an installation and returns a client of it.
func client(t *testing.T, cfg app.Config, log io.Writer) *appflow.Client {
	t.Helper()
	cfg.Listen, cfg.AccessKeyID, cfg.SecretAccess = "127.0.0.1:0", "AKIAGIVEN", "secret"
	a := open(t, cfg, log)
	l, url, err := a.Listen()
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Serve(ctx, l) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-ended) })
	return appflow.New(appflow.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(url), Credentials: credentials.NewStaticCredentialsProvider("AKIAGIVEN", "secret", ""),
	})
}

// basicProfile is a profile of a manifest's.
func basicProfile(name, url, password string) *appflow.CreateConnectorProfileInput {
	return &appflow.CreateConnectorProfileInput{
		ConnectorProfileName: aws.String(name), ConnectorType: types.ConnectorTypeCustomconnector, ConnectorLabel: aws.String("todo"), ConnectionMode: types.ConnectionModePublic,
		ConnectorProfileConfig: &types.ConnectorProfileConfig{
			ConnectorProfileProperties: &types.ConnectorProfileProperties{CustomConnector: &types.CustomConnectorProfileProperties{ProfileProperties: map[string]string{"instanceUrl": url}}},
			ConnectorProfileCredentials: &types.ConnectorProfileCredentials{CustomConnector: &types.CustomConnectorProfileCredentials{
				AuthenticationType: types.AuthenticationTypeBasic, Basic: &types.BasicAuthCredentials{Username: aws.String("ann"), Password: aws.String(password)},
			}},
		},
	}
}

// A manifest in the folder is a custom connector like any other: AppFlow's API describes it, makes profiles of it, and runs
// flows into it and out of it; and it cannot be registered or unregistered.
func TestManifests_AreCustomConnectorsOfTheServer(t *testing.T) {
	t.Parallel()
	vendor := &todo{}
	at := httptest.NewServer(vendor)
	t.Cleanup(at.Close)
	data, dir := t.TempDir(), t.TempDir()
	file := filepath.Join(dir, "todo.yaml")
	require.NoError(t, os.WriteFile(file, []byte(tasksManifest), 0o600))
	var log bytes.Buffer
	c := client(t, app.Config{Data: data, Connectors: dir, AllowNetworks: []string{"127.0.0.0/8"}}, &log)
	ctx := t.Context()

	listed, err := c.ListConnectors(ctx, &appflow.ListConnectorsInput{})
	require.NoError(t, err)
	require.Len(t, listed.Connectors, 1)
	require.Equal(t, "todo", *listed.Connectors[0].ConnectorLabel)
	require.Equal(t, []string{"SOURCE", "DESTINATION"}, listed.Connectors[0].ConnectorModes)
	require.Empty(t, listed.Connectors[0].ConnectorProvisioningType, "there is no function")
	describe := func() *types.ConnectorConfiguration {
		out, err := c.DescribeConnector(ctx, &appflow.DescribeConnectorInput{ConnectorType: types.ConnectorTypeCustomconnector, ConnectorLabel: aws.String("todo")})
		require.NoError(t, err)
		return out.ConnectorConfiguration
	}
	said := describe()
	require.Equal(t, "Tasks of a to-do list.", *said.ConnectorDescription)
	require.True(t, said.AuthenticationConfig.IsBasicAuthSupported)
	require.Equal(t, "instanceUrl", *said.ConnectorRuntimeSettings[0].Key)
	require.Equal(t, []types.WriteOperationType{types.WriteOperationTypeInsert}, said.SupportedWriteOperations)

	var conflict *types.ConflictException
	_, err = c.RegisterConnector(ctx, &appflow.RegisterConnectorInput{
		ConnectorLabel: aws.String("todo"), ConnectorProvisioningType: types.ConnectorProvisioningTypeLambda,
		ConnectorProvisioningConfig: &types.ConnectorProvisioningConfig{Lambda: &types.LambdaConnectorProvisioningConfig{LambdaArn: aws.String("arn:aws:lambda:eu-west-1:111122223333:function:x")}},
	})
	require.ErrorAs(t, err, &conflict)
	require.Contains(t, conflict.ErrorMessage(), "is a manifest in the folder")
	_, err = c.UnregisterConnector(ctx, &appflow.UnregisterConnectorInput{ConnectorLabel: aws.String("todo"), ForceDelete: true})
	require.ErrorAs(t, err, &conflict)
	_, err = c.UpdateConnectorRegistration(ctx, &appflow.UpdateConnectorRegistrationInput{ConnectorLabel: aws.String("todo")})
	require.ErrorAs(t, err, &conflict)

	var refused *types.ConnectorAuthenticationException
	_, err = c.CreateConnectorProfile(ctx, basicProfile("wrong", at.URL, "another"))
	require.ErrorAs(t, err, &refused)
	_, err = c.CreateConnectorProfile(ctx, basicProfile("main", at.URL, "canary-password"))
	require.NoError(t, err)
	fields := func() (names []string) {
		out, err := c.DescribeConnectorEntity(ctx, &appflow.DescribeConnectorEntityInput{ConnectorProfileName: aws.String("main"), ConnectorEntityName: aws.String("tasks")})
		require.NoError(t, err)
		for _, f := range out.ConnectorEntityFields {
			names = append(names, *f.Identifier)
		}
		return names
	}
	require.Equal(t, []string{"id", "note", "changed"}, fields())

	moveTasks(t, c, data)
	require.Equal(t, []map[string]string{{"id": "1", "note": "one"}, {"id": "2", "note": "two"}}, vendor.tasks)
	require.Equal(t, "{\"id\":\"1\",\"note\":\"one\"}\n{\"id\":\"2\",\"note\":\"two\"}\n", output(t, filepath.Join(data, "buckets", "outbox")))

	require.NoError(t, os.WriteFile(file, []byte("name: half of"), 0o600))
	require.Eventually(t, func() bool {
		return bytes.Contains([]byte(*describe().ConnectorDescription), []byte(`the version before still counts. todo.yaml:1:1: "base" is missing`))
	}, 10*time.Second, 50*time.Millisecond)
	require.Equal(t, []string{"id", "note", "changed"}, fields())
	require.NoError(t, os.WriteFile(file, bytes.Replace([]byte(tasksManifest), []byte("{name: note}"), []byte("{name: note}\n      - {name: due, type: date}"), 1), 0o600))
	require.Eventually(t, func() bool { return slices.Contains(fields(), "due") }, 10*time.Second, 50*time.Millisecond, "what was kept of its fields is asked for again")
	require.Equal(t, "Tasks of a to-do list.", *describe().ConnectorDescription)
	require.NotContains(t, log.String(), "canary-password")
}

// moveTasks runs a flow from a bucket into the manifest's vendor, and one from there into another bucket.
func moveTasks(t *testing.T, c *appflow.Client, data string) {
	t.Helper()
	in := filepath.Join(data, "buckets", "inbox", "tasks")
	require.NoError(t, os.MkdirAll(in, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(in, "a.csv"), []byte("id,note\n1,one\n2,two\n"), 0o600))
	onDemand := &types.TriggerConfig{TriggerType: types.TriggerTypeOndemand}
	run(t, c, &appflow.CreateFlowInput{
		FlowName: aws.String("write"), TriggerConfig: onDemand,
		SourceFlowConfig: &types.SourceFlowConfig{ConnectorType: types.ConnectorTypeS3, SourceConnectorProperties: &types.SourceConnectorProperties{S3: &types.S3SourceProperties{BucketName: aws.String("inbox"), BucketPrefix: aws.String("tasks")}}},
		DestinationFlowConfigList: []types.DestinationFlowConfig{{
			ConnectorType: types.ConnectorTypeCustomconnector, ConnectorProfileName: aws.String("main"),
			DestinationConnectorProperties: &types.DestinationConnectorProperties{CustomConnector: &types.CustomConnectorDestinationProperties{EntityName: aws.String("tasks"), WriteOperationType: types.WriteOperationTypeInsert}},
		}},
		Tasks: []types.Task{
			projected(&types.ConnectorOperator{S3: types.S3ConnectorOperatorProjection}), mapped("id", &types.ConnectorOperator{S3: types.S3ConnectorOperatorNoOp}),
			mapped("note", &types.ConnectorOperator{S3: types.S3ConnectorOperatorNoOp}),
		},
	})
	run(t, c, &appflow.CreateFlowInput{
		FlowName: aws.String("read"), TriggerConfig: onDemand,
		SourceFlowConfig: &types.SourceFlowConfig{
			ConnectorType: types.ConnectorTypeCustomconnector, ConnectorProfileName: aws.String("main"),
			SourceConnectorProperties: &types.SourceConnectorProperties{CustomConnector: &types.CustomConnectorSourceProperties{EntityName: aws.String("tasks")}},
		},
		DestinationFlowConfigList: []types.DestinationFlowConfig{{
			ConnectorType:                  types.ConnectorTypeS3,
			DestinationConnectorProperties: &types.DestinationConnectorProperties{S3: &types.S3DestinationProperties{BucketName: aws.String("outbox"), S3OutputFormatConfig: &types.S3OutputFormatConfig{FileType: types.FileTypeJson}}},
		}},
		Tasks: []types.Task{projected(&types.ConnectorOperator{CustomConnector: types.OperatorProjection}), mapped("id", noOp()), mapped("note", noOp())},
	})
}
