package sqlite_test

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
	"weir.dev/weir/internal/store/sqlite"
	"weir.dev/weir/internal/store/storetest"
)

func openAt(t testing.TB, path string) store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.NoError(t, err)
	return s
}

func TestOpen_KeepsEverythingOverAReopen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "weir.db")
	first := openAt(t, path)
	storetest.Fill(t, first)
	var before, after bytes.Buffer
	require.NoError(t, first.Backup(t.Context(), &before))
	require.NoError(t, first.Close())
	second := openAt(t, path)
	require.NoError(t, second.Backup(t.Context(), &after))
	copied := open(t)
	require.NoError(t, copied.Restore(t.Context(), &before))
	storetest.RequireSame(t, copied, second)
	require.NoError(t, second.Close())
}

func TestOpen_FilesAreTheOwnersAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "weir.db")
	require.NoError(t, os.WriteFile(path, nil, 0o644)) // left by a careless hand
	require.NoError(t, os.Chmod(path, 0o644))
	s := openAt(t, path)
	storetest.Fill(t, s)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(entries), 4, "database, log, index, lock")
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		require.EqualValues(t, 0o600, info.Mode().Perm(), e.Name())
	}
	require.NoError(t, s.Close())
}

func TestOpen_PathsMayHoldAnything(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a b.db", "50%.db", "what?.db", "a#b.db", "é&_pragma=synchronous(OFF).db"} {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, openAt(t, path).Close())
		require.FileExists(t, path)
	}
}

func raw(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func TestOpen_RefusesANewerSchema(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "weir.db")
	require.NoError(t, openAt(t, path).Close())
	_, err := raw(t, path).Exec("INSERT INTO weir_migrations (version_id, is_applied) VALUES (99, 1)")
	require.NoError(t, err)
	_, err = sqlite.Open(t.Context(), path, sqlite.Options{})
	require.ErrorContains(t, err, "schema version 99, this program knows versions up to 7")
	require.True(t, fault.Is(err, fault.Conflict))
}

func TestOpen_RefusesAFileThatIsNoDatabase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "weir.db")
	text := []byte(strings.Repeat("not a database ", 100))
	require.NoError(t, os.WriteFile(path, text, 0o600))
	_, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.Error(t, err)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, text, after)
}

// What is durable depends on these; a typing error in the connection string would go unnoticed.
func TestOpen_IsDurable(t *testing.T) {
	t.Parallel()
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "fullfsync": "1", "busy_timeout": "5000",
	} {
		got, err := sqlite.PragmaOfWriter(t.Context(), open(t), pragma)
		require.NoError(t, err)
		require.Equal(t, want, got, pragma)
	}
}

// Every table with data in it must be in backups: a new one that was forgotten shows here.
func TestBackup_HasEveryTable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from.db"), filepath.Join(dir, "to.db")
	source, target := openAt(t, from), openAt(t, to)
	storetest.Fill(t, source)
	var archive bytes.Buffer
	require.NoError(t, source.Backup(t.Context(), &archive))
	require.NoError(t, target.Restore(t.Context(), &archive))
	require.NoError(t, source.Close())
	require.NoError(t, target.Close())
	before, after := raw(t, from), raw(t, to)
	rows, err := before.Query("SELECT name FROM sqlite_schema WHERE type = 'table'")
	require.NoError(t, err)
	defer rows.Close()
	checked := 0
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		if name == "leases" || name == "weir_migrations" || strings.HasPrefix(name, "sqlite_") {
			continue
		}
		var want, got int
		require.NoError(t, before.QueryRow("SELECT count(*) FROM "+name).Scan(&want))
		require.NoError(t, after.QueryRow("SELECT count(*) FROM "+name).Scan(&got))
		require.Positive(t, want, "storetest.Fill leaves %s empty", name)
		require.Equal(t, want, got, name)
		checked++
	}
	require.NoError(t, rows.Err())
	require.Equal(t, 22, checked)
}
