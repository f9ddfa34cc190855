package chaos_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/aws/aws-sdk-go-v2/service/appflow/types"
	"github.com/stretchr/testify/require"
)

// queueManifest describes a vendor's API with one kind of record.
const queueManifest = `name: Queue
summary: Things that wait.
base: "{instanceUrl}"
auth: {kind: basic}
check: {path: /me}
entities:
  - name: things
    fields:
      - {name: id, key: true}
      - {name: note}
    read: {path: /things, records: things}
`

// silence is a vendor whose records never come: it takes the connection and says nothing.
type silence struct {
	asked chan struct{} // closed at the first request for records
	once  sync.Once
	// requests for records so far.
	requests atomic.Int64
	speak    chan struct{} // closed when it answers at last
}

func newSilence(t *testing.T) (*silence, string) {
	t.Helper()
	v := &silence{asked: make(chan struct{}), speak: make(chan struct{})}
	at := httptest.NewServer(v)
	t.Cleanup(func() { at.CloseClientConnections(); at.Close() })
	return v, at.URL
}

func (v *silence) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/things" {
		fmt.Fprint(w, "{}")
		return
	}
	v.requests.Add(1)
	v.once.Do(func() { close(v.asked) })
	select {
	case <-v.speak:
		fmt.Fprint(w, `{"things":[{"id":"1","note":"at last"}]}`)
	case <-r.Context().Done():
	}
}

// newQueue is a server with the manifest, and the flow from the vendor into a bucket.
func newQueue(t *testing.T, at string) (*server, variant) {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "queue.yaml"), []byte(queueManifest), 0o600))
	s := newRig(t, "--connectors", folder, "--allow-network", "127.0.0.0/8").boot()
	_, err := s.api.CreateConnectorProfile(t.Context(), &appflow.CreateConnectorProfileInput{
		ConnectorProfileName: aws.String("queue"), ConnectorType: types.ConnectorTypeCustomconnector, ConnectorLabel: aws.String("queue"),
		ConnectionMode: types.ConnectionModePublic,
		ConnectorProfileConfig: &types.ConnectorProfileConfig{
			ConnectorProfileProperties: &types.ConnectorProfileProperties{CustomConnector: &types.CustomConnectorProfileProperties{
				ProfileProperties: map[string]string{"instanceUrl": at},
			}},
			ConnectorProfileCredentials: &types.ConnectorProfileCredentials{CustomConnector: &types.CustomConnectorProfileCredentials{
				AuthenticationType: types.AuthenticationTypeBasic, Basic: &types.BasicAuthCredentials{Username: aws.String("ann"), Password: aws.String("secret")},
			}},
		},
	})
	require.NoError(t, err)
	v := variant{name: "queue", source: "unused", output: output(types.FileTypeJson, types.AggregationTypeNone, 0)}
	in := v.createInput()
	in.SourceFlowConfig = &types.SourceFlowConfig{
		ConnectorType: types.ConnectorTypeCustomconnector, ConnectorProfileName: aws.String("queue"), ApiVersion: aws.String("1"),
		SourceConnectorProperties: &types.SourceConnectorProperties{CustomConnector: &types.CustomConnectorSourceProperties{EntityName: aws.String("things")}},
	}
	in.Tasks = []types.Task{{TaskType: types.TaskTypeMapAll, SourceFields: []string{}, TaskProperties: map[string]string{}}}
	_, err = s.api.CreateFlow(t.Context(), in)
	require.NoError(t, err)
	return s, v
}

// A source that takes a connection and never answers is what the run's page says it waits for. The run can be canceled at
// once, and a vendor that answers at last is heard.
func TestSilence_IsShownAndCanBeCanceled(t *testing.T) {
	vendor, at := newSilence(t)
	s, v := newQueue(t, at)
	id := s.tryStart(v)
	require.NotEmpty(t, id, "%s", s.log)
	<-vendor.asked
	s.until(func() bool { l := s.view(id).Live; return l != nil && l.Waits != "" })
	t.Log(s.view(id).Live.Waits)
	require.Contains(t, s.view(id).Live.Waits, "a page of the source")
	asked := time.Now()
	require.NoError(t, s.cancel(v))
	require.Equal(t, types.ExecutionStatusCanceled, s.wait(v, id))
	took := time.Since(asked)
	t.Logf("canceled within %s", took.Round(time.Millisecond))
	require.Less(t, took, 5*time.Second)
	require.Empty(t, s.files(id))

	again, err := s.api.StartFlow(t.Context(), &appflow.StartFlowInput{FlowName: &v.name})
	require.NoError(t, err)
	close(vendor.speak)
	require.Equal(t, types.ExecutionStatusSuccessful, s.wait(v, *again.ExecutionId), s.view(*again.ExecutionId).Message)
	require.EqualValues(t, 1, s.view(*again.ExecutionId).Totals.Written)
}

// Each request has its time: the connector gives up, and asks again.
func TestSilence_EndsEachRequestInTheEnd(t *testing.T) {
	if os.Getenv("WEIR_SLOW_TESTS") == "" {
		t.Skip("a request may take minutes; WEIR_SLOW_TESTS=1 waits for it")
	}
	vendor, at := newSilence(t)
	s, v := newQueue(t, at)
	s.patience = endless
	id := s.tryStart(v)
	<-vendor.asked
	began := time.Now()
	s.until(func() bool { return vendor.requests.Load() > 1 })
	took := time.Since(began)
	t.Logf("asked again %s after", took.Round(time.Second))
	require.Less(t, took, 4*time.Minute)
	close(vendor.speak)
	require.Equal(t, types.ExecutionStatusSuccessful, s.wait(v, id), s.view(id).Message)
	require.EqualValues(t, 1, s.view(id).Totals.Written)
}
