package plan_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/plan"
)

var rewrite = flag.Bool("rewrite", false, "write the plans that come out into testdata")

// TestCompile_Scripts turns each testdata/*.txt, a definition with the source's schema above the line, into the plan
// below the line.
func TestCompile_Scripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			in, want, ok := strings.Cut(string(raw), "----\n")
			require.True(t, ok, "a line ---- parts input and plan")
			got := run(t, in)
			if *rewrite {
				require.NoError(t, os.WriteFile(file, []byte(in+"----\n"+got), 0o600))
				return
			}
			require.Equal(t, want, got)
		})
	}
}

func run(t *testing.T, in string) string {
	t.Helper()
	var script struct {
		Tasks  []flow.Task      `json:"tasks"`
		Schema flow.Schema      `json:"schema"`
		Files  *flow.FileOutput `json:"files"`
		Dest   string           `json:"dest"`
	}
	require.NoError(t, json.Unmarshal([]byte(in), &script))
	p, err := plan.Compile(plan.Input{
		Schema: script.Schema, Files: script.Files,
		Execution: &flow.Execution{
			ID: "3d2b2f0a-5f0c-4c8e-9d70-8a0f2e2f5a11", FlowName: "orders", FlowVersion: 2, SchemaVersion: 1,
			StartedAt: time.Date(2024, 10, 1, 13, 45, 7, 250_123_000, time.UTC),
			Definition: flow.Definition{
				Source:       flow.Source{Connector: flow.S3, Properties: flow.Properties(`{"bucketName":"in-bkt"}`)},
				Destinations: []flow.Destination{{Connector: flow.S3, Properties: flow.Properties(or(script.Dest, `{}`))}},
				Tasks:        script.Tasks,
			},
		},
	})
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	p.Source.Read.Schema = flow.Schema{} // it stands in the input
	out, err := json.MarshalIndent(p, "", "  ")
	require.NoError(t, err)
	return string(out) + "\n"
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func TestCompile_IsPlainDataAndRepeatable(t *testing.T) {
	t.Parallel()
	in := plan.Input{
		Files: &flow.FileOutput{Type: flow.FileJSON, SingleFile: true},
		Execution: &flow.Execution{ID: "x", Definition: flow.Definition{
			Source: flow.Source{Connector: flow.S3}, Destinations: []flow.Destination{{Connector: flow.S3}}, Tasks: []flow.Task{{Type: flow.TaskMapAll}},
		}},
		Schema: flow.Schema{Fields: []flow.Field{{Name: "b", Type: flow.TypeText}, {Name: "a", Type: flow.TypeText}}},
	}
	first, err := plan.Compile(in)
	require.NoError(t, err)
	require.True(t, first.OneSplit)
	data, err := json.Marshal(first)
	require.NoError(t, err)
	var back plan.Plan
	require.NoError(t, json.Unmarshal(data, &back))
	again, err := json.Marshal(&back)
	require.NoError(t, err)
	require.JSONEq(t, string(data), string(again))
}
