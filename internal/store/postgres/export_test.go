package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"weir.dev/weir/internal/store"
)

// MigrationLock is migrationLock.
const MigrationLock = migrationLock

// WaitingTransactions counts the backends of this store's schema that wait for a lock.
func WaitingTransactions(ctx context.Context, s store.Store) (n int, err error) {
	const query = `SELECT count(*) FROM pg_locks l JOIN pg_locks r USING (pid)
		WHERE NOT l.granted AND r.relation = 'leases'::regclass`
	err = s.(*Store).pool.QueryRow(ctx, query).Scan(&n)
	return n, err
}

// KillOthers breaks all connections to the database at url whose last query touched this schema's settings.
func KillOthers(ctx context.Context, url string) error {
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	const query = `SELECT pg_terminate_backend(pid, 5000) FROM pg_locks
		WHERE relation = 'settings'::regclass AND pid <> pg_backend_pid()`
	if _, err := c.Exec(ctx, query); err != nil {
		return err
	}
	return c.Close(ctx)
}
