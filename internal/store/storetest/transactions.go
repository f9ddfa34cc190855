package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
)

var transactionTests = map[string]func(*testing.T, store.Store){
	"AFailedWriteLeavesNothing": func(t *testing.T, s store.Store) {
		errOwn := errors.New("changed my mind")
		err := writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
			require.NoError(t, tx.FlowPut(ctx, testFlow("orders", 1)))
			require.NoError(t, tx.SettingPut(ctx, "id", "one"))
			return errOwn
		})
		require.ErrorIs(t, err, errOwn)
		requireNoFlow(t, s, "orders")
	},
	"APanicLeavesNothingAndPasses": func(t *testing.T, s store.Store) {
		require.PanicsWithValue(t, "oh", func() {
			_ = writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
				require.NoError(t, tx.FlowPut(ctx, testFlow("orders", 1)))
				panic("oh")
			})
		})
		requireNoFlow(t, s, "orders")
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.FlowPut(ctx, testFlow("orders", 1)) })
	},
	"AWriteSeesItself": func(t *testing.T, s store.Store) {
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.FlowPut(ctx, testFlow("orders", 1)) })
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			before, err := tx.FlowGet(ctx, "orders")
			require.NoError(t, err)
			require.EqualValues(t, 1, before.Version)
			require.NoError(t, tx.FlowPut(ctx, testFlow("orders", 2)))
			after, err := tx.FlowGet(ctx, "orders")
			require.NoError(t, err)
			require.EqualValues(t, 2, after.Version)
			require.NoError(t, tx.FlowDelete(ctx, "orders"))
			_, err = tx.FlowGet(ctx, "orders")
			requireCode(t, fault.NotFound, err)
			return nil
		})
		requireNoFlow(t, s, "orders")
	},
	"AReadIsASnapshot": func(t *testing.T, s store.Store) {
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			require.NoError(t, tx.SettingPut(ctx, "version", "1"))
			return tx.FlowPut(ctx, testFlow("orders", 1))
		})
		for _, cached := range []bool{false, true} {
			if cached {
				read(t, s, func(ctx context.Context, tx store.ReadTx) error { _, err := tx.FlowGet(ctx, "orders"); return err })
			}
			read(t, s, func(ctx context.Context, tx store.ReadTx) error {
				_, err := tx.FlowCount(ctx) // the snapshot begins
				require.NoError(t, err)
				write(t, s, func(ctx context.Context, tx store.Tx) error {
					require.NoError(t, tx.SettingPut(ctx, "version", "2"))
					return tx.FlowPut(ctx, testFlow("orders", 2))
				})
				f, err := tx.FlowGet(ctx, "orders")
				require.NoError(t, err)
				require.EqualValues(t, 1, f.Version)
				version, err := tx.SettingGet(ctx, "version")
				require.Equal(t, "1", version)
				return err
			})
			read(t, s, func(ctx context.Context, tx store.ReadTx) error {
				f, err := tx.FlowGet(ctx, "orders")
				require.EqualValues(t, 2, f.Version, "what an old snapshot has read is served to no later one")
				return err
			})
			write(t, s, func(ctx context.Context, tx store.Tx) error {
				require.NoError(t, tx.SettingPut(ctx, "version", "1"))
				return tx.FlowPut(ctx, testFlow("orders", 1))
			})
		}
	},
	"AReadThatIsOvertakenAgreesWithItself": func(t *testing.T, s store.Store) {
		put := func(version int64, text string) {
			write(t, s, func(ctx context.Context, tx store.Tx) error {
				require.NoError(t, tx.SettingPut(ctx, "version", text))
				require.NoError(t, tx.FlowPut(ctx, testFlow("twin", version)))
				return tx.FlowPut(ctx, testFlow("orders", version))
			})
		}
		put(1, "1")
		for _, name := range []string{"orders", "twin"} { // fill the cache
			read(t, s, func(ctx context.Context, tx store.ReadTx) error { _, err := tx.FlowGet(ctx, name); return err })
		}
		overtaken := false
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			f, err := tx.FlowGet(ctx, "orders")
			require.NoError(t, err)
			if !overtaken {
				overtaken = true
				put(2, "2")
			}
			text, err := tx.SettingGet(ctx, "version")
			if err != nil {
				return err
			}
			twin, err := tx.FlowGet(ctx, "twin")
			if err != nil {
				return err
			}
			require.Equal(t, map[int64]string{1: "1", 2: "2"}[f.Version], text)
			require.Equal(t, f.Version, twin.Version)
			return nil
		})
	},
	"ACanceledContextStops": func(t *testing.T, s store.Store) {
		ctx, cancel := context.WithCancel(t.Context())
		err := s.Write(ctx, func(tx store.Tx) error {
			require.NoError(t, tx.FlowPut(ctx, testFlow("orders", 1)))
			cancel()
			_, err := tx.FlowGet(ctx, "orders")
			return err
		})
		requireCode(t, fault.Canceled, err)
		require.ErrorIs(t, err, context.Canceled)
		requireNoFlow(t, s, "orders")
		requireCode(t, fault.Canceled, s.Write(ctx, func(store.Tx) error { return nil }))
		require.NoError(t, s.Ping(t.Context()))
	},
	"AClosedStoreFails": func(t *testing.T, s store.Store) {
		require.NoError(t, s.Close())
		require.NoError(t, s.Close())
		require.Error(t, s.Ping(t.Context()))
		require.Error(t, s.Write(t.Context(), func(store.Tx) error { return nil }))
	},
}

func requireNoFlow(t *testing.T, s store.Store, name string) {
	t.Helper()
	read(t, s, func(ctx context.Context, tx store.ReadTx) error {
		_, err := tx.FlowGet(ctx, name)
		requireCode(t, fault.NotFound, err)
		return nil
	})
}
