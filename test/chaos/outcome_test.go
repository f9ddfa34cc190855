package chaos_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/aws/aws-sdk-go-v2/service/appflow/types"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
)

// outcome is what a run left: its files by key, with the execution's id taken out, and its ledger.
type outcome struct {
	files  map[string]string // the SHA-256 of the content; "folder" for folders
	totals flow.Totals
	took   time.Duration
}

var references = map[string]outcome{}

// undisturbed is the outcome of a variant's run that nobody disturbs.
func undisturbed(t *testing.T, v variant) outcome {
	t.Helper()
	if o, ok := references[v.name]; ok {
		return o
	}
	s := newRig(t).boot()
	s.create(v)
	began := time.Now()
	id := s.tryStart(v)
	require.NotEmpty(t, id)
	require.Equal(t, types.ExecutionStatusSuccessful, s.wait(v, id))
	o := outcome{took: time.Since(began), files: s.files(id), totals: s.view(id).Totals}
	require.NotEmpty(t, o.files)
	require.True(t, o.totals.Closes())
	require.Equal(t, int64(sourceFiles*sourceRows), o.totals.Read)
	require.NotZero(t, o.totals.Filtered)
	require.NotZero(t, o.totals.Rejected)
	t.Logf("undisturbed, %s takes %s and leaves %d files and folders", v.name, o.took, len(o.files))
	references[v.name] = o
	return o
}

// files reads the output bucket whole, hidden files and folders included.
func (r *rig) files(id string) map[string]string {
	r.t.Helper()
	return filesIn(r.t, r.bucket(), id)
}

func filesIn(t *testing.T, bucket, id string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(bucket, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == bucket {
			return err
		}
		key := strings.ReplaceAll(strings.TrimPrefix(path, bucket+"/"), id, "EXECUTION")
		if d.IsDir() {
			found[key] = "folder"
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		found[key] = hex.EncodeToString(sum[:])
		return nil
	})
	if os.IsNotExist(err) { // a bucket that was never written to
		err = nil
	}
	require.NoError(t, err)
	return found
}

// check wants what the undisturbed run left, and one execution with a ledger that closes.
func (s *server) check(v variant, id string, want outcome) {
	s.t.Helper()
	require.Equal(s.t, want.files, s.files(id))
	got := s.view(id)
	require.True(s.t, got.Closes)
	got.Totals.Parallelism = want.totals.Parallelism // how many splits were left over after the kill
	require.Equal(s.t, want.totals, got.Totals)
	s.checkOutputs(id, want)
	require.Empty(s.t, s.leftovers())
	records := s.records(v)
	require.Len(s.t, records, 1)
	require.Equal(s.t, id, *records[0].ExecutionId)
	require.Equal(s.t, want.totals.BytesWritten, *records[0].ExecutionResult.BytesWritten)
}

// checkOutputs wants the receipts to name the files that are there.
func (s *server) checkOutputs(id string, want outcome) {
	s.t.Helper()
	var page struct {
		Outputs []struct {
			Data struct {
				Name string `json:"name"`
				Rows int64  `json:"rows"`
			} `json:"data"`
		} `json:"outputs"`
	}
	s.get("/weir/v1/executions/"+id+"/outputs", &page)
	var rows int64
	named := map[string]string{}
	for _, o := range page.Outputs {
		key := strings.ReplaceAll(o.Data.Name, id, "EXECUTION")
		named[key] = want.files[key]
		rows += o.Data.Rows
	}
	files := map[string]string{}
	for key, sum := range want.files {
		if sum != "folder" {
			files[key] = sum
		}
	}
	require.Equal(s.t, files, named)
	require.Equal(s.t, want.totals.Written, rows)
}

// checkNothing wants an empty bucket, and one execution.
func (s *server) checkNothing(v variant, id string) {
	s.t.Helper()
	require.Empty(s.t, s.files(id))
	require.Empty(s.t, s.leftovers())
	records := s.records(v)
	require.Len(s.t, records, 1)
	require.Equal(s.t, id, *records[0].ExecutionId)
}

func (s *server) create(v variant) {
	s.t.Helper()
	_, err := s.api.CreateFlow(s.t.Context(), v.createInput())
	require.NoError(s.t, err)
}

// tryStart starts the flow with a token of its own, so that trying again means the same run. Empty: no answer came.
func (s *server) tryStart(v variant) string {
	out, err := s.api.StartFlow(s.t.Context(), &appflow.StartFlowInput{FlowName: &v.name, ClientToken: aws.String("the only run")})
	if err != nil {
		s.log.line("starting the flow: " + err.Error())
		return ""
	}
	return *out.ExecutionId
}

func (s *server) cancel(v variant) error {
	_, err := s.api.CancelFlowExecutions(s.t.Context(), &appflow.CancelFlowExecutionsInput{FlowName: &v.name})
	return err
}

func (s *server) records(v variant) []types.ExecutionRecord {
	s.t.Helper()
	out, err := s.api.DescribeFlowExecutionRecords(s.t.Context(), &appflow.DescribeFlowExecutionRecordsInput{FlowName: &v.name})
	require.NoError(s.t, err)
	return out.FlowExecutions
}

// wait returns how the run ended.
func (s *server) wait(v variant, id string) (status types.ExecutionStatus) {
	s.t.Helper()
	s.until(func() bool {
		for _, x := range s.records(v) {
			if *x.ExecutionId == id {
				status = x.ExecutionStatus
			}
		}
		return status != types.ExecutionStatusInprogress && status != types.ExecutionStatusCancelstarted
	})
	return status
}

// waitForRows returns when the run has begun to read.
func (s *server) waitForRows(id string) {
	s.t.Helper()
	s.until(func() bool {
		v := s.view(id)
		return v.Status == flow.ExecutionSuccessful || v.Totals.Read > 0 || v.Live != nil && v.Live.Totals.Read > 0
	})
}

// until asks the server again and again; its API has no other way to say that something has happened.
func (s *server) until(happened func() bool) {
	s.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.After(cmp.Or(s.patience, patience))
	for !happened() {
		select {
		case <-tick.C:
		case <-end:
			require.FailNow(s.t, "waited too long", "%s", s.log)
		}
	}
}

// view is the extension's picture of an execution.
type view struct {
	Status  flow.ExecutionStatus `json:"status"`
	Message string               `json:"message"`
	Totals  flow.Totals          `json:"totals"`
	Closes  bool                 `json:"closes"`
	Live    *struct {
		Totals     flow.Totals `json:"totals"`
		Splits     int         `json:"splits"`
		SplitsDone int         `json:"splitsDone"`
		Waits      string      `json:"waits"`
	} `json:"live"`
}

func (s *server) view(id string) (v view) {
	s.t.Helper()
	s.get("/weir/v1/executions/"+id, &v)
	return v
}

// get reads a page of the extension, signed as a call of the API is.
func (s *server) get(path string, out any) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	require.NoError(s.t, err)
	empty := sha256.Sum256(nil)
	key := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: keySecret}
	require.NoError(s.t, v4.NewSigner().SignHTTP(ctx, key, req, hex.EncodeToString(empty[:]), "appflow", "us-east-1", time.Now()))
	res, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, res.StatusCode, "%s", body)
	require.NoError(s.t, json.Unmarshal(body, out))
}
