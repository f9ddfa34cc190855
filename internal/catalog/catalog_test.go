package catalog

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/plan"
)

// double is a Glue Data Catalog with one database, lake.
type double struct {
	mu         sync.Mutex
	tables     map[string]*glueTable
	partitions map[string]map[string]gluePartition // by table, then values
	calls      []string
	trouble    func(operation string) (status int, code string) // 0: none
}

func (d *double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AWSGlue.")
	d.calls = append(d.calls, operation)
	var in struct {
		tableRequest
		batchRequest
		DatabaseName string
	}
	_ = json.NewDecoder(r.Body).Decode(&in)
	refuse := func(status int, code string) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "Message": "so it is"})
	}
	if d.trouble != nil {
		if status, code := d.trouble(operation); status != 0 {
			refuse(status, code)
			return
		}
	}
	if in.DatabaseName != "lake" || !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") {
		refuse(400, "EntityNotFoundException")
		return
	}
	var out any = struct{}{}
	switch operation {
	case "GetTable":
		if d.tables[in.Name] == nil {
			refuse(400, "com.amazonaws.glue#EntityNotFoundException")
			return
		}
		out = tableReply{d.tables[in.Name]}
	case "CreateTable", "UpdateTable":
		d.tables[in.TableInput.Name] = in.TableInput
	case "GetPartitions":
		list := []gluePartition{}
		for _, p := range d.partitions[in.TableName] {
			list = append(list, p)
		}
		out = listReply{Partitions: list}
	default:
		out = d.batch(operation, &in.batchRequest)
	}
	_ = json.NewEncoder(w).Encode(out)
}

func (d *double) batch(operation string, in *batchRequest) (out batchReply) {
	of := d.partitions[in.TableName]
	if of == nil {
		of = map[string]gluePartition{}
		d.partitions[in.TableName] = of
	}
	fail := func(values []string, code string) {
		e := glueError{PartitionValues: values}
		e.ErrorDetail.ErrorCode = code
		out.Errors = append(out.Errors, e)
	}
	for _, p := range in.PartitionInputList {
		if _, ok := of[join(p.Values)]; ok {
			fail(p.Values, "AlreadyExistsException")
			continue
		}
		of[join(p.Values)] = p
	}
	for _, e := range in.Entries {
		of[join(e.PartitionValueList)] = e.PartitionInput
	}
	for _, v := range in.PartitionsToDelete {
		delete(of, join(v.Values))
	}
	return out
}

// places are a table's partitions: values and location, sorted.
func (d *double) places(name string) (list []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.partitions[name] {
		list = append(list, strings.Join(p.Values, "/")+" "+p.StorageDescriptor.Location)
	}
	slices.Sort(list)
	return list
}

func newDouble(t *testing.T) (*double, *Glue) {
	d := &double{tables: map[string]*glueTable{}, partitions: map[string]map[string]gluePartition{}}
	s := httptest.NewServer(d)
	t.Cleanup(s.Close)
	return d, &Glue{Endpoint: s.URL, Load: func(context.Context) (aws.Config, error) {
		return aws.Config{Region: "eu-north-1", Credentials: credentials.NewStaticCredentialsProvider("x", "y", "")}, nil
	}}
}

var (
	lake    = flow.GlueConfig{DatabaseName: "lake", TablePrefix: "Ex-prefix"}
	created = time.Unix(1668036146, 0)
)

const run = "5e8f1a5c-7d1b-4b0e-9c53-1f2e3d4c5b6a"

func planOf(out flow.FileOutput, by ...string) *plan.Plan {
	out.Prefix = "data"
	return &plan.Plan{
		ExecutionID: run, FlowName: "Web-shop", SchemaVersion: 2, StartedAt: time.Date(2024, 10, 1, 13, 45, 0, 0, time.UTC),
		Source: plan.Source{Read: connector.ReadRequest{Schema: flow.Schema{Fields: []flow.Field{
			{Name: "id", Label: "Account ID", Description: "A unique identifier."}, {Name: "at"}, {Name: "o.x"}, {Name: "o.y"},
		}}}},
		Program: plan.Program{
			Outputs: []plan.Output{
				{Field: "id", Name: "Customer Id", Type: flow.TypeLong}, {Field: "at", Name: "year", Type: flow.TypeDatetime},
				{Field: "o.x", Name: "o.x", Path: []string{"o", "x"}, Type: flow.TypeDecimal, Dec: [2]int32{10, 2}}, {Field: "o.y", Name: "o.y", Path: []string{"o", "y"}},
			},
			PartitionBy: by,
		},
		Dest: plan.Dest{Properties: flow.Properties(`{"bucketName":"out"}`), Files: &out},
	}
}

