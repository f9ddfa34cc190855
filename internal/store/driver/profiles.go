package driver

import (
	"context"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// profileRow receives the columns of a profile.
type profileRow struct {
	revision int64
	sealed   []byte
	document []byte
}

func (r *profileRow) dest() []any { return []any{&r.revision, &r.sealed, &r.document} }

func (r *profileRow) profile() (*store.Profile, error) {
	p, err := decode[flow.Profile](r.document)
	if err != nil {
		return nil, err
	}
	kept := &store.Profile{Profile: *p, Revision: r.revision}
	if len(r.sealed) > 0 { // the databases' drivers do not agree on what no bytes are
		kept.SealedCredentials = r.sealed
	}
	return kept, nil
}

// ProfileGet implements [store.ReadTx].
func (t *Tx) ProfileGet(ctx context.Context, name string) (*store.Profile, error) {
	var row profileRow
	found, err := t.row(ctx, "ProfileGet", []any{name}, row.dest()...)
	if err != nil {
		return nil, doing(err, "reading profile %q", name)
	}
	if !found {
		return nil, noProfile(name)
	}
	p, err := row.profile()
	return p, doing(err, "reading profile %q", name)
}

func noProfile(name string) error { return fault.New(fault.NotFound, "no profile is named %q", name) }

// ProfileList implements [store.ReadTx].
func (t *Tx) ProfileList(ctx context.Context, q store.ProfileQuery) ([]*store.Profile, error) {
	query, args := "ProfileList", []any{q.After, string(q.Connector), q.Label, rowLimit(q.Limit)}
	if len(q.Names) > 0 {
		names, err := encode(q.Names)
		if err != nil {
			return nil, doing(err, "listing profiles")
		}
		query, args = "ProfileListNamed", append(args, names)
	}
	var list []*store.Profile
	err := t.rows(ctx, query, args, func(scan func(dest ...any) error) error {
		var row profileRow
		if err := scan(row.dest()...); err != nil {
			return err
		}
		p, err := row.profile()
		list = append(list, p)
		return err
	})
	return list, doing(err, "listing profiles")
}

// ProfileCount implements [store.ReadTx].
func (t *Tx) ProfileCount(ctx context.Context) (int, error) {
	var n int64
	_, err := t.row(ctx, "ProfileCount", nil, &n)
	return int(n), doing(err, "counting profiles")
}

// ProfileUsers implements [store.ReadTx].
func (t *Tx) ProfileUsers(ctx context.Context, name string, limit int) ([]string, error) {
	flows, err := t.names(ctx, "ProfileUsers", name, rowLimit(limit))
	return flows, doing(err, "listing flows that use profile %q", name)
}

// names collects a query's only column.
func (t *Tx) names(ctx context.Context, query string, args ...any) ([]string, error) {
	var list []string
	err := t.rows(ctx, query, args, func(scan func(dest ...any) error) error {
		var name string
		err := scan(&name)
		list = append(list, name)
		return err
	})
	return list, err
}

// ProfilePut implements [store.Tx].
func (t *Tx) ProfilePut(ctx context.Context, p *store.Profile) error {
	if p.Name == "" {
		return fault.New(fault.Validation, "a profile needs a name")
	}
	text, err := encodeProfile(&p.Profile)
	if err == nil {
		_, err = t.row(ctx, "ProfilePut", []any{
			p.Name, string(p.Connector), p.Label, p.CreatedAt.UnixMicro(), bytesOrEmpty(p.SealedCredentials), text,
		}, &p.Revision)
	}
	return doing(err, "writing profile %q", p.Name)
}

// ProfileSaveCredentials implements [store.Tx].
func (t *Tx) ProfileSaveCredentials(ctx context.Context, name string, revision int64, sealed []byte) error {
	n, err := t.exec(ctx, "ProfileSaveCredentials", name, revision, bytesOrEmpty(sealed))
	if err != nil {
		return doing(err, "writing credentials of profile %q", name)
	}
	if n > 0 {
		return nil
	}
	p, err := t.ProfileGet(ctx, name)
	if err != nil {
		return err
	}
	return fault.New(fault.Conflict, "profile %q is at revision %d, not %d", name, p.Revision, revision)
}

// ProfileDelete implements [store.Tx].
func (t *Tx) ProfileDelete(ctx context.Context, name string) error {
	n, err := t.exec(ctx, "ProfileDelete", name)
	if err != nil {
		return doing(err, "deleting profile %q", name)
	}
	if n == 0 {
		return noProfile(name)
	}
	return nil
}
