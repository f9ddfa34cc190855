package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// singular is a private profile: it is kept although no application answers to its credentials, which tests need.
const singular = `{"connectorProfileName": "ads/one", "connectorType": "Singular", "connectionMode": "Private", "connectorProfileConfig": {
	"connectorProfileProperties": {"Singular": {}}, "connectorProfileCredentials": {"Singular": {"apiKey": "${env:ADS_ONE_API_KEY}"}}}}`

// onProfile is a flow that needs it.
const onProfile = `{"flowName": "ads-to-lake", "triggerConfig": {"triggerType": "OnDemand"},
	"sourceFlowConfig": {"connectorType": "Singular", "connectorProfileName": "ads/one", "sourceConnectorProperties": {"Singular": {"object": "reports"}}},
	"destinationFlowConfigList": [{"connectorType": "S3", "destinationConnectorProperties": {"S3": {"bucketName": "lake"}}}],
	"tasks": [{"taskType": "Map_all", "sourceFields": [], "connectorOperator": {"Singular": "NO_OP"}, "taskProperties": {}}]}`

// filled is a server with the flows of the server's tests that need no profile, a scheduled one that is active, and a
// profile with a flow.
func filled(t *testing.T) *served {
	t.Helper()
	t.Setenv("ADS_ONE_API_KEY", "key-of-a-test")
	s := serve(t, "")
	paths, err := filepath.Glob(filepath.Join("..", "server", "testdata", "definitions", "*-s3-to-s3*.json"))
	require.NoError(t, err)
	require.Greater(t, len(paths), 10)
	dir := t.TempDir()
	files := slices.Concat(paths, []string{
		write(t, filepath.Join(dir, "a.json"), scheduled("tick-tock", `"flowStatus": "Active", "tags": {"n": "01"},`)),
		write(t, filepath.Join(dir, "b.json"), onProfile), write(t, filepath.Join(dir, "c.json"), singular),
	})
	out := done(t, s.at(append([]string{"apply", "-f"}, files...)...)...)
	require.True(t, strings.HasPrefix(out, "created profile ads/one\n"), "profiles come before the flows that need them: %s", out)
	require.Equal(t, len(files), strings.Count(out, "created "))
	return s
}

func TestExport_AppliesElsewhereAndExportsTheSame(t *testing.T) {
	s := filled(t)
	whole := done(t, s.at("export")...)
	require.NotContains(t, whole, "key-of-a-test")
	for _, format := range []string{"json", "yaml", "cloudformation"} {
		out := done(t, s.at("export", "--format", format)...)
		file := write(t, filepath.Join(t.TempDir(), "all."+format), out)
		other := serve(t, "")
		apply := other.at("apply", file, "--parameter", "AdsOneProfileApiKey=${env:ADS_ONE_API_KEY}")
		require.NotContains(t, done(t, apply...), "unchanged")
		again := done(t, apply...)
		require.NotContains(t, again, "created")
		require.NotContains(t, again, "updated")
		require.Equal(t, whole, done(t, other.at("export")...), format)
	}
}

func TestExport_NamedFlowsWithWhatTheyUse(t *testing.T) {
	s := filled(t)
	out := done(t, s.at("export", "ads-to-lake", "--format", "json")...)
	var list []map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &list))
	require.Len(t, list, 2)
	require.Equal(t, "ads/one", list[0]["connectorProfileName"])
	require.Equal(t, "ads-to-lake", list[1]["flowName"])

	file := filepath.Join(t.TempDir(), "flow.tf")
	r := weir(t, s.at("export", "tick-tock", "--format", "terraform", "--file", file)...)
	require.Equal(t, exitDone, r.code)
	require.Empty(t, r.out)
	require.Equal(t, "note: flow tick-tock: the provider cannot start a flow; start it with weir start or StartFlow\n", r.err)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(text), `resource "aws_appflow_flow" "tick_tock" {`)

	r = weir(t, s.at("export", "nobody")...)
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.err, "reading flow nobody: ResourceNotFoundException")
	r = weir(t, s.at("export", "--format", "xml")...)
	require.Equal(t, exitUsage, r.code)
}

func TestPlan_Profiles(t *testing.T) {
	t.Setenv("ADS_ONE_API_KEY", "key-of-a-test")
	s := serve(t, "")
	file := write(t, filepath.Join(t.TempDir(), "p.json"), singular)
	require.Contains(t, done(t, s.at("plan", file)...), "+ profile ads/one (credentials are sent)\n")
	require.Equal(t, "created profile ads/one\n", done(t, s.at("apply", file)...))
	require.Equal(t, "unchanged profile ads/one\n", done(t, s.at("apply", file)...))
	require.Contains(t, done(t, s.at("plan", file, "--rotate-credentials")...), "~ profile ads/one (credentials are sent)\n")
	require.Equal(t, "updated profile ads/one\n", done(t, s.at("apply", file, "--rotate-credentials")...))

	write(t, file, strings.Replace(singular, `"Singular", "connectionMode"`, `"Trendmicro", "connectionMode"`, 1))
	r := weir(t, s.at("plan", file)...)
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "connectorType cannot change")

	t.Setenv("ADS_ONE_API_KEY", "")
	write(t, file, strings.Replace(singular, `"ads/one"`, `"ads/two"`, 1))
	require.Contains(t, done(t, s.at("plan", file)...), "+ profile ads/two", "a plan needs no secrets")
	r = weir(t, s.at("apply", file)...)
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "environment variable ADS_ONE_API_KEY is not set")
}
