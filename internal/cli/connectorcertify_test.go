package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectors/custom"
	"weir.dev/weir/connectors/custom/customtest"
)

// certified runs certify, and returns the outcome of each check.
func certified(t *testing.T, args ...string) (code int, outcomes map[string]custom.Finding) {
	t.Helper()
	var out, errs bytes.Buffer
	code = execute(t.Context(), append([]string{"connector", "certify", "--output", "json", "--data", t.TempDir()}, args...), &out, &errs)
	var report struct{ Findings []custom.Finding }
	require.NoError(t, json.Unmarshal(out.Bytes(), &report), errs.String())
	outcomes = map[string]custom.Finding{}
	for _, x := range report.Findings {
		outcomes[x.Check] = x
	}
	return code, outcomes
}

func orderly(t *testing.T) *customtest.Function {
	t.Helper()
	f := customtest.New(t)
	f.PageRows = 2
	f.Put("Orders", customtest.Table{Fields: []string{"id", "state"}, Records: []string{`{"id":"1","state":"open"}`, `{"id":"2","state":"shut"}`, `{"id":"3","state":"open"}`}})
	return f
}

// obeys answers queries with the records that have the first one's id, when there is a filter.
func obeys(f *customtest.Function) func(*customtest.Request) (string, bool) {
	return func(q *customtest.Request) (string, bool) {
		return `{"isSuccess":true,"records":["{\"id\":\"1\",\"state\":\"open\"}"]}`, q.Type == "QueryDataRequest" && q.Filter != nil
	}
}

func TestCertify_ASoundConnector(t *testing.T) {
	t.Parallel()
	f := orderly(t)
	f.Mood = obeys(f)
	code, found := certified(t, f.URL, "--write")
	require.Zero(t, code, "%v", found)
	for _, check := range []string{
		"configuration is sound", "settings and credentials are accepted", "an unknown entity is refused with an error code", "entities are listed",
		"entity Orders is described", "records are read, page by page", "a nextToken can be used again", "a filter is obeyed", "a record is found by its key", "records are written",
	} {
		require.Equal(t, custom.Passed, found[check].Outcome, check)
	}
	require.Len(t, f.Records("Orders"), 5, "the first page has been written once more")
}

func TestCertify_FindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for check, mood := range map[string]func(*customtest.Request) (string, bool){
		"configuration is sound": func(q *customtest.Request) (string, bool) {
			return `{"isSuccess":true}`, q.Type == "DescribeConnectorConfigurationRequest"
		},
		"settings and credentials are accepted": func(q *customtest.Request) (string, bool) {
			return customtest.Failure("InvalidCredentials", "no", 0), q.Type == "ValidateCredentialsRequest"
		},
		"an unknown entity is refused with an error code": func(q *customtest.Request) (string, bool) {
			return `{"errorMessage":"boom","errorType":"KeyError"}`, q.Type == "DescribeEntityRequest" && q.Entity != "Orders"
		},
		"records are read, page by page": func(q *customtest.Request) (string, bool) {
			return `{"isSuccess":true,"records":[{"id":"1"}]}`, q.Type == "QueryDataRequest"
		},
		"a filter is obeyed": func(*customtest.Request) (string, bool) { return "", false },
		"entities are listed": func(q *customtest.Request) (string, bool) {
			return `{"isSuccess":true,"entities":[{}]}`, q.Type == "ListEntitiesRequest"
		},
	} {
		t.Run(check, func(t *testing.T) {
			t.Parallel()
			f := orderly(t)
			f.Mood = mood
			code, found := certified(t, f.URL)
			require.Equal(t, exitFailed, code)
			require.Equal(t, custom.Failed, found[check].Outcome, "%+v", found)
			require.Empty(t, f.Calls("WriteData"), "nobody has asked to write")
		})
	}
}

