package app

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/internal/store"
	"weir.dev/weir/internal/store/sqlite"
	"weir.dev/weir/internal/vault"
)

func TestInstallationSecret_IsMadeOnceAndSealed(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	open := func() *vault.Vault {
		v, err := vault.Open(ctx, vault.Options{Dir: t.TempDir()})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, v.Close()) })
		return v
	}
	st, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "weir.db"), sqlite.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })

	v := open()
	first, err := installationSecret(ctx, st, v)
	require.NoError(t, err)
	require.Len(t, first, secretBytes)
	again, err := installationSecret(ctx, st, v)
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.NoError(t, st.Read(ctx, func(tx store.ReadTx) error {
		text, err := tx.SettingGet(ctx, secretSetting)
		require.NotContains(t, text, string(first))
		return err
	}))

	other := open() // the key file is lost
	replaced, err := installationSecret(ctx, st, other)
	require.NoError(t, err)
	require.NotEqual(t, first, replaced)
	again, err = installationSecret(ctx, st, other)
	require.NoError(t, err)
	require.Equal(t, replaced, again)
}
