package temporal_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/durable/durabletest"
	"weir.dev/weir/internal/durable/temporal"
	"weir.dev/weir/test/temporaltest"
)

// Histories of released builds lie in testdata, one folder per release that changed the workflow. This build must come to
// the same decisions, or the runs that are under way during an upgrade would stop. WEIR_RECORD_HISTORIES names a folder
// in testdata to record those of this build in.
func TestReplay_HistoriesOfReleasedBuilds(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			r := worker.NewWorkflowReplayer()
			r.RegisterWorkflowWithOptions(temporal.Execution, workflow.RegisterOptions{Name: "execution"})
			require.NoError(t, r.ReplayWorkflowHistoryFromJSONFile(nil, file))
		})
	}
}

func TestRecord_HistoriesOfThisBuild(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("WEIR_RECORD_HISTORIES")
	if dir == "" {
		t.Skip("WEIR_RECORD_HISTORIES names no folder in testdata")
	}
	address := temporaltest.Start(t)
	dir = filepath.Join("testdata", dir)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	hangs := make(chan struct{}, 16)
	plain := durabletest.Plain()
	for name, sc := range map[string]durabletest.Scenario{"successful": plain[0], "nothing": plain[2], "failed": plain[3], "canceled": hanging(hangs)} {
		t.Run(name, func(t *testing.T) {
			queue := "recorded-" + name
			w := durabletest.NewWorld(t, func(steps *durable.Steps, _ bool) durabletest.Engine {
				e, err := temporal.New(steps, temporal.Options{
					Connection: temporal.Connection{Address: address}, Queue: queue, Work: true, Splits: 2, Silence: 2 * time.Second,
				})
				require.NoError(t, err)
				return e
			}, sc, durabletest.NewLedger())
			p := w.Boot(durabletest.NewTrap(nil), true)
			require.NoError(t, p.Engine.Start(t.Context(), w.ID))
			if name == "canceled" {
				<-hangs
				w.Cancel(t)
				require.NoError(t, p.Engine.Cancel(t.Context(), w.ID))
			}
			c, err := client.Dial(client.Options{HostPort: address})
			require.NoError(t, err)
			defer c.Close()
			require.NoError(t, c.GetWorkflow(t.Context(), queue+"/"+w.ID, "").Get(t.Context(), nil))
			require.False(t, p.Await(t))
			p.Engine.Close()
			if name == "canceled" {
				require.Equal(t, flow.ExecutionCanceled, w.Execution(t).Status)
			}
			record(t, c, queue+"/"+w.ID, filepath.Join(dir, name+".json"))
		})
	}
}

// record writes a workflow's history down.
func record(t *testing.T, c client.Client, id, file string) {
	h := &historypb.History{}
	for events := c.GetWorkflowHistory(t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
		e, err := events.Next()
		require.NoError(t, err)
		h.Events = append(h.Events, e)
	}
	raw, err := protojson.MarshalOptions{Indent: " "}.Marshal(h)
	require.NoError(t, err)
	host, err := os.Hostname()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, bytes.ReplaceAll(raw, []byte(host), []byte("worker")), 0o644))
}
