package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

var executionTests = map[string]func(*testing.T, store.Store){
	"GetReturnsWhatWasPut": func(t *testing.T, s store.Store) {
		want := FullExecution()
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			require.NoError(t, tx.FlowPut(ctx, testFlow(want.FlowName, 1)))
			return tx.ExecutionPut(ctx, want)
		})
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			got, err := tx.ExecutionGet(ctx, want.ID)
			require.Equal(t, want, got)
			_, missing := tx.ExecutionGet(ctx, "none")
			requireCode(t, fault.NotFound, missing)
			return err
		})
	},
	"WithoutAFlowIsNotFound": func(t *testing.T, s store.Store) {
		requireCode(t, fault.NotFound, writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
			return tx.ExecutionPut(ctx, testExecution("none", "x", instant))
		}))
		requireCode(t, fault.NotFound, writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
			return tx.WatermarkPut(ctx, &flow.Watermark{FlowName: "none", To: instant, ExecutionID: "x"})
		}))
	},
	"ListIsNewestFirstAndPagesOverEqualTimes": func(t *testing.T, s store.Store) {
		const n = 23
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			require.NoError(t, tx.FlowPut(ctx, testFlow("orders", 1)))
			require.NoError(t, tx.FlowPut(ctx, testFlow("others", 1)))
			require.NoError(t, tx.ExecutionPut(ctx, testExecution("others", "other", instant)))
			for i := range n { // three a second
				x := testExecution("orders", fmt.Sprintf("x%02d", i), instant.Add(time.Duration(i/3)*time.Second))
				require.NoError(t, tx.ExecutionPut(ctx, x))
			}
			return nil
		})
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			next := n - 1
			var after *store.ExecutionPosition
			for {
				page, err := tx.ExecutionList(ctx, "orders", after, 4)
				require.NoError(t, err)
				for _, x := range page {
					require.Equal(t, fmt.Sprintf("x%02d", next), x.ID)
					next--
				}
				if len(page) < 4 {
					break
				}
				after = &store.ExecutionPosition{StartedAt: page[3].StartedAt, ID: page[3].ID}
			}
			require.Equal(t, -1, next)
			return nil
		})
	},
	"UnfinishedAreOldestFirstUntilDone": func(t *testing.T, s store.Store) {
		put := func(flowName, id string, after time.Duration, status flow.ExecutionStatus) {
			write(t, s, func(ctx context.Context, tx store.Tx) error {
				x := testExecution(flowName, id, instant.Add(after))
				x.Status = status
				return tx.ExecutionPut(ctx, x)
			})
		}
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			require.NoError(t, tx.FlowPut(ctx, testFlow("a", 1)))
			return tx.FlowPut(ctx, testFlow("b", 1))
		})
		put("a", "a3", 3*time.Second, flow.ExecutionInProgress)
		put("b", "b2", 2*time.Second, flow.ExecutionCancelStarted)
		put("a", "a1", 1*time.Second, flow.ExecutionInProgress)
		put("b", "b0", 0, flow.ExecutionSuccessful)
		requireUnfinished(t, s, []string{"a1", "b2", "a3"}, []string{"a1", "a3"})
		put("a", "a1", 1*time.Second, flow.ExecutionError)
		put("b", "b2", 2*time.Second, flow.ExecutionCanceled)
		requireUnfinished(t, s, []string{"a3"}, []string{"a3"})
	},
	"OldOnesArePrunedButTheNewestOfEachFlow": func(t *testing.T, s store.Store) {
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			for _, name := range []string{"busy", "idle"} {
				require.NoError(t, tx.FlowPut(ctx, testFlow(name, 1)))
			}
			for i := range 6 {
				x := testExecution("busy", fmt.Sprint("b", i), instant.Add(time.Duration(i)*time.Hour))
				if x.Status = flow.ExecutionSuccessful; i == 1 {
					x.Status = flow.ExecutionInProgress
				}
				require.NoError(t, tx.ExecutionPut(ctx, x))
			}
			for i := range 2 {
				x := testExecution("idle", fmt.Sprint("i", i), instant.Add(time.Duration(i)*time.Minute))
				x.Status = flow.ExecutionError
				require.NoError(t, tx.ExecutionPut(ctx, x))
			}
			return nil
		})
		prune := func(hours, limit, want int) {
			write(t, s, func(ctx context.Context, tx store.Tx) error {
				n, err := tx.ExecutionPrune(ctx, instant.Add(time.Duration(hours)*time.Hour), 2, limit)
				require.Equal(t, want, n)
				return err
			})
		}
		left := func(name string, want ...string) {
			read(t, s, func(ctx context.Context, tx store.ReadTx) error {
				list, err := tx.ExecutionList(ctx, name, nil, 10)
				var ids []string
				for _, x := range list {
					ids = append(ids, x.ID)
				}
				require.Equal(t, want, ids)
				return err
			})
		}
		prune(0, 10, 0) // none is older than the oldest
		prune(3, 1, 1)
		left("busy", "b5", "b4", "b3", "b2", "b1")
		prune(100, 10, 2)
		left("busy", "b5", "b4", "b1") // unfinished ones stay
		left("idle", "i1", "i0")
		prune(100, 10, 0)
	},
	"UnheldAreTheUnfinishedWithoutALease": func(t *testing.T, s store.Store) {
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.FlowPut(ctx, testFlow("a", 1)) })
		for i, status := range []flow.ExecutionStatus{
			flow.ExecutionInProgress, flow.ExecutionCancelStarted, flow.ExecutionInProgress, flow.ExecutionSuccessful,
		} {
			write(t, s, func(ctx context.Context, tx store.Tx) error {
				x := testExecution("a", fmt.Sprint("x", i), instant.Add(-time.Duration(i)*time.Second))
				x.Status = status
				return tx.ExecutionPut(ctx, x)
			})
		}
		unheld := func(now time.Time, limit int, want ...string) {
			read(t, s, func(ctx context.Context, tx store.ReadTx) error {
				got, err := tx.ExecutionUnheld(ctx, "execution/", now, limit)
				require.Equal(t, want, got)
				return err
			})
		}
		unheld(instant, 10, "x2", "x1", "x0")
		mustAcquire(t, s, "another/x0", "a", instant)
		fence := mustAcquire(t, s, "execution/x1", "a", instant)
		unheld(instant, 10, "x2", "x0")
		unheld(instant.Add(time.Minute-time.Microsecond), 1, "x2")
		unheld(instant.Add(time.Minute), 10, "x2", "x1", "x0")
		release(t, s, fence)
		unheld(instant, 2, "x2", "x1")
	},
	"WatermarkIsReplaced": func(t *testing.T, s store.Store) {
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.FlowPut(ctx, testFlow("orders", 1)) })
		for i := range 2 {
			w := &flow.Watermark{FlowName: "orders", To: instant.Add(time.Duration(i) * time.Hour), ExecutionID: fmt.Sprint(i)}
			write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.WatermarkPut(ctx, w) })
			read(t, s, func(ctx context.Context, tx store.ReadTx) error {
				got, err := tx.WatermarkGet(ctx, "orders")
				require.Equal(t, &flow.Watermark{FlowName: "orders", To: kept(w.To), ExecutionID: w.ExecutionID}, got)
				return err
			})
		}
	},
}

func requireUnfinished(t *testing.T, s store.Store, all, ofA []string) {
	t.Helper()
	ids := func(list []*flow.Execution) []string {
		var ids []string
		for _, x := range list {
			ids = append(ids, x.ID)
		}
		return ids
	}
	read(t, s, func(ctx context.Context, tx store.ReadTx) error {
		list, err := tx.ExecutionUnfinished(ctx)
		require.NoError(t, err)
		require.Equal(t, all, ids(list))
		list, err = tx.ExecutionUnfinishedOf(ctx, "a")
		require.Equal(t, ofA, ids(list))
		return err
	})
}
