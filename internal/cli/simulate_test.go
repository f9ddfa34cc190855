package cli

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// simulated serves a stand-in until the test ends, and returns the profile that it prints.
func simulated(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	ended := make(chan int, 1)
	go func() { ended <- execute(ctx, append([]string{"simulate"}, args...), write, io.Discard) }()
	t.Cleanup(func() {
		cancel()
		require.Equal(t, exitDone, <-ended)
	})
	profile := make([]byte, 4096)
	n, err := read.Read(profile)
	require.NoError(t, err)
	return string(profile[:n])
}

func TestSimulate_ARunReadsAndWrites(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ vendor, connectorType, object string }{
		{"zendesk", "Zendesk", "tickets"},
		{"salesforce", "Salesforce", "Account"},
	} {
		t.Run(c.vendor, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			profile := filepath.Join(dir, "profile.yaml")
			require.NoError(t, os.WriteFile(profile, []byte(simulated(t, c.vendor, "--seed", "9", "--records", "120")), 0o600))
			define := strings.NewReplacer("VENDOR", c.connectorType, "OBJECT", c.object).Replace(`{"flowName":"sample","triggerConfig":{"triggerType":"OnDemand"},
				"sourceFlowConfig":{"connectorType":"VENDOR","connectorProfileName":"sample","sourceConnectorProperties":{"VENDOR":{"object":"OBJECT"}}},
				"destinationFlowConfigList":[{"connectorType":"S3","destinationConnectorProperties":{"S3":{"bucketName":"lake","s3OutputFormatConfig":{"fileType":"JSON"}}}}],
				"tasks":[{"sourceFields":[],"taskType":"Map_all","taskProperties":{},"connectorOperator":{"VENDOR":"NO_OP"}}]}`)
			file := filepath.Join(dir, "flow.json")
			require.NoError(t, os.WriteFile(file, []byte(define), 0o600))
			var stdout, stderr bytes.Buffer
			code := execute(t.Context(), []string{
				"run", file, "--profile", profile, "--allow-network", "127.0.0.0/8", "--bucket", "lake=file://" + dir + "/lake", "-q", "-o", "json",
			}, &stdout, &stderr)
			require.Equal(t, exitDone, code, stderr.String())
			lines := 0
			require.NoError(t, filepath.WalkDir(filepath.Join(dir, "lake"), func(path string, d os.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				text, err := os.ReadFile(path)
				lines += bytes.Count(text, []byte("\n"))
				return err
			}))
			require.Equal(t, 120, lines)
		})
	}
}

func TestSimulate_MisbehavesWhenTold(t *testing.T) {
	t.Parallel()
	url := regexp.MustCompile(`http://[0-9.:]+`).FindString(simulated(t, "zendesk", "--mode", "maintenance"))
	res, err := http.Get(url + "/api/v2/users/me")
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
}

func TestSimulate_ASalesforceThatIsSpent(t *testing.T) {
	t.Parallel()
	url := regexp.MustCompile(`http://[0-9.:]+`).FindString(simulated(t, "salesforce", "--mode", "spent"))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/services/data/v58.0/limits", http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer sample")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusForbidden, res.StatusCode)
	require.Contains(t, string(text), "REQUEST_LIMIT_EXCEEDED")
}

func TestSimulate_WrongUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"nobody"}, {"zendesk", "--mode", "sleepy"}, {"zendesk", "--records", "-1"}, {}} {
		var stderr bytes.Buffer
		require.Equal(t, exitUsage, execute(t.Context(), append([]string{"simulate"}, args...), io.Discard, &stderr), args)
		require.NotEmpty(t, stderr.String())
	}
}

func TestConnector_LintSaysWhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "bad.yaml")
	const text = "name: A\nbase: https://a.example\nauth: {kind: none}\nentities: [{name: e, fields: [{name: id}], read: {path: /e}}]\n"
	require.NoError(t, os.WriteFile(good, []byte(text), 0o600))
	require.NoError(t, os.WriteFile(bad, []byte(strings.Replace(text, "none", "magic", 1)), 0o600))
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitDone, execute(t.Context(), []string{"connector", "lint", good}, &stdout, &stderr), stderr.String())
	require.Empty(t, stdout.String())
	require.Equal(t, exitUsage, execute(t.Context(), []string{"connector", "lint", good, bad}, &stdout, &stderr))
	require.Contains(t, stdout.String(), bad+`:3:14: auth.kind: "magic" is none of`)
	stdout.Reset()
	require.Equal(t, exitDone, execute(t.Context(), []string{"connector", "schema"}, &stdout, &stderr))
	require.Contains(t, stdout.String(), `"$schema"`)
}
