// Package access keeps the keys that sign requests: it makes them, seals their secrets into the store, and finds them
// again for the signature check, each with the policy that says what it may do. What a policy means is package policy's
// matter; asking it, the server's.
package access

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"maps"
	"sync"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/access/policy"
	"weir.dev/weir/internal/server/sigv4"
	"weir.dev/weir/internal/store"
)

// Sealer keeps secrets at rest. The vault is one.
type Sealer interface {
	Seal(ctx context.Context, purpose, id string, secret []byte) ([]byte, error)
	Open(ctx context.Context, purpose, id string, sealed []byte) ([]byte, error)
}

// Purpose binds sealed secrets to what they are for; the id is the key's.
const Purpose = "access-key"

const (
	// freshness is how long what was read of the store is relied on: a key that another process disables stops working
	// within this time.
	freshness = 5 * time.Second
	// missPause is how often an id that is not known yet may have the store read again: a key that another process makes
	// works within this time, and made-up ids cost the store one read for all of them.
	missPause = time.Second
	// readPatience bounds one read of the keys.
	readPatience = 5 * time.Second
)

// Keyring finds keys by id. It holds a picture of all stored keys, which are few, so that requests with made-up ids reach
// neither the store nor the vault. Changes made through it count at once; those of other processes soon, see [freshness]
// and [missPause]. Safe for concurrent use.
type Keyring struct {
	store store.Store
	vault Sealer
	now   func() time.Time
	log   *slog.Logger
	fixed map[string]sigv4.Key // keys given by the environment; never stored

	reading  sync.Mutex // held by the one that reads the store; guards the next two
	failure  error      // of the last read; nil when it went well
	failedAt time.Time

	opening sync.Mutex // held by the one that opens a secret

	mu      sync.RWMutex                // guards all below
	stored  map[string]*store.AccessKey // the picture; nil when there is none
	readAt  time.Time                   // of the picture
	changes int                         // made through this keyring
	opened  map[string]openedKey
}

// openedKey is a key with its secret in clear and its policy compiled, for as long as both stay the same.
type openedKey struct {
	key      sigv4.Key
	sealed   []byte
	policy   *policy.Policy // nil allows everything
	document json.RawMessage
}

// NewKeyring makes a keyring over a store.
func NewKeyring(st store.Store, vault Sealer, now func() time.Time, log *slog.Logger) *Keyring {
	return &Keyring{store: st, vault: vault, now: now, log: log, fixed: map[string]sigv4.Key{}, opened: map[string]openedKey{}}
}

// Fix adds a key that lives in this process alone. Call it before the first Find.
func (k *Keyring) Fix(key sigv4.Key, name string) {
	key.Name = name
	k.fixed[key.ID] = key
}

// Find returns the key of an id with its policy, which is nil when everything is allowed: [sigv4.ErrUnknownKey] when there
// is no such key, or it is disabled or has expired, another error when the store or the vault does not answer.
func (k *Keyring) Find(ctx context.Context, id string) (sigv4.Key, *policy.Policy, error) {
	if key, ok := k.fixed[id]; ok {
		return key, nil, nil
	}
	stored, isCurrent := k.look(id)
	if !isCurrent {
		var err error
		if stored, err = k.read(ctx, id); err != nil {
			return sigv4.Key{}, nil, err
		}
	}
	if stored == nil || stored.Disabled || isExpired(stored, k.now()) {
		return sigv4.Key{}, nil, sigv4.ErrUnknownKey
	}
	return k.open(ctx, stored)
}

func isExpired(key *store.AccessKey, now time.Time) bool {
	return !key.ExpiresAt.IsZero() && !now.Before(key.ExpiresAt)
}

// look finds a key in the picture, and says whether the picture is good enough to tell.
func (k *Keyring) look(id string) (*store.AccessKey, bool) {
	now := k.now()
	k.mu.RLock()
	defer k.mu.RUnlock()
	stored, ok := k.stored[id]
	age := now.Sub(k.readAt)
	return stored, k.stored != nil && age < freshness && (ok || age < missPause)
}

