package app

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/access"
	"weir.dev/weir/internal/profile"
	"weir.dev/weir/internal/store"
	"weir.dev/weir/internal/vault"
)

const (
	// announcementSetting and announcementFile tell servers that run during a rotation which master is the new one.
	announcementSetting = "master-key"
	announcementFile    = "vault.next"
	// watchPause is how often a server that alone has the store looks whether a command has rotated its master.
	watchPause = 2 * time.Second
)

// Rotated is what a rotation came to.
type Rotated struct {
	Keys     int `json:"keys"`     // access keys that were resealed
	Profiles int `json:"profiles"` // likewise
	Kept     int `json:"kept"`     // secrets that hung on the new master already
	// ByServer is set when a running server has the store and reseals by itself.
	ByServer bool `json:"byServer,omitzero"`
}

// RotateMaster has another master key seal everything: the one of a URL, or with "" a new one in the local key file. From
// are masters that sealed before, besides the configured one. Servers may run meanwhile. It may be repeated, and goes on
// where it was interrupted: each secret is resealed in a transaction of its own, and the old master still opens the rest.
func RotateMaster(ctx context.Context, cfg Config, to string, from []string, log *slog.Logger) (Rotated, error) {
	cfg.defaults()
	cfg.OldKeyURLs = append(cfg.OldKeyURLs, from...)
	var err error
	if cfg.Data, err = prepareData(cfg.Data); err != nil {
		return Rotated{}, err
	}
	if to == "" && cfg.KeyURL != "" {
		return Rotated{}, fault.New(fault.Validation, "say with --to which master key is the new one; the configured one is not the local key file")
	}
	st, err := OpenStore(ctx, cfg)
	isBusy := cfg.Store == "sqlite" && fault.Is(err, fault.Conflict)
	if err != nil && !isBusy {
		return Rotated{}, err
	}
	if !isBusy {
		defer st.Close()
	}
	if to == "" {
		if err := vault.RotateKeyFile(cfg.Data); err != nil {
			return Rotated{}, err
		}
	} else if err := announce(ctx, cfg, st, to); err != nil {
		return Rotated{}, err
	}
	if isBusy {
		return Rotated{ByServer: true}, nil
	}
	next := cfg
	if to != "" {
		next.KeyURL, next.OldKeyURLs = to, oldMasters(cfg)
	}
	v, err := vault.Open(ctx, vault.Options{Dir: next.Data, URL: next.KeyURL, OldURLs: next.OldKeyURLs})
	if err != nil {
		return Rotated{}, err
	}
	done, err := reseal(ctx, st, v, sealerOf(next, v), log)
	return done, errors.Join(err, v.Close())
}

func oldMasters(cfg Config) []string {
	if cfg.KeyURL == "" {
		return cfg.OldKeyURLs
	}
	return append([]string{cfg.KeyURL}, cfg.OldKeyURLs...)
}

// announce tells running servers of the new master, sealed with the old one: in the store, or beside it while a server has
// it. Of a master whose URL is the key itself they must be told by their settings.
func announce(ctx context.Context, cfg Config, st store.Store, to string) error {
	old, err := vault.Open(ctx, vault.Options{Dir: cfg.Data, URL: cfg.KeyURL, OldURLs: cfg.OldKeyURLs})
	if err != nil {
		return err
	}
	sealed, err := old.Announce(ctx, to)
	err = errors.Join(err, old.Close())
	text := base64.StdEncoding.EncodeToString(sealed)
	switch {
	case fault.Is(err, fault.Validation) && st != nil:
		return nil // there is no server to tell, or it was started with both masters
	case fault.Is(err, fault.Validation):
		return fault.New(fault.Conflict, "a server has the store open, and this key cannot be told to it; restart it with --key-url and the new key, and the old one as --old-key-url: it reseals by itself")
	case err != nil:
		return err
	case st == nil:
		path := filepath.Join(cfg.Data, announcementFile)
		return fault.Wrap(fault.Internal, os.WriteFile(path, []byte(text+"\n"), 0o600), "announcing the new master key")
	}
	return st.Write(ctx, func(tx store.Tx) error { return tx.SettingPut(ctx, announcementSetting, text) })
}

// reseal hangs everything in a store on the current master. What somebody changes meanwhile is looked at again.
func reseal(
	ctx context.Context, st store.Store, v *vault.Vault, sealer func(context.Context, *string) (*vault.Vault, error), log *slog.Logger,
) (done Rotated, err error) {
	if err := resealKeys(ctx, st, v, &done); err != nil {
		return done, err
	}
	if err := resealProfiles(ctx, st, sealer, &done); err != nil {
		return done, err
	}
	if err := resealSecret(ctx, st, v); err != nil {
		return done, err
	}
	if err := resealEvents(ctx, st, v); err != nil {
		return done, err
	}
	if done.Keys+done.Profiles > 0 {
		log.InfoContext(ctx, "resealed secrets under the current master key", "keys", done.Keys, "profiles", done.Profiles, "master", v.Current())
	}
	return done, nil
}

