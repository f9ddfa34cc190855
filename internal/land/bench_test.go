package land

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/flow"
)

// BenchmarkLander gathers, encodes as CSV and stages in memory, whole and by partition.
func BenchmarkLander(b *testing.B) {
	for _, keys := range []int{0, 10, 1000} {
		b.Run(fmt.Sprintf("partitions=%d", keys), func(b *testing.B) {
			tb := table{batches: 16, rows: 4096, keys: keys, text: 60}
			batches := tb.make(&batch.Pool{})
			var by []string
			if keys > 0 {
				by = []string{"key"}
			}
			plan := tablePlan(flow.FileOutput{Type: flow.FileCSV, SingleFile: true}, by...)
			var written int64
			b.ReportAllocs()
			for b.Loop() {
				for _, in := range batches {
					in.Retain()
				}
				ld := newLanding(b, plan, 256<<20, nil)
				require.NoError(b, ld.add(batches))
				require.NoError(b, ld.Finish())
				ld.Close(false)
				ld.share.Leave()
				written = 0
				for _, r := range ld.list() {
					written += r.Bytes
				}
			}
			b.SetBytes(written)
			b.ReportMetric(float64(tb.batches*tb.rows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}
