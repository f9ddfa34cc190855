package local_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/blob"
	"weir.dev/weir/blob/memblob"
	"weir.dev/weir/connector"
	"weir.dev/weir/connectors/s3"
	"weir.dev/weir/flow"
	"weir.dev/weir/format"
	"weir.dev/weir/format/parquet"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/durable/durabletest"
	"weir.dev/weir/internal/durable/local"
	"weir.dev/weir/internal/engine"
	"weir.dev/weir/internal/store"
)

// opener opens buckets of memory by name.
type opener map[string]*memblob.Store

func (o opener) OpenBucket(_ context.Context, name string) (blob.Bucket, error) {
	return o[name].Open(), nil
}

// drifting is a flow from S3 to S3 whose source changes between its runs.
type drifting struct {
	t       *testing.T
	store   store.Store
	buckets opener
	engine  *local.Engine
	ended   chan *flow.Execution
	n       int
}

func newDrifting(t *testing.T, fileType string, tags map[string]string, tasks ...flow.Task) *drifting {
	d := &drifting{
		t: t, store: durabletest.NewLedger(), ended: make(chan *flow.Execution, 4),
		buckets: opener{"src": memblob.NewStore("in", nil), "out": memblob.NewStore("out", nil), "bad": memblob.NewStore("bad", nil)},
	}
	steps := &durable.Steps{
		Store: d.store, Connectors: connector.NewRegistry(s3.New()), Mover: engine.New(engine.Options{Threads: 2}), Board: durable.NewBoard(nil),
		Log: slog.New(slog.DiscardHandler), Concluded: func(x *flow.Execution) { d.ended <- x },
		Configure: func(context.Context, flow.ConnectorType, string, string) (connector.Config, error) {
			return connector.Config{Buckets: d.buckets}, nil
		},
		Options: durable.Options{Step: durable.Retry{Attempts: 1}, Split: durable.Retry{Attempts: 1}},
	}
	d.engine = local.New(steps, local.Options{Splits: 2, Alone: true})
	t.Cleanup(d.engine.Close)
	if len(tasks) == 0 {
		tasks = []flow.Task{{Type: flow.TaskMapAll}}
	}
	f := &flow.Flow{
		Name: "drifts", Version: 1, SchemaVersion: 1, Status: flow.StatusActive, Tags: tags,
		Definition: flow.Definition{
			Trigger: flow.Trigger{Type: flow.TriggerOnDemand}, Tasks: tasks,
			Source: flow.Source{Connector: flow.S3, Properties: flow.Properties(
				fmt.Sprintf(`{"bucketName":"src","bucketPrefix":"in","s3InputFormatConfig":{"s3InputFileType":%q}}`, fileType))},
			Destinations: []flow.Destination{{Connector: flow.S3, Properties: flow.Properties(
				`{"bucketName":"out","s3OutputFormatConfig":{"fileType":"CSV","aggregationConfig":{"aggregationType":"SingleFile"}}}`)}},
		},
	}
	require.NoError(t, d.store.Write(t.Context(), func(tx store.Tx) error { return tx.FlowPut(t.Context(), f) }))
	return d
}

// run replaces the source's objects, runs the flow, and returns how it ended and the file it wrote.
func (d *drifting) run(files ...string) (*flow.Execution, string) {
	d.t.Helper()
	objects := map[string][]byte{}
	for i, body := range files {
		objects[fmt.Sprintf("in/%d", i)] = []byte(body)
	}
	return d.runObjects(objects)
}

func (d *drifting) runObjects(objects map[string][]byte) (*flow.Execution, string) {
	d.t.Helper()
	ctx := d.t.Context()
	for i := range 9 {
		d.buckets["src"].Remove(fmt.Sprintf("in/%d", i))
	}
	for key, body := range objects {
		d.buckets["src"].Put(key, body)
	}
	d.n++
	id := fmt.Sprintf("5e8f1a5c-7d1b-4b0e-9c53-%012d", d.n)
	require.NoError(d.t, d.store.Write(ctx, func(tx store.Tx) error {
		f, err := tx.FlowGet(ctx, "drifts")
		if err != nil {
			return err
		}
		return tx.ExecutionPut(ctx, &flow.Execution{
			ID: id, FlowName: f.Name, FlowVersion: f.Version, SchemaVersion: f.SchemaVersion, Definition: f.Definition,
			Status: flow.ExecutionInProgress, StartedAt: time.Unix(int64(d.n), 0).UTC(),
		})
	}))
	require.NoError(d.t, d.engine.Start(ctx, id))
	x := <-d.ended
	return x, d.read("out", id)
}

