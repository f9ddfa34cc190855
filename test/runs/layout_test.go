package runs_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
)

// combination is one way to configure the output of an S3 destination. Empty members are left out of the request.
type combination struct {
	prefixType, prefixFormat string
	hierarchy                []string
	aggregation              string
	targetSize               int
	fileType                 string
	keepTypes                bool
	keys                     []string
}

func (c combination) output() map[string]any {
	prefix, aggregation := map[string]any{}, map[string]any{}
	set := func(m map[string]any, key, value string) {
		if value != "" {
			m[key] = value
		}
	}
	set(prefix, "prefixType", c.prefixType)
	set(prefix, "prefixFormat", c.prefixFormat)
	if c.hierarchy != nil {
		prefix["pathPrefixHierarchy"] = c.hierarchy
	}
	set(aggregation, "aggregationType", c.aggregation)
	if c.targetSize > 0 {
		aggregation["targetFileSize"] = c.targetSize
	}
	out := map[string]any{"prefixConfig": prefix, "aggregationConfig": aggregation, "preserveSourceDataTyping": c.keepTypes}
	set(out, "fileType", c.fileType)
	return out
}

func (c combination) tasks() []map[string]any {
	list := []map[string]any{
		task("Filter", "PROJECTION", []string{"id", "country", "industry"}, ""),
		task("Map", "NO_OP", []string{"id"}, "id", "SOURCE_DATA_TYPE", "string", "DESTINATION_DATA_TYPE", "long"),
		task("Map", "NO_OP", []string{"country"}, "Country"),
		task("Map", "NO_OP", []string{"industry"}, "industry"),
	}
	if len(c.keys) > 0 {
		keys, _ := json.Marshal(c.keys)
		list = append(list, task("Partition", "NO_OP", []string{}, "", "ORDERED_PARTITION_KEYS_LIST", string(keys)))
	}
	return list
}

// The source: two files, three rows that lack a country or an industry.
var layoutFiles = []struct {
	key  string
	rows [][3]string
}{
	{"in/a.csv", [][3]string{{"1", "NO", "Energy"}, {"2", "SE", "Energy"}, {"3", "NO", "a/b=c"}, {"4", "", "Energy"}}},
	{"in/b.csv", [][3]string{{"5", "NO", "Energy"}, {"6", "SE", ""}}},
}

// expectation is what behaviour of the layout means for one combination, said apart from the code: folder → rows, how
// many files it has, and what their names look like.
type expectation struct {
	rows  map[string][][3]string
	files map[string]int
	names *regexp.Regexp
}

func (c combination) expected(schemaVersion int64) expectation {
	e := expectation{rows: map[string][][3]string{}, files: map[string]int{}}
	root := "out/orders/"
	if slices.Contains(c.hierarchy, "SCHEMA_VERSION") {
		root += fmt.Sprintf("schemaVersion_%d/", schemaVersion)
	}
	if strings.HasPrefix(c.prefixType, "PATH") {
		root += map[string]string{
			"": "2024/10/01/", "YEAR": "2024/", "MONTH": "2024/10/", "DAY": "2024/10/01/", "HOUR": "2024/10/01/13/", "MINUTE": "2024/10/01/13/45/",
		}[c.prefixFormat]
	}
	if slices.Contains(c.hierarchy, "EXECUTION_ID") {
		root += execution + "/"
	}
	perObject := c.aggregation != "SingleFile" && c.targetSize == 0
	for _, file := range layoutFiles {
		here := map[string]bool{}
		for _, row := range file.rows {
			folder := root
			for _, key := range c.keys {
				value := map[string]string{"Country": row[1], "industry": row[2]}[key]
				switch value {
				case "":
					value = "null"
				case "a/b=c":
					value = "a%2Fb%3Dc"
				}
				folder += key + "=" + value + "/"
			}
			e.rows[folder] = append(e.rows[folder], row)
			if !here[folder] && (perObject || e.files[folder] == 0) {
				e.files[folder]++
			}
			here[folder] = true
		}
	}
	name := regexp.QuoteMeta(execution)
	if perObject || c.targetSize > 0 {
		name += `-\d{5}-\d{6}`
	}
	if strings.HasSuffix(c.prefixType, "FILENAME") {
		name += `-2024-10-01T13:45:07`
	}
	if c.fileType == "PARQUET" {
		name += `\.parquet`
	}
	e.names = regexp.MustCompile("^" + name + "$")
	return e
}

