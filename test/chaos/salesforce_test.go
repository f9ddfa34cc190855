package chaos_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/aws/aws-sdk-go-v2/service/appflow/types"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectors/salesforce/fake"
)

// newRecords is how many records a run writes into Salesforce: some jobs' worth with the little memory that it is given.
const newRecords = 60_000

// crm is the flow that writes them.
var crm = variant{name: "crm"}

// New records have no key by which a second write of them could be told. They are written by jobs, and a server that is
// killed in the middle of one finds it again.
func TestKill_NewRecordsByJobsAreWrittenOnce(t *testing.T) {
	for i := range moments(2, 30) {
		t.Run(fmt.Sprintf("%03d", i), func(t *testing.T) {
			seen, _ := killWriting(t, types.SalesforceDataTransferApiBulkv2, random(t, i), 4*time.Second, 2+i%3)
			for name, n := range seen {
				require.Equal(t, 1, n, "%s is there %d times", name, n)
			}
		})
	}
}

// By calls there is a moment in which nobody knows: the records of one call, at most, are there twice for each kill.
func TestKill_NewRecordsByCallsAreInDoubtOneCallAtATime(t *testing.T) {
	for i := range moments(1, 30) {
		t.Run(fmt.Sprintf("%03d", i), func(t *testing.T) {
			const call = 200
			kills := 2 + i%3
			seen, total := killWriting(t, types.SalesforceDataTransferApiRestSync, random(t, i), time.Second, kills)
			for name, n := range seen {
				require.LessOrEqual(t, n, 1+kills, "%s is there %d times", name, n)
			}
			require.LessOrEqual(t, total, newRecords+call*kills)
		})
	}
}

// killWriting kills a server so many times while it writes, and returns how often each record is there in the end, and how
// many there are.
func killWriting(t *testing.T, api types.SalesforceDataTransferApi, rnd *rand.Rand, most time.Duration, kills int) (seen map[any]int, total int) {
	org := fake.New(fake.Options{JobAsks: 1})
	vendor := httptest.NewServer(org)
	t.Cleanup(vendor.Close)
	r := newRig(t, "--allow-network", "127.0.0.0/8", "--memory", "16MiB")
	writeNames(t, filepath.Join(r.data, "buckets", "names", "in"))
	s := r.boot()
	s.createCRM(vendor.URL, api)
	id := s.tryStart(crm)
	for range kills {
		delay := within(rnd, most)
		<-time.After(delay)
		s.kill()
		t.Logf("killed after %s, with %d records there", delay, len(org.Records("Account")))
		s = r.boot()
	}
	require.Equal(t, types.ExecutionStatusSuccessful, s.wait(crm, id), s.view(id).Message)
	require.EqualValues(t, newRecords, s.view(id).Totals.Written)
	seen = map[any]int{}
	for _, a := range org.Records("Account") {
		seen[a["Name"]]++
		total++
	}
	require.Len(t, seen, newRecords, "none is lost")
	return seen, total
}

func writeNames(t *testing.T, folder string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(folder, 0o700))
	f, err := os.Create(filepath.Join(folder, "a.csv"))
	require.NoError(t, err)
	w := bufio.NewWriter(f)
	_, _ = w.WriteString("name,note\n") // the writer keeps its first error
	for i := range newRecords {
		_, _ = fmt.Fprintf(w, "Name %d,%s\n", i, strings.Repeat("a note ", 10))
	}
	require.NoError(t, w.Flush())
	require.NoError(t, f.Close())
}

func (s *server) createCRM(url string, api types.SalesforceDataTransferApi) {
	s.t.Helper()
	_, err := s.api.CreateConnectorProfile(s.t.Context(), &appflow.CreateConnectorProfileInput{
		ConnectorProfileName: aws.String("crm"), ConnectorType: types.ConnectorTypeSalesforce, ConnectionMode: types.ConnectionModePublic,
		ConnectorProfileConfig: &types.ConnectorProfileConfig{
			ConnectorProfileProperties: &types.ConnectorProfileProperties{Salesforce: &types.SalesforceConnectorProfileProperties{InstanceUrl: &url}},
			ConnectorProfileCredentials: &types.ConnectorProfileCredentials{Salesforce: &types.SalesforceConnectorProfileCredentials{
				AccessToken: aws.String("a-token"), RefreshToken: aws.String("a-refresh-token"),
			}},
		},
	})
	require.NoError(s.t, err)
	var tasks []types.Task
	for from, to := range map[string]string{"name": "Name", "note": "Description"} {
		tasks = append(tasks, types.Task{
			TaskType: types.TaskTypeMap, SourceFields: []string{from}, DestinationField: aws.String(to),
			ConnectorOperator: &types.ConnectorOperator{S3: types.S3ConnectorOperatorNoOp},
		})
	}
	_, err = s.api.CreateFlow(s.t.Context(), &appflow.CreateFlowInput{
		FlowName: &crm.name, TriggerConfig: &types.TriggerConfig{TriggerType: types.TriggerTypeOndemand},
		SourceFlowConfig: &types.SourceFlowConfig{
			ConnectorType:             types.ConnectorTypeS3,
			SourceConnectorProperties: &types.SourceConnectorProperties{S3: &types.S3SourceProperties{BucketName: aws.String("names"), BucketPrefix: aws.String("in")}},
		},
		DestinationFlowConfigList: []types.DestinationFlowConfig{{
			ConnectorType: types.ConnectorTypeSalesforce, ConnectorProfileName: aws.String("crm"),
			DestinationConnectorProperties: &types.DestinationConnectorProperties{Salesforce: &types.SalesforceDestinationProperties{
				Object: aws.String("Account"), WriteOperationType: types.WriteOperationTypeInsert, DataTransferApi: api,
			}},
		}},
		Tasks: tasks,
	})
	require.NoError(s.t, err)
}