// read returns what the objects of a bucket hold whose keys name the execution.
func (d *drifting) read(bucket, id string) string {
	d.t.Helper()
	b := d.buckets[bucket].Open()
	var all []string
	for o, err := range b.List(d.t.Context(), "") {
		require.NoError(d.t, err)
		if !strings.Contains(o.Key, id) {
			continue
		}
		in, err := b.OpenAt(d.t.Context(), o.Key, 0, -1, "")
		require.NoError(d.t, err)
		data, err := io.ReadAll(in)
		require.NoError(d.t, err)
		all = append(all, string(data))
	}
	sort.Strings(all)
	return strings.Join(all, "")
}

func policy(d flow.Drift) map[string]string {
	return map[string]string{flow.TagDrift: string(d), flow.TagErrors: "bad"}
}

const before = "id,name\n1,a\n"

func TestDrift_CSV(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		policy flow.Drift
		files  []string // of the second run
		want   string   // its output; empty when it must fail
		says   string   // in its message, then
		schema int64    // version after it
	}{
		{"added", flow.DriftAppFlow, []string{"id,name,new\n2,b,x\n"}, "id,name\n2,b\n", "", 1},
		{"removed", flow.DriftAppFlow, []string{"id\n2\n"}, "", `field "name", which the flow maps, has vanished`, 1},
		{"renamed", flow.DriftAppFlow, []string{"id,title\n2,b\n"}, "", `field "name", which the flow maps, has vanished`, 1},
		{"reordered", flow.DriftAppFlow, []string{"name,id\nb,2\n"}, "id,name\n2,b\n", "", 1},
		{"mid-prefix", flow.DriftAppFlow, []string{"id,name\n2,b\n", "id\n3\n"}, "", `the header has no column "name"`, 1},

		{"added", flow.DriftEvolve, []string{"id,name,new\n2,b,x\n"}, "id,name,new\n2,b,x\n", "", 2},
		{"removed", flow.DriftEvolve, []string{"id\n2\n"}, "id,name\n2,\n", "", 1},
		{"renamed", flow.DriftEvolve, []string{"id,title\n2,b\n"}, "id,name,title\n2,,b\n", "", 2},
		{"reordered", flow.DriftEvolve, []string{"name,id\nb,2\n"}, "id,name\n2,b\n", "", 1},
		{"mid-prefix", flow.DriftEvolve, []string{"id,name\n2,b\n", "new,id\nx,3\n"}, "id,name,new\n2,b,\n3,,x\n", "", 2},

		{"added", flow.DriftFreeze, []string{"id,name,new\n2,b,x\n"}, "id,name\n2,b\n", "", 1},
		{"removed", flow.DriftFreeze, []string{"id\n2\n"}, "id,name\n2,\n", "", 1},
		{"reordered", flow.DriftFreeze, []string{"name,id\nb,2\n"}, "id,name\n2,b\n", "", 1},
		{"mid-prefix", flow.DriftFreeze, []string{"id,name\n2,b\n", "id\n3\n"}, "id,name\n2,b\n3,\n", "", 1},

		{"added", flow.DriftFail, []string{"id,name,new\n2,b,x\n"}, "", `field "new" is new`, 1},
		{"removed", flow.DriftFail, []string{"id\n2\n"}, "", `field "name" is gone`, 1},
		{"renamed", flow.DriftFail, []string{"id,title\n2,b\n"}, "", `field "name" is gone; field "title" is new`, 1},
		{"reordered", flow.DriftFail, []string{"name,id\nb,2\n"}, "", `field "name" stands where "id" stood`, 1},
		{"mid-prefix", flow.DriftFail, []string{"id,name\n2,b\n", "id\n3\n"}, "", `field "name" is gone in "in/1"`, 1},
		{"same", flow.DriftFail, []string{"id,name\n2,b\n"}, "id,name\n2,b\n", "", 1},

		{"removed", flow.DriftQuarantineValue, []string{"id\n2\n"}, "id,name\n2,\n", "", 1},
	}
	for _, c := range cases {
		t.Run(string(c.policy)+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			d := newDrifting(t, "CSV", policy(c.policy))
			x, out := d.run(before)
			require.Equal(t, flow.ExecutionSuccessful, x.Status, x.Message)
			require.Equal(t, before, out)
			x, out = d.run(c.files...)
			require.Contains(t, x.Message, c.says)
			require.Equal(t, c.want, out, x.Message)
			require.Equal(t, c.want == "", x.Status == flow.ExecutionError)
			require.Equal(t, c.schema, x.SchemaVersion)
			if c.want != "" && c.schema == 2 { // what was new is known from now on
				x, again := d.run(c.files...)
				require.Equal(t, c.want, again)
				require.EqualValues(t, 2, x.SchemaVersion)
			}
		})
	}
}

