package engine

import (
	"context"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/blob"
	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
	"weir.dev/weir/format/formattest"
	"weir.dev/weir/internal/plan"
)

// nowhere is a bucket that takes everything and keeps nothing.
type nowhere struct{ blob.Bucket }

type nowhereWriter struct {
	size   int64
	staged blob.Staged
}

func (nowhere) Stage(_ context.Context, owner, key string) (blob.Writer, error) {
	return &nowhereWriter{staged: blob.Staged{Owner: owner, Key: key}}, nil
}
func (w *nowhereWriter) Write(p []byte) (int, error) { w.size += int64(len(p)); return len(p), nil }
func (w *nowhereWriter) Finish(context.Context) (blob.Staged, error) {
	w.staged.Size = w.size
	return w.staged, nil
}
func (w *nowhereWriter) Abort(context.Context) error { return nil }

// forget is hooks that remember nothing.
type forget struct{}

func (forget) Progress(flow.Totals) {}
func (forget) Checkpoint(context.Context, Checkpoint, []connector.Receipt, []flow.Reject) error {
	return nil
}

func (forget) Failed(context.Context, LastErrors) error { return nil }

func benchmarkRun(b *testing.B, p *plan.Plan, opts Options) {
	const rows, times = 400_000, 2
	files := crmFiles(b, rows)
	for len(files) < times {
		files = append(files, files[0])
	}
	p.Source.Read.ChunkBytes = 0
	opts.Pool, opts.TempDir = &batch.Pool{}, b.TempDir()
	e := New(opts)
	target := connector.Target{Bucket: nowhere{}, Name: "nowhere", Output: *p.Dest.Files}
	b.SetBytes(int64(len(files[0].Data)) * int64(len(files)))
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		totals, err := e.Run(context.Background(), Transfer{Plan: p, Source: &filesSource{files: files, pool: opts.Pool}, Target: &target}, forget{})
		require.NoError(b, err)
		require.EqualValues(b, rows*len(files), totals.Written)
	}
	b.ReportMetric(float64(rows*len(files)*b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

func BenchmarkRun(b *testing.B) {
	for _, threads := range []int{1, 2} {
		for _, typ := range []flow.FileType{flow.FileCSV, flow.FileJSON, flow.FileParquet} {
			name := string(typ) + "/" + strconv.Itoa(threads)
			b.Run(name, func(b *testing.B) {
				benchmarkRun(b, crmPlan(flow.FileOutput{Type: typ, SingleFile: true}), Options{Threads: threads})
			})
			b.Run("partitioned/"+name, func(b *testing.B) {
				benchmarkRun(b, crmPlan(flow.FileOutput{Type: typ, SingleFile: true}, partitionKey), Options{Threads: threads})
			})
		}
	}
}

// TestRun_MemoryOfALargeFile moves as many MB of CSV as WEIR_LARGE_MB says and reports the process's peak. It is for
// people: the number depends on the machine.
func TestRun_MemoryOfALargeFile(t *testing.T) {
	mb, _ := strconv.Atoi(os.Getenv("WEIR_LARGE_MB"))
	if mb == 0 {
		t.Skip("WEIR_LARGE_MB is not set")
	}
	var keys []string
	if key := os.Getenv("WEIR_LARGE_KEY"); key != "" {
		keys = strings.Split(key, ",")
	}
	debug.SetMemoryLimit(DefaultMemory * 14 / 10)
	p := crmPlan(flow.FileOutput{Type: flow.FileType(os.Getenv("WEIR_LARGE_TYPE")), SingleFile: true}, keys...)
	p.Source.Read.ChunkBytes = 0
	files := crmFiles(t, 40_000) // 10 MB
	size := len(files[0].Data)
	all := []formattest.File{}
	for n := 0; n < mb<<20; n += size {
		all = append(all, files[0])
	}
	target := connector.Target{Bucket: nowhere{}, Name: "nowhere", Output: *p.Dest.Files}
	pool := &batch.Pool{}
	e := New(Options{Threads: 2, Pool: pool, TempDir: t.TempDir()})
	totals, err := e.Run(t.Context(), Transfer{Plan: p, Source: &filesSource{files: all, pool: pool}, Target: &target}, forget{})
	require.NoError(t, err)
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, "VmHWM") || strings.HasPrefix(line, "VmRSS") {
			t.Log(line, totals)
		}
	}
}
