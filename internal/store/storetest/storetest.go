// Package storetest is the suite that every store passes, and a wrapper that makes a store fail where a test wants it to.
package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// OpenFunc opens an empty store that is closed when its test ends.
type OpenFunc func(t testing.TB) store.Store

// Run runs the suite, each test on a store of its own.
func Run(t *testing.T, open OpenFunc) {
	groups := map[string]map[string]func(*testing.T, store.Store){
		"Flows": flowTests, "Executions": executionTests, "Ledger": ledgerTests, "Leases": leaseTests,
		"Profiles": profileTests, "Registrations": registrationTests, "Access": accessTests, "Timetables": timetableTests, "Events": eventTests,
		"Budgets": budgetTests, "Transactions": transactionTests, "Races": raceTests, "Backup": backupTests(open),
	}
	for group, tests := range groups {
		t.Run(group, func(t *testing.T) {
			t.Parallel()
			for name, test := range tests {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(t, open(t))
				})
			}
		})
	}
}

// instant is a time with more precision than the store keeps, in a zone it does not keep.
var instant = time.Date(2026, 11, 22, 10, 30, 0, 123456789, time.FixedZone("CET", 3600))

func kept(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func write(t testing.TB, s store.Store, fn func(ctx context.Context, tx store.Tx) error) {
	t.Helper()
	require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error { return fn(t.Context(), tx) }))
}

func writeErr(t testing.TB, s store.Store, fn func(ctx context.Context, tx store.Tx) error) error {
	t.Helper()
	return s.Write(t.Context(), func(tx store.Tx) error { return fn(t.Context(), tx) })
}

func read(t testing.TB, s store.Store, fn func(ctx context.Context, tx store.ReadTx) error) {
	t.Helper()
	require.NoError(t, s.Read(t.Context(), func(tx store.ReadTx) error { return fn(t.Context(), tx) }))
}

func requireCode(t testing.TB, want fault.Code, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, want, fault.CodeOf(err), "%v", err)
}

func testFlow(name string, version int64) *flow.Flow {
	f := FullFlow()
	f.Name, f.Version = name, version
	return f
}

func testExecution(flowName, id string, startedAt time.Time) *flow.Execution {
	x := FullExecution()
	x.ID, x.FlowName, x.StartedAt, x.Status = id, flowName, startedAt, flow.ExecutionInProgress
	return x
}

// prepared puts a flow with one execution, a lease on it, and a plan of so many splits.
func prepared(t testing.TB, s store.Store, executionID string, splits int) store.Fence {
	t.Helper()
	var fence store.Fence
	write(t, s, func(ctx context.Context, tx store.Tx) error {
		if err := tx.FlowPut(ctx, testFlow("flow-of-"+executionID, 1)); err != nil {
			return err
		}
		if err := tx.ExecutionPut(ctx, testExecution("flow-of-"+executionID, executionID, instant)); err != nil {
			return err
		}
		var err error
		if fence, err = tx.LeaseAcquire(ctx, "execution/"+executionID, "worker-1", instant, time.Minute); err != nil {
			return err
		}
		return tx.PlanPut(ctx, fence, executionID, json.RawMessage(`{"plan":"of `+executionID+`"}`), testSplits(splits))
	})
	return fence
}

func testSplits(n int) []*store.Split {
	splits := make([]*store.Split, n)
	for i := range splits {
		splits[i] = &store.Split{
			Index: i, Data: json.RawMessage(fmt.Sprintf(`{"key":"part-%d.csv"}`, i)), State: store.SplitPending,
		}
	}
	return splits
}

func testRejects(split, n int) []flow.Reject {
	rejects := make([]flow.Reject, n)
	for i := range rejects {
		rejects[i] = flow.Reject{
			Split: split, Object: "part.csv", Record: int64(i + 1), Task: "Validate VALIDATE_NON_NULL rating",
			Reason: "null", Action: "dropped",
		}
	}
	return rejects
}
