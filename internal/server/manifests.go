package server

import (
	"context"
	"slices"
	"strings"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// Manifests are the custom connectors that the operator has put before this server as files. They look like registered
// ones to every operation, and none can register, change or unregister them. Safe for concurrent use.
type Manifests interface {
	// Manifest is the one of a label, as a registration without a function; nil when there is none. Its configuration
	// differs whenever the manifest does.
	Manifest(label string) *flow.Registration
	// Manifests are all, by label.
	Manifests() []*flow.Registration
}

// isManifest reports whether a registration is a manifest's.
func isManifest(r *flow.Registration) bool { return r.LambdaArn == "" }

// keepManifest refuses to change what is a manifest's.
func keepManifest(r *flow.Registration) error {
	if !isManifest(r) {
		return nil
	}
	return fault.New(fault.Conflict, "The connector with label %s is a manifest in the folder of this server's --connectors: change or remove its file there.", r.Label)
}

// withManifests shows the manifests among the registrations, to whoever reads and to whoever writes. A manifest hides a
// registration of its label.
type withManifests struct {
	store.Store
	manifests Manifests
}

// Read implements [store.Store].
func (s withManifests) Read(ctx context.Context, fn func(store.ReadTx) error) error {
	return s.Store.Read(ctx, func(tx store.ReadTx) error { return fn(readManifests{tx, s.manifests}) })
}

// Write implements [store.Store].
func (s withManifests) Write(ctx context.Context, fn func(store.Tx) error) error {
	return s.Store.Write(ctx, func(tx store.Tx) error { return fn(writeManifests{tx, s.manifests}) })
}

type readManifests struct {
	store.ReadTx
	manifests Manifests
}

// RegistrationGet implements [store.ReadTx].
func (t readManifests) RegistrationGet(ctx context.Context, label string) (*flow.Registration, error) {
	if r := t.manifests.Manifest(label); r != nil {
		return r, nil
	}
	return t.ReadTx.RegistrationGet(ctx, label)
}

// RegistrationList implements [store.ReadTx].
func (t readManifests) RegistrationList(ctx context.Context, after string, limit int) ([]*flow.Registration, error) {
	list, err := t.ReadTx.RegistrationList(ctx, after, limit)
	return merged(list, t.manifests.Manifests(), after, limit), err
}

type writeManifests struct {
	store.Tx
	manifests Manifests
}

// RegistrationGet implements [store.ReadTx].
func (t writeManifests) RegistrationGet(ctx context.Context, label string) (*flow.Registration, error) {
	return readManifests{t.Tx, t.manifests}.RegistrationGet(ctx, label)
}

// RegistrationList implements [store.ReadTx].
func (t writeManifests) RegistrationList(ctx context.Context, after string, limit int) ([]*flow.Registration, error) {
	return readManifests{t.Tx, t.manifests}.RegistrationList(ctx, after, limit)
}

// RegistrationPut implements [store.Tx]. Tags come this way, too.
func (t writeManifests) RegistrationPut(ctx context.Context, r *flow.Registration) error {
	if t.manifests.Manifest(r.Label) != nil {
		return fault.New(fault.Validation, "The connector with label %s is a manifest, which is described by its file alone.", r.Label)
	}
	return t.Tx.RegistrationPut(ctx, r)
}

// merged puts the manifests after a label into a page of registrations.
func merged(list, manifests []*flow.Registration, after string, limit int) []*flow.Registration {
	out := slices.Clone(list)
	for _, m := range manifests {
		if m.Label <= after {
			continue
		}
		at, isHidden := slices.BinarySearchFunc(out, m.Label, func(r *flow.Registration, label string) int { return strings.Compare(r.Label, label) })
		if isHidden {
			out[at] = m
			continue
		}
		out = slices.Insert(out, at, m)
	}
	return out[:min(len(out), limit)]
}
