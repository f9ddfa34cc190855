package storetest

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

var raceTests = map[string]func(*testing.T, store.Store){
	// Two requests that both find nothing: exactly one may create.
	"OnlyOneOfManyCreates": func(t *testing.T, s store.Store) {
		const callers = 6
		var wait sync.WaitGroup
		errs := make([]error, callers)
		for i := range callers {
			wait.Go(func() {
				errs[i] = writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
					if _, err := tx.FlowGet(ctx, "orders"); !fault.Is(err, fault.NotFound) {
						return fault.New(fault.Conflict, "there already (%v)", err)
					}
					f := testFlow("orders", 1)
					f.CreatedBy = fmt.Sprint("caller-", i)
					return tx.FlowPut(ctx, f)
				})
			})
		}
		wait.Wait()
		requireOneWinner(t, errs)
	},
	// StartFlow: no second run while one is unfinished, although nothing both touch exists before.
	"OnlyOneOfManyStarts": func(t *testing.T, s store.Store) {
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.FlowPut(ctx, testFlow("orders", 1)) })
		const callers = 6
		var wait sync.WaitGroup
		errs := make([]error, callers)
		for i := range callers {
			wait.Go(func() {
				errs[i] = writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
					running, err := tx.ExecutionUnfinishedOf(ctx, "orders")
					if err != nil {
						return err
					}
					if len(running) > 0 {
						return fault.New(fault.Conflict, "running already")
					}
					return tx.ExecutionPut(ctx, testExecution("orders", fmt.Sprint("x", i), instant))
				})
			})
		}
		wait.Wait()
		requireOneWinner(t, errs)
	},
	"NoUpdateIsLost": func(t *testing.T, s store.Store) {
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.SettingPut(ctx, "n", "0") })
		const callers, times = 4, 10
		var wait sync.WaitGroup
		errs := make([]error, callers)
		for i := range callers {
			wait.Go(func() {
				for range times {
					err := writeErr(t, s, func(ctx context.Context, tx store.Tx) error { return increment(ctx, tx, "n") })
					if err != nil {
						errs[i] = err
						return
					}
				}
			})
		}
		wait.Wait()
		for _, err := range errs {
			require.NoError(t, err)
		}
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			got, err := tx.SettingGet(ctx, "n")
			require.Equal(t, strconv.Itoa(callers*times), got)
			return err
		})
	},
	// Two owners take a lease from each other while each writes checkpoints as fast as it can. Under every token the
	// checkpoints must be one unbroken series: nothing of an older owner may land after a newer one has begun.
	"CheckpointsOfTwoOwnersNeverMix": func(t *testing.T, s store.Store) {
		prepared(t, s, "x", 1)
		const rounds = 30
		var clock struct {
			sync.Mutex
			now time.Time
		}
		clock.now = instant.Add(time.Hour)
		jump := func() time.Time { // far enough for the other's lease to be over
			clock.Lock()
			defer clock.Unlock()
			clock.now = clock.now.Add(time.Hour)
			return clock.now
		}
		var wait sync.WaitGroup
		errs := make([]error, 2)
		for i := range 2 {
			wait.Go(func() {
				for range rounds {
					fence, err := acquire(t, s, "execution/x", fmt.Sprint("owner-", i), jump())
					if fault.Is(err, fault.Conflict) {
						continue
					}
					if err == nil {
						err = checkpointUntilFenced(t, s, fence)
					}
					if err != nil {
						errs[i] = err
						return
					}
				}
			})
		}
		wait.Wait()
		require.NoError(t, errs[0])
		require.NoError(t, errs[1])
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			receipts, err := tx.ReceiptList(ctx, "x")
			require.NotEmpty(t, receipts)
			split, splitErr := tx.SplitGet(ctx, "x", 0)
			require.NoError(t, splitErr)
			require.Equal(t, len(receipts), split.Attempts, "each checkpoint built on the one before")
			return err
		})
	},
	"AuditNumbersAreUnique": func(t *testing.T, s store.Store) {
		const callers, times = 4, 10
		var wait sync.WaitGroup
		errs := make([]error, callers)
		for i := range callers {
			wait.Go(func() {
				for n := range times {
					err := writeErr(t, s, func(ctx context.Context, tx store.Tx) error { return tx.AuditAppend(ctx, testEvent(n)) })
					if err != nil {
						errs[i] = err
						return
					}
				}
			})
		}
		wait.Wait()
		require.Equal(t, make([]error, callers), errs)
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			list, err := tx.AuditList(ctx, 0, 1000)
			require.Len(t, list, callers*times)
			for i := 1; i < len(list); i++ {
				require.Greater(t, list[i].ID, list[i-1].ID)
			}
			return err
		})
	},
	// What one reader sees of a flow never goes back, and agrees with the rest of its snapshot.
	"ReadersSeeCommitsWholeAndInOrder": func(t *testing.T, s store.Store) {
		const versions = 60
		put := func(version int64) error {
			return writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
				if err := tx.SettingPut(ctx, "version", strconv.FormatInt(version, 10)); err != nil {
					return err
				}
				return tx.FlowPut(ctx, &flow.Flow{Name: "orders", Version: version})
			})
		}
		require.NoError(t, put(1))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var wait sync.WaitGroup
		errs := make([]error, 3)
		for i := range errs {
			wait.Go(func() { errs[i] = watchVersions(ctx, s, i%2 == 0) })
		}
		for version := int64(2); version <= versions; version++ {
			require.NoError(t, put(version))
			read(t, s, func(ctx context.Context, tx store.ReadTx) error {
				f, err := tx.FlowGet(ctx, "orders")
				require.Equal(t, version, f.Version, "what is committed is read")
				return err
			})
		}
		cancel()
		wait.Wait()
		require.Equal(t, make([]error, 3), errs)
	},
}

