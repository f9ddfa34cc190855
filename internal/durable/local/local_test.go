package local_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/durable/durabletest"
	"weir.dev/weir/internal/durable/local"
	"weir.dev/weir/internal/store"
	"weir.dev/weir/internal/store/sqlite"
)

func TestMain(m *testing.M) {
	if durabletest.IsChild() {
		os.Exit(durabletest.Child(factory, openFile))
	}
	os.Exit(m.Run())
}

func factory(steps *durable.Steps, alone bool) durabletest.Engine {
	return local.New(steps, local.Options{Splits: 2, Alone: alone})
}

func TestConformance(t *testing.T) {
	t.Parallel()
	durabletest.Run(t, factory, durabletest.Plain())
}

func TestConformance_RealDataPath(t *testing.T) {
	t.Parallel()
	durabletest.Run(t, factory, durabletest.Real())
}

func TestConformance_SQLite(t *testing.T) {
	t.Parallel()
	durabletest.RunOn(t, factory, durabletest.Plain()[:2], openSQLite, 4)
}

func openSQLite(t testing.TB) store.Store {
	s, err := openFile(t.Context(), filepath.Join(t.TempDir(), "weir.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func openFile(ctx context.Context, path string) (store.Store, error) {
	return sqlite.Open(ctx, path, sqlite.Options{})
}

func TestConformance_KilledProcesses(t *testing.T) {
	t.Parallel()
	durabletest.Processes(t, openFile)
}
