package land

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/blob"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/plan"
)

const testExecution = "3d2b2f0a-0b6e-4c7e-9a54-0d9b4b3c2a11"

// testPlan is the flow of the examples: orders, started 2024-10-01T13:45:07.250Z, here told in another zone.
func testPlan(out flow.FileOutput, keys ...string) *plan.Plan {
	zone := time.FixedZone("far east", 11*3600)
	p := &plan.Plan{
		ExecutionID: testExecution, FlowName: "orders", SchemaVersion: 1,
		StartedAt: time.Date(2024, 10, 1, 13, 45, 7, 250e6, time.UTC).In(zone),
		Dest:      plan.Dest{Files: &out},
		Program:   plan.Program{PartitionBy: keys},
	}
	p.OneSplit = out.SingleFile && out.TargetFileSize == 0
	for _, k := range keys {
		p.Program.Outputs = append(p.Program.Outputs, plan.Output{Field: k, Name: k})
	}
	return p
}

func TestLayout_FoldersOfEveryPrefixConfig(t *testing.T) {
	t.Parallel()
	dates := map[flow.PrefixFormat]string{
		"": "2024/10/01/", flow.PrefixYear: "2024/", flow.PrefixMonth: "2024/10/", flow.PrefixDay: "2024/10/01/",
		flow.PrefixHour: "2024/10/01/13/", flow.PrefixMinute: "2024/10/01/13/45/",
	}
	for _, typ := range []flow.PrefixType{"", flow.PrefixFilename, flow.PrefixPath, flow.PrefixPathAndFilename} {
		for format, date := range dates {
			for _, schema := range []bool{false, true} {
				for _, execution := range []bool{false, true} {
					l, err := NewLayout(testPlan(flow.FileOutput{Prefix: "lake", PrefixType: typ, PrefixFormat: format, SchemaVersion: schema, ExecutionID: execution}))
					require.NoError(t, err)
					want := "lake/orders/"
					if schema {
						want += "schemaVersion_1/"
					}
					if typ == flow.PrefixPath || typ == flow.PrefixPathAndFilename {
						want += date
					}
					if execution {
						want += testExecution + "/"
					}
					require.Equal(t, want, l.Folder(), "%s %s %v %v", typ, format, schema, execution)
					stamped := strings.HasSuffix(l.Key(l.Folder(), 0, 0), "-2024-10-01T13:45:07")
					require.Equal(t, typ == flow.PrefixFilename || typ == flow.PrefixPathAndFilename, stamped)
				}
			}
		}
	}
}

func TestLayout_Keys(t *testing.T) {
	t.Parallel()
	value := func(s string) Value { return Value{Text: []byte(s)} }
	tests := []struct {
		name   string
		plan   *plan.Plan
		values []Value
		split  int
		n      int64
		want   string
	}{
		{"single file", testPlan(flow.FileOutput{SingleFile: true, Type: flow.FileCSV}), nil, 0, 0, "orders/" + testExecution},
		{"single Parquet file with a time", testPlan(flow.FileOutput{SingleFile: true, Type: flow.FileParquet, PrefixType: flow.PrefixFilename}), nil, 0, 0,
			"orders/" + testExecution + "-2024-10-01T13:45:07.parquet"},
		{"several", testPlan(flow.FileOutput{Type: flow.FileJSON}), nil, 12, 7, "orders/" + testExecution + "-00012-000007"},
		{"single file of a target size", testPlan(flow.FileOutput{SingleFile: true, TargetFileSize: 1 << 20}), nil, 0, 3, "orders/" + testExecution + "-00000-000003"},
		{"numbers beyond their padding", testPlan(flow.FileOutput{}), nil, 123456, 12345678, "orders/" + testExecution + "-123456-12345678"},
		{"prefix with slashes around it", testPlan(flow.FileOutput{Prefix: "/a/b//"}), nil, 0, 0, "a/b/orders/" + testExecution + "-00000-000000"},
		{"partitions behind dates", testPlan(flow.FileOutput{PrefixType: flow.PrefixPath, ExecutionID: true, SingleFile: true, SchemaVersion: true}, "Account Rating", "Industry"),
			[]Value{value("Warm"), value("Apparel")}, 0, 0, "orders/schemaVersion_1/2024/10/01/" + testExecution + "/Account Rating=Warm/Industry=Apparel/" + testExecution},
		{"null and empty", testPlan(flow.FileOutput{SingleFile: true}, "a", "b"), []Value{{Null: true}, value("")}, 0, 0, "orders/a=null/b=null/" + testExecution},
		{"hostile value", testPlan(flow.FileOutput{SingleFile: true}, "k"), []Value{value("../a=b%\"'\\\n\x00\x7f\xffå日")}, 0, 0,
			"orders/k=..%2Fa%3Db%25%22%27%5C%0A%00%7F%FFå日/" + testExecution},
		{"hostile key", testPlan(flow.FileOutput{SingleFile: true}, ".a/b=c"), []Value{value("x")}, 0, 0, "orders/%2Ea%2Fb%3Dc=x/" + testExecution},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l, err := NewLayout(tt.plan)
			require.NoError(t, err)
			key := l.Key(l.Folder(tt.values...), tt.split, tt.n)
			require.Equal(t, tt.want, key)
			require.True(t, strings.HasPrefix(key, l.Root()))
			require.NoError(t, blob.CheckStage(Owner(tt.plan, tt.split), key))
		})
	}
}

