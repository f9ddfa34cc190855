package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
	"weir.dev/weir/internal/store/sqlite"
	"weir.dev/weir/internal/store/storetest"
)

// childPath makes this test binary a child that opens the store there and writes until it is killed.
const childPath = "WEIR_TEST_CHILD_PATH"

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		fmt.Fprintln(os.Stderr, writeForever(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeForever acknowledges each commit with a line: the number it wrote into three tables.
func writeForever(path string) error {
	ctx := context.Background()
	s, err := sqlite.Open(ctx, path, sqlite.Options{Readers: 1})
	if err != nil {
		return err
	}
	fmt.Println("open")
	for n := 1; ; n++ {
		err := s.Write(ctx, func(tx store.Tx) error {
			f := storetest.FullFlow()
			f.Name, f.Version = fmt.Sprintf("flow-%06d", n), int64(n)
			if err := tx.FlowPut(ctx, f); err != nil {
				return err
			}
			if err := tx.AuditAppend(ctx, &store.AuditEvent{Operation: strconv.Itoa(n), At: f.CreatedAt}); err != nil {
				return err
			}
			return tx.SettingPut(ctx, "n", strconv.Itoa(n))
		})
		if err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// startChild returns the child and its lines once it has the store open.
func startChild(t *testing.T, path string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childPath+"="+path)
	stdout, err := child.StdoutPipe()
	require.NoError(t, err)
	child.Stderr = os.Stderr
	require.NoError(t, child.Start())
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "open\n", line)
	return child, lines
}

func TestCommit_EverythingAcknowledgedSurvivesKill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "weir.db")
	acknowledged := 0
	for round := range 5 {
		child, lines := startChild(t, path)
		last := 0
		for range 20 + 7*round {
			last = readNumber(t, lines)
		}
		require.NoError(t, child.Process.Kill()) // SIGKILL, most likely in the middle of the next write
		rest, _ := io.ReadAll(lines)             // what it said before it died
		for _, line := range strings.Fields(string(rest)) {
			last, _ = strconv.Atoi(line)
		}
		require.Error(t, child.Wait())
		acknowledged = max(acknowledged, last)
		requireIntact(t, path)
		requireWritten(t, path, acknowledged)
	}
}

func readNumber(t *testing.T, lines *bufio.Reader) int {
	t.Helper()
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	n, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	return n
}

func requireIntact(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	var verdict string
	require.NoError(t, db.QueryRow("PRAGMA integrity_check").Scan(&verdict))
	require.Equal(t, "ok", verdict)
	rows, err := db.Query("PRAGMA foreign_key_check")
	require.NoError(t, err)
	defer rows.Close()
	require.False(t, rows.Next())
	require.NoError(t, rows.Err())
}

// requireWritten reopens the store, which also shows that the killed process's lock is gone.
func requireWritten(t *testing.T, path string, acknowledged int) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	require.NoError(t, s.Read(t.Context(), func(tx store.ReadTx) error {
		for n := 1; n <= acknowledged; n++ {
			f, err := tx.FlowGet(t.Context(), fmt.Sprintf("flow-%06d", n))
			require.NoError(t, err, "flow %d was acknowledged", n)
			require.EqualValues(t, n, f.Version)
		}
		// The write that the kill cut off is whole or not there at all.
		last, err := tx.SettingGet(t.Context(), "n")
		require.NoError(t, err)
		events, err := tx.AuditList(t.Context(), 0, 1<<20)
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(events), acknowledged)
		require.Equal(t, last, events[len(events)-1].Operation)
		return nil
	}))
}

func TestOpen_ASecondProcessIsToldWhoHasIt(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "weir.db")
	child, _ := startChild(t, path)
	_, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.ErrorContains(t, err, fmt.Sprintf("process %d has it open", child.Process.Pid))
	require.True(t, fault.Is(err, fault.Conflict))
	require.NoError(t, child.Process.Kill())
	require.Error(t, child.Wait())
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.NoError(t, err, "the lock ends with its process")
	require.NoError(t, s.Close())
}

func TestOpen_ASecondStoreOfThisProcessIsRefusedUntilTheFirstIsClosed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "weir.db")
	first, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.NoError(t, err)
	_, err = sqlite.Open(t.Context(), path, sqlite.Options{})
	require.ErrorContains(t, err, fmt.Sprintf("process %d has it open", os.Getpid()))
	require.NoError(t, first.Close())
	second, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.NoError(t, err)
	require.NoError(t, second.Close())
}
