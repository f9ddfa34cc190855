// Package vault seals small secrets so that they can lie in the store, in backups and in replicas: secrets of access keys,
// credentials of profiles.
//
// A secret is encrypted with a data key (AES-256-GCM), and that one with a master key that the vault reaches by URL
// through gocloud.dev/secrets: a file of its own by default, a key service elsewhere. What belongs to one row opens for
// that row only: purpose and id are authenticated along. See sealed.go for the form.
//
// Masters are rotated by opening the vault with the new one as current and the old ones beside it, and resealing at
// leisure; vaults that are open meanwhile look the new one up when they meet it (see rotate.go). Single secrets can have a
// master of their own (see [Vault.Under]). The vault never writes a secret or a key anywhere but the local key file, and
// never names one in an error.
package vault

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"gocloud.dev/gcerrors"
	"gocloud.dev/secrets"
	_ "gocloud.dev/secrets/localsecrets" // base64key://

	"weir.dev/weir/fault"
)

// Options say where the master key is.
type Options struct {
	// Dir holds the local key file, vault.key, which is created when it is needed and missing.
	Dir string
	// URL names the master key to seal with; "" means the local key file. base64key://… carries a key of 32 bytes in
	// URL-safe base64.
	URL string
	// OldURLs name former master keys, which only open. The local key file, where there is one, opens as well.
	OldURLs []string
	// Discover returns what Announce has made, or nil; nil knows of no announcement. It is asked when a secret hangs on a
	// master that the vault does not have.
	Discover func(ctx context.Context) ([]byte, error)
}

// Vault seals and opens. Safe for concurrent use.
type Vault struct {
	options Options
	parent  *Vault // of a vault that Under returned; has the masters that this one lacks

	looking  sync.Mutex // held by the one that looks for masters; guards lookedAt
	lookedAt time.Time

	mu       sync.Mutex          // guards all below
	current  string              // id of the master to seal with
	masters  map[string]*master  // by id; never removed
	under    map[string]*Vault   // by URL
	sealing  *dataKey            // made when first needed
	unlocked map[string]*dataKey // opened ones by their wrapped form
}

type master struct {
	id      string
	keeper  *secrets.Keeper
	isLocal bool // the key is in this process
}

// maxUnlocked bounds the data keys kept open. There is about one for each start of a server.
const maxUnlocked = 1024

// Open reaches the master keys. It asks no key service: a wrong key shows when it is used.
func Open(ctx context.Context, options Options) (*Vault, error) {
	urls, err := masterURLs(options)
	if err != nil {
		return nil, err
	}
	v := newVault(options)
	for _, u := range urls {
		if err := v.add(ctx, u); err != nil {
			return nil, errors.Join(err, v.Close())
		}
	}
	v.current = masterID(urls[0])
	return v, nil
}

func newVault(options Options) *Vault {
	return &Vault{options: options, masters: map[string]*master{}, under: map[string]*Vault{}, unlocked: map[string]*dataKey{}}
}

// add opens a master, unless the vault has it.
func (v *Vault) add(ctx context.Context, rawURL string) error {
	if v.master(masterID(rawURL)) != nil {
		return nil
	}
	m, err := openMaster(ctx, rawURL)
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.masters[m.id] != nil { // somebody was faster
		return m.keeper.Close()
	}
	v.masters[m.id] = m
	return nil
}

func (v *Vault) master(id string) *master {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.masters[id]
}

// masterURLs lists the current master first.
func masterURLs(options Options) ([]string, error) {
	var urls []string
	if options.URL != "" {
		urls = append(urls, options.URL)
	}
	urls = append(urls, options.OldURLs...)
	if options.Dir == "" {
		if options.URL == "" {
			return nil, fault.New(fault.Validation, "opening vault: it needs a key's URL or a folder")
		}
		return urls, nil
	}
	local, err := readKeyFile(options.Dir, options.URL == "")
	if err != nil {
		return nil, err
	}
	if options.URL == "" {
		return append(local, urls...), nil
	}
	return append(urls, local...), nil
}

func openMaster(ctx context.Context, rawURL string) (*master, error) {
	// The URL may be the key: no error that quotes it gets out.
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme == "" {
		return nil, fault.New(fault.Validation, "opening vault: a master key's URL is malformed")
	}
	if !secrets.DefaultURLMux().ValidKeeperScheme(u.Scheme) {
		known := secrets.DefaultURLMux().KeeperSchemes()
		slices.Sort(known)
		return nil, fault.New(fault.Validation, "opening vault: key URLs of scheme %q are not supported, only %s",
			u.Scheme, strings.Join(known, ", "))
	}
	if u.Host == "" && u.Scheme == localScheme {
		// gocloud would make a key up, and everything sealed with it would be lost at the next start.
		return nil, fault.New(fault.Validation, "opening vault: the %s URL holds no key", u.Scheme)
	}
	keeper, err := secrets.OpenKeeper(ctx, rawURL)
	if err != nil {
		return nil, fault.New(fault.Validation, "opening vault: the key of the %s URL cannot be used", u.Scheme)
	}
	return &master{masterID(rawURL), keeper, u.Scheme == localScheme}, nil
}

