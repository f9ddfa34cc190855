package pgtest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestServer_KeepsItsDataOverAStop(t *testing.T) {
	t.Parallel()
	s := NewServer(t)
	execute(t, s.URL(), "CREATE TABLE kept AS SELECT 7 AS n")
	execute(t, s.URL(), "CHECKPOINT") // the cluster does not sync
	s.Stop()
	_, err := pgx.Connect(t.Context(), s.URL())
	require.Error(t, err)
	s.Start()
	c, err := pgx.Connect(t.Context(), s.URL())
	require.NoError(t, err)
	var n int
	require.NoError(t, c.QueryRow(t.Context(), "SELECT n FROM kept").Scan(&n))
	require.Equal(t, 7, n)
	require.NoError(t, c.Close(t.Context()))
}

func TestSupervisor_CleansUpWhenTheTestProcessIsGone(t *testing.T) {
	t.Parallel()
	requirePrograms(t)
	c, err := start(unsafe)
	require.NoError(t, err)
	require.NoError(t, c.running.leash.Close()) // as the system does at exit
	require.NoError(t, <-c.running.done)
	_, err = os.Stat(filepath.Join(c.folder, "data"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestStart_GivesEachTestItsOwnSchema(t *testing.T) {
	t.Parallel()
	a, b := Start(t), Start(t)
	execute(t, a, "CREATE TABLE one (n int)")
	c, err := pgx.Connect(context.Background(), b)
	require.NoError(t, err)
	var isThere bool
	require.NoError(t, c.QueryRow(t.Context(), "SELECT to_regclass('one') IS NOT NULL").Scan(&isThere))
	require.False(t, isThere)
	require.NoError(t, c.Close(t.Context()))
}
