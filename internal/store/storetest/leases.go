package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
)

func acquire(t testing.TB, s store.Store, name, owner string, now time.Time) (fence store.Fence, err error) {
	t.Helper()
	err = writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
		var err error
		fence, err = tx.LeaseAcquire(ctx, name, owner, now, time.Minute)
		return err
	})
	return fence, err
}

func mustAcquire(t testing.TB, s store.Store, name, owner string, now time.Time) store.Fence {
	t.Helper()
	fence, err := acquire(t, s, name, owner, now)
	require.NoError(t, err)
	require.Equal(t, name, fence.Lease)
	return fence
}

func check(t testing.TB, s store.Store, fence store.Fence) error {
	t.Helper()
	return writeErr(t, s, func(ctx context.Context, tx store.Tx) error { return tx.FenceCheck(ctx, fence) })
}

func release(t testing.TB, s store.Store, fence store.Fence) {
	t.Helper()
	write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.LeaseRelease(ctx, fence) })
}

func renew(t testing.TB, s store.Store, fence store.Fence, now time.Time) error {
	t.Helper()
	return writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
		return tx.LeaseRenew(ctx, fence, now, time.Minute)
	})
}

var leaseTests = map[string]func(*testing.T, store.Store){
	"IsHeldUntilItExpires": func(t *testing.T, s store.Store) {
		first := mustAcquire(t, s, "l", "a", instant)
		_, err := acquire(t, s, "l", "b", instant.Add(time.Minute-time.Microsecond))
		requireCode(t, fault.Conflict, err)
		require.NoError(t, check(t, s, first))
		second := mustAcquire(t, s, "l", "b", instant.Add(time.Minute))
		require.Greater(t, second.Token, first.Token)
		requireCode(t, fault.Fenced, check(t, s, first))
		requireCode(t, fault.Fenced, renew(t, s, first, instant.Add(time.Minute)))
		require.NoError(t, check(t, s, second))
	},
	"ItsOwnerKeepsTheToken": func(t *testing.T, s store.Store) {
		first := mustAcquire(t, s, "l", "a", instant)
		again := mustAcquire(t, s, "l", "a", instant.Add(time.Second))
		late := mustAcquire(t, s, "l", "a", instant.Add(time.Hour)) // expired, and nobody took it
		require.Equal(t, first, again)
		require.Equal(t, first, late)
		_, err := acquire(t, s, "l", "b", instant.Add(time.Hour+time.Second))
		requireCode(t, fault.Conflict, err)
	},
	"RenewExtendsIt": func(t *testing.T, s store.Store) {
		fence := mustAcquire(t, s, "l", "a", instant)
		require.NoError(t, renew(t, s, fence, instant.Add(30*time.Second)))
		_, err := acquire(t, s, "l", "b", instant.Add(time.Minute+time.Second))
		requireCode(t, fault.Conflict, err)
		require.NoError(t, renew(t, s, fence, instant.Add(time.Hour)), "expired, but nobody took it")
		_, err = acquire(t, s, "l", "b", instant.Add(time.Hour+time.Second))
		requireCode(t, fault.Conflict, err)
	},
	"TokensRiseOverReleases": func(t *testing.T, s store.Store) {
		last := int64(0)
		for i := range 5 {
			fence := mustAcquire(t, s, "l", "a", instant.Add(time.Duration(i)*time.Hour))
			require.Greater(t, fence.Token, last)
			last = fence.Token
			release(t, s, fence)
			requireCode(t, fault.Fenced, check(t, s, fence))
			requireCode(t, fault.Fenced, renew(t, s, fence, instant))
		}
	},
	"ReleaseByAnOldOwnerIsANoOp": func(t *testing.T, s store.Store) {
		old := mustAcquire(t, s, "l", "a", instant)
		current := mustAcquire(t, s, "l", "b", instant.Add(time.Hour))
		release(t, s, old)
		require.NoError(t, check(t, s, current))
		release(t, s, store.Fence{Lease: "none", Token: 1})
	},
	"AnUnknownLeaseIsFenced": func(t *testing.T, s store.Store) {
		requireCode(t, fault.Fenced, check(t, s, store.Fence{Lease: "none", Token: 1}))
		requireCode(t, fault.Fenced, check(t, s, store.Fence{}))
	},
	"LeasesAreApart": func(t *testing.T, s store.Store) {
		a, b := mustAcquire(t, s, "l1", "a", instant), mustAcquire(t, s, "l2", "b", instant)
		require.NoError(t, check(t, s, a))
		require.NoError(t, check(t, s, b))
		requireCode(t, fault.Fenced, check(t, s, store.Fence{Lease: "l1", Token: b.Token}))
	},
	"AFenceWithinAnotherNeedsBoth": func(t *testing.T, s store.Store) {
		outer := mustAcquire(t, s, "execution", "a", instant)
		inner := mustAcquire(t, s, "execution/split", "a", instant)
		inner.Within = &outer
		require.NoError(t, check(t, s, inner))
		require.NoError(t, renew(t, s, inner, instant))

		later := instant.Add(time.Hour)
		second := mustAcquire(t, s, "execution/split", "b", later)
		second.Within = &outer
		requireCode(t, fault.Fenced, check(t, s, inner))
		require.NoError(t, check(t, s, second), "the larger lease is still the first owner's")
		require.NoError(t, check(t, s, outer))

		mustAcquire(t, s, "execution", "c", later)
		requireCode(t, fault.Fenced, check(t, s, second))
		release(t, s, second)
		requireCode(t, fault.Fenced, check(t, s, store.Fence{Lease: second.Lease, Token: second.Token}))
	},
	"AZombieChangesNothing": func(t *testing.T, s store.Store) {
		zombie := prepared(t, s, "x", 1)
		mustAcquire(t, s, zombie.Lease, "worker-2", instant.Add(time.Hour))
		err := writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
			split := &store.Split{ExecutionID: "x", State: store.SplitDone}
			return tx.SplitSave(ctx, zombie, split, []*store.Receipt{receipt("x", 0, 1, "a")}, testRejects(0, 1))
		})
		requireCode(t, fault.Fenced, err)
		requireUntouched(t, s, "x")

		write(t, s, func(ctx context.Context, tx store.Tx) error {
			return tx.ExecutionPut(ctx, testExecution("flow-of-x", "y", instant))
		})
		requireCode(t, fault.Fenced, writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
			return tx.PlanPut(ctx, zombie, "y", json.RawMessage(`{}`), testSplits(1))
		}))
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			_, err := tx.PlanGet(ctx, "y")
			requireCode(t, fault.NotFound, err)
			return nil
		})
	},
	"AZombieThatIgnoresItsFenceCommitsNothingByIt": func(t *testing.T, s store.Store) {
		zombie := prepared(t, s, "x", 1)
		mustAcquire(t, s, zombie.Lease, "worker-2", instant.Add(time.Hour))
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			split := &store.Split{ExecutionID: "x", State: store.SplitDone}
			requireCode(t, fault.Fenced, tx.SplitSave(ctx, zombie, split, nil, nil))
			return nil // and commits
		})
		requireUntouched(t, s, "x")
	},
	"OnlyOneOfManyGetsIt": func(t *testing.T, s store.Store) {
		const owners = 8
		var wait sync.WaitGroup
		fences, errs := make([]store.Fence, owners), make([]error, owners)
		for i := range owners {
			wait.Go(func() { fences[i], errs[i] = acquire(t, s, "l", fmt.Sprint("owner-", i), instant) })
		}
		wait.Wait()
		winners := 0
		for i := range owners {
			if errs[i] == nil {
				winners++
				require.NoError(t, check(t, s, fences[i]))
			} else {
				requireCode(t, fault.Conflict, errs[i])
			}
		}
		require.Equal(t, 1, winners)
	},
}
