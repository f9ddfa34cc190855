package handlerhost_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/handlerhost"
)

// notes is a log that tests can wait on.
type notes struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.text.Write(p)
	select {
	case n.more <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (n *notes) wait(t *testing.T, want string) string {
	t.Helper()
	for {
		n.mu.Lock()
		text := n.text.String()
		n.mu.Unlock()
		if strings.Contains(text, want) {
			return text
		}
		select {
		case <-n.more:
		case <-t.Context().Done():
			t.Fatalf("the log has no %q", want)
		}
	}
}

type rig struct {
	*handlerhost.Host
	log      *notes
	greeting atomic.Value
	secrets  atomic.Value
}

// needPython skips a test where there is no Python, and fails it in CI, which has to have one.
func needPython(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		require.Empty(t, os.Getenv("CI"), "CI needs python3")
		t.Skip("there is no python3 here")
	}
}

func open(t *testing.T, workers int) *rig {
	t.Helper()
	needPython(t)
	r := &rig{log: &notes{more: make(chan struct{}, 1)}}
	r.greeting.Store("hello")
	r.secrets.Store("")
	var err error
	r.Host, err = handlerhost.Open(t.Context(), handlerhost.Options{
		Source: "testdata/handler.py", Workers: workers, Log: r.log,
		Env: func() []string {
			return []string{"GREETING=" + r.greeting.Load().(string), "SECRETS=" + r.secrets.Load().(string)}
		},
		Secrets: func() string { return r.secrets.Load().(string) },
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func (r *rig) call(t *testing.T, event string) map[string]any {
	t.Helper()
	var out any
	require.NoError(t, json.Unmarshal(r.Invoke(t.Context(), []byte(event)), &out))
	if m, ok := out.(map[string]any); ok {
		return m
	}
	return map[string]any{"value": out}
}

func TestInvoke_OneProcessForManyEvents(t *testing.T) {
	t.Parallel()
	r := open(t, 1)
	first := r.call(t, `{"type":"echo","value":"ünï\n日本"}`)
	require.Equal(t, "ünï\n日本", first["value"])
	require.Equal(t, true, first["left"])
	second := r.call(t, `{"type":"echo","value":"x"}`)
	require.Equal(t, first["pid"], second["pid"])
	require.EqualValues(t, 2, second["count"])
	r.log.wait(t, "got x")
	require.Equal(t, "", r.call(t, `{"type":"read"}`)["value"], "standard input is not the handler's")
	large := strings.Repeat("x", 5<<20)
	require.Equal(t, large, r.call(t, `{"type":"echo","value":"`+large+`"}`)["value"])
}

func TestInvoke_WhatGoesWrongIsAFunctionsError(t *testing.T) {
	t.Parallel()
	r := open(t, 1)
	raised := r.call(t, `{"type":"raise"}`)
	require.Equal(t, "ValueError", raised["errorType"])
	require.Equal(t, "no such thing", raised["errorMessage"])
	require.Equal(t, "TypeError", r.call(t, `{"type":"odd"}`)["errorType"], "an answer that JSON does not have")
	require.Equal(t, "Runtime.ExitError", r.call(t, `{"type":"exit"}`)["errorType"])
	require.EqualValues(t, 1, r.call(t, `{"type":"echo","value":""}`)["count"], "another process has taken over")
}

func TestInvoke_CallerWhoGivesUpEndsTheProcess(t *testing.T) {
	t.Parallel()
	r := open(t, 1)
	before := r.call(t, `{"type":"echo","value":""}`)["pid"]
	ctx, cancel := context.WithCancel(t.Context())
	go func() { r.log.wait(t, "sleeping"); cancel() }()
	require.Contains(t, string(r.Invoke(ctx, []byte(`{"type":"sleep"}`))), "given up")
	require.NotEqual(t, before, r.call(t, `{"type":"echo","value":""}`)["pid"])
}

func TestInvoke_NewSettingsMeanNewProcesses(t *testing.T) {
	t.Parallel()
	r := open(t, 1)
	require.Equal(t, "hello", r.call(t, `{"type":"env"}`)["value"])
	r.greeting.Store("good morning")
	require.Equal(t, "good morning", r.call(t, `{"type":"env"}`)["value"])
}

func TestSecrets_AreForwardedAsSignedAndKeptOutOfTheLog(t *testing.T) {
	t.Parallel()
	hosts := make(chan string, 1)
	vault := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		hosts <- req.Host + req.URL.Path
		_, _ = io.WriteString(w, `{"ARN":"a","SecretString":"{\"apiKey\":\"canary-key\",\"authenticationType\":\"ApiKey\"}"}`)
	}))
	t.Cleanup(vault.Close)
	r := open(t, 1)
	front := httptest.NewServer(r)
	t.Cleanup(front.Close)
	r.secrets.Store(vault.URL)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, front.URL+handlerhost.SecretsPath+"/", strings.NewReader("{}"))
	require.NoError(t, err)
	req.Host = "signed.example"
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Contains(t, string(body), "canary-key")
	require.Equal(t, "signed.example/secrets/", <-hosts)
	r.call(t, `{"type":"echo","value":"the key is canary-key, an ApiKey"}`)
	require.Contains(t, r.log.wait(t, "got the key"), "got the key is ***, an ApiKey")
}

func TestServeHTTP_AsTheEmulatorDoes(t *testing.T) {
	t.Parallel()
	r := open(t, 3)
	front := httptest.NewServer(r)
	t.Cleanup(front.Close)
	for body, status := range map[string]int{`{"type":"echo",` + "\n" + ` "value":1}`: 200, `{`: 400} {
		res, err := http.Post(front.URL+"/2015-03-31/functions/function/invocations", "application/json", strings.NewReader(body)) //nolint:noctx // of a test
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, status, res.StatusCode)
	}
}

func TestOpen_HandlersThatDoNotLoad(t *testing.T) {
	t.Parallel()
	needPython(t)
	for source, want := range map[string]string{"testdata/none.py": "FileNotFoundError", "no.such.module": "ModuleNotFoundError"} {
		_, err := handlerhost.Open(t.Context(), handlerhost.Options{Source: source, Env: func() []string { return nil }})
		require.True(t, fault.Is(err, fault.Validation))
		require.ErrorContains(t, err, want)
	}
	_, err := handlerhost.Open(t.Context(), handlerhost.Options{Source: "testdata/handler.py", Function: "other", Env: func() []string { return nil }})
	require.ErrorContains(t, err, "AttributeError")
	_, err = handlerhost.Open(t.Context(), handlerhost.Options{Source: "x.py", Interpreter: "no-such-python", Env: func() []string { return nil }})
	require.True(t, fault.Is(err, fault.Validation))
}

func TestSplitSource(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{"a.py": {"a.py", ""}, "a/b.py:run": {"a/b.py", "run"}, `C:\a.py`: {`C:\a.py`, ""}, "pkg.mod:f": {"pkg.mod", "f"}} {
		source, function, err := handlerhost.SplitSource(text)
		require.NoError(t, err)
		require.Equal(t, want, [2]string{source, function})
	}
	_, _, err := handlerhost.SplitSource("")
	require.True(t, fault.Is(err, fault.Validation))
}
