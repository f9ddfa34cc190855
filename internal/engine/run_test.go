package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/blob/blobtest"
	"weir.dev/weir/blob/fileblob"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/land"
	"weir.dev/weir/internal/plan"
)

// outputs are the ways of making files that differ inside.
var outputs = map[string]func() *plan.Plan{
	"file per object CSV": func() *plan.Plan { return crmPlan(flow.FileOutput{Type: flow.FileCSV}) },
	"one CSV file":        func() *plan.Plan { return crmPlan(flow.FileOutput{Type: flow.FileCSV, SingleFile: true}) },
	"one JSON file":       func() *plan.Plan { return crmPlan(flow.FileOutput{Type: flow.FileJSON, SingleFile: true}) },
	"one Parquet file":    func() *plan.Plan { return crmPlan(flow.FileOutput{Type: flow.FileParquet, SingleFile: true}) },
	"target size JSON":    func() *plan.Plan { return crmPlan(flow.FileOutput{Type: flow.FileJSON, TargetFileSize: 100_000}) },
	"target size Parquet": func() *plan.Plan { return crmPlan(flow.FileOutput{Type: flow.FileParquet, TargetFileSize: 100_000}) },
	"partitioned CSV": func() *plan.Plan {
		return crmPlan(flow.FileOutput{Type: flow.FileCSV, SingleFile: true}, partitionKey)
	},
	"partitioned Parquet per object": func() *plan.Plan {
		return crmPlan(flow.FileOutput{Type: flow.FileParquet}, partitionKey)
	},
}

const partitionKey = "country"

func TestRun_BytesDependOnThePlanAlone(t *testing.T) {
	t.Parallel()
	files := crmFiles(t, 3000, 1, 2000)
	for name, p := range outputs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := newRig(t, p(), files, Options{Threads: 1, Memory: 1 << 30}).whole()
			require.EqualValues(t, 5001, want.totals.Read)
			require.EqualValues(t, 5001, want.totals.Written)
			for threads := 2; threads <= 8; threads += 3 {
				for _, memory := range []int64{1 << 30, 300_000} {
					r := newRig(t, p(), files, Options{Threads: threads, Memory: memory})
					r.source.decoding = func(page int) { // pages end in any order
						for range rand.IntN(5000) {
							runtime.Gosched()
						}
					}
					require.Equal(t, want, r.whole(), "%d threads, %d bytes", threads, memory)
				}
			}
		})
	}
}

func TestRun_GoesOnFromEveryCheckpoint(t *testing.T) {
	t.Parallel()
	files := crmFiles(t, 1500, 0, 800, 900)
	for name, p := range outputs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hasSeveral := strings.Contains(name, "target") || strings.Contains(name, "object")
			counted := newRig(t, p(), files, Options{Threads: 2})
			counted.whole()
			r := newRig(t, p(), files, Options{Threads: 2})
			if hasSeveral { // the source ends only after the first checkpoint, so that there is one before the last
				first := make(chan struct{})
				r.ledger.fail = func(n int) error {
					if n == 0 {
						close(first)
					}
					return nil
				}
				r.source.onPage = func(ctx context.Context, page int) error {
					if page < counted.source.pages-1 {
						return nil
					}
					select {
					case <-first:
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				}
			}
			want := r.whole()
			for n := range r.ledger.checkpoints {
				rest := newRig(t, p(), files, Options{Threads: 2})
				rest.ledger = r.ledger.at(n)
				totals, err := rest.run(t.Context())
				require.NoError(t, err)
				require.Equal(t, want.totals, totals)
				require.Equal(t, want.rejects, rest.ledger.rejects)
				var got []string
				for _, receipt := range rest.ledger.receipts {
					got = append(got, fmt.Sprint(receipt.Name, receipt.Rows, receipt.Hash))
				}
				var had []string
				for _, receipt := range want.receipts {
					had = append(had, fmt.Sprint(receipt.Name, receipt.Rows, receipt.Hash))
				}
				require.Equal(t, had, got, "from checkpoint %d", n)
			}
			if hasSeveral {
				require.Greater(t, len(r.ledger.checkpoints), 1, "there are checkpoints before the end")
			}
		})
	}
}

func TestRun_BucketFailsAtEveryCall(t *testing.T) {
	t.Parallel()
	files := crmFiles(t, 500, 400)
	for _, name := range []string{"file per object CSV", "target size JSON", "partitioned CSV"} {
		p := outputs[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := newRig(t, p(), files, Options{Threads: 2}).whole()
			for failing, more := int64(0), true; more; failing++ {
				for _, after := range []bool{false, true} {
					r := newRig(t, p(), files, Options{Threads: 2})
					failed := false
					r.target.Bucket = blobtest.Faulty(r.bucket, func(at blobtest.Point) error {
						if at.Call != failing || at.After != after || at.Op == blobtest.OpDiscard {
							return nil
						}
						failed = true
						return fault.Temporary(fault.ConnectorServer, nil, "the store hiccups at %s", at.Op)
					})
					require.Equal(t, want, r.commit(r.retry(t.Context())))
					more = failed || !after && more
				}
			}
		})
	}
}

