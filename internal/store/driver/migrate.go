package driver

import (
	"context"

	"github.com/pressly/goose/v3"

	"weir.dev/weir/fault"
)

// MigrationTable is where goose notes what has been applied.
const MigrationTable = "weir_migrations"

// Migrate applies what is missing and returns the schema's version. A schema that is newer than the program is left
// alone, because nobody knows what this release would break in it.
func Migrate(ctx context.Context, provider *goose.Provider) (int64, error) {
	there, known, err := provider.GetVersions(ctx)
	if err != nil {
		return 0, fault.Wrap(fault.CodeOf(err), err, "reading the schema's version")
	}
	if there > known {
		return 0, fault.New(fault.Conflict,
			"the database has schema version %d, this program knows versions up to %d: use the release that wrote it, or newer",
			there, known)
	}
	if _, err := provider.Up(ctx); err != nil {
		return 0, fault.Wrap(fault.CodeOf(err), err, "migrating from schema version %d to %d", there, known)
	}
	return known, nil
}
