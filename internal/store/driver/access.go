package driver

import (
	"context"
	"database/sql"
	"math"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
)

// TokenGet implements [store.ReadTx].
func (t *Tx) TokenGet(ctx context.Context, operation, token string) (*store.Token, error) {
	k, createdAt := &store.Token{Operation: operation, Token: token}, Instant{}
	var response []byte
	found, err := t.row(ctx, "TokenGet", []any{operation, token}, &k.RequestHash, &response, &createdAt)
	if err != nil {
		return nil, doing(err, "reading token of %s", operation)
	}
	if !found {
		return nil, fault.New(fault.NotFound, "no such token of %s", operation)
	}
	k.Response, k.CreatedAt = response, createdAt.Time
	return k, nil
}

// TokenPut implements [store.Tx].
func (t *Tx) TokenPut(ctx context.Context, k *store.Token) error {
	response, err := document(k.Response)
	if err == nil {
		_, err = t.exec(ctx, "TokenPut", k.Operation, k.Token, k.RequestHash, response, micro(k.CreatedAt))
	}
	return doing(err, "writing token of %s", k.Operation)
}

// TokenPrune implements [store.Tx].
func (t *Tx) TokenPrune(ctx context.Context, before time.Time) error {
	_, err := t.exec(ctx, "TokenPrune", micro(before))
	return doing(err, "pruning tokens")
}

// KeyGet implements [store.ReadTx].
func (t *Tx) KeyGet(ctx context.Context, id string) (*store.AccessKey, error) {
	var row keyRow
	found, err := t.row(ctx, "KeyGet", []any{id}, row.dest()...)
	if err != nil {
		return nil, doing(err, "reading access key %q", id)
	}
	if !found {
		return nil, fault.New(fault.NotFound, "no access key has the id %q", id)
	}
	return row.key(), nil
}

// KeyList implements [store.ReadTx].
func (t *Tx) KeyList(ctx context.Context) ([]*store.AccessKey, error) {
	var list []*store.AccessKey
	err := t.rows(ctx, "KeyList", nil, func(scan func(dest ...any) error) error {
		var row keyRow
		err := scan(row.dest()...)
		list = append(list, row.key())
		return err
	})
	return list, doing(err, "listing access keys")
}

// neverExpires stands in the column of a key that works until it is taken away.
var neverExpires = time.Unix(0, 0).UTC()

// keyRow receives the columns of an access key.
type keyRow struct {
	store.AccessKey
	policy    sql.Null[[]byte]
	createdAt Instant
	expiresAt Instant
}

func (r *keyRow) dest() []any {
	return []any{&r.ID, &r.Name, &r.SealedSecret, &r.policy, &r.Disabled, &r.createdAt, &r.expiresAt}
}

func (r *keyRow) key() *store.AccessKey {
	r.Policy, r.CreatedAt = rawOrNil(r.policy), r.createdAt.Time
	if !r.expiresAt.Equal(neverExpires) {
		r.ExpiresAt = r.expiresAt.Time
	}
	if len(r.SealedSecret) == 0 {
		r.SealedSecret = nil // the databases' drivers do not agree on what no bytes are
	}
	return &r.AccessKey
}

// KeyPut implements [store.Tx].
func (t *Tx) KeyPut(ctx context.Context, k *store.AccessKey) error {
	if k.ID == "" {
		return fault.New(fault.Validation, "an access key needs an id")
	}
	expiresAt := neverExpires
	if !k.ExpiresAt.IsZero() {
		expiresAt = micro(k.ExpiresAt)
	}
	policy, err := documentOrNull(k.Policy)
	if err == nil {
		_, err = t.exec(ctx, "KeyPut", k.ID, k.Name, bytesOrEmpty(k.SealedSecret), policy, k.Disabled, micro(k.CreatedAt), expiresAt)
	}
	return doing(err, "writing access key %q", k.ID)
}

// KeyDelete implements [store.Tx].
func (t *Tx) KeyDelete(ctx context.Context, id string) error {
	n, err := t.exec(ctx, "KeyDelete", id)
	if err != nil {
		return doing(err, "deleting access key %q", id)
	}
	if n == 0 {
		return fault.New(fault.NotFound, "no access key has the id %q", id)
	}
	return nil
}

// AuditList implements [store.ReadTx].
func (t *Tx) AuditList(ctx context.Context, afterID int64, limit int) ([]*store.AuditEvent, error) {
	list, err := t.events(ctx, "AuditList", afterID, rowLimit(limit))
	return list, doing(err, "listing audit events")
}

// maxInstant is later than every event.
var maxInstant = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// AuditScan implements [store.ReadTx].
func (t *Tx) AuditScan(ctx context.Context, q store.AuditQuery) ([]*store.AuditEvent, error) {
	name, before, since, until := "AuditScan", q.BeforeID, time.Unix(0, 0).UTC(), maxInstant
	if q.NewestFirst {
		name = "AuditScanBack"
	}
	if before == 0 {
		before = math.MaxInt64
	}
	if !q.Since.IsZero() {
		since = micro(q.Since)
	}
	if !q.Until.IsZero() {
		until = micro(q.Until)
	}
	list, err := t.events(ctx, name, q.AfterID, before, since, until, rowLimit(q.Limit))
	return list, doing(err, "reading audit events")
}

// events collects the events of a query.
func (t *Tx) events(ctx context.Context, query string, args ...any) ([]*store.AuditEvent, error) {
	var list []*store.AuditEvent
	err := t.rows(ctx, query, args, func(scan func(dest ...any) error) error {
		var id int64
		var text []byte
		if err := scan(&id, &text); err != nil {
			return err
		}
		e, err := decode[store.AuditEvent](text)
		if err != nil {
			return err
		}
		e.ID = id
		list = append(list, e)
		return nil
	})
	return list, err
}

// AuditAppend implements [store.Tx].
func (t *Tx) AuditAppend(ctx context.Context, e *store.AuditEvent) error {
	text, err := encodeAudit(e)
	if err == nil {
		_, err = t.row(ctx, "AuditAppend", []any{micro(e.At), text}, &e.ID)
	}
	return doing(err, "writing audit event of %s", e.Operation)
}

// AuditPrune implements [store.Tx].
func (t *Tx) AuditPrune(ctx context.Context, before time.Time, limit int) (int, error) {
	n, err := t.exec(ctx, "AuditPrune", micro(before), rowLimit(limit))
	return int(n), doing(err, "pruning audit events")
}

// SettingGet implements [store.ReadTx].
func (t *Tx) SettingGet(ctx context.Context, name string) (string, error) {
	var value string
	found, err := t.row(ctx, "SettingGet", []any{name}, &value)
	if err != nil {
		return "", doing(err, "reading setting %q", name)
	}
	if !found {
		return "", fault.New(fault.NotFound, "no setting is named %q", name)
	}
	return value, nil
}

// SettingPut implements [store.Tx].
func (t *Tx) SettingPut(ctx context.Context, name, value string) error {
	_, err := t.exec(ctx, "SettingPut", name, value)
	return doing(err, "writing setting %q", name)
}