// TestLayout_EveryCombination runs a small flow with each combination of the destination's settings.
func TestLayout_EveryCombination(t *testing.T) {
	t.Parallel()
	files := map[string][]byte{}
	for _, f := range layoutFiles {
		var b bytes.Buffer
		b.WriteString("id,country,industry\n")
		for _, row := range f.rows {
			b.WriteString(strings.Join(row[:], ",") + "\n")
		}
		files[f.key] = b.Bytes()
	}
	hierarchies := [][]string{nil, {}, {"SCHEMA_VERSION"}, {"EXECUTION_ID"}, {"SCHEMA_VERSION", "EXECUTION_ID"}, {"EXECUTION_ID", "SCHEMA_VERSION"}}
	if testing.Short() {
		hierarchies = hierarchies[4:5]
	}
	for _, prefixType := range []string{"", "FILENAME", "PATH", "PATH_AND_FILENAME"} {
		for _, fileType := range []string{"", "JSON", "CSV", "PARQUET"} {
			t.Run(prefixType+"/"+fileType, func(t *testing.T) {
				t.Parallel()
				for _, prefixFormat := range []string{"", "YEAR", "MONTH", "DAY", "HOUR", "MINUTE"} {
					for _, hierarchy := range hierarchies {
						for _, aggregation := range []string{"", "None", "SingleFile"} {
							for _, targetSize := range []int{0, 1} {
								for _, keepTypes := range []bool{false, true} {
									for _, keys := range [][]string{nil, {"Country"}, {"industry", "Country"}} {
										layoutCase(t, files, combination{prefixType, prefixFormat, hierarchy, aggregation, targetSize, fileType, keepTypes, keys})
									}
								}
							}
						}
					}
				}
			})
		}
	}
}

func layoutCase(t *testing.T, files map[string][]byte, c combination) {
	t.Helper()
	const schemaVersion = 7
	body := request{Output: c.output(), Tasks: c.tasks()}.json(t)
	got := shared().run(t, body, files, func(x *flow.Execution) { x.SchemaVersion = schemaVersion })
	require.NoError(t, got.err, "%+v", c)
	require.Empty(t, got.staged, "%+v", c)
	want := c.expected(schemaVersion)
	rows, count := map[string][][3]string{}, map[string]int{}
	keys := make([]string, 0, len(got.objects))
	for key := range got.objects {
		keys = append(keys, key)
	}
	sort.Strings(keys) // numbers in names are in the order of rows
	for _, key := range keys {
		at := strings.LastIndexByte(key, '/') + 1
		require.Regexp(t, want.names, key[at:], "%+v", c)
		count[key[:at]]++
		rows[key[:at]] = append(rows[key[:at]], readBack(t, c, got.objects[key])...)
	}
	require.Equal(t, want.files, count, "%+v", c)
	require.Equal(t, want.rows, rows, "%+v", c)
	require.Len(t, got.result.Outputs, len(keys))
}

// readBack reads a file with readers that are not Weir's.
func readBack(t *testing.T, c combination, data []byte) (rows [][3]string) {
	t.Helper()
	switch c.fileType {
	case "CSV":
		all, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
		require.NoError(t, err)
		require.Equal(t, []string{"id", "Country", "industry"}, all[0])
		for _, row := range all[1:] {
			rows = append(rows, [3]string(row))
		}
	case "PARQUET":
		f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
		require.NoError(t, err)
		var names []string
		for _, col := range f.Root().Columns() {
			names = append(names, col.Name())
			kept := c.keepTypes && col.Name() == "id"
			require.Equal(t, kept, col.Type().Kind() == parquet.Int64, "%s %+v", col.Name(), c)
			require.Equal(t, !kept, col.Type().Kind() == parquet.ByteArray, "%s %+v", col.Name(), c)
		}
		require.Equal(t, []string{"id", "Country", "industry"}, names)
		r := parquet.NewReader(f)
		defer r.Close()
		buf := make([]parquet.Row, 16)
		for {
			n, err := r.ReadRows(buf)
			for _, row := range buf[:n] {
				var cells [3]string
				for i, v := range row {
					if !v.IsNull() {
						cells[i] = v.String()
					}
				}
				rows = append(rows, cells)
			}
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
		}
	default:
		for _, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
			var row struct{ ID, Country, Industry *string }
			require.NoError(t, json.Unmarshal([]byte(line), &row), line)
			var cells [3]string
			for i, v := range []*string{row.ID, row.Country, row.Industry} {
				if v != nil {
					cells[i] = *v
				}
			}
			rows = append(rows, cells)
		}
	}
	return rows
}
