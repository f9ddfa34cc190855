package sqlite

import (
	"context"
	"errors"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
	"weir.dev/weir/internal/store/driver"
)

// tx is the driver's transaction with flows served from the cache.
type tx struct {
	*driver.Tx
	view *view
}

var _ store.Tx = (*tx)(nil)

// FlowGet implements [store.ReadTx].
func (t *tx) FlowGet(ctx context.Context, name string) (*flow.Flow, error) {
	if err := ctx.Err(); err != nil {
		return nil, driver.ContextError(ctx, err)
	}
	if f := t.view.get(name); f != nil {
		return f, nil
	}
	text, err := t.FlowDocument(ctx, name)
	if err != nil {
		return nil, err
	}
	f, err := driver.DecodeFlow(text)
	if err != nil {
		return nil, fault.Wrap(fault.CodeOf(err), err, "reading flow %q", name)
	}
	t.view.put(name, f, len(text))
	return f, nil
}

// FlowPut implements [store.Tx].
func (t *tx) FlowPut(ctx context.Context, f *flow.Flow) error {
	t.view.touch(f.Name)
	return t.Tx.FlowPut(ctx, f)
}

// FlowDelete implements [store.Tx].
func (t *tx) FlowDelete(ctx context.Context, name string) error {
	t.view.touch(name)
	return t.Tx.FlowDelete(ctx, name)
}

// Read implements [store.Store]. The first time the snapshot begins with the first query, which a read of one cached flow
// never makes. When a flow served before that has changed by then, fn runs again without the cache.
func (s *Store) Read(ctx context.Context, fn func(store.ReadTx) error) error {
	read := func(tx *tx) error { return fn(tx) }
	err := s.read(s.cache.view(), read)
	if errors.Is(err, errChanged) {
		err = s.read(noView(), read)
	}
	return err
}

func (s *Store) read(view *view, fn func(*tx) error) error {
	snapshot := &snapshot{store: s, view: view}
	defer snapshot.end()
	err := fn(&tx{driver.NewTx(snapshot, s.queries), view})
	if snapshot.isChanged {
		return errChanged
	}
	return err
}

// Write implements [store.Store].
func (s *Store) Write(ctx context.Context, fn func(store.Tx) error) error {
	return s.write(ctx, func(tx *tx) error { return fn(tx) })
}

func (s *Store) write(ctx context.Context, fn func(*tx) error) error {
	c, err := s.take(ctx, s.writer)
	if err != nil {
		return err
	}
	defer func() { s.writer <- c }()
	if _, err := c.Exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	unfinished := context.WithoutCancel(ctx) // beginning or ending halfway is no option
	isOpen := true
	defer func() {
		if isOpen { // fn failed or panicked, or COMMIT failed
			// SQLite may have rolled back by itself, after which this fails and changes nothing.
			_, _ = c.Exec(unfinished, "ROLLBACK")
		}
	}()
	view := s.cache.view()
	if err := fn(&tx{driver.NewTx(c, s.queries), view}); err != nil {
		return err
	}
	defer view.beginCommit()()
	if _, err := c.Exec(unfinished, "COMMIT"); err != nil {
		return err
	}
	isOpen = false
	return nil
}

// take waits for a connection that nobody uses.
func (s *Store) take(ctx context.Context, idle chan *conn) (*conn, error) {
	select {
	case <-s.closing:
		return nil, errClosed
	default:
	}
	select {
	case c := <-idle:
		return c, nil
	case <-s.closing:
		return nil, errClosed
	case <-ctx.Done():
		return nil, driver.ContextError(ctx, ctx.Err())
	}
}

var (
	errClosed  = fault.New(fault.Internal, "the store is closed")
	errChanged = errors.New("a flow has changed while its reader went on")
)

// snapshot is a reading transaction that begins with its first query; it implements [driver.Conn].
type snapshot struct {
	store     *Store
	view      *view
	c         *conn // nil before it begins
	isChanged bool  // what was served before it began is not part of it
}

var _ driver.Conn = (*snapshot)(nil)

func (r *snapshot) begin(ctx context.Context) error {
	if r.isChanged {
		return errChanged
	}
	if r.c != nil {
		return nil
	}
	c, err := r.store.take(ctx, r.store.readers)
	if err != nil {
		return err
	}
	r.c = c
	r.view.beforeSnapshot()
	_, err = c.Exec(ctx, "BEGIN")
	if err != nil || !r.view.hasServed() {
		return err // the first query takes the snapshot, and comes next
	}
	var version int64
	_, err = c.Row(ctx, "PRAGMA schema_version", nil, &version) // any query will do
	if err == nil && !r.view.isServedStill() {
		r.isChanged = true
		return errChanged
	}
	return err
}

func (r *snapshot) end() {
	if r.c == nil {
		return
	}
	_, _ = r.c.Exec(context.Background(), "ROLLBACK") // nothing was written; fails only when BEGIN did
	r.store.readers <- r.c
	r.c = nil
}

func (r *snapshot) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	if err := r.begin(ctx); err != nil {
		return 0, err
	}
	return r.c.Exec(ctx, query, args...)
}

func (r *snapshot) ExecMany(ctx context.Context, query string, args [][]any) error {
	if err := r.begin(ctx); err != nil {
		return err
	}
	return r.c.ExecMany(ctx, query, args)
}

func (r *snapshot) Row(ctx context.Context, query string, args []any, dest ...any) (bool, error) {
	if err := r.begin(ctx); err != nil {
		return false, err
	}
	return r.c.Row(ctx, query, args, dest...)
}

func (r *snapshot) Rows(
	ctx context.Context, query string, args []any, each func(scan func(dest ...any) error) error,
) error {
	if err := r.begin(ctx); err != nil {
		return err
	}
	return r.c.Rows(ctx, query, args, each)
}
