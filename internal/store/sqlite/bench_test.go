package sqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
	"weir.dev/weir/internal/store/sqlite"
	"weir.dev/weir/internal/store/storetest"
)

func openBench(b *testing.B, options sqlite.Options) store.Store {
	b.Helper()
	s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "weir.db"), options)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	return s
}

// benchFlow has twelve tasks, about 2.5 KB of JSON.
func benchFlow(i int) *flow.Flow {
	f := storetest.FullFlow()
	f.Name = fmt.Sprintf("flow-%04d", i)
	for len(f.Tasks) < 12 {
		f.Tasks = append(f.Tasks, f.Tasks[0])
	}
	return f
}

func BenchmarkFlowGet(b *testing.B) {
	for name, cacheBytes := range map[string]int{"Cached": 0, "Uncached": -1} {
		b.Run(name, func(b *testing.B) {
			const flows = 200
			s := openBench(b, sqlite.Options{CacheBytes: cacheBytes})
			require.NoError(b, s.Write(b.Context(), func(tx store.Tx) error {
				for i := range flows {
					require.NoError(b, tx.FlowPut(b.Context(), benchFlow(i)))
				}
				return nil
			}))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				err := s.Read(b.Context(), func(tx store.ReadTx) error {
					_, err := tx.FlowGet(b.Context(), fmt.Sprintf("flow-%04d", i%flows))
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "flows/s")
		})
	}
}

func BenchmarkFlowPut(b *testing.B) {
	s := openBench(b, sqlite.Options{})
	for i := 0; b.Loop(); i++ {
		f := benchFlow(i % 100)
		f.UpdatedAt = f.UpdatedAt.Add(time.Duration(i) * time.Second) // SQLite does not write what is there already
		require.NoError(b, s.Write(b.Context(), func(tx store.Tx) error { return tx.FlowPut(b.Context(), f) }))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

// A page at the end of a long history costs what one at its beginning does.
func BenchmarkExecutionList(b *testing.B) {
	const executions = 20_000
	s := openBench(b, sqlite.Options{})
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	position := func(i int) (string, time.Time) {
		return fmt.Sprintf("x%06d", i), began.Add(time.Duration(i) * time.Second)
	}
	require.NoError(b, s.Write(b.Context(), func(tx store.Tx) error {
		require.NoError(b, tx.FlowPut(b.Context(), benchFlow(0)))
		for i := range executions {
			x := storetest.FullExecution()
			x.FlowName = benchFlow(0).Name
			x.ID, x.StartedAt = position(i)
			require.NoError(b, tx.ExecutionPut(b.Context(), x))
		}
		return nil
	}))
	for name, at := range map[string]int{"Newest": executions, "Oldest": 20} {
		b.Run(name, func(b *testing.B) {
			id, startedAt := position(at)
			for b.Loop() {
				require.NoError(b, s.Read(b.Context(), func(tx store.ReadTx) error {
					after := &store.ExecutionPosition{StartedAt: startedAt, ID: id}
					page, err := tx.ExecutionList(b.Context(), benchFlow(0).Name, after, 20)
					require.Len(b, page, 20)
					return err
				}))
			}
		})
	}
}

func BenchmarkSplitSave(b *testing.B) {
	s := openBench(b, sqlite.Options{})
	var fence store.Fence
	require.NoError(b, s.Write(b.Context(), func(tx store.Tx) (err error) {
		require.NoError(b, tx.FlowPut(b.Context(), benchFlow(0)))
		x := storetest.FullExecution()
		x.ID, x.FlowName = "x", benchFlow(0).Name
		require.NoError(b, tx.ExecutionPut(b.Context(), x))
		fence, err = tx.LeaseAcquire(b.Context(), "l", "a", x.StartedAt, time.Hour)
		require.NoError(b, err)
		return tx.PlanPut(b.Context(), fence, "x", []byte(`{}`), []*store.Split{{Data: []byte(`{}`)}})
	}))
	for i := 0; b.Loop(); i++ {
		require.NoError(b, s.Write(b.Context(), func(tx store.Tx) error {
			split := &store.Split{ExecutionID: "x", State: store.SplitPending, Checkpoint: []byte(`{"offset":123456}`)}
			receipts := []*store.Receipt{{ExecutionID: "x", Sequence: int64(i), Data: []byte(`{"key":"out/part-0001.json"}`)}}
			return tx.SplitSave(b.Context(), fence, split, receipts, nil)
		}))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}
