package runs_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/internal/engine"
)

const manyPartitions = 10_000

// scattered is a CSV file of rows whose keys go round through all partitions, so that all are open at once.
func scattered(rows int) []byte {
	var b bytes.Buffer
	b.WriteString("id,key,note\n")
	for i := range rows {
		fmt.Fprintf(&b, "%d,k%04d,some text that makes the row about as long as rows of a real table are\n", i, i*7919%manyPartitions)
	}
	return b.Bytes()
}

func scatteredFlow(t testing.TB, fileType string, keys ...string) []byte {
	return request{
		Tasks:  []map[string]any{mapAll, task("Partition", "NO_OP", []string{}, "", "ORDERED_PARTITION_KEYS_LIST", `["`+strings.Join(keys, `","`)+`"]`)},
		Output: map[string]any{"fileType": fileType, "aggregationConfig": map[string]any{"aggregationType": "SingleFile"}},
	}.json(t)
}

func TestPartitions_TenThousandAtOnceWithinTheBudget(t *testing.T) {
	t.Parallel()
	data := scattered(5 * manyPartitions)
	const memory = 32 << 20
	for _, fileType := range []string{"CSV", "JSON", "PARQUET"} {
		r := newRig(t, engine.Options{Threads: 2, Memory: memory})
		peak := watch(r)
		got := r.run(t, scatteredFlow(t, fileType, "key"), map[string][]byte{"in/a.csv": data}, nil)
		most := peak()
		require.NoError(t, got.err)
		require.Len(t, got.objects, manyPartitions)
		require.EqualValues(t, 5*manyPartitions, got.result.Totals.Written)
		require.Less(t, most, int64(memory*5/4), fileType)
		text := got.objects["out/orders/key=k0042/"+execution+map[string]string{"PARQUET": ".parquet"}[fileType]]
		if fileType == "CSV" {
			require.Equal(t, 6, bytes.Count(text, []byte("\n")), "a header and five rows")
		}
		require.NotEmpty(t, text)
	}
}

func TestPartitions_TenKeys(t *testing.T) {
	t.Parallel()
	keys := strings.Split("abcdefghij", "")
	body := scatteredFlow(t, "JSON", keys...)
	got := shared().run(t, body, map[string][]byte{"in/a.csv": []byte("j,i,h,g,f,e,d,c,b,a\n1,2,3,4,5,6,7,8,9,10\n1,2,3,4,5,6,7,8,9,\n")}, nil)
	require.NoError(t, got.err)
	require.Len(t, got.objects, 2)
	require.Contains(t, got.objects, "out/orders/a=10/b=9/c=8/d=7/e=6/f=5/g=4/h=3/i=2/j=1/"+execution)
	require.Contains(t, got.objects, "out/orders/a=null/b=9/c=8/d=7/e=6/f=5/g=4/h=3/i=2/j=1/"+execution)
}

func BenchmarkRun_TenThousandPartitions(b *testing.B) {
	const rows = 200_000
	data := scattered(rows)
	for _, fileType := range []string{"JSON", "PARQUET"} {
		b.Run(fileType, func(b *testing.B) {
			r := newRig(b, engine.Options{Threads: 2, Memory: 256 << 20})
			body := scatteredFlow(b, fileType, "key")
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				got := r.run(b, body, map[string][]byte{"in/a.csv": data}, nil)
				require.NoError(b, got.err)
			}
			b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