func resealKeys(ctx context.Context, st store.Store, v *vault.Vault, done *Rotated) error {
	var list []*store.AccessKey
	err := st.Read(ctx, func(tx store.ReadTx) (err error) { list, err = tx.KeyList(ctx); return err })
	if err != nil {
		return err
	}
	for _, k := range list {
		if v.IsCurrent(k.SealedSecret) {
			done.Kept++
			continue
		}
		sealed, err := v.Reseal(ctx, access.Purpose, k.ID, k.SealedSecret)
		if err != nil {
			return err
		}
		err = st.Write(ctx, func(tx store.Tx) error {
			now, err := tx.KeyGet(ctx, k.ID)
			if fault.Is(err, fault.NotFound) {
				return nil
			}
			if err != nil || !bytes.Equal(now.SealedSecret, k.SealedSecret) {
				return err
			}
			now.SealedSecret = sealed
			return tx.KeyPut(ctx, now)
		})
		if err != nil {
			return err
		}
		done.Keys++
	}
	return nil
}

func resealProfiles(ctx context.Context, st store.Store, sealer func(context.Context, *string) (*vault.Vault, error), done *Rotated) error {
	const page = 100
	for after := ""; ; {
		var list []*store.Profile
		err := st.Read(ctx, func(tx store.ReadTx) (err error) {
			list, err = tx.ProfileList(ctx, store.ProfileQuery{After: after, Limit: page})
			return err
		})
		if err != nil || len(list) == 0 {
			return err
		}
		for _, p := range list {
			after = p.Name
			if err := resealProfile(ctx, st, sealer, p, done); err != nil {
				return err
			}
		}
	}
}

// resealProfile tries again when the profile's tokens are renewed meanwhile.
func resealProfile(ctx context.Context, st store.Store, sealer func(context.Context, *string) (*vault.Vault, error), p *store.Profile, done *Rotated) error {
	v, err := sealer(ctx, p.KMSArn)
	if err != nil {
		return err
	}
	for {
		if p.SealedCredentials == nil || v.IsCurrent(p.SealedCredentials) {
			done.Kept++
			return nil
		}
		sealed, err := v.Reseal(ctx, profile.Purpose, p.Name, p.SealedCredentials)
		if err != nil {
			return err
		}
		err = st.Write(ctx, func(tx store.Tx) error { return tx.ProfileSaveCredentials(ctx, p.Name, p.Revision, sealed) })
		switch {
		case err == nil:
			done.Profiles++
			return nil
		case fault.Is(err, fault.NotFound):
			return nil
		case !fault.Is(err, fault.Conflict):
			return err
		}
		if p, err = profile.OnStore(st).Profile(ctx, p.Name); err != nil {
			if fault.Is(err, fault.NotFound) {
				return nil
			}
			return err
		}
	}
}

// resealSecret does the same for the installation's own secret.
func resealSecret(ctx context.Context, st store.Store, v *vault.Vault) error {
	kept, err := readSetting(ctx, st, secretSetting)
	if err != nil || kept == "" {
		return err
	}
	old, err := base64.StdEncoding.DecodeString(kept)
	if err != nil || v.IsCurrent(old) {
		return nil //nolint:nilerr // what cannot be read is replaced at the next start
	}
	sealed, err := v.Reseal(ctx, secretPurpose, secretSetting, old)
	if err != nil {
		return err
	}
	return st.Write(ctx, func(tx store.Tx) error {
		now, err := tx.SettingGet(ctx, secretSetting)
		if err != nil || now != kept {
			return err
		}
		return tx.SettingPut(ctx, secretSetting, base64.StdEncoding.EncodeToString(sealed))
	})
}

// watchMaster reseals by itself where this process alone has the store: at the start, and when a command has left a new
// master in the data directory. A store that several processes share is resealed by the command.
//
// Seen is the state of the key files from before the vault was opened, so that no change falls in between.
func (a *App) watchMaster(ctx context.Context, seen masterFiles) {
	for {
		if _, err := reseal(ctx, a.Store, a.vault, sealerOf(a.Config, a.vault), a.Log); err != nil && ctx.Err() == nil {
			a.Log.WarnContext(ctx, "secrets could not be resealed under the current master key; their old one is still needed", "error", err)
		}
		for readMasterFiles(a.Config.Data) == seen {
			if pause(ctx, watchPause) != nil {
				return
			}
		}
		seen = readMasterFiles(a.Config.Data)
		if err := a.vault.Refresh(ctx); err != nil {
			a.Log.WarnContext(ctx, "the master keys could not be read again", "error", err)
		}
	}
}

// masterFiles tells one state of the key files from another.
type masterFiles [2]time.Time

func readMasterFiles(dir string) (state masterFiles) {
	for i, name := range []string{vault.KeyFile, announcementFile} {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil { // what cannot be looked at is not there
			state[i] = info.ModTime()
		}
	}
	return state
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