// read takes a new picture and finds the key in it. Those who come meanwhile wait and share it.
func (k *Keyring) read(ctx context.Context, id string) (*store.AccessKey, error) {
	k.reading.Lock()
	defer k.reading.Unlock()
	if stored, isCurrent := k.look(id); isCurrent {
		return stored, nil
	}
	if k.failure != nil && k.now().Sub(k.failedAt) < missPause { // whoever waited for that read shares its failure too
		return nil, k.failure
	}
	// The picture is for everyone, so the one caller's haste must not end it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readPatience)
	defer cancel()
	for {
		k.mu.RLock()
		changes := k.changes
		k.mu.RUnlock()
		at := k.now()
		var list []*store.AccessKey
		err := k.store.Read(ctx, func(tx store.ReadTx) (err error) {
			list, err = tx.KeyList(ctx)
			return err
		})
		if k.failure, k.failedAt = err, k.now(); err != nil {
			return nil, err
		}
		if picture := byID(list); k.keep(picture, at, changes) {
			return picture[id], nil
		}
	}
}

func byID(list []*store.AccessKey) map[string]*store.AccessKey {
	m := make(map[string]*store.AccessKey, len(list))
	for _, key := range list {
		m[key.ID] = key
	}
	return m
}

// keep takes a picture over, unless a change has been made since it was begun.
func (k *Keyring) keep(picture map[string]*store.AccessKey, at time.Time, changes int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.changes != changes {
		return false
	}
	k.stored, k.readAt = picture, at
	maps.DeleteFunc(k.opened, func(id string, _ openedKey) bool { return picture[id] == nil })
	return true
}