// shape is a table in brief.
func shape(t *glueTable) (columns, keys []string) {
	for _, c := range t.StorageDescriptor.Columns {
		columns = append(columns, c.Name+" "+c.Type)
	}
	for _, c := range t.PartitionKeys {
		keys = append(keys, c.Name)
	}
	return columns, keys
}

func successful(t *testing.T, details []flow.CatalogDetail) (names []string) {
	for _, d := range details {
		require.Equal(t, flow.ExecutionSuccessful, d.Tables.Status, d.Tables.Message)
		require.Equal(t, "1", d.Tables.Result)
		if d.Partitions != nil {
			require.Equal(t, flow.ExecutionSuccessful, d.Partitions.Status, d.Partitions.Message)
		}
		names = append(names, d.Table)
	}
	return names
}

func TestRegister_TablesByFormat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		out     flow.FileOutput
		serde   string
		columns []string
	}{
		{flow.FileOutput{Type: flow.FileCSV}, csvSerde, []string{"customer_id string", "year string", "o_x string", "o_y string"}},
		{flow.FileOutput{Type: flow.FileJSON}, jsonSerde, []string{"customer_id string", "year string", "o string"}},
		{flow.FileOutput{Type: flow.FileParquet}, parquetSerde, []string{"customer id string", "year string", "o.x string", "o.y string"}},
		{flow.FileOutput{Type: flow.FileParquet, KeepTypes: true}, parquetSerde, []string{"customer id bigint", "year timestamp", "o.x decimal(10,2)", "o.y string"}},
	} {
		t.Run(string(c.out.Type), func(t *testing.T) {
			t.Parallel()
			d, g := newDouble(t)
			names := successful(t, g.Register(t.Context(), lake, created, planOf(c.out), []string{"data/Web-shop/x"}))
			require.Equal(t, []string{"ex-prefix_appflow_web_shop_1668036146_latest", "ex-prefix_appflow_web_shop_2"}, names)
			for _, name := range names {
				table := d.tables[name]
				columns, keys := shape(table)
				require.Equal(t, c.columns, columns)
				require.Empty(t, keys)
				require.Equal(t, c.serde, table.StorageDescriptor.SerdeInfo.SerializationLibrary)
				require.Equal(t, "s3://out/data/Web-shop/", table.StorageDescriptor.Location)
				require.Equal(t, map[string]string{"AppFlowLabel": "Account ID", "AppFlowDescription": "A unique identifier."}, table.StorageDescriptor.Columns[0].Parameters)
			}
		})
	}
}

func TestRegister_FoldersBecomePartitions(t *testing.T) {
	t.Parallel()
	d, g := newDouble(t)
	out := flow.FileOutput{Type: flow.FileJSON, PrefixType: flow.PrefixPath, PrefixFormat: flow.PrefixMonth, SchemaVersion: true, ExecutionID: true}
	folder := "data/Web-shop/schemaVersion_2/2024/10/" + run + "/"
	keys := []string{folder + "o=a%2Fb/1", folder + "o=a%2Fb/2", folder + "o=null/1", "elsewhere/o=x/1"}
	names := successful(t, g.Register(t.Context(), lake, created, planOf(out, "o"), keys))
	require.Equal(t, "ex-prefix_appflow_web_shop_2_"+run, names[2])

	_, levels := shape(d.tables[names[1]])
	require.Equal(t, []string{"partition_year", "month", "execution_id", "partition_o"}, levels)
	require.Equal(t, "s3://out/data/Web-shop/schemaVersion_2/", d.tables[names[1]].StorageDescriptor.Location)
	require.Equal(t, []string{
		"2024/10/" + run + "/a/b s3://out/" + folder + "o=a%2Fb/", "2024/10/" + run + "/null s3://out/" + folder + "o=null/",
	}, d.places(names[1]))
	for _, name := range []string{names[0], names[2]} {
		_, levels = shape(d.tables[name])
		require.Equal(t, []string{"partition_o"}, levels)
		require.Equal(t, []string{"a/b s3://out/" + folder + "o=a%2Fb/", "null s3://out/" + folder + "o=null/"}, d.places(name))
	}
}

func TestRegister_AgainChangesNothing(t *testing.T) {
	t.Parallel()
	d, g := newDouble(t)
	p := planOf(flow.FileOutput{Type: flow.FileCSV, PrefixType: flow.PrefixPath})
	keys := []string{"data/Web-shop/2024/10/01/x"}
	first := g.Register(t.Context(), lake, created, p, keys)
	successful(t, first)
	before := d.places(first[1].Table)
	require.Equal(t, []string{"2024/10/01 s3://out/data/Web-shop/2024/10/01/"}, before)
	d.calls = nil
	require.Equal(t, first, g.Register(t.Context(), lake, created, p, keys))
	require.Equal(t, []string{"GetTable", "GetTable", "BatchCreatePartition"}, d.calls)
	require.Equal(t, before, d.places(first[1].Table))
}

