package wire_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// need skips the test for a reason, unless this is CI, where nothing may be missing.
func need(t *testing.T, ok bool, reason string) {
	t.Helper()
	switch {
	case ok:
	case os.Getenv("CI") == "true":
		t.Fatal(reason)
	default:
		t.Skip(reason)
	}
}

// served is a running server with a bucket of three records.
type served struct {
	t    *testing.T
	url  string
	data string
	env  []string
	cmd  *exec.Cmd
}

// serve starts the built binary in a new data directory and waits for it to say where it is.
func serve(t *testing.T, env ...string) *served {
	t.Helper()
	binary := os.Getenv("WEIR_BIN")
	if binary == "" {
		binary = filepath.Join("..", "..", "bin", "weir")
	}
	binary, err := filepath.Abs(binary)
	require.NoError(t, err)
	_, err = os.Stat(binary)
	need(t, err == nil, "no binary at "+binary+"; run make build")
	_, err = exec.LookPath("aws")
	need(t, err == nil, "the AWS CLI is not installed")

	s := &served{t: t, data: t.TempDir()}
	bucket := filepath.Join(s.data, "buckets", "in-bkt", "orders")
	require.NoError(t, os.MkdirAll(bucket, 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(s.data, "buckets", "out-bkt"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(bucket, "a.csv"), []byte("id,country,amount\n1,NO,10\n2,SE,20\n3,NO,30\n"), 0o600))

	s.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), binary, "serve", "--listen", "127.0.0.1:0", "--data", s.data)
	s.cmd.Env = append(clean(), env...)
	stderr, err := s.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, s.cmd.Start())
	lines := make(chan string, 1)
	var log bytes.Buffer
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for in := bufio.NewScanner(stderr); in.Scan(); {
			log.WriteString(in.Text() + "\n")
			if url, ok := strings.CutPrefix(in.Text(), "weir: serving on "); ok {
				lines <- url
			}
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
		<-drained
		err := s.cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
		require.NoError(t, err, "a server that is asked to end ends well")
	})
	select {
	case s.url = <-lines:
	case <-drained:
		t.Fatalf("the server ended at once: %s", log.String())
	case <-time.After(time.Minute):
		t.Fatal("the server does not say where it serves")
	}
	s.env = append(clean(),
		"AWS_ENDPOINT_URL="+s.url, "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(s.data, "credentials"), "AWS_REGION=eu-west-1",
		"AWS_DEFAULT_REGION=eu-west-1", "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1", "AWS_EC2_METADATA_DISABLED=true",
	)
	return s
}

// clean is the environment without settings that would lead AWS's tools or the server elsewhere.
func clean() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") && !strings.HasPrefix(v, "WEIR_") {
			env = append(env, v)
		}
	}
	return append(env, "AWS_CONFIG_FILE="+os.DevNull)
}

// aws runs the AWS CLI and returns what it printed to both sides.
func (s *served) aws(args ...string) (out, stderr string, err error) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), "aws", append([]string{"--endpoint-url", s.url, "--output", "json"}, args...)...)
	cmd.Env = s.env
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err = cmd.Run()
	return o.String(), e.String(), err
}

func TestAWSCLI_LifeOfAFlow(t *testing.T) {
	t.Parallel()
	s := serve(t)
	cmd := exec.CommandContext(t.Context(), "bash", "lifecycle.sh")
	cmd.Env = s.env
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)

	var written []byte
	require.NoError(t, filepath.WalkDir(filepath.Join(s.data, "buckets", "out-bkt"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		written = append(written, text...)
		return err
	}))
	require.Equal(t, "id,land\n1,NO\n2,SE\n3,NO\n", string(written))
}

func TestAWSCLI_DescribeEchoesTheFile(t *testing.T) {
	t.Parallel()
	s := serve(t)
	text, err := os.ReadFile("flow.json")
	require.NoError(t, err)
	var sent, got map[string]any
	require.NoError(t, json.Unmarshal(text, &sent))
	_, stderr, err := s.aws("appflow", "create-flow", "--cli-input-json", string(text))
	require.NoError(t, err, stderr)
	out, stderr, err := s.aws("appflow", "describe-flow", "--flow-name", "NAME")
	require.NoError(t, err, stderr)
	require.NoError(t, json.Unmarshal([]byte(out), &got))
	for member, value := range sent {
		require.Equal(t, value, got[member], member)
	}
}

func TestAWSCLI_KeyFromTheEnvironment(t *testing.T) {
	t.Parallel()
	s := serve(t, "WEIR_ACCESS_KEY_ID=WEIRCI", "WEIR_SECRET_ACCESS_KEY=not-much-of-a-secret")
	s.env = append(s.env, "AWS_ACCESS_KEY_ID=WEIRCI", "AWS_SECRET_ACCESS_KEY=not-much-of-a-secret")
	out, stderr, err := s.aws("appflow", "list-flows")
	require.NoError(t, err, stderr)
	require.JSONEq(t, `{"flows":[]}`, out)

	s.env = append(s.env, "AWS_SECRET_ACCESS_KEY=another")
	_, stderr, err = s.aws("appflow", "list-flows")
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Contains(t, stderr, "InvalidSignatureException")
	_, err = os.Stat(filepath.Join(s.data, "credentials"))
	require.ErrorIs(t, err, fs.ErrNotExist, "no key is made where one was given")
}

func TestServe_RefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	s := serve(t)
	cmd := exec.CommandContext(t.Context(), s.cmd.Path, "serve", "--listen", "127.0.0.1:0", "--data", s.data)
	cmd.Env = clean()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	require.True(t, errors.As(err, &exit), "two servers on one data directory: %s", out)
	require.Equal(t, 1, exit.ExitCode(), "%s", out)
	require.NotContains(t, string(out), "goroutine", "a refusal is one line, not a trace")
}
