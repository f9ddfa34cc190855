package postgres_test

import (
	"bytes"
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
	"weir.dev/weir/internal/store/postgres"
	"weir.dev/weir/internal/store/sqlite"
	"weir.dev/weir/internal/store/storetest"
	"weir.dev/weir/test/pgtest"
)

func open(t testing.TB) store.Store {
	return openURL(t, pgtest.Start(t), postgres.Options{MaxConns: 6})
}

func openURL(t testing.TB, url string, options postgres.Options) store.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), url, options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, open)
}

func execute(t testing.TB, url, statement string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	_, err = c.Exec(t.Context(), statement)
	require.NoError(t, err)
	require.NoError(t, c.Close(t.Context()))
}

func TestOpen_ManyServersStartAtOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.Start(t)
	const servers = 6
	stores, errs := make([]store.Store, servers), make([]error, servers)
	var wait sync.WaitGroup
	start := make(chan struct{})
	for i := range servers {
		wait.Go(func() {
			<-start
			stores[i], errs[i] = postgres.Open(t.Context(), url, postgres.Options{MaxConns: 1})
		})
	}
	close(start)
	wait.Wait()
	for i := range servers {
		require.NoError(t, errs[i])
		require.NoError(t, stores[i].Ping(t.Context()))
		require.NoError(t, stores[i].Close())
	}
}

