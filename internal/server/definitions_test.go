package server_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/internal/server"
)

// definitions are CreateFlow requests in the ways people write them: for Terraform, CDK, the console, boto3, the CLI and
// in blog posts, by file name.
func definitions(t testing.TB) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "definitions", "*.json"))
	require.NoError(t, err)
	require.Greater(t, len(paths), 30)
	all := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		all[strings.TrimSuffix(filepath.Base(path), ".json")] = string(text)
	}
	return all
}

// neededProfile is the first connector profile that a definition cannot do without.
func neededProfile(def map[string]any) string {
	ends := append([]any{def["sourceFlowConfig"]}, def["destinationFlowConfigList"].([]any)...)
	for _, e := range ends {
		end := e.(map[string]any)
		switch end["connectorType"] {
		case "S3", "EventBridge", "Upsolver", "LookoutMetrics", "CustomerProfiles":
		default:
			return end["connectorProfileName"].(string)
		}
	}
	return ""
}

func TestDefinitions_AreCreatedAndEchoed(t *testing.T) {
	t.Parallel()
	created := 0
	g := newRig(t)
	for name, text := range definitions(t) {
		var def map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &def), name)
		parsed, err := server.ParseFlow([]byte(text), connector.NewRegistry(s3Stub{}))
		require.NoError(t, err, "%s breaks a rule", name)
		require.Equal(t, def["flowName"], parsed.Name)

		a := g.send("POST", "/create-flow", text)
		if profile := neededProfile(def); profile != "" {
			require.Equal(t, 404, a.status, "%s: %s", name, a.body)
			require.Equal(t, "ResourceNotFoundException", a.errorName(), name)
			require.Equal(t, "Connector Profile with name "+profile+" does not exist.", a.message(), name)
			continue
		}
		require.Equal(t, 200, a.status, "%s: %s", name, a.body)
		created++
		describe := `{"flowName":"` + def["flowName"].(string) + `"}`
		got := g.post("/describe-flow", describe)
		if tags, ok := def["tags"]; ok {
			require.Equal(t, tags, got["tags"])
		}
		requireSameDefinition(t, text, got)

		g.post("/update-flow", text) // as an apply without changes does; members that UpdateFlow lacks are ignored
		got = g.post("/describe-flow", describe)
		require.EqualValues(t, 1, got["schemaVersion"], name)
		requireSameDefinition(t, text, got)
	}
	require.GreaterOrEqual(t, created, 15)
	t.Logf("%d created", created)
}
