package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"io/fs"

	"github.com/pressly/goose/v3"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store/driver"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrate brings the schema up to date, each step in its own transaction, and returns its version.
func migrate(ctx context.Context, db *sql.DB) (int64, error) {
	folder, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return 0, err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, folder,
		goose.WithTableName(driver.MigrationTable), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return 0, fault.Wrap(fault.Internal, err, "reading migrations")
	}
	return driver.Migrate(ctx, provider)
}