// A token that leads somewhere else the second time would lose records of a run that resumes.
func TestCertify_TokensThatCannotBeUsedAgain(t *testing.T) {
	t.Parallel()
	f := orderly(t)
	var mu sync.Mutex
	used := false
	f.Mood = func(q *customtest.Request) (string, bool) {
		mu.Lock()
		defer mu.Unlock()
		if q.Type != "QueryDataRequest" || q.Next == nil {
			return "", false
		}
		defer func() { used = true }()
		return `{"isSuccess":true,"records":[]}`, used
	}
	_, found := certified(t, f.URL)
	require.Equal(t, custom.Failed, found["a nextToken can be used again"].Outcome)
}

const pythonConnector = `
import json, os, urllib.request

def lambda_handler(event, context):
    kind = event["type"]
    if kind == "DescribeConnectorConfigurationRequest":
        return {"isSuccess": True, "connectorOwner": "o", "connectorName": "n", "connectorVersion": "1", "connectorModes": ["SOURCE"],
                "authenticationConfig": {"isApiKeyAuthSupported": True}, "supportedApiVersions": ["v1"]}
    if kind == "ListEntitiesRequest":
        return {"isSuccess": True, "entities": [{"entityIdentifier": "a", "hasNestedEntities": False}]}
    if kind == "DescribeEntityRequest":
        if event["entityIdentifier"] != "a":
            return {"isSuccess": False, "errorDetails": {"errorCode": "InvalidArgument", "errorMessage": "no"}}
        return {"isSuccess": True, "entityDefinition": {"entity": {}, "fields": [{"fieldName": "id", "dataType": "Integer"}]}}
    if kind == "QueryDataRequest":
        assert os.environ["AWS_ENDPOINT_URL_SECRETS_MANAGER"].startswith("http://127.0.0.1:")
        assert "WEIR_ACCESS_KEY_ID" not in os.environ
        return {"isSuccess": True, "records": [json.dumps({"id": 1})]}
    return {"isSuccess": True}
`

func handlerFile(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("there is no python3 here")
	}
	path := filepath.Join(t.TempDir(), "handler.py")
	require.NoError(t, os.WriteFile(path, []byte(pythonConnector), 0o600))
	return path
}

func TestCertify_AHandlerOnThisMachine(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "key.json")
	require.NoError(t, os.WriteFile(key, []byte(`{"authenticationType":"APIKEY","apiKey":{"apiKey":"canary"}}`), 0o600))
	code, found := certified(t, "--python", handlerFile(t), "--credentials", key)
	require.Zero(t, code, "%v", found)
	require.Equal(t, custom.Passed, found["records are read, page by page"].Outcome)
}

// waiter is a buffer whose content can be waited for.
type waiter struct {
	mu   sync.Mutex
	text strings.Builder
	want string
	seen chan struct{}
}

func (w *waiter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	if w.want != "" && strings.Contains(w.text.String(), w.want) {
		w.want = ""
		close(w.seen)
	}
	return len(p), nil
}

func TestConnectorRun_ServesUntilItIsInterrupted(t *testing.T) {
	t.Parallel()
	path := handlerFile(t)
	ctx, stop := context.WithCancel(t.Context())
	said := &waiter{want: "weir serve --connector", seen: make(chan struct{})}
	ended := make(chan int, 1)
	go func() {
		ended <- execute(ctx, []string{"connector", "run", "--python", path, "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--workers", "1"}, said, said)
	}()
	select {
	case <-said.seen:
	case code := <-ended:
		t.Fatalf("it ended with %d: %s", code, said.text.String())
	}
	stop()
	require.Equal(t, exitDone, <-ended)
}

func TestConnector_BadUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"connector", "run"},
		{"connector", "run", "--python", "none.py", "--listen", "0.0.0.0:0"},
		{"connector", "run", "--python", "none.py", "--listen", "127.0.0.1:0"},
		{"connector", "certify"},
		{"connector", "certify", "http://x", "--python", "y.py"},
		{"connector", "certify", "http://x", "--setting", "novalue"},
		{"connector", "certify", "http://x", "--credentials", "none.json"},
	} {
		var out bytes.Buffer
		require.Equal(t, exitUsage, execute(t.Context(), args, &out, &out), "%v: %s", args, out.String())
	}
}