func TestRegister_LatestFollowsTheLastRun(t *testing.T) {
	t.Parallel()
	d, g := newDouble(t)
	p := planOf(flow.FileOutput{Type: flow.FileJSON, ExecutionID: true}, "o")
	at := func(id string, values ...string) (keys []string) {
		for _, v := range values {
			keys = append(keys, "data/Web-shop/"+id+"/o="+v+"/1")
		}
		return keys
	}
	names := successful(t, g.Register(t.Context(), lake, created, p, at(run, "a", "b")))
	d.tables[names[0]].Parameters["recordCount"] = "7" // somebody else's
	p.ExecutionID = "second"
	successful(t, g.Register(t.Context(), lake, created, p, at("second", "b", "c")))
	require.Equal(t, []string{"b s3://out/data/Web-shop/second/o=b/", "c s3://out/data/Web-shop/second/o=c/"}, d.places(names[0]))
	require.Equal(t, "s3://out/data/Web-shop/second/", d.tables[names[0]].StorageDescriptor.Location)
	require.Equal(t, "7", d.tables[names[0]].Parameters["recordCount"])
	require.Len(t, d.places(names[1]), 4)

	p.Program.PartitionBy = nil // the keys change: old values mean nothing any more
	p.ExecutionID = "third"
	successful(t, g.Register(t.Context(), lake, created, p, []string{"data/Web-shop/third/1"}))
	require.Empty(t, d.places(names[0]))
}

func TestRegister_SaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	p := planOf(flow.FileOutput{Type: flow.FileJSON})
	for what, prepare := range map[string]func(d *double, g *Glue, to *flow.GlueConfig){
		`the database "desert" does not exist`: func(_ *double, _ *Glue, to *flow.GlueConfig) { to.DatabaseName = "desert" },
		"AccessDeniedException: so it is":      func(d *double, _ *Glue, _ *flow.GlueConfig) { d.trouble = always(400, "AccessDeniedException") },
		"InternalServiceException: so it is":   func(d *double, _ *Glue, _ *flow.GlueConfig) { d.trouble = always(500, "InternalServiceException") },
		`belongs to the flow "web.shop"`: func(d *double, _ *Glue, _ *flow.GlueConfig) {
			for _, name := range []string{"_1668036146_latest", "_2"} {
				d.tables["ex-prefix_appflow_web_shop"+name] = &glueTable{Parameters: map[string]string{ownerKey: "web.shop"}}
			}
		},
		"could not be asked": func(_ *double, g *Glue, _ *flow.GlueConfig) { g.Endpoint = "http://127.0.0.1:1" },
		"no AWS credentials": func(_ *double, g *Glue, _ *flow.GlueConfig) {
			g.Load = func(context.Context) (aws.Config, error) { return aws.Config{Region: "x"}, nil }
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			d, g := newDouble(t)
			to := lake
			prepare(d, g, &to)
			details := g.Register(t.Context(), to, created, p, nil)
			require.Len(t, details, 2)
			for _, detail := range details {
				require.Equal(t, flow.ExecutionError, detail.Tables.Status)
				require.Equal(t, "0", detail.Tables.Result)
				require.Contains(t, detail.Tables.Message, what)
			}
		})
	}
}

func always(status int, code string) func(string) (int, string) {
	return func(string) (int, string) { return status, code }
}

func TestRegister_ConcurrentChangesAreTriedAgain(t *testing.T) {
	t.Parallel()
	d, g := newDouble(t)
	n := 0
	d.trouble = func(operation string) (int, string) {
		if n++; operation == "CreateTable" && n < 4 {
			return 400, "ConcurrentModificationException"
		}
		return 0, ""
	}
	successful(t, g.Register(t.Context(), lake, created, planOf(flow.FileOutput{Type: flow.FileJSON}), nil))
}

func TestTableName_IsShortEnoughAndStaysDifferent(t *testing.T) {
	t.Parallel()
	long := lake
	long.TablePrefix = strings.Repeat("p", 400)
	a, b := planOf(flow.FileOutput{}), planOf(flow.FileOutput{})
	b.FlowName = "other"
	require.LessOrEqual(t, len(tableName(long, a, "_1_"+run)), maxTableName)
	require.NotEqual(t, tableName(long, a, "_1_"+run), tableName(long, b, "_1_"+run))
	require.True(t, strings.HasSuffix(tableName(long, a, "_1_"+run), "_1_"+run))
}