// watchVersions reads the flow and the setting that are written together until ctx ends.
func watchVersions(ctx context.Context, s store.Store, isFlowFirst bool) error {
	last := int64(0)
	for ctx.Err() == nil {
		var version, setting int64
		err := s.Read(context.WithoutCancel(ctx), func(tx store.ReadTx) (err error) {
			if isFlowFirst {
				if version, err = flowVersion(ctx, tx); err != nil {
					return err
				}
			}
			text, err := tx.SettingGet(context.WithoutCancel(ctx), "version")
			if err != nil {
				return err
			}
			if setting, err = strconv.ParseInt(text, 10, 64); err != nil || isFlowFirst {
				return err
			}
			version, err = flowVersion(ctx, tx)
			return err
		})
		switch {
		case err != nil:
			return err
		case version != setting:
			return fmt.Errorf("flow version %d was read with setting %d", version, setting)
		case version < last:
			return fmt.Errorf("version %d was read after %d", version, last)
		}
		last = version
	}
	return nil
}

func flowVersion(ctx context.Context, tx store.ReadTx) (int64, error) {
	f, err := tx.FlowGet(context.WithoutCancel(ctx), "orders")
	if err != nil {
		return 0, err
	}
	return f.Version, nil
}

func increment(ctx context.Context, tx store.Tx, name string) error {
	text, err := tx.SettingGet(ctx, name)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	return tx.SettingPut(ctx, name, strconv.Itoa(n+1))
}

// checkpointUntilFenced saves checkpoints that build on the one before, at most a few.
func checkpointUntilFenced(t testing.TB, s store.Store, fence store.Fence) error {
	for range 5 {
		err := writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
			split, err := tx.SplitGet(ctx, "x", 0)
			if err != nil {
				return err
			}
			split.Attempts++
			return tx.SplitSave(ctx, fence, split, []*store.Receipt{receipt("x", 0, int64(split.Attempts), "a")}, nil)
		})
		if fault.Is(err, fault.Fenced) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func requireOneWinner(t *testing.T, errs []error) {
	t.Helper()
	winners := 0
	for _, err := range errs {
		if err == nil {
			winners++
		} else {
			requireCode(t, fault.Conflict, err)
		}
	}
	require.Equal(t, 1, winners)
}
