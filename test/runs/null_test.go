package runs_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
)

// nulls are the forms of null, as files of two records: the field n is null in the first and 5 in the second.
var nulls = map[string]struct{ format, data string }{
	"an empty cell":        {"CSV", "id,n,m\n1,,3\n2,5,3\n"},
	"an empty quoted cell": {"CSV", "id,n,m\n1,\"\",3\n2,5,3\n"},
	"JSON's null":          {"JSON", "{\"id\":\"1\",\"n\":null,\"m\":\"3\"}\n{\"id\":\"2\",\"n\":\"5\",\"m\":\"3\"}\n"},
	"no member":            {"JSON", "{\"id\":\"1\",\"m\":\"3\"}\n{\"id\":\"2\",\"n\":\"5\",\"m\":\"3\"}\n"},
}

// TestNull_EveryLineOfTheTable runs what docs/data-plane.md says about nulls.
func TestNull_EveryLineOfTheTable(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/data-plane.md")
	require.NoError(t, err)
	_, text, ok := strings.Cut(string(raw), "| task | operators | record or result |")
	require.True(t, ok, "the table of nulls")
	table, _, _ := strings.Cut(text, "\n\n")
	seen := map[flow.Operator]int{}
	kinds := map[flow.TaskType]bool{}
	for _, line := range strings.Split(table, "\n")[2:] {
		cells := strings.Split(line, "|")
		kind := flow.TaskType(strings.TrimSpace(cells[1]))
		kinds[kind] = true
		bold := regexp.MustCompile(`\*\*(.+)\*\*`).FindStringSubmatch(cells[3])
		require.NotNil(t, bold, line)
		for _, op := range regexp.MustCompile("`([A-Z_]+)`").FindAllStringSubmatch(cells[2], -1) {
			seen[flow.Operator(op[1])]++
			for form, input := range nulls {
				t.Run(string(kind)+"/"+op[1]+"/"+form, func(t *testing.T) {
					t.Parallel()
					nullCase(t, kind, flow.Operator(op[1]), bold[1], input.format, input.data)
				})
			}
		}
	}
	for _, op := range flow.OperatorsOf(flow.CustomConnector) {
		require.True(t, op == flow.OpProjection || seen[op] > 0, "the table says nothing about %s", op)
	}
	require.Len(t, kinds, 10, "task types")
}

func nullCase(t *testing.T, kind flow.TaskType, op flow.Operator, means, format, data string) {
	t.Helper()
	tasks := []flow.Task{{Type: flow.TaskMap, SourceFields: []string{"id"}, DestinationField: new("id")}, {Type: flow.TaskMap, SourceFields: []string{"n"}, DestinationField: new("n")}}
	about := flow.Task{Type: kind, SourceFields: []string{"n"}, Operators: map[string]flow.Operator{"S3": op}, Properties: map[string]string{
		"DATA_TYPE": "long", "VALUE": "1", "LOWER_BOUND": "1", "UPPER_BOUND": "9", "MASK_LENGTH": "1", "TRUNCATE_LENGTH": "3",
		"MATH_OPERATION_FIELDS_ORDER": "n,m", "CONCAT_FORMAT": "<${n}>", "ORDERED_PARTITION_KEYS_LIST": `["n"]`, "VALIDATION_ACTION": "DropRecord",
	}}
	result := map[flow.TaskType]string{flow.TaskMap: "5", flow.TaskTruncate: "5", flow.TaskMask: "*", flow.TaskMapAll: "5", flow.TaskPassthrough: "5"}[kind]
	switch kind {
	case flow.TaskFilter:
		switch op {
		case flow.OpContains:
			about.Properties["DATA_TYPE"], about.Properties["VALUE"] = "string", "5"
		case flow.OpEqualTo:
			about.Properties["VALUE"] = "5"
		case flow.OpLessThan, flow.OpLessThanOrEqualTo:
			about.Properties["VALUE"] = "9"
		}
		tasks = append(tasks, about)
	case flow.TaskMerge, flow.TaskArithmetic:
		if about.DestinationField = new("made"); kind == flow.TaskArithmetic {
			about.SourceFields = []string{"n", "m"}
		}
		tasks[1] = flow.Task{Type: flow.TaskMap, SourceFields: []string{"made"}, DestinationField: new("n")}
		tasks = append(tasks, about)
		result = map[flow.Operator]string{flow.OpNoOp: "<5>", flow.OpAddition: "8", flow.OpSubtraction: "2", flow.OpMultiplication: "15", flow.OpDivision: "1.6666666666666667"}[op]
	case flow.TaskMap:
	case flow.TaskMapAll, flow.TaskPassthrough:
		about.SourceFields = nil
		tasks = []flow.Task{about}
	default:
		tasks = append(tasks, about)
	}
	body := request{Format: format, Tasks: []map[string]any{mapAll}, Output: map[string]any{"aggregationConfig": map[string]any{"aggregationType": "SingleFile"}}}.json(t)
	got := shared().run(t, body, map[string][]byte{"in/a": []byte(data)}, func(x *flow.Execution) { x.Definition.Tasks = tasks })
	require.NoError(t, got.err)
	var rows, folders []string
	for key, text := range got.objects {
		rows = append(rows, strings.Fields(string(text))...)
		folders = append(folders, strings.TrimSuffix(strings.TrimPrefix(key, "out/orders/"), "/"+execution))
	}
	slices.Sort(rows)
	slices.Sort(folders)
	row := func(id, n string) string {
		if kind == flow.TaskMapAll || kind == flow.TaskPassthrough {
			if format == "JSON" && strings.Contains(data, `"1","m"`) { // the order in which members are first seen
				return `{"id":"` + id + `","m":"3","n":` + n + `}`
			}
			return `{"id":"` + id + `","n":` + n + `,"m":"3"}`
		}
		return `{"id":"` + id + `","n":` + n + `}`
	}
	quoted := `"` + result + `"`
	if kind == flow.TaskArithmetic && format == "JSON" {
		quoted = result
	}
	switch totals := got.result.Totals; means {
	case "left out":
		require.EqualValues(t, 1, totals.Filtered)
		require.Equal(t, []string{row("2", `"5"`)}, rows)
	case "dropped":
		require.EqualValues(t, 1, totals.Rejected)
		require.Equal(t, []string{row("2", `"5"`)}, rows)
	case "empty text":
		require.Equal(t, []string{row("1", `"<>"`), row("2", quoted)}, rows)
	case "null":
		require.Equal(t, []string{row("1", "null"), row("2", quoted)}, rows)
	case "folder null":
		require.Equal(t, []string{"n=5", "n=null"}, folders)
		require.Equal(t, []string{row("1", "null"), row("2", `"5"`)}, rows)
	default:
		require.Fail(t, "the table has a word that nobody knows", means)
	}
}
