package driver_test

import (
	"context"
	"errors"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store/driver"
)

func TestReadQueries_SplitsFilesByName(t *testing.T) {
	t.Parallel()
	queries, err := driver.ReadQueries(fstest.MapFS{
		"a.sql": {Data: []byte("-- About a.\n\n-- name: One\nSELECT 1;\n\n-- name: Two\n-- why\nSELECT\n  2;\n")},
		"b.sql": {Data: []byte("-- name: Three\nSELECT 3")},
	})
	require.NoError(t, err)
	require.Equal(t, driver.Queries{"One": "SELECT 1", "Two": "-- why\nSELECT\n  2", "Three": "SELECT 3"}, queries)
	_, err = driver.ReadQueries(fstest.MapFS{
		"a.sql": {Data: []byte("-- name: One\nSELECT 1;")}, "b.sql": {Data: []byte("-- name: One\nSELECT 2;")},
	})
	require.ErrorContains(t, err, "One is there twice")
}

var errRace = errors.New("lost")

func isRace(err error) bool { return errors.Is(err, errRace) }

func TestRepeat_UntilTheRaceIsWon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		require.NoError(t, driver.Repeat(t.Context(), isRace, func() error {
			if tries++; tries < 5 {
				return errRace
			}
			return nil
		}))
		require.Equal(t, 5, tries)
	})
}

func TestRepeat_GivesUpAsTransient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		err := driver.Repeat(t.Context(), isRace, func() error { return errRace })
		require.ErrorIs(t, err, errRace)
		retry, _ := fault.RetryOf(err)
		require.Equal(t, fault.Transient, retry)
		require.Less(t, time.Since(began), 11*time.Second)
	})
}

func TestRepeat_OtherErrorsAreFinal(t *testing.T) {
	t.Parallel()
	errOther, tries := errors.New("other"), 0
	require.Equal(t, errOther, driver.Repeat(t.Context(), isRace, func() error { tries++; return errOther }))
	require.Equal(t, 1, tries)
}

func TestRepeat_StopsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		err := driver.Repeat(ctx, isRace, func() error { cancel(); return errRace })
		require.Equal(t, fault.Canceled, fault.CodeOf(err))

		ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		err = driver.Repeat(ctx, isRace, func() error { return errRace })
		retry, _ := fault.RetryOf(err)
		require.Equal(t, fault.Transient, retry)
	})
}
