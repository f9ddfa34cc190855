// Package postgres is the store of a fleet: many processes over one database.
//
// Writes are serializable transactions, so that a closure may decide on anything it has read; the database refuses one of
// two that would contradict each other, and the loser runs again. Leases are guarded by row locks besides, because an
// effect that a new owner does not see yet must not commit after the takeover. Reads are snapshots and lose no races.
//
// A database that is away, starting or failing over makes calls fail as transient. A commit whose answer got lost does
// too, and may have happened: callers repeat it only where that does no harm.
package postgres

import (
	"context"
	"embed"
	"io"
	"io/fs"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
	"weir.dev/weir/internal/store/driver"
)

//go:embed queries/*.sql
var queryFiles embed.FS

// Options are settings of [Open]. The zero value is right for a server. A setting named in the URL wins.
type Options struct {
	MaxConns         int           // open connections; 0 means 16
	StatementTimeout time.Duration // of each statement but backups and migrations; 0 means 30 seconds
	LockTimeout      time.Duration // a statement's wait for another transaction; 0 means 10 seconds
	ConnectTimeout   time.Duration // 0 means 5 seconds
}

// Store implements [store.Store].
type Store struct {
	pool    *pgxpool.Pool
	queries driver.Queries
	dialect driver.Dialect
}

var _ store.Store = (*Store)(nil)

// Open connects to a database (postgres://… or key=value) and migrates it as needed; servers that start together wait
// for each other. Tables live in the first schema of the search path. It fails with Conflict when a newer release has
// migrated the database further than this one knows.
func Open(ctx context.Context, url string, options Options) (store.Store, error) {
	config, err := configure(url, options)
	if err != nil {
		return nil, err
	}
	folder, err := fs.Sub(queryFiles, "queries")
	if err != nil {
		return nil, err
	}
	queries, err := driver.ReadQueries(folder)
	if err != nil {
		return nil, err
	}
	version, err := migrate(ctx, config.ConnConfig)
	if err != nil {
		return nil, fault.Wrap(fault.CodeOf(err), err, "opening store in %s", place(config))
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "opening store in %s", place(config))
	}
	dialect := driver.Dialect{
		SchemaVersion: version,
		Placeholder:   func(number int) string { return "$" + strconv.Itoa(number) },
	}
	return &Store{pool: pool, queries: queries, dialect: dialect}, nil
}

// place names the database without user or password.
func place(config *pgxpool.Config) string {
	return strconv.Quote(config.ConnConfig.Host + "/" + config.ConnConfig.Database)
}

func configure(url string, options Options) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		// The parser's message may quote the URL.
		return nil, fault.New(fault.Validation, "the store's URL is no PostgreSQL connection string")
	}
	config.MaxConns = int32(orDefault(options.MaxConns, 16))
	connConfig := config.ConnConfig
	if connConfig.ConnectTimeout <= 0 || options.ConnectTimeout > 0 {
		connConfig.ConnectTimeout = orDefault(options.ConnectTimeout, 5*time.Second)
	}
	for name, value := range map[string]string{
		"application_name":                    "weir",
		"statement_timeout":                   milliseconds(orDefault(options.StatementTimeout, 30*time.Second)),
		"lock_timeout":                        milliseconds(orDefault(options.LockTimeout, 10*time.Second)),
		"idle_in_transaction_session_timeout": "60000",
		// A table scan makes a serializable transaction collide with every insert into that table, and small tables are
		// scanned unless told otherwise. Every query here has an index.
		"enable_seqscan": "off",
	} {
		if _, isGiven := connConfig.RuntimeParams[name]; !isGiven {
			connConfig.RuntimeParams[name] = value
		}
	}
	return config, nil
}

func orDefault[T int | time.Duration](value, otherwise T) T {
	if value > 0 {
		return value
	}
	return otherwise
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// Read implements [store.Store].
func (s *Store) Read(ctx context.Context, fn func(store.ReadTx) error) error {
	return s.transact(ctx, readOptions, func(tx *driver.Tx) error { return fn(tx) })
}

// Write implements [store.Store].
func (s *Store) Write(ctx context.Context, fn func(store.Tx) error) error {
	return s.write(ctx, func(tx *driver.Tx) error { return fn(tx) })
}

var (
	readOptions  = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	writeOptions = pgx.TxOptions{IsoLevel: pgx.Serializable}
)

func (s *Store) write(ctx context.Context, fn func(*driver.Tx) error) error {
	return driver.Repeat(ctx, isLostRace, func() error { return s.transact(ctx, writeOptions, fn) })
}

func (s *Store) transact(ctx context.Context, options pgx.TxOptions, fn func(*driver.Tx) error) error {
	tx, err := s.pool.BeginTx(ctx, options)
	if err != nil {
		return classify(ctx, err)
	}
	// After a commit this does nothing; after a lost connection there is nothing left to roll back.
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if err := fn(driver.NewTx(conn{tx}, s.queries)); err != nil {
		return err
	}
	return classify(ctx, tx.Commit(ctx))
}

// budgetOptions let changes of one row queue up at it, where serializable transactions would have to begin again.
var budgetOptions = pgx.TxOptions{IsoLevel: pgx.ReadCommitted}

// BudgetChange implements [store.Store].
func (s *Store) BudgetChange(ctx context.Context, name string, change func([]byte) ([]byte, error)) error {
	return driver.Repeat(ctx, isLostRace, func() error {
		return s.transact(ctx, budgetOptions, func(tx *driver.Tx) error {
			if err := tx.Run(ctx, "CommitSoon"); err != nil {
				return err
			}
			return tx.BudgetChange(ctx, name, change)
		})
	})
}

// Ping implements [store.Store].
func (s *Store) Ping(ctx context.Context) error { return classify(ctx, s.pool.Ping(ctx)) }

// Backup implements [store.Store].
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	return s.transact(ctx, readOptions, func(tx *driver.Tx) error {
		if err := s.unhurried(ctx, tx); err != nil {
			return err
		}
		return tx.Backup(ctx, s.dialect, time.Now(), w)
	})
}

// Restore implements [store.Store].
func (s *Store) Restore(ctx context.Context, r io.Reader) error {
	// No repetition: r is read once.
	return s.transact(ctx, writeOptions, func(tx *driver.Tx) error {
		if err := s.unhurried(ctx, tx); err != nil {
			return err
		}
		return tx.Restore(ctx, s.dialect, r)
	})
}

// unhurried lifts the time limits from one transaction that may well wait for the other end of its stream.
func (s *Store) unhurried(ctx context.Context, tx *driver.Tx) error {
	return tx.Run(ctx, "TimeoutsLift")
}

// Close waits for open transactions to end.
func (s *Store) Close() error {
	s.pool.Close()
	return nil
}
