package postgres

import (
	"context"
	"embed"
	"errors"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store/driver"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrationLock is one for each schema. It lasts as long as its connection.
const migrationLock = "SELECT pg_advisory_lock(hashtextextended('weir migrations of ' || current_schema(), 0))"

// migrate brings the schema up to date, each step in its own transaction, and returns its version. Servers that start
// together take turns.
func migrate(ctx context.Context, config *pgx.ConnConfig) (version int64, err error) {
	config = config.Copy()
	for _, limit := range []string{"statement_timeout", "lock_timeout"} {
		config.RuntimeParams[limit] = "0"
	}
	turn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return 0, classify(ctx, err)
	}
	defer func() { err = errors.Join(err, turn.Close(context.WithoutCancel(ctx))) }()
	if _, err := turn.Exec(ctx, migrationLock); err != nil {
		return 0, classify(ctx, err)
	}
	db := stdlib.OpenDB(*config)
	defer func() { err = errors.Join(err, db.Close()) }()
	folder, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return 0, err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, folder,
		goose.WithTableName(driver.MigrationTable), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return 0, fault.Wrap(fault.Internal, err, "reading migrations")
	}
	version, err = driver.Migrate(ctx, provider)
	if err != nil && isAway(err) {
		return 0, classify(ctx, err)
	}
	return version, err
}