func TestLayout_DateKeyForcesExecutionFolder(t *testing.T) {
	t.Parallel()
	for _, typ := range []flow.Type{flow.TypeDate, flow.TypeDatetime} {
		bySource := testPlan(flow.FileOutput{}, "day")
		bySource.Program.Input = []plan.Column{{Name: "day", Type: typ}}
		byOutput := testPlan(flow.FileOutput{}, "day")
		byOutput.Program.Outputs[0].Type = typ
		for _, p := range []*plan.Plan{bySource, byOutput} {
			l, err := NewLayout(p)
			require.NoError(t, err)
			require.Equal(t, "orders/"+testExecution+"/day=2024-01-02/", l.Folder(Value{Text: []byte("2024-01-02")}))
		}
	}
}

func TestLayout_LongValuesAreCutAndStayApart(t *testing.T) {
	t.Parallel()
	keys := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
	p := testPlan(flow.FileOutput{Prefix: strings.Repeat("p", 200), Type: flow.FileParquet, PrefixType: flow.PrefixPathAndFilename, ExecutionID: true}, keys...)
	l, err := NewLayout(p)
	require.NoError(t, err)
	folder := func(last string) string {
		values := make([]Value, len(keys))
		for i := range values {
			values[i] = Value{Text: []byte(strings.Repeat("/日", 400) + last)}
		}
		return l.Folder(values...)
	}
	one, two := folder("1"), folder("2")
	require.NotEqual(t, one, two)
	require.NoError(t, blob.CheckKey(l.Key(one, 99999, 999999)))
	for _, name := range strings.Split(one, "/") {
		require.LessOrEqual(t, len(name), maxName)
	}

	short, err := NewLayout(testPlan(flow.FileOutput{}, "k"))
	require.NoError(t, err)
	exact := strings.Repeat("x", maxName-len("k=/"))
	require.Equal(t, "orders/k="+exact+"/", short.Folder(Value{Text: []byte(exact)}), "what fits is not cut")
	require.NotContains(t, short.Folder(Value{Text: []byte(exact + "x")}), exact)
}

func TestLayout_RefusesPrefixWithoutRoom(t *testing.T) {
	t.Parallel()
	_, err := NewLayout(testPlan(flow.FileOutput{Prefix: strings.Repeat("p", 980)}))
	require.True(t, fault.Is(err, fault.Validation), "%v", err)
	_, err = NewLayout(testPlan(flow.FileOutput{Prefix: strings.Repeat("p", 940)}, "key"))
	require.True(t, fault.Is(err, fault.Validation), "%v", err)
}
