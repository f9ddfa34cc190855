package vault

import (
	"context"
	"net/url"
	"time"

	"weir.dev/weir/fault"
)

// lookPause is how often a vault looks for masters that it does not have: a secret that nothing opens must not have the
// key file and the store read at every try.
const lookPause = time.Second

// What an announcement is sealed for.
const announcePurpose, announceID = "master-key", "next"

// Announce makes known that another master seals from now on, to vaults that have this one's and not that one's. The
// announcement is sealed, so that nobody who can but write to the store can put a master of theirs there. A master whose
// URL is the key itself is not announced: an old key must not tell the new one.
func (v *Vault) Announce(ctx context.Context, next string) ([]byte, error) {
	if u, err := url.Parse(next); err != nil || u.Scheme == localScheme {
		return nil, fault.New(fault.Validation, "a master key whose URL is the key itself cannot be announced")
	}
	return v.Seal(ctx, announcePurpose, announceID, []byte(next))
}

// Refresh looks for new masters at once.
func (v *Vault) Refresh(ctx context.Context) error {
	v.looking.Lock()
	defer v.looking.Unlock()
	return v.find(ctx)
}

// look is Refresh for a secret whose master is missing.
func (v *Vault) look(ctx context.Context) error {
	v.looking.Lock()
	defer v.looking.Unlock()
	if !v.lookedAt.IsZero() && time.Since(v.lookedAt) < lookPause {
		return nil
	}
	return v.find(ctx)
}

// find needs looking. It reads the key file again and asks Discover. A master that was announced becomes current, and so does the file's
// first where the vault's own settings name no other.
func (v *Vault) find(ctx context.Context) error {
	announced, err := v.announced(ctx)
	if err != nil {
		return fault.Wrap(fault.CodeOf(err), err, "looking for master keys")
	}
	var local []string
	if v.options.Dir != "" {
		if local, err = readKeyFile(v.options.Dir, false); err != nil {
			return err
		}
	}
	urls := local
	if announced != "" {
		urls = append(urls, announced)
	}
	for _, u := range urls {
		if err := v.add(ctx, u); err != nil {
			return err
		}
	}
	v.lookedAt = time.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case announced != "":
		v.current = masterID(announced)
	case len(local) > 0 && v.options.URL == "":
		v.current = masterID(local[0])
	}
	return nil
}

// announced is the URL of the master that was announced, "" when there is none that this vault can read.
func (v *Vault) announced(ctx context.Context) (string, error) {
	if v.options.Discover == nil {
		return "", nil
	}
	sealed, err := v.options.Discover(ctx)
	if err != nil || sealed == nil {
		return "", err
	}
	parts, err := parse(sealed)
	if err != nil {
		return "", err
	}
	m := v.master(parts.masterID)
	if m == nil {
		return "", nil
	}
	key, err := v.unlockWith(ctx, m, parts)
	if err != nil {
		return "", err
	}
	next, err := key.open(announcePurpose, announceID, parts)
	return string(next), err
}

// maxUnder bounds the masters that single secrets have.
const maxUnder = 256

// Under is a vault that seals with another master, and opens what either has sealed. It lives as long as v.
func (v *Vault) Under(ctx context.Context, keyURL string) (*Vault, error) {
	v.mu.Lock()
	child, n := v.under[keyURL], len(v.under)
	v.mu.Unlock()
	if child != nil {
		return child, nil
	}
	if n >= maxUnder {
		return nil, fault.New(fault.Quota, "more than %d master keys are in use", maxUnder)
	}
	child = newVault(Options{URL: keyURL})
	child.parent = v
	if err := child.add(ctx, keyURL); err != nil {
		return nil, err
	}
	child.current = masterID(keyURL)
	v.mu.Lock()
	defer v.mu.Unlock()
	if other := v.under[keyURL]; other != nil {
		return other, child.Close()
	}
	v.under[keyURL] = child
	return child, nil
}

// MasterID is how sealed secrets name a master. It tells nothing of the key.
func MasterID(rawURL string) string { return masterID(rawURL) }

// Current is the id of the master that seals.
func (v *Vault) Current() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.current
}
