package runs_test

import (
	"bytes"
	"fmt"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/format/formattest"
)

// TestSize_FilesAreNearTheTarget looks at the sizes of published files: all but the last of each folder are within a tenth
// of targetFileSize, whatever their type.
func TestSize_FilesAreNearTheTarget(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("moves some hundred megabytes")
	}
	var table bytes.Buffer
	require.NoError(t, formattest.CRM{Seed: 3, Rows: 120_000}.WriteCSV(&table)) // 30 MB
	head, rest, _ := bytes.Cut(table.Bytes(), []byte("\n"))
	// A column of two values in front, for folders.
	var data bytes.Buffer
	fmt.Fprintf(&data, "half,%s\n", head)
	for i, line := range bytes.SplitAfter(rest, []byte("\n")) {
		if len(line) > 0 {
			fmt.Fprintf(&data, "%d,%s", i%2, line)
		}
	}
	for _, fileType := range []string{"CSV", "JSON", "PARQUET"} {
		for _, megabytes := range []int{1, 3} {
			for _, aggregation := range []string{"None", "SingleFile"} {
				for _, partitioned := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s/%d/%s/%v", fileType, megabytes, aggregation, partitioned), func(t *testing.T) {
						t.Parallel()
						tasks := []map[string]any{mapAll}
						if partitioned {
							tasks = append(tasks, task("Partition", "NO_OP", []string{}, "", "ORDERED_PARTITION_KEYS_LIST", `["half"]`))
						}
						body := request{Tasks: tasks, Output: map[string]any{
							"fileType": fileType, "aggregationConfig": map[string]any{"aggregationType": aggregation, "targetFileSize": megabytes},
						}}.json(t)
						got := shared().run(t, body, map[string][]byte{"in/a.csv": data.Bytes()}, nil)
						require.NoError(t, got.err)
						sizes := map[string][]int{}
						var keys []string
						for key := range got.objects {
							keys = append(keys, key)
						}
						sort.Strings(keys)
						for _, key := range keys {
							folder := key[:strings.LastIndexByte(key, '/')]
							sizes[folder] = append(sizes[folder], len(got.objects[key]))
						}
						require.Len(t, sizes, map[bool]int{false: 1, true: 2}[partitioned])
						for folder, list := range sizes {
							for _, size := range list[:len(list)-1] {
								require.InEpsilon(t, megabytes<<20, size, 0.1, "%s: %v", folder, list)
							}
							require.LessOrEqual(t, float64(list[len(list)-1]), 1.1*float64(megabytes<<20), "%s: %v", folder, list)
						}
						require.Greater(t, len(keys), 2)
					})
				}
			}
		}
	}
}
