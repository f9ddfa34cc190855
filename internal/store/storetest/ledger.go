package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
)

var ledgerTests = map[string]func(*testing.T, store.Store){
	"PlanAndSplitsReturnWhatWasPut": func(t *testing.T, s store.Store) {
		prepared(t, s, "x", 12)
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			plan, err := tx.PlanGet(ctx, "x")
			require.NoError(t, err)
			require.JSONEq(t, `{"plan":"of x"}`, string(plan))
			list, err := tx.SplitList(ctx, "x")
			require.NoError(t, err)
			require.Len(t, list, 12)
			for i, split := range list {
				require.Equal(t, &store.Split{
					ExecutionID: "x", Index: i, Data: testSplits(12)[i].Data, State: store.SplitPending,
				}, split)
			}
			_, err = tx.PlanGet(ctx, "none")
			requireCode(t, fault.NotFound, err)
			_, err = tx.SplitGet(ctx, "x", 12)
			requireCode(t, fault.NotFound, err)
			return nil
		})
	},
	"TheSamePlanAgainChangesNothing": func(t *testing.T, s store.Store) {
		fence := prepared(t, s, "x", 2)
		done := &store.Split{ExecutionID: "x", Index: 0, State: store.SplitDone}
		plan := json.RawMessage(` { "plan" : "of x" } `)
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.SplitSave(ctx, fence, done, nil, nil) })
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			return tx.PlanPut(ctx, fence, "x", plan, testSplits(2))
		})
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			split, err := tx.SplitGet(ctx, "x", 0)
			require.Equal(t, store.SplitDone, split.State)
			return err
		})
		for _, splits := range []int{1, 3} {
			requireCode(t, fault.Conflict, writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
				return tx.PlanPut(ctx, fence, "x", plan, testSplits(splits))
			}))
		}
		requireCode(t, fault.Conflict, writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
			return tx.PlanPut(ctx, fence, "x", json.RawMessage(`{"plan":"another"}`), testSplits(2))
		}))
	},
	"PlanOfNoExecutionIsNotFound": func(t *testing.T, s store.Store) {
		fence := prepared(t, s, "x", 1)
		requireCode(t, fault.NotFound, writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
			return tx.PlanPut(ctx, fence, "none", json.RawMessage(`{}`), nil)
		}))
	},
	"DocumentsMustBeJSON": func(t *testing.T, s store.Store) {
		fence := prepared(t, s, "x", 1)
		requireCode(t, fault.Validation, writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
			return tx.PlanPut(ctx, fence, "x", json.RawMessage(`{`), nil)
		}))
		requireCode(t, fault.Validation, writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
			split := &store.Split{ExecutionID: "x", State: store.SplitPending, Checkpoint: json.RawMessage(`{`)}
			return tx.SplitSave(ctx, fence, split, nil, nil)
		}))
	},
	"ACheckpointIsOneStroke": func(t *testing.T, s store.Store) {
		fence := prepared(t, s, "x", 2)
		split := &store.Split{
			ExecutionID: "x", Index: 1, State: store.SplitPending, Checkpoint: json.RawMessage(`{"cursor":"<9>"}`),
			Totals: FullExecution().Totals, Attempts: 2, Message: "odd bytes \x00\xff",
		}
		receipts := []*store.Receipt{receipt("x", 1, 2, "b"), receipt("x", 1, 1, "a")}
		rejects := testRejects(1, 2)
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			return tx.SplitSave(ctx, fence, split, receipts, rejects)
		})
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			got, err := tx.SplitGet(ctx, "x", 1)
			require.NoError(t, err)
			want := *split
			want.Data, want.Message = testSplits(2)[1].Data, "odd bytes \x00\uFFFD"
			require.Equal(t, &want, got)
			gotReceipts, err := tx.ReceiptList(ctx, "x")
			require.NoError(t, err)
			require.Equal(t, []*store.Receipt{receipt("x", 1, 1, "a"), receipt("x", 1, 2, "b")}, gotReceipts)
			gotRejects, err := tx.RejectList(ctx, "x", 10)
			require.Equal(t, rejects, gotRejects)
			return err
		})
	},
	"AReceiptOfTheSameSequenceIsReplaced": func(t *testing.T, s store.Store) {
		fence := prepared(t, s, "x", 3)
		for _, data := range []string{"first", "again"} {
			write(t, s, func(ctx context.Context, tx store.Tx) error {
				split := &store.Split{ExecutionID: "x", Index: 2, State: store.SplitPending}
				return tx.SplitSave(ctx, fence, split, []*store.Receipt{receipt("x", 2, 7, data)}, nil)
			})
		}
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			got, err := tx.ReceiptList(ctx, "x")
			require.Equal(t, []*store.Receipt{receipt("x", 2, 7, "again")}, got)
			return err
		})
	},
	"AFailedCheckpointLeavesNothing": func(t *testing.T, s store.Store) {
		fence := prepared(t, s, "x", 1)
		err := writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
			split := &store.Split{ExecutionID: "x", State: store.SplitDone}
			require.NoError(t, tx.SplitSave(ctx, fence, split, []*store.Receipt{receipt("x", 0, 1, "a")}, testRejects(0, 1)))
			return tx.SplitSave(ctx, fence, &store.Split{ExecutionID: "x", Index: 9}, nil, nil)
		})
		requireCode(t, fault.NotFound, err)
		requireUntouched(t, s, "x")
	},
	"RejectsBeyondTheCapAreCountedOnly": func(t *testing.T, s store.Store) {
		fence := prepared(t, s, "x", 2)
		save := func(split, n int) {
			write(t, s, func(ctx context.Context, tx store.Tx) error {
				progress := &store.Split{ExecutionID: "x", Index: split, State: store.SplitPending}
				return tx.SplitSave(ctx, fence, progress, nil, testRejects(split, n))
			})
		}
		const part = store.MaxRejectSamples - 300
		save(1, part)
		save(0, 500) // 300 of them fit
		save(0, 700)
		save(1, 5)
		save(0, 0)
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			n, err := tx.RejectCount(ctx, "x")
			require.NoError(t, err)
			require.EqualValues(t, part+500+700+5, n)
			all, err := tx.RejectList(ctx, "x", 10*store.MaxRejectSamples)
			require.NoError(t, err)
			require.Equal(t, append(testRejects(0, 300), testRejects(1, part)...), all)
			some, err := tx.RejectList(ctx, "x", 3)
			require.Len(t, some, 3)
			return err
		})
	},
}

func receipt(executionID string, split int, sequence int64, data string) *store.Receipt {
	return &store.Receipt{
		ExecutionID: executionID, Split: split, Sequence: sequence, Data: json.RawMessage(fmt.Sprintf(`{"key":%q}`, data)),
	}
}

// requireUntouched checks that an execution's first split is as its plan left it.
func requireUntouched(t *testing.T, s store.Store, executionID string) {
	t.Helper()
	read(t, s, func(ctx context.Context, tx store.ReadTx) error {
		split, err := tx.SplitGet(ctx, executionID, 0)
		require.NoError(t, err)
		require.Equal(t, &store.Split{
			ExecutionID: executionID, Data: testSplits(1)[0].Data, State: store.SplitPending,
		}, split)
		receipts, err := tx.ReceiptList(ctx, executionID)
		require.NoError(t, err)
		require.Empty(t, receipts)
		rejects, err := tx.RejectList(ctx, executionID, 10)
		require.NoError(t, err)
		require.Empty(t, rejects)
		n, err := tx.RejectCount(ctx, executionID)
		require.Zero(t, n)
		return err
	})
}
