// Package sqlite is the store of one process: a file, opened by nobody else.
//
// One connection writes, a few read, all in WAL mode with FULL sync: what Write returned for is on the disk. Readers never
// wait for the writer. A lock file beside the database keeps a second process out, and goes with its holder however that
// one ends. Statements are prepared once per connection; flows are kept decoded, see cache.go.
//
// Statements are never interrupted halfway: a context is looked at before each one.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
	"weir.dev/weir/internal/store/driver"

	_ "modernc.org/sqlite" // registers "sqlite"
)

//go:embed queries/*.sql
var queryFiles embed.FS

// Options are settings of [Open]. The zero value is right for a server.
type Options struct {
	Readers    int // connections that read at the same time; 0 means two for each processor, at least four
	CacheBytes int // of flows kept decoded, measured as JSON; 0 means 32 MiB, negative means none
}

// Store implements [store.Store].
type Store struct {
	path    string
	lock    io.Closer
	db      *sql.DB
	readers chan *conn // idle ones
	writer  chan *conn // holds the one when nobody writes
	opened  []*conn
	queries driver.Queries
	cache   *cache
	dialect driver.Dialect

	closeOnce sync.Once
	closing   chan struct{}
}

var _ store.Store = (*Store)(nil)

// Open opens the database file, creating and migrating it as needed. It fails with Conflict when another process has it
// open, and when a newer release has migrated it further than this one knows.
func Open(ctx context.Context, path string, options Options) (_ store.Store, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "opening store")
	}
	lock, err := acquireLock(path + ".lock")
	if err != nil {
		return nil, fault.Wrap(fault.CodeOf(err), err, "opening store %q", path)
	}
	s := &Store{path: path, lock: lock, closing: make(chan struct{}), cache: newCache(options.CacheBytes)}
	if err := s.open(ctx, options); err != nil {
		_ = s.shut() // the first error is the one to tell
		return nil, fault.Wrap(fault.CodeOf(err), err, "opening store %q", path)
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, options Options) error {
	folder, err := fs.Sub(queryFiles, "queries")
	if err != nil {
		return err
	}
	if s.queries, err = driver.ReadQueries(folder); err != nil {
		return err
	}
	if err := makePrivate(s.path); err != nil {
		return err
	}
	if s.db, err = sql.Open("sqlite", dataSource(s.path)); err != nil {
		return err
	}
	if s.dialect.SchemaVersion, err = migrate(ctx, s.db); err != nil {
		return err
	}
	s.dialect.Placeholder = func(number int) string { return "?" + strconv.Itoa(number) }
	readers := options.Readers
	if readers <= 0 {
		readers = max(4, 2*runtime.GOMAXPROCS(0))
	}
	s.writer, s.readers = make(chan *conn, 1), make(chan *conn, readers)
	for i := range 1 + readers {
		c, err := s.connect(ctx, i > 0)
		if err != nil {
			return err
		}
		if i > 0 {
			s.readers <- c
		} else {
			s.writer <- c
		}
	}
	return nil
}

func (s *Store) connect(ctx context.Context, isReader bool) (*conn, error) {
	raw, err := s.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	c := &conn{raw: raw, prepared: map[string]*sql.Stmt{}}
	s.opened = append(s.opened, c)
	if isReader {
		_, err = c.Exec(ctx, "PRAGMA query_only = ON")
	}
	return c, err
}

// makePrivate creates the file for the owner alone, before SQLite would with the process's mask; the files beside it get
// the same mode from SQLite.
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// dataSource is the connection string. fullfsync is what FULL sync needs on macOS to mean the disk.
func dataSource(path string) string {
	v := url.Values{}
	v.Set("_time_integer_format", "unix_micro")
	for _, pragma := range []string{
		"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "fullfsync(ON)", "foreign_keys(ON)",
		"trusted_schema(OFF)", "cache_size(-8192)", "journal_size_limit(67108864)",
	} {
		v.Add("_pragma", pragma)
	}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: v.Encode()}
	return u.String()
}

// BudgetChange implements [store.Store].
func (s *Store) BudgetChange(ctx context.Context, name string, change func([]byte) ([]byte, error)) error {
	return s.write(ctx, func(tx *tx) error { return tx.BudgetChange(ctx, name, change) })
}

// Ping implements [store.Store].
func (s *Store) Ping(ctx context.Context) error {
	return s.Read(ctx, func(tx store.ReadTx) error {
		_, err := tx.FlowCount(ctx)
		return err
	})
}

// Backup implements [store.Store].
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	return s.read(noView(), func(tx *tx) error {
		return tx.Backup(ctx, s.dialect, time.Now(), w)
	})
}

// Restore implements [store.Store].
func (s *Store) Restore(ctx context.Context, r io.Reader) error {
	return s.write(ctx, func(tx *tx) error { return tx.Restore(ctx, s.dialect, r) })
}

// Close waits for open transactions to end. Everything fails afterwards.
func (s *Store) Close() error {
	var err error
	s.closeOnce.Do(func() {
		close(s.closing)
		for range cap(s.readers) {
			<-s.readers
		}
		<-s.writer
		err = s.shut()
	})
	return err
}

func (s *Store) shut() error {
	var errs []error
	for _, c := range s.opened {
		errs = append(errs, c.close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	errs = append(errs, s.lock.Close()) // last: from here on the next process may open the file
	return fault.Wrap(fault.Internal, errors.Join(errs...), "closing store %q", s.path)
}