// open unseals a key's secret and compiles its policy, once for as long as they stay the same.
func (k *Keyring) open(ctx context.Context, stored *store.AccessKey) (sigv4.Key, *policy.Policy, error) {
	if o, ok := k.lookOpened(stored); ok {
		return o.key, o.policy, nil
	}
	k.opening.Lock()
	defer k.opening.Unlock()
	if o, ok := k.lookOpened(stored); ok {
		return o.key, o.policy, nil
	}
	secret, err := k.vault.Open(ctx, Purpose, stored.ID, stored.SealedSecret)
	if err != nil {
		return sigv4.Key{}, nil, err
	}
	o := openedKey{
		key: sigv4.Key{ID: stored.ID, Secret: string(secret), Name: stored.Name}, sealed: stored.SealedSecret,
		policy: k.compile(stored), document: stored.Policy,
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.opened[stored.ID] = o
	return o.key, o.policy, nil
}

// compile reads a stored policy. One that cannot be read, because another release wrote it, allows nothing.
func (k *Keyring) compile(stored *store.AccessKey) *policy.Policy {
	if stored.Policy == nil {
		return nil
	}
	p, err := policy.Parse(stored.Policy)
	if err != nil {
		k.log.Error("an access key can do nothing: its policy cannot be read", "key", stored.ID, "error", err)
		return &policy.Policy{}
	}
	return p
}

func (k *Keyring) lookOpened(stored *store.AccessKey) (openedKey, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	o, ok := k.opened[stored.ID]
	o.key.Name = stored.Name
	return o, ok && bytes.Equal(o.sealed, stored.SealedSecret) && bytes.Equal(o.document, stored.Policy) && (o.document == nil) == (stored.Policy == nil)
}

// Also is what else a change writes in its transaction, about the key of that id: its audit record.
type Also = func(tx store.Tx, id string) error

// Create makes a key for a name and stores it with its secret sealed. The secret is returned this once. The document is
// its policy, which has been checked; nil allows everything.
func (k *Keyring) Create(ctx context.Context, name string, document json.RawMessage, also ...Also) (sigv4.Key, error) {
	key, stored, err := k.newKey(ctx)
	if err != nil {
		return sigv4.Key{}, err
	}
	key.Name, stored.Name, stored.Policy = name, name, document
	err = k.change(ctx, key.ID, also, func(tx store.Tx) error { return tx.KeyPut(ctx, stored) })
	if err != nil {
		return sigv4.Key{}, err
	}
	return key, nil
}

// newKey makes a key that nobody has, with the row that keeps it.
func (k *Keyring) newKey(ctx context.Context) (sigv4.Key, *store.AccessKey, error) {
	key := sigv4.Key{ID: "WEIR" + base32.StdEncoding.EncodeToString(random(10)), Secret: base64.RawURLEncoding.EncodeToString(random(30))}
	sealed, err := k.vault.Seal(ctx, Purpose, key.ID, []byte(key.Secret))
	return key, &store.AccessKey{ID: key.ID, SealedSecret: sealed, CreatedAt: k.now().UTC()}, err
}

// Rotate makes a key with the name and the policy of another, which goes on working for the overlap and no longer. Also is
// told the new key's id. NotFound when there is no such key, Conflict when it does not work any more.
func (k *Keyring) Rotate(ctx context.Context, id string, overlap time.Duration, also ...Also) (sigv4.Key, error) {
	key, stored, err := k.newKey(ctx)
	if err != nil {
		return sigv4.Key{}, err
	}
	err = k.change(ctx, key.ID, also, func(tx store.Tx) error {
		old, err := tx.KeyGet(ctx, id)
		if err != nil {
			return err
		}
		now := k.now().UTC()
		if old.Disabled || isExpired(old, now) {
			return fault.New(fault.Conflict, "Access key %s does not work any more, so there is nothing to rotate. Create a new key.", id)
		}
		if end := now.Add(overlap); old.ExpiresAt.IsZero() || end.Before(old.ExpiresAt) {
			old.ExpiresAt = end
		}
		key.Name, stored.Name, stored.Policy = old.Name, old.Name, old.Policy
		if err := tx.KeyPut(ctx, old); err != nil {
			return err
		}
		return tx.KeyPut(ctx, stored)
	})
	if err != nil {
		return sigv4.Key{}, err
	}
	return key, nil
}

// SetDisabled switches a key off or on. NotFound when there is none.
func (k *Keyring) SetDisabled(ctx context.Context, id string, disabled bool, also ...Also) error {
	return k.edit(ctx, id, also, func(key *store.AccessKey) { key.Disabled = disabled })
}

// SetPolicy replaces a key's policy, which has been checked; nil allows everything. NotFound when there is no such key.
func (k *Keyring) SetPolicy(ctx context.Context, id string, document json.RawMessage, also ...Also) error {
	return k.edit(ctx, id, also, func(key *store.AccessKey) { key.Policy = document })
}

func (k *Keyring) edit(ctx context.Context, id string, also []Also, fn func(key *store.AccessKey)) error {
	return k.change(ctx, id, also, func(tx store.Tx) error {
		key, err := tx.KeyGet(ctx, id)
		if err != nil {
			return err
		}
		fn(key)
		return tx.KeyPut(ctx, key)
	})
}

// Delete removes a key for good. NotFound when there is none.
func (k *Keyring) Delete(ctx context.Context, id string, also ...Also) error {
	return k.change(ctx, id, also, func(tx store.Tx) error { return tx.KeyDelete(ctx, id) })
}

// change writes in one transaction and drops the picture.
func (k *Keyring) change(ctx context.Context, id string, also []Also, fn func(tx store.Tx) error) error {
	err := k.store.Write(ctx, func(tx store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		for _, more := range also {
			if err := more(tx, id); err != nil {
				return err
			}
		}
		return nil
	})
	k.mu.Lock() // also after an error: the change may have been made, and only the answer lost
	defer k.mu.Unlock()
	k.stored = nil
	k.changes++
	return err
}

// List returns the stored keys without their secrets.
func (k *Keyring) List(ctx context.Context) ([]*store.AccessKey, error) {
	var list []*store.AccessKey
	err := k.store.Read(ctx, func(tx store.ReadTx) (err error) {
		list, err = tx.KeyList(ctx)
		return err
	})
	for _, key := range list {
		key.SealedSecret = nil
	}
	return list, err
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails; see crypto/rand
	return b
}