func TestDrift_NewFieldsAreTakenWhenAskedFor(t *testing.T) {
	t.Parallel()
	d := newDrifting(t, "CSV", nil, flow.Task{Type: flow.TaskMapAll, Properties: map[string]string{flow.PropIncludeNewFields: "true"}})
	_, out := d.run(before)
	require.Equal(t, before, out)
	x, out := d.run(before, "id,name,new\n2,b,x\n")
	require.Equal(t, "id,name,new\n1,a,\n2,b,x\n", out, x.Message)
	require.EqualValues(t, 2, x.SchemaVersion)
	x, _ = d.run("id,new\n1,a\n")
	require.Contains(t, x.Message, "has vanished")
}

func TestDrift_UpdateForgetsWhatWas(t *testing.T) {
	t.Parallel()
	d := newDrifting(t, "CSV", policy(flow.DriftFail))
	d.run(before)
	x, _ := d.run("id\n2\n")
	require.Equal(t, flow.ExecutionError, x.Status)
	require.NoError(t, d.store.Write(t.Context(), func(tx store.Tx) error {
		f, err := tx.FlowGet(t.Context(), "drifts")
		if err != nil {
			return err
		}
		f.Version++
		return tx.FlowPut(t.Context(), f)
	}))
	_, out := d.run("id\n2\n")
	require.Equal(t, "id\n2\n", out)
}

// mapped are Map tasks, the second of which declares a type.
func mapped() []flow.Task {
	to := func(s string) *string { return &s }
	return []flow.Task{
		{Type: flow.TaskMap, SourceFields: []string{"id"}, DestinationField: to("id")},
		{Type: flow.TaskMap, SourceFields: []string{"n"}, DestinationField: to("n"), Properties: map[string]string{flow.PropDestinationDataType: "integer"}},
	}
}

func TestDrift_ValuesThatDoNotFitAreQuarantined(t *testing.T) {
	t.Parallel()
	csv := "id,n\n1,10\n2,ten\n3,\n"
	jsonl := `{"id":1,"n":10}` + "\n" + `{"id":2,"n":"ten"}` + "\n" + `{"id":3}` + "\n"
	line := `{"source":{"object":"in/0","record":2},"task":{"number":2,"type":"Map","field":"n"},"action":%q,` +
		`"error":"field \"n\" as integer: the value does not fit the type","record":{"id":%s,"n":"ten"}}` + "\n"
	for name, body := range map[string]string{"CSV": csv, "JSON": jsonl} {
		id := map[string]string{"CSV": `"2"`, "JSON": `2`}[name]
		d := newDrifting(t, name, policy(flow.DriftQuarantineValue), mapped()...)
		x, out := d.run(body)
		require.Equal(t, "id,n\n1,10\n2,\n3,\n", out, x.Message)
		require.EqualValues(t, 3, x.Totals.Written)
		require.EqualValues(t, 1, x.Totals.Nulled)
		require.Equal(t, fmt.Sprintf(line, "nulled", id), d.read("bad", x.ID))

		d = newDrifting(t, name, policy(flow.DriftQuarantineRow), mapped()...)
		x, out = d.run(body)
		require.Equal(t, "id,n\n1,10\n3,\n", out, x.Message)
		require.EqualValues(t, 2, x.Totals.Written)
		require.EqualValues(t, 1, x.Totals.PutFailures)
		require.Equal(t, fmt.Sprintf(line, "refused", id), d.read("bad", x.ID))
	}
}