// failed classifies a master's error: what a key service refuses stays refused, the rest may pass.
func (m *master) failed(ctx context.Context, doing string, err error) error {
	if ctx.Err() != nil {
		return fault.Wrap(fault.Canceled, err, "%s", doing)
	}
	if m.isLocal {
		return fault.New(fault.Internal, "%s: master key %s does not fit, or the data is damaged", doing, m.id)
	}
	switch gcerrors.Code(err) {
	case gcerrors.PermissionDenied:
		return fault.Wrap(fault.AccessDenied, err, "%s", doing)
	case gcerrors.InvalidArgument, gcerrors.NotFound, gcerrors.FailedPrecondition, gcerrors.Unimplemented:
		return fault.Wrap(fault.Internal, err, "%s", doing)
	}
	return fault.Temporary(fault.Internal, err, "%s", doing)
}

// masterID names a master without telling it: keys are random, and URLs of key services are no secret.
func masterID(rawURL string) string {
	sum := sha256.Sum256([]byte("weir vault master\x00" + rawURL))
	return hex.EncodeToString(sum[:8])
}

// Close lets the masters go. The vault is of no use afterwards.
func (v *Vault) Close() error {
	var errs []error
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, child := range v.under {
		errs = append(errs, child.Close())
	}
	for _, m := range v.masters {
		errs = append(errs, m.keeper.Close())
	}
	return errors.Join(errs...)
}

// Seal encrypts a secret for one use: purpose says of what kind ("access-key"), id of which. The same secret never seals
// to the same bytes.
func (v *Vault) Seal(ctx context.Context, purpose, id string, secret []byte) ([]byte, error) {
	key, err := v.sealingKey(ctx)
	if err != nil {
		return nil, fault.Wrap(fault.CodeOf(err), err, "sealing %s %q", purpose, id)
	}
	return key.seal(purpose, id, secret), nil
}

// Open decrypts what Seal returned for the same purpose and id.
func (v *Vault) Open(ctx context.Context, purpose, id string, sealed []byte) ([]byte, error) {
	secret, err := v.open(ctx, purpose, id, sealed)
	if err != nil {
		return nil, fault.Wrap(fault.CodeOf(err), err, "opening sealed %s %q", purpose, id)
	}
	return secret, nil
}

func (v *Vault) open(ctx context.Context, purpose, id string, sealed []byte) ([]byte, error) {
	parts, err := parse(sealed)
	if err != nil {
		return nil, err
	}
	key, err := v.unlock(ctx, parts)
	if err != nil {
		return nil, err
	}
	return key.open(purpose, id, parts)
}

// IsCurrent reports whether a sealed secret hangs on the current master.
func (v *Vault) IsCurrent(sealed []byte) bool {
	parts, err := parse(sealed)
	v.mu.Lock()
	defer v.mu.Unlock()
	return err == nil && parts.masterID == v.current
}

// Reseal seals a secret anew under the current master, which ends the need for an old one.
func (v *Vault) Reseal(ctx context.Context, purpose, id string, sealed []byte) ([]byte, error) {
	secret, err := v.Open(ctx, purpose, id, sealed)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	return v.Seal(ctx, purpose, id, secret)
}

// sealingKey returns this process's data key. One for all its secrets spares a call to the key service for each.
func (v *Vault) sealingKey(ctx context.Context) (*dataKey, error) {
	v.mu.Lock()
	key, m := v.sealing, v.masters[v.current]
	v.mu.Unlock()
	if key.isFresh() && key.masterID == m.id {
		return key, nil
	}
	plain := make([]byte, keyBytes)
	_, _ = rand.Read(plain) // never fails: the runtime ends the process instead
	wrapped, err := m.keeper.Encrypt(ctx, plain)
	if err != nil {
		return nil, m.failed(ctx, "wrapping a data key", err)
	}
	if key, err = newDataKey(m.id, wrapped, plain); err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sealing = key
	v.keep(key)
	return key, nil
}

func (v *Vault) unlock(ctx context.Context, parts *sealedParts) (*dataKey, error) {
	m := v.master(parts.masterID)
	if m == nil && v.parent != nil {
		return v.parent.unlock(ctx, parts)
	}
	if m == nil {
		if err := v.look(ctx); err != nil {
			return nil, err
		}
		m = v.master(parts.masterID)
	}
	if m == nil {
		return nil, fault.New(fault.Internal, "it was sealed with master key %s, which this vault does not have", parts.masterID)
	}
	return v.unlockWith(ctx, m, parts)
}

// unlockWith unwraps the data key of a secret whose master is known.
func (v *Vault) unlockWith(ctx context.Context, m *master, parts *sealedParts) (*dataKey, error) {
	v.mu.Lock()
	key, ok := v.unlocked[parts.masterID+string(parts.wrapped)]
	v.mu.Unlock()
	if ok {
		return key, nil
	}
	plain, err := m.keeper.Decrypt(ctx, parts.wrapped)
	if err != nil {
		return nil, m.failed(ctx, "unwrapping its data key", err)
	}
	if key, err = newDataKey(parts.masterID, parts.wrapped, plain); err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.keep(key)
	return key, nil
}

// keep needs mu.
func (v *Vault) keep(key *dataKey) {
	for name := range v.unlocked {
		if len(v.unlocked) < maxUnlocked {
			break
		}
		delete(v.unlocked, name)
	}
	v.unlocked[key.masterID+string(key.wrapped)] = key
}
