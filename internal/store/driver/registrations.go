package driver

import (
	"context"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// RegistrationGet implements [store.ReadTx].
func (t *Tx) RegistrationGet(ctx context.Context, label string) (*flow.Registration, error) {
	var text []byte
	found, err := t.row(ctx, "RegistrationGet", []any{label}, &text)
	if err != nil {
		return nil, doing(err, "reading registration %q", label)
	}
	if !found {
		return nil, noRegistration(label)
	}
	r, err := decode[flow.Registration](text)
	return r, doing(err, "reading registration %q", label)
}

func noRegistration(label string) error {
	return fault.New(fault.NotFound, "no connector is registered as %q", label)
}

// RegistrationList implements [store.ReadTx].
func (t *Tx) RegistrationList(ctx context.Context, after string, limit int) ([]*flow.Registration, error) {
	list, err := documents[flow.Registration](ctx, t, "RegistrationList", after, rowLimit(limit))
	return list, doing(err, "listing registrations")
}

// RegistrationCount implements [store.ReadTx].
func (t *Tx) RegistrationCount(ctx context.Context) (int, error) {
	var n int64
	_, err := t.row(ctx, "RegistrationCount", nil, &n)
	return int(n), doing(err, "counting registrations")
}

// RegistrationUsers implements [store.ReadTx].
func (t *Tx) RegistrationUsers(ctx context.Context, label string, limit int) ([]string, error) {
	profiles, err := t.names(ctx, "RegistrationUsers", label, rowLimit(limit))
	return profiles, doing(err, "listing profiles of the connector registered as %q", label)
}

// RegistrationPut implements [store.Tx].
func (t *Tx) RegistrationPut(ctx context.Context, r *flow.Registration) error {
	if r.Label == "" {
		return fault.New(fault.Validation, "a registration needs a label")
	}
	text, err := encodeRegistration(r)
	if err == nil {
		_, err = t.exec(ctx, "RegistrationPut", r.Label, text)
	}
	return doing(err, "writing registration %q", r.Label)
}

// RegistrationDelete implements [store.Tx].
func (t *Tx) RegistrationDelete(ctx context.Context, label string) error {
	n, err := t.exec(ctx, "RegistrationDelete", label)
	if err != nil {
		return doing(err, "deleting registration %q", label)
	}
	if n == 0 {
		return noRegistration(label)
	}
	return nil
}