func TestOpen_WaitsForAnotherServersMigration(t *testing.T) {
	t.Parallel()
	url := pgtest.Start(t)
	other, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	_, err = other.Exec(t.Context(), postgres.MigrationLock)
	require.NoError(t, err)
	opened := make(chan error, 1)
	go func() {
		s, err := postgres.Open(context.WithoutCancel(t.Context()), url, postgres.Options{})
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	for waiting := 0; waiting == 0; {
		select {
		case err := <-opened:
			t.Fatalf("it did not wait (%v)", err)
		default:
		}
		const query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
		require.NoError(t, other.QueryRow(t.Context(), query).Scan(&waiting))
	}
	var isMigrated bool
	require.NoError(t, other.QueryRow(t.Context(), "SELECT to_regclass('flows') IS NOT NULL").Scan(&isMigrated))
	require.False(t, isMigrated)
	require.NoError(t, other.Close(t.Context()))
	require.NoError(t, <-opened)
}

func TestOpen_RefusesANewerSchema(t *testing.T) {
	t.Parallel()
	url := pgtest.Start(t)
	openURL(t, url, postgres.Options{})
	execute(t, url, "INSERT INTO weir_migrations (version_id, is_applied) VALUES (99, true)")
	_, err := postgres.Open(t.Context(), url, postgres.Options{})
	require.ErrorContains(t, err, "schema version 99, this program knows versions up to 7")
	require.True(t, fault.Is(err, fault.Conflict))
}

func TestOpen_TellsNoPassword(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"postgres://weir:hunter2@%zz/db", "postgres://weir:hunter2@localhost:99999999/db", "host=/nowhere password=hunter2 user=weir",
		"postgres://weir:hunter2@127.0.0.1:1/db",
	} {
		_, err := postgres.Open(t.Context(), url, postgres.Options{})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

// An effect is under way when the lease is over and another owner asks for it. The owner gets the lease only after the
// effect has committed, so it sees the checkpoint; never before, which would let the effect land behind its back.
func TestFence_ATakeoverWaitsForTheEffectUnderWay(t *testing.T) {
	t.Parallel()
	s := open(t)
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	acquire := func(ctx context.Context, owner string, now time.Time) (fence store.Fence, err error) {
		err = s.Write(ctx, func(tx store.Tx) error {
			fence, err = tx.LeaseAcquire(ctx, "l", owner, now, time.Minute)
			return err
		})
		return fence, err
	}
	old, err := acquire(t.Context(), "a", now)
	require.NoError(t, err)
	isChecked, isTaken := make(chan struct{}), make(chan error, 1)
	tried := 0
	err = s.Write(t.Context(), func(tx store.Tx) error {
		if err := tx.FenceCheck(t.Context(), old); err != nil {
			return err
		}
		tried++
		require.Equal(t, 1, tried, "the effect came first and loses no race")
		close(isChecked)
		go func() { // the takeover cannot end before this transaction does
			_, err := acquire(context.WithoutCancel(t.Context()), "b", now.Add(time.Hour))
			isTaken <- err
		}()
		requireBlocked(t, s, isTaken)
		return tx.SettingPut(t.Context(), "effect", "done")
	})
	require.NoError(t, err)
	require.NoError(t, <-isTaken)
	require.True(t, fault.Is(s.Write(t.Context(), func(tx store.Tx) error {
		return tx.FenceCheck(t.Context(), old)
	}), fault.Fenced))
}

// requireBlocked returns when some transaction in the database waits for another's row, before the takeover is done.
func requireBlocked(t *testing.T, s store.Store, isTaken chan error) {
	t.Helper()
	for {
		select {
		case err := <-isTaken:
			isTaken <- err
			t.Fatalf("the lease was taken in the middle of an effect (%v)", err)
		default:
		}
		waiting, err := postgres.WaitingTransactions(t.Context(), s)
		require.NoError(t, err)
		if waiting > 0 {
			return
		}
	}
}

func TestRead_HoldsNobodyUp(t *testing.T) {
	t.Parallel()
	s := open(t)
	require.NoError(t, s.Read(t.Context(), func(tx store.ReadTx) error {
		_, err := tx.FlowCount(t.Context())
		require.NoError(t, err)
		return s.Write(t.Context(), func(tx store.Tx) error { return tx.FlowPut(t.Context(), storetest.FullFlow()) })
	}))
}

func TestStore_SurvivesItsDatabaseBeingAway(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t)
	s := openURL(t, server.URL(), postgres.Options{})
	put := func(value string) error {
		return s.Write(t.Context(), func(tx store.Tx) error { return tx.SettingPut(t.Context(), "id", value) })
	}
	get := func() (value string, err error) {
		err = s.Read(t.Context(), func(tx store.ReadTx) error {
			value, err = tx.SettingGet(t.Context(), "id")
			return err
		})
		return value, err
	}
	require.NoError(t, put("before"))
	execute(t, server.URL(), "CHECKPOINT") // the test's cluster does not sync
	server.Stop()
	for range 3 {
		for name, call := range map[string]func() error{
			"Write": func() error { return put("lost") },
			"Read":  func() error { _, err := get(); return err },
			"Ping":  func() error { return s.Ping(t.Context()) },
		} {
			err := call()
			require.Error(t, err, name)
			retry, _ := fault.RetryOf(err)
			require.Equal(t, fault.Transient, retry, "%s: %v", name, err)
		}
	}
	_, err := postgres.Open(t.Context(), server.URL(), postgres.Options{})
	retry, _ := fault.RetryOf(err)
	require.Equal(t, fault.Transient, retry, "%v", err)
	server.Start()
	value, err := get()
	require.NoError(t, err)
	require.Equal(t, "before", value)
	require.NoError(t, put("after"))
}

// The database goes away in the middle of a transaction.
func TestWrite_CutOffIsTransientAndLeavesNothing(t *testing.T) {
	t.Parallel()
	url := pgtest.Start(t)
	s := openURL(t, url, postgres.Options{})
	err := s.Write(t.Context(), func(tx store.Tx) error {
		require.NoError(t, tx.SettingPut(t.Context(), "id", "one"))
		require.NoError(t, postgres.KillOthers(t.Context(), url))
		return tx.SettingPut(t.Context(), "id", "two")
	})
	retry, _ := fault.RetryOf(err)
	require.Equal(t, fault.Transient, retry, "%v", err)
	require.True(t, fault.Is(s.Read(t.Context(), func(tx store.ReadTx) error {
		_, err := tx.SettingGet(t.Context(), "id")
		return err
	}), fault.NotFound))
}

func TestWrite_AStatementThatTakesTooLongIsTransient(t *testing.T) {
	t.Parallel()
	url := pgtest.Start(t)
	s := openURL(t, url, postgres.Options{LockTimeout: 50 * time.Millisecond})
	c, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	_, err = c.Exec(t.Context(), "BEGIN; LOCK TABLE settings")
	require.NoError(t, err)
	err = s.Write(t.Context(), func(tx store.Tx) error { return tx.SettingPut(t.Context(), "id", "one") })
	retry, _ := fault.RetryOf(err)
	require.Equal(t, fault.Transient, retry, "%v", err)
	require.NoError(t, c.Close(t.Context()))
}

func TestBackup_MovesBetweenKinds(t *testing.T) {
	t.Parallel()
	openSQLite := func(t testing.TB) store.Store {
		s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "weir.db"), sqlite.Options{})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	for name, kinds := range map[string][2]storetest.OpenFunc{
		"SQLiteToPostgreSQL": {openSQLite, open},
		"PostgreSQLToSQLite": {open, openSQLite},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := kinds[0](t), kinds[1](t)
			storetest.Fill(t, from)
			var archive bytes.Buffer
			require.NoError(t, from.Backup(t.Context(), &archive))
			require.NoError(t, to.Restore(t.Context(), &archive))
			storetest.RequireSame(t, from, to)
			// The restored store goes on where the other stopped.
			event := &store.AuditEvent{Operation: "CreateFlow", At: time.Unix(0, 0)}
			require.NoError(t, to.Write(t.Context(), func(tx store.Tx) error { return tx.AuditAppend(t.Context(), event) }))
			require.EqualValues(t, 3, event.ID)
		})
	}
}
