package app

import (
	"context"
	"crypto/rand"
	"encoding/base64"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
	"weir.dev/weir/internal/vault"
)

const (
	secretSetting = "secret"
	secretPurpose = "installation"
	secretBytes   = 32
)

// installationSecret is what all servers of one store share and nobody who reads the store knows; the first one makes it.
// One that the vault cannot open any more is replaced: only page tokens and the memory of repeated requests hang on it.
func installationSecret(ctx context.Context, st store.Store, v *vault.Vault) ([]byte, error) {
	for {
		kept, err := keptSecret(ctx, st)
		if err != nil {
			return nil, err
		}
		if kept != "" {
			secret, err := openSecret(ctx, v, kept)
			if secret != nil || err != nil {
				return secret, err
			}
		}
		fresh := make([]byte, secretBytes)
		_, _ = rand.Read(fresh) // never fails
		sealed, err := v.Seal(ctx, secretPurpose, secretSetting, fresh)
		if err != nil {
			return nil, err
		}
		isOurs := false
		err = st.Write(ctx, func(tx store.Tx) error {
			now, err := settingOrNone(ctx, tx)
			if isOurs = err == nil && now == kept; isOurs {
				err = tx.SettingPut(ctx, secretSetting, base64.StdEncoding.EncodeToString(sealed))
			}
			return err
		})
		if isOurs || err != nil {
			return fresh, err
		} // else another server was faster
	}
}

func keptSecret(ctx context.Context, st store.Store) (text string, err error) {
	err = st.Read(ctx, func(tx store.ReadTx) error {
		text, err = settingOrNone(ctx, tx)
		return err
	})
	return text, err
}

func settingOrNone(ctx context.Context, tx store.ReadTx) (string, error) {
	text, err := tx.SettingGet(ctx, secretSetting)
	if fault.Is(err, fault.NotFound) {
		return "", nil
	}
	return text, err
}

// openSecret returns nil for what cannot be opened, and an error for what may be another time.
func openSecret(ctx context.Context, v *vault.Vault, text string) ([]byte, error) {
	sealed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, nil
	}
	secret, err := v.Open(ctx, secretPurpose, secretSetting, sealed)
	if retry, _ := fault.RetryOf(err); err != nil && retry != fault.Never {
		return nil, err
	}
	if err != nil || len(secret) != secretBytes {
		return nil, nil
	}
	return secret, nil
}