// parquetFile has a column of texts, written as the kind.
func parquetFile(t *testing.T, kind batch.Kind, names []string, cells ...string) []byte {
	t.Helper()
	cols := make([]format.Column, len(names))
	built := make([]batch.Column, len(names))
	for i, name := range names {
		cols[i] = format.Column{Name: name, Out: kind}
		b := batch.NewTextBuilder(batch.DefaultPool, len(cells))
		for row, c := range cells {
			b.Append(row, []byte(c))
		}
		built[i] = b.Build(name, batch.Text)
		if kind.Type == batch.Int64 {
			built[i] = numbers(t, name, cells)
		}
	}
	e, err := parquet.NewEncoder(cols, parquet.Options{})
	require.NoError(t, err)
	block, err := e.Encode([]*batch.Batch{batch.New(built, len(cells), batch.Origin{})})
	require.NoError(t, err)
	var file bytes.Buffer
	f := e.NewFile()
	require.NoError(t, f.Append(&file, block))
	require.NoError(t, f.Finish(&file))
	return file.Bytes()
}

func numbers(t *testing.T, name string, cells []string) batch.Column {
	t.Helper()
	values := make([]int64, len(cells))
	for i, c := range cells {
		require.NoError(t, json.Unmarshal([]byte(c), &values[i]))
	}
	return int64s(name, values)
}

func TestDrift_Parquet(t *testing.T) {
	t.Parallel()
	long, text := batch.Kind{Type: batch.Int64}, batch.Kind{Type: batch.String}
	old := map[string][]byte{"in/0": parquetFile(t, long, []string{"n"}, "1")}
	retyped := map[string][]byte{"in/0": parquetFile(t, text, []string{"n"}, "2", "two")}
	wider := map[string][]byte{"in/0": parquetFile(t, long, []string{"n"}, "3"), "in/1": parquetFile(t, long, []string{"m", "n"}, "4")}
	without := map[string][]byte{"in/0": parquetFile(t, long, []string{"m"}, "2")}
	for _, c := range []struct {
		policy  flow.Drift
		objects map[string][]byte
		want    string
		says    string
	}{
		{flow.DriftAppFlow, retyped, "n\n2\ntwo\n", ""},
		{flow.DriftEvolve, retyped, "n\n2\ntwo\n", ""},
		{flow.DriftFail, retyped, "", `field "n" was long and is string`},
		{flow.DriftQuarantineValue, retyped, "n\n2\n\"\"\n", ""},
		{flow.DriftQuarantineRow, retyped, "n\n2\n", ""},
		{flow.DriftAppFlow, wider, "n\n3\n4\n", ""},
		{flow.DriftEvolve, wider, "n,m\n3,\n4,4\n", ""},
		{flow.DriftFreeze, wider, "n\n3\n4\n", ""},
		{flow.DriftQuarantineValue, without, "n\n\"\"\n", ""},
		{flow.DriftFail, wider, "", `field "m" is new in "in/1"`},
	} {
		d := newDrifting(t, "CSV", policy(c.policy))
		d.buckets["src"].Put("in/0", old["in/0"])
		x, out := d.runObjects(old)
		require.Equal(t, "n\n1\n", out, x.Message)
		x, out = d.runObjects(c.objects)
		require.Contains(t, x.Message, c.says, c.policy)
		require.Equal(t, c.want, out, "%s: %s", c.policy, x.Message)
	}
}

func TestDrift_JSON(t *testing.T) {
	t.Parallel()
	was, is := `{"id":1,"n":1}`+"\n", `{"id":2,"n":"two","new":true}`+"\n"
	for policyName, want := range map[flow.Drift]string{
		flow.DriftAppFlow:         "id,n\n2,two\n",
		flow.DriftEvolve:          "id,n,new\n2,two,true\n",
		flow.DriftFreeze:          "id,n\n2,two\n",
		flow.DriftQuarantineValue: "id,n\n2,\n",
		flow.DriftQuarantineRow:   "",
		flow.DriftFail:            "",
	} {
		d := newDrifting(t, "JSON", policy(policyName))
		_, out := d.run(was)
		require.Equal(t, "id,n\n1,1\n", out)
		x, out := d.run(is)
		require.Equal(t, want, out, "%s: %s", policyName, x.Message)
		if policyName == flow.DriftFail {
			require.Contains(t, x.Message, `field "n" was long and is string; field "new" is new`)
		}
	}
}
