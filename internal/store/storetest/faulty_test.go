package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
	"weir.dev/weir/internal/store/sqlite"
	"weir.dev/weir/internal/store/storetest"
)

func open(t testing.TB) store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "weir.db"), sqlite.Options{Readers: 2})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// A wrapper that changes nothing must change nothing.
func TestFaulty_WithoutFaultsIsTheStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t testing.TB) store.Store {
		return storetest.Faulty(open(t), func(string) error { return nil })
	})
}

func createAndRead(ctx context.Context, s store.Store) error {
	err := s.Write(ctx, func(tx store.Tx) error {
		if err := tx.FlowPut(ctx, storetest.FullFlow()); err != nil {
			return err
		}
		return tx.SettingPut(ctx, "id", "one")
	})
	if err != nil {
		return err
	}
	return s.Read(ctx, func(tx store.ReadTx) error {
		_, err := tx.FlowGet(ctx, "orders")
		return err
	})
}

func TestCrasher_FailsAtEachStepAndEverAfter(t *testing.T) {
	t.Parallel()
	count := &storetest.Crasher{}
	require.NoError(t, createAndRead(t.Context(), storetest.Faulty(open(t), count.Step)))
	require.Equal(t, []string{
		"Write:begin", "FlowPut", "FlowPut:after", "SettingPut", "SettingPut:after", "Write:commit:before", "Write:commit:after",
		"Read:begin", "FlowGet", "FlowGet:after", "Read:end",
	}, count.Steps())
	for at := range count.Steps() {
		t.Run(fmt.Sprint(at+1, count.Steps()[at]), func(t *testing.T) {
			t.Parallel()
			s := open(t)
			crasher := &storetest.Crasher{At: at + 1}
			faulty := storetest.Faulty(s, crasher.Step)
			require.ErrorIs(t, createAndRead(t.Context(), faulty), storetest.ErrCrashed)
			require.Equal(t, count.Steps()[:at+1], crasher.Steps())
			require.ErrorIs(t, faulty.Ping(t.Context()), storetest.ErrCrashed)
			err := s.Read(t.Context(), func(tx store.ReadTx) error { _, err := tx.FlowGet(t.Context(), "orders"); return err })
			if at+1 < 7 { // up to Write:commit:before
				require.True(t, fault.Is(err, fault.NotFound), "%v", err)
			} else {
				require.NoError(t, err)
			}
		})
	}
}

func TestFaulty_APanicInTheHookRollsBack(t *testing.T) {
	t.Parallel()
	s := open(t)
	faulty := storetest.Faulty(s, func(step string) error {
		if step == "Write:commit:before" {
			panic(errors.New("gone"))
		}
		return nil
	})
	require.Panics(t, func() { _ = createAndRead(t.Context(), faulty) })
	require.Error(t, s.Read(t.Context(), func(tx store.ReadTx) error {
		_, err := tx.FlowGet(t.Context(), "orders")
		return err
	}))
	require.NoError(t, createAndRead(t.Context(), s))
}
