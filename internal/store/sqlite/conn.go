package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store/driver"
)

// conn is one connection with its prepared statements; it implements [driver.Conn]. Used by one goroutine at a time.
type conn struct {
	raw      *sql.Conn
	prepared map[string]*sql.Stmt
}

var _ driver.Conn = (*conn)(nil)

// statement looks at ctx and returns the prepared query with the context to run it in, which does not end: the driver
// would start a goroutine for each statement to watch it, and an interrupted statement may roll the transaction back.
func (c *conn) statement(ctx context.Context, query string) (*sql.Stmt, context.Context, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, driver.ContextError(ctx, err)
	}
	run := context.WithoutCancel(ctx)
	if s, ok := c.prepared[query]; ok {
		return s, run, nil
	}
	s, err := c.raw.PrepareContext(run, query)
	if err != nil {
		return nil, nil, classify(err)
	}
	c.prepared[query] = s
	return s, run, nil
}

func (c *conn) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	s, run, err := c.statement(ctx, query)
	if err != nil {
		return 0, err
	}
	result, err := s.ExecContext(run, args...)
	if err != nil {
		return 0, classify(err)
	}
	return result.RowsAffected()
}

func (c *conn) ExecMany(ctx context.Context, query string, args [][]any) error {
	for _, a := range args {
		if _, err := c.Exec(ctx, query, a...); err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) Row(ctx context.Context, query string, args []any, dest ...any) (bool, error) {
	s, run, err := c.statement(ctx, query)
	if err != nil {
		return false, err
	}
	err = s.QueryRowContext(run, args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, classify(err)
}

func (c *conn) Rows(
	ctx context.Context, query string, args []any, each func(scan func(dest ...any) error) error,
) error {
	s, run, err := c.statement(ctx, query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(run, args...)
	if err != nil {
		return classify(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := ctx.Err(); err != nil {
			return driver.ContextError(ctx, err)
		}
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return classify(rows.Err())
}

func (c *conn) close() error {
	var errs []error
	for _, s := range c.prepared {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.raw.Close())...)
}

// classify gives SQLite's errors a code. A busy file can only be somebody's shell on it; that passes.
func classify(err error) error {
	if err == nil {
		return nil
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return fault.Wrap(fault.Internal, err, "using the database")
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fault.Temporary(fault.Internal, err, "waiting for the database")
	case sqlite3.SQLITE_FULL:
		return fault.Wrap(fault.Internal, err, "using the database: its disk is full")
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fault.Wrap(fault.Internal, err, "using the database: its file is damaged; restore a backup")
	}
	return fault.Wrap(fault.Internal, err, "using the database")
}
