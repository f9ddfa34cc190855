package server_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
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

// endsOf are a definition's source and destination.
func endsOf(def map[string]any) []map[string]any {
	ends := []map[string]any{def["sourceFlowConfig"].(map[string]any)}
	for _, d := range def["destinationFlowConfigList"].([]any) {
		ends = append(ends, d.(map[string]any))
	}
	return ends
}

// neededProfiles are the connector profiles that a definition cannot do without: name → connector type.
func neededProfiles(def map[string]any) map[string]flow.ConnectorType {
	needed := map[string]flow.ConnectorType{}
	for _, end := range endsOf(def) {
		kind := flow.ConnectorType(end["connectorType"].(string))
		switch kind {
		case flow.S3, flow.EventBridge, flow.Upsolver, flow.LookoutMetrics, flow.CustomerProfiles:
		default:
			needed[end["connectorProfileName"].(string)] = kind
		}
	}
	return needed
}

// makeProfile creates a profile of a type under a name that definitions use.
func (g *rig) makeProfile(name string, kind flow.ConnectorType) {
	g.t.Helper()
	for _, p := range typedProfiles {
		if p.connector == kind {
			n := 0
			g.post("/create-connector-profile", p.create(name, &n))
			return
		}
	}
	require.FailNow(g.t, "no profile of that type", kind)
}

func TestDefinitions_AreCreatedAndEchoed(t *testing.T) {
	t.Parallel()
	g, _ := newProfileRig(t)
	made, seen := map[string]flow.ConnectorType{}, map[flow.ConnectorType]bool{}
	all := definitions(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		text := all[name]
		var def map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &def), name)
		parsed, err := server.ParseFlow([]byte(text), connector.NewRegistry(s3Stub{}))
		require.NoError(t, err, "%s breaks a rule", name)
		require.Equal(t, def["flowName"], parsed.Name)
		for _, end := range endsOf(def) {
			seen[flow.ConnectorType(end["connectorType"].(string))] = true
		}
		for profile, kind := range neededProfiles(def) {
			if is, exists := made[profile]; exists {
				require.Equal(t, is, kind, "%s: profile %s is of another type", name, profile)
				continue
			}
			a := g.send("POST", "/create-flow", text)
			require.Equal(t, 404, a.status, "%s: %s", name, a.body)
			require.Equal(t, "ResourceNotFoundException", a.errorName(), name)
			require.Regexp(t, "^Connector Profile with name .+ does not exist.$", a.message(), name)
			g.makeProfile(profile, kind)
			made[profile] = kind
		}
		g.post("/create-flow", text)
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
	for _, kind := range []flow.ConnectorType{
		flow.Amplitude, flow.CustomConnector, flow.CustomerProfiles, flow.Datadog, flow.Dynatrace, flow.EventBridge, flow.GoogleAnalytics, flow.Honeycode,
		flow.InforNexus, flow.LookoutMetrics, flow.Marketo, flow.Pardot, flow.Redshift, flow.S3, flow.SAPOData, flow.Salesforce, flow.ServiceNow, flow.Singular,
		flow.Slack, flow.Snowflake, flow.Trendmicro, flow.Upsolver, flow.Veeva, flow.Zendesk,
	} {
		require.True(t, seen[kind], "no definition has %s", kind)
	}
	t.Logf("%d definitions, %d profiles", len(all), len(made))
}