func TestRun_SourceFailsAtEveryPage(t *testing.T) {
	t.Parallel()
	files := crmFiles(t, 700, 500, 600)
	p := outputs["file per object CSV"]
	want := newRig(t, p(), files, Options{Threads: 2}).whole()
	r := newRig(t, p(), files, Options{Threads: 2})
	budget := 1
	r.source.onPage = func(context.Context, int) error {
		if budget--; budget < 0 { // every attempt gets a little further than one file needs
			budget = 5
			return fault.Temporary(fault.ConnectorServer, nil, "the vendor hiccups")
		}
		return nil
	}
	require.Equal(t, want, r.commit(r.retry(t.Context())))
	require.Greater(t, r.source.closed, 2, "it took several attempts")
}

func TestRun_EmptySourceMakesNothing(t *testing.T) {
	t.Parallel()
	for name, p := range outputs {
		o := newRig(t, p(), crmFiles(t, 0), Options{}).whole()
		require.Empty(t, o.objects, name)
		require.Zero(t, o.totals.Read)
	}
}

func TestRun_CancelWhileTheSourceHangs(t *testing.T) {
	t.Parallel()
	files := crmFiles(t, 3000)
	for _, deaf := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, outputs["one Parquet file"](), files, Options{Threads: 2})
			release := make(chan struct{})
			r.source.onPage = func(ctx context.Context, page int) error {
				if page < 5 {
					return nil
				}
				if deaf {
					<-release
					return nil
				}
				<-ctx.Done()
				return ctx.Err()
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				_, err := r.engine.Run(ctx, Transfer{Plan: r.plan, Source: r.source, Target: &r.target}, r.ledger)
				ended <- err
			}()
			synctest.Wait() // everything stands still: the source hangs
			cancel()
			require.True(t, fault.Is(<-ended, fault.Canceled))
			require.Empty(t, r.bucket.Store().Staged())
			close(release)
			synctest.Wait()
			require.Equal(t, 1, r.source.closed)
			require.Zero(t, r.pool.InUse())
		}) // fails when a goroutine is left
	}
}

func TestRun_CancelAtAnyPage(t *testing.T) {
	t.Parallel()
	files := crmFiles(t, 1500)
	for _, name := range []string{"target size Parquet", "partitioned CSV"} {
		for at := range 8 {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, outputs[name](), files, Options{Threads: 3, Memory: 200_000})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				r.source.onPage = func(_ context.Context, page int) error {
					if page == at {
						cancel()
					}
					return nil
				}
				_, err := r.run(ctx)
				if err != nil { // it may have been done before it heard
					require.True(t, fault.Is(err, fault.Canceled), "%v", err)
				}
				var kept []string
				for _, receipt := range r.ledger.receipts {
					kept = append(kept, receipt.Name)
				}
				require.Subset(t, r.bucket.Store().Staged(), kept)
			})
		}
	}
}

func TestRun_FencedLeavesUploadsToTheNewOwner(t *testing.T) {
	t.Parallel()
	r := newRig(t, outputs["file per object CSV"](), crmFiles(t, 10, 3000), Options{Threads: 2})
	r.ledger.fail = func(int) error { return fault.New(fault.Fenced, "the lease has passed on") }
	r.source.onPage = func(ctx context.Context, page int) error {
		if page >= 4 {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}
	_, err := r.run(t.Context())
	require.True(t, fault.Is(err, fault.Fenced), "%v", err)
	require.NotEmpty(t, r.bucket.Store().Staged())
}

func TestRun_IntoAFolder(t *testing.T) {
	t.Parallel()
	want := newRig(t, outputs["partitioned CSV"](), crmFiles(t, 2000), Options{Threads: 2}).whole()
	dir := t.TempDir()
	r := newRig(t, outputs["partitioned CSV"](), crmFiles(t, 2000), Options{Threads: 2, Memory: 200_000})
	r.target.Bucket = fileblob.New("lake", dir, true)
	_, err := r.run(t.Context())
	require.NoError(t, err)
	require.NoError(t, land.Commit(t.Context(), r.target, r.plan, r.ledger.receipts))
	got := map[string]bool{}
	for o, err := range r.target.Bucket.List(t.Context(), "") {
		require.NoError(t, err)
		got[o.Key] = true
	}
	require.Len(t, got, len(want.objects))
	for _, receipt := range want.receipts {
		require.True(t, got[receipt.Name], receipt.Name)
	}
	for i, receipt := range r.ledger.receipts {
		require.Equal(t, want.receipts[i].Hash, receipt.Hash)
	}
}

func TestRun_HookErrorEndsTheRun(t *testing.T) {
	t.Parallel()
	stopped := fault.New(fault.Canceled, "stopped at a checkpoint")
	r := newRig(t, outputs["target size JSON"](), crmFiles(t, 4000), Options{Threads: 2})
	r.ledger.fail = func(n int) error {
		if n == 1 {
			return stopped
		}
		return nil
	}
	_, err := r.run(t.Context())
	require.ErrorIs(t, err, stopped)
	require.Len(t, r.ledger.checkpoints, 1)
}

func TestRun_PanicInAPageIsAnError(t *testing.T) {
	t.Parallel()
	r := newRig(t, outputs["one CSV file"](), crmFiles(t, 4000), Options{Threads: 2})
	r.source.decoding = func(page int) {
		if page == 3 {
			panic("secret cell")
		}
	}
	_, err := r.engine.Run(t.Context(), Transfer{Plan: r.plan, Source: r.source, Target: &r.target}, r.ledger)
	require.True(t, fault.Is(err, fault.Internal))
	require.NotContains(t, err.Error(), "secret")
	require.Empty(t, r.bucket.Store().Staged())
}
