package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store/driver"
)

// conn implements [driver.Conn]; pgx prepares each query once per connection.
type conn struct{ tx pgx.Tx }

var _ driver.Conn = conn{}

func (c conn) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	tag, err := c.tx.Exec(ctx, query, args...)
	return tag.RowsAffected(), classify(ctx, err)
}

func (c conn) ExecMany(ctx context.Context, query string, args [][]any) error {
	batch := &pgx.Batch{}
	for _, a := range args {
		batch.Queue(query, a...)
	}
	return classify(ctx, c.tx.SendBatch(ctx, batch).Close())
}

func (c conn) Row(ctx context.Context, query string, args []any, dest ...any) (bool, error) {
	err := c.tx.QueryRow(ctx, query, args...).Scan(dest...)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, classify(ctx, err)
}

func (c conn) Rows(
	ctx context.Context, query string, args []any, each func(scan func(dest ...any) error) error,
) error {
	rows, err := c.tx.Query(ctx, query, args...)
	if err != nil {
		return classify(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return classify(ctx, rows.Err())
}

// SQLSTATEs that mean something here (https://www.postgresql.org/docs/current/errcodes-appendix.html).
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	uniqueViolation      = "23505"
)

// isLostRace reports whether the same transaction can succeed when it is run again. Every insert here either looks first
// or says what to do on conflict, so a duplicate key means that somebody else was faster.
func isLostRace(err error) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return false
	}
	return e.Code == serializationFailure || e.Code == deadlockDetected || e.Code == uniqueViolation
}

// classify gives a database's error a code and tells what passes from what does not.
func classify(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return driver.ContextError(ctx, err)
	case isLostRace(err):
		return fault.Temporary(fault.Internal, err, "using the database")
	case isAway(err):
		return fault.Temporary(fault.Internal, err, "reaching the database")
	}
	return fault.Wrap(fault.Internal, err, "using the database")
}

// isAway reports whether the database cannot be reached, or cannot serve for now.
func isAway(err error) bool {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		for _, prefix := range []string{
			"08",    // connection exceptions
			"53",    // out of connections, memory, disk
			"57",    // shutting down, starting up, statement timeout
			"55P03", // lock timeout
			"25006", // read-only: a standby, in the middle of a failover
			"25P03", // idle in transaction for too long
		} {
			if strings.HasPrefix(e.Code, prefix) {
				return true
			}
		}
		return false
	}
	var connectError *pgconn.ConnectError
	var netError net.Error
	return errors.As(err, &connectError) || errors.As(err, &netError) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		pgconn.SafeToRetry(err) || strings.Contains(err.Error(), "conn closed")
}
