// Package runs_test runs whole flows in memory, from the CreateFlow request to published objects, and checks what comes
// out against the rules written down in docs/, each by means of its own.
package runs_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/blob"
	"weir.dev/weir/blob/memblob"
	"weir.dev/weir/connector"
	"weir.dev/weir/connectors"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/engine"
	"weir.dev/weir/internal/server"
)

const execution = "3d2b2f0a-0b6e-4c7e-9a54-0d9b4b3c2a11"

// started is when runs start.
var started = time.Date(2024, 10, 1, 13, 45, 7, 250e6, time.UTC)

// request is a CreateFlow request from S3 to S3, in parts.
type request struct {
	Name   string
	Format string // s3InputFileType
	Output any    // s3OutputFormatConfig
	Tasks  []map[string]any
}

func (r request) json(t testing.TB) []byte {
	t.Helper()
	name := r.Name
	if name == "" {
		name = "orders"
	}
	source := map[string]any{"bucketName": "inbox", "bucketPrefix": "in/"}
	if r.Format != "" {
		source["s3InputFormatConfig"] = map[string]any{"s3InputFileType": r.Format}
	}
	dest := map[string]any{"bucketName": "lake", "bucketPrefix": "out"}
	if r.Output != nil {
		dest["s3OutputFormatConfig"] = r.Output
	}
	data, err := json.Marshal(map[string]any{
		"flowName":         name,
		"triggerConfig":    map[string]any{"triggerType": "OnDemand"},
		"sourceFlowConfig": map[string]any{"connectorType": "S3", "sourceConnectorProperties": map[string]any{"S3": source}},
		"destinationFlowConfigList": []any{
			map[string]any{"connectorType": "S3", "destinationConnectorProperties": map[string]any{"S3": dest}},
		},
		"tasks": r.Tasks,
	})
	require.NoError(t, err)
	return data
}

// task is one task of a request.
func task(kind, operator string, fields []string, to string, properties ...string) map[string]any {
	t := map[string]any{"taskType": kind, "sourceFields": fields}
	if operator != "" {
		t["connectorOperator"] = map[string]any{"S3": operator}
	}
	if to != "" {
		t["destinationField"] = to
	}
	if len(properties) > 0 {
		p := map[string]any{}
		for i := 0; i < len(properties); i += 2 {
			p[properties[i]] = properties[i+1]
		}
		t["taskProperties"] = p
	}
	return t
}

var mapAll = task("Map_all", "NO_OP", []string{}, "")

// outcome is what a run left.
type outcome struct {
	objects map[string][]byte
	staged  []string
	result  *durable.RunResult
	err     error
}

// rig holds what runs share, so that many small ones are cheap.
type rig struct {
	pool  *batch.Pool
	mover *engine.Engine
	list  *connector.Registry
}

func newRig(t testing.TB, opts engine.Options) *rig {
	r := &rig{pool: &batch.Pool{}, list: connectors.All()}
	opts.Pool = r.pool
	if opts.TempDir == "" {
		opts.TempDir = t.TempDir()
	}
	r.mover = engine.New(opts)
	t.Cleanup(func() { require.Zero(t, r.pool.InUse(), "buffers that are lost") })
	return r
}

var shared = sync.OnceValue(func() *rig {
	pool := &batch.Pool{}
	return &rig{pool: pool, list: connectors.All(), mover: engine.New(engine.Options{Threads: 2, Pool: pool})}
})

// store opens the two buckets of a run.
type store map[string]*memblob.Store

func (s store) OpenBucket(_ context.Context, name string) (blob.Bucket, error) {
	return s[name].Open(), nil
}

// run runs a flow over files; change may change the execution before.
func (r *rig) run(t testing.TB, body []byte, files map[string][]byte, change func(*flow.Execution)) outcome {
	t.Helper()
	f, err := server.ParseFlow(body, r.list)
	if err != nil {
		return outcome{err: err}
	}
	buckets := store{"inbox": memblob.NewStore("inbox", nil), "lake": memblob.NewStore("lake", nil)}
	for key, data := range files {
		buckets["inbox"].Put(key, data)
	}
	x := &flow.Execution{
		ID: execution, FlowName: f.Name, FlowVersion: f.Version, SchemaVersion: f.SchemaVersion, Definition: f.Definition,
		Status: flow.ExecutionInProgress, StartedAt: started, UpdatedAt: started, Options: &flow.Options{},
	}
	if change != nil {
		change(x)
	}
	steps := &durable.Steps{
		Connectors: r.list, Mover: r.mover, Log: slog.New(slog.DiscardHandler),
		Configure: func(context.Context, flow.ConnectorType, string, string) (connector.Config, error) {
			return connector.Config{Buckets: buckets, Pool: r.pool, Now: time.Now}, nil
		},
	}
	o := outcome{objects: map[string][]byte{}}
	o.result, o.err = durable.Run(t.Context(), steps, x, 2)
	lake := buckets["lake"].Open()
	for object, err := range lake.List(t.Context(), "") {
		require.NoError(t, err)
		body, err := lake.OpenAt(t.Context(), object.Key, 0, -1, "")
		require.NoError(t, err)
		o.objects[object.Key], err = io.ReadAll(body)
		require.NoError(t, err)
		require.NoError(t, body.Close())
	}
	o.staged = buckets["lake"].Staged()
	return o
}
