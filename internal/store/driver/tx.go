package driver

import (
	"context"
	"database/sql"
	"encoding/json"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
)

// Tx is the store's transaction over a database's queries. A reading one is the same type, handed out as a ReadTx.
type Tx struct {
	conn    Conn
	queries Queries
}

var _ store.Tx = (*Tx)(nil)

// NewTx wraps an open transaction. It ends with the transaction; beginning and committing are the database's part.
func NewTx(conn Conn, queries Queries) *Tx { return &Tx{conn: conn, queries: queries} }

func (t *Tx) exec(ctx context.Context, name string, args ...any) (int64, error) {
	query, err := t.queries.find(name)
	if err != nil {
		return 0, err
	}
	return t.conn.Exec(ctx, query, args...)
}

func (t *Tx) execMany(ctx context.Context, name string, args [][]any) error {
	if len(args) == 0 {
		return nil
	}
	query, err := t.queries.find(name)
	if err != nil {
		return err
	}
	return t.conn.ExecMany(ctx, query, args)
}

func (t *Tx) row(ctx context.Context, name string, args []any, dest ...any) (bool, error) {
	query, err := t.queries.find(name)
	if err != nil {
		return false, err
	}
	return t.conn.Row(ctx, query, args, dest...)
}

func (t *Tx) rows(ctx context.Context, name string, args []any, each func(scan func(dest ...any) error) error) error {
	query, err := t.queries.find(name)
	if err != nil {
		return err
	}
	return t.conn.Rows(ctx, query, args, each)
}

// documents collects the JSON documents of a query's only column.
func documents[T any](ctx context.Context, t *Tx, name string, args ...any) ([]*T, error) {
	var list []*T
	err := t.rows(ctx, name, args, func(scan func(dest ...any) error) error {
		var text []byte
		if err := scan(&text); err != nil {
			return err
		}
		v, err := decode[T](text)
		list = append(list, v)
		return err
	})
	return list, err
}

// doing says what was being done when err happened, keeping its code and retry class.
func doing(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fault.Wrap(fault.CodeOf(err), err, format, args...)
}

// rowLimit keeps a caller's mistake from meaning "all" in SQLite and an error in PostgreSQL.
func rowLimit(limit int) int64 { return int64(max(limit, 0)) }

func rawOrNil(text sql.Null[[]byte]) json.RawMessage {
	if !text.Valid {
		return nil
	}
	return text.V
}

// bytesOrEmpty tells no bytes from NULL, which the tables refuse.
func bytesOrEmpty(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// Run runs a query of the database's own, whose rows do not matter.
func (t *Tx) Run(ctx context.Context, name string) error {
	_, err := t.exec(ctx, name)
	return err
}
