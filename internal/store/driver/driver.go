// Package driver is what the two databases share: the transaction that the store's contract speaks of, written once over
// named queries, with the codecs of its rows, the loop that repeats lost races, and the form of a backup.
//
// A database brings its own SQL, one file per aggregate, and a [Conn] that runs it inside one open transaction. The
// queries of both have the same names, parameters and columns; everything that differs between the two (locking, upserts,
// sequences, types) stays in their SQL. This package opens no connections and begins no transactions.
package driver

import "context"

// Conn runs queries inside one open transaction. It is used by one goroutine at a time.
//
// Arguments are string, int64, bool, []byte, time.Time (UTC, whole microseconds) or nil. Destinations are *string,
// *[]byte, *int64, *bool, [*Instant] or sql.Null of the first ones. Errors carry a fault code and a retry class.
type Conn interface {
	// Exec runs a query without rows and reports how many rows it changed.
	Exec(ctx context.Context, query string, args ...any) (int64, error)
	// ExecMany runs one query for each list of arguments, in as few round trips as the database allows.
	ExecMany(ctx context.Context, query string, args [][]any) error
	// Row runs a query of at most one row and reports whether there was one.
	Row(ctx context.Context, query string, args []any, dest ...any) (bool, error)
	// Rows runs a query and calls each once a row; scan copies the row's columns. It stops at the first error of each.
	Rows(ctx context.Context, query string, args []any, each func(scan func(dest ...any) error) error) error
}
