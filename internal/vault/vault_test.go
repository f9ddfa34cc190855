package vault_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/secrets"
	"gocloud.dev/secrets/localsecrets"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/vault"
)

var secret = []byte("wJalrXUtnFEMI/K7MDENG")

func keyURL(fill byte) string {
	return "base64key://" + base64.URLEncoding.EncodeToString(bytes.Repeat([]byte{fill}, 32))
}

func open(t testing.TB, options vault.Options) *vault.Vault {
	t.Helper()
	v, err := vault.Open(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, v.Close()) })
	return v
}

func seal(t testing.TB, v *vault.Vault, purpose, id string) []byte {
	t.Helper()
	sealed, err := v.Seal(t.Context(), purpose, id, secret)
	require.NoError(t, err)
	return sealed
}

func requireOpens(t testing.TB, v *vault.Vault, sealed []byte) {
	t.Helper()
	got, err := v.Open(t.Context(), "access-key", "AKIA1", sealed)
	require.NoError(t, err)
	require.Equal(t, secret, got)
}

// requireRefuses checks that an error says something, but not the secret or a key.
func requireRefuses(t testing.TB, err error, want string) {
	t.Helper()
	require.ErrorContains(t, err, want)
	require.NotContains(t, err.Error(), string(secret))
	require.NotContains(t, err.Error(), strings.TrimPrefix(keyURL(1), "base64key://"))
}

func TestOpen_GivesBackWhatWasSealed(t *testing.T) {
	t.Parallel()
	v := open(t, vault.Options{URL: keyURL(1)})
	for _, s := range [][]byte{{}, {0}, secret, bytes.Repeat([]byte("x"), 1<<20)} {
		sealed, err := v.Seal(t.Context(), "profile", "p", s)
		require.NoError(t, err)
		got, err := v.Open(t.Context(), "profile", "p", sealed)
		require.NoError(t, err)
		require.True(t, bytes.Equal(s, got))
	}
}

func TestSeal_ShowsNothingAndNeverRepeats(t *testing.T) {
	t.Parallel()
	v := open(t, vault.Options{URL: keyURL(1)})
	a, b := seal(t, v, "access-key", "AKIA1"), seal(t, v, "access-key", "AKIA1")
	require.NotEqual(t, a, b)
	require.NotContains(t, string(a), string(secret[:4]))
	require.NotContains(t, string(a), string(bytes.Repeat([]byte{1}, 8)), "the master key")
}

func TestOpen_AnotherProcessWithTheSameMasterOpens(t *testing.T) {
	t.Parallel()
	sealed := seal(t, open(t, vault.Options{URL: keyURL(1)}), "access-key", "AKIA1")
	requireOpens(t, open(t, vault.Options{URL: keyURL(1)}), sealed)
}

func TestOpen_RefusesARowThatWasSwapped(t *testing.T) {
	t.Parallel()
	v := open(t, vault.Options{URL: keyURL(1)})
	sealed := seal(t, v, "access-key", "AKIA1")
	for _, other := range [][2]string{{"access-key", "AKIA2"}, {"profile", "AKIA1"}, {"access-keyA", "KIA1"}, {"", ""}} {
		_, err := v.Open(t.Context(), other[0], other[1], sealed)
		requireRefuses(t, err, "sealed for something else")
	}
}

func TestOpen_RefusesEveryFlippedBitAndEveryCut(t *testing.T) {
	t.Parallel()
	v := open(t, vault.Options{URL: keyURL(1)})
	sealed := seal(t, v, "access-key", "AKIA1")
	fresh := open(t, vault.Options{URL: keyURL(1)}) // has no data key in memory yet
	for at := range sealed {
		bad := bytes.Clone(sealed)
		bad[at] ^= 0x01
		for _, vault := range []*vault.Vault{v, fresh} {
			_, err := vault.Open(t.Context(), "access-key", "AKIA1", bad)
			require.Error(t, err, "byte %d", at)
			_, err = vault.Open(t.Context(), "access-key", "AKIA1", sealed[:at])
			require.Error(t, err, "cut at %d", at)
		}
	}
	_, err := v.Open(t.Context(), "access-key", "AKIA1", append(bytes.Clone(sealed), 0))
	require.Error(t, err)
	requireOpens(t, v, sealed)
}

func TestOpen_NamesTheMasterItMisses(t *testing.T) {
	t.Parallel()
	sealed := seal(t, open(t, vault.Options{URL: keyURL(1)}), "access-key", "AKIA1")
	_, err := open(t, vault.Options{URL: keyURL(2)}).Open(t.Context(), "access-key", "AKIA1", sealed)
	requireRefuses(t, err, "which this vault does not have")
}

func TestOpen_RotatedMasterOpensOldAndSealsNew(t *testing.T) {
	t.Parallel()
	old := seal(t, open(t, vault.Options{URL: keyURL(1)}), "access-key", "AKIA1")
	both := open(t, vault.Options{URL: keyURL(2), OldURLs: []string{keyURL(1), keyURL(1)}})
	requireOpens(t, both, old)
	require.False(t, both.IsCurrent(old))
	resealed, err := both.Reseal(t.Context(), "access-key", "AKIA1", old)
	require.NoError(t, err)
	require.True(t, both.IsCurrent(resealed))
	requireOpens(t, open(t, vault.Options{URL: keyURL(2)}), resealed)
	_, err = both.Reseal(t.Context(), "access-key", "AKIA2", old)
	require.Error(t, err)
}

func TestOpen_RefusesURLsItCannotUseWithoutQuotingThem(t *testing.T) {
	t.Parallel()
	key := strings.TrimPrefix(keyURL(1), "base64key://")
	for name, test := range map[string]struct{ url, want string }{
		"unknown scheme": {"gpg://" + key, `scheme "gpg" are not supported, only awskms, `},
		"no scheme":      {key, "malformed"},
		"no key":         {"base64key://", "holds no key"},
		"a short key":    {"base64key://" + key[:20], "cannot be used"},
		"a parameter":    {"base64key://" + key + "?x=1", "cannot be used"},
		"broken":         {"base64key://" + key + "%zz", "malformed"},
		"nothing":        {"", "needs a key's URL or a folder"},
	} {
		_, err := vault.Open(t.Context(), vault.Options{URL: test.url})
		require.Error(t, err, name)
		requireRefuses(t, err, test.want)
		require.True(t, fault.Is(err, fault.Validation), name)
	}
}

func TestKeyFile_IsMadeOncePrivateAndKept(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	sealed := seal(t, open(t, vault.Options{Dir: dir}), "access-key", "AKIA1")
	info, err := os.Stat(filepath.Join(dir, "vault.key"))
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	requireOpens(t, open(t, vault.Options{Dir: dir}), sealed)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing is left beside it")
}

func TestKeyFile_RotationKeepsOldSecretsOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := seal(t, open(t, vault.Options{Dir: dir}), "access-key", "AKIA1")
	require.NoError(t, vault.RotateKeyFile(dir))
	rotated := open(t, vault.Options{Dir: dir})
	requireOpens(t, rotated, first)
	require.False(t, rotated.IsCurrent(first))
	second := seal(t, rotated, "access-key", "AKIA1")
	require.NoError(t, vault.RotateKeyFile(dir))
	again := open(t, vault.Options{Dir: dir})
	requireOpens(t, again, first)
	requireOpens(t, again, second)
	info, err := os.Stat(filepath.Join(dir, "vault.key"))
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
}

// A server that runs while the file is rotated opens what others seal with the new key, and seals with it from then on.
func TestKeyFile_RotationReachesOpenVaults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	running := open(t, vault.Options{Dir: dir})
	first := seal(t, running, "access-key", "AKIA1")
	require.NoError(t, vault.RotateKeyFile(dir))
	rotated := open(t, vault.Options{Dir: dir})
	second := seal(t, rotated, "access-key", "AKIA1")
	requireOpens(t, running, second)
	requireOpens(t, running, first)
	require.True(t, rotated.IsCurrent(seal(t, running, "access-key", "AKIA1")))
}

// serviceURL names a master whose URL is not the key, as those of key services.
const serviceURL = "testservice://key"

func TestMain(m *testing.M) {
	secrets.DefaultURLMux().RegisterKeeper("testservice", opener{})
	os.Exit(m.Run())
}

type opener struct{}

func (opener) OpenKeeperURL(context.Context, *url.URL) (*secrets.Keeper, error) {
	return localsecrets.NewKeeper([32]byte{9}), nil
}

func TestOpen_LearnsOfAnAnnouncedMaster(t *testing.T) {
	t.Parallel()
	announcement, err := open(t, vault.Options{URL: keyURL(1)}).Announce(t.Context(), serviceURL)
	require.NoError(t, err)
	var asked int
	running := open(t, vault.Options{URL: keyURL(1), Discover: func(context.Context) ([]byte, error) { asked++; return announcement, nil }})
	requireOpens(t, running, seal(t, running, "access-key", "AKIA1"))
	require.Zero(t, asked, "not before it is needed")
	requireOpens(t, running, seal(t, open(t, vault.Options{URL: serviceURL}), "access-key", "AKIA1"))
	require.Equal(t, vault.MasterID(serviceURL), running.Current())
	strange := seal(t, open(t, vault.Options{URL: keyURL(3)}), "access-key", "AKIA1")
	for range 100 {
		_, err := running.Open(t.Context(), "access-key", "AKIA1", strange)
		requireRefuses(t, err, "does not have")
	}
	require.LessOrEqual(t, asked, 2, "a secret that nothing opens does not have it asked all the time")
}

// Who can only write to the store cannot have secrets sealed with a key of theirs, nor keys of theirs believed.
func TestOpen_IgnoresAnnouncementsOfStrangers(t *testing.T) {
	t.Parallel()
	theirs, err := open(t, vault.Options{URL: keyURL(4)}).Announce(t.Context(), serviceURL)
	require.NoError(t, err)
	for _, announcement := range [][]byte{theirs, []byte(serviceURL), append([]byte{1}, theirs...)} {
		v := open(t, vault.Options{URL: keyURL(1), Discover: func(context.Context) ([]byte, error) { return announcement, nil }})
		_, err = v.Open(t.Context(), "access-key", "AKIA1", seal(t, open(t, vault.Options{URL: serviceURL}), "access-key", "AKIA1"))
		require.Error(t, err)
		require.Equal(t, vault.MasterID(keyURL(1)), v.Current())
	}
	_, err = open(t, vault.Options{URL: keyURL(1)}).Announce(t.Context(), keyURL(2))
	requireRefuses(t, err, "cannot be announced")
}

func TestUnder_HasAMasterOfItsOwn(t *testing.T) {
	t.Parallel()
	v := open(t, vault.Options{URL: keyURL(1)})
	own, err := v.Under(t.Context(), keyURL(5))
	require.NoError(t, err)
	same, err := v.Under(t.Context(), keyURL(5))
	require.NoError(t, err)
	require.Same(t, own, same)
	sealed := seal(t, own, "access-key", "AKIA1")
	requireOpens(t, own, sealed)
	requireOpens(t, own, seal(t, v, "access-key", "AKIA1"))
	_, err = v.Open(t.Context(), "access-key", "AKIA1", sealed)
	requireRefuses(t, err, "does not have")
	require.False(t, v.IsCurrent(sealed))
	_, err = v.Under(t.Context(), "gpg://x")
	requireRefuses(t, err, "not supported")
}

// From the file to a key service: the file still opens what it sealed.
func TestKeyFile_OpensBesideAnotherMaster(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := seal(t, open(t, vault.Options{Dir: dir}), "access-key", "AKIA1")
	moved := open(t, vault.Options{Dir: dir, URL: keyURL(3)})
	requireOpens(t, moved, old)
	require.False(t, moved.IsCurrent(old))
	require.True(t, moved.IsCurrent(seal(t, moved, "access-key", "AKIA1")))
}

func TestKeyFile_IsNotMadeWhenAnotherMasterSeals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open(t, vault.Options{Dir: dir, URL: keyURL(1)})
	require.NoFileExists(t, filepath.Join(dir, "vault.key"))
}

func TestKeyFile_IsRefused(t *testing.T) {
	t.Parallel()
	good := strings.TrimPrefix(keyURL(1), "base64key://") + "\n"
	for name, test := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"when the group can read it": {good, 0o640, "chmod 600"},
		"when the world can":         {good, 0o604, "chmod 600"},
		"when others can write it":   {good, 0o620, "chmod 600"},
		"when it is empty":           {"# nothing\n", 0o600, "holds no key"},
		"when a line is no key":      {good + "oops\n", 0o600, "not a key of 32 bytes"},
		"when it is huge":            {strings.Repeat(good, 4000), 0o600, "not a key file"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "vault.key")
		require.NoError(t, os.WriteFile(path, []byte(test.text), 0o600))
		require.NoError(t, os.Chmod(path, test.mode))
		_, err := vault.Open(t.Context(), vault.Options{Dir: dir})
		require.Error(t, err, name)
		requireRefuses(t, err, test.want)
	}
}

func TestKeyFile_ManyFirstStartsAgreeOnOneKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const starts = 8
	vaults, errs := make([]*vault.Vault, starts), make([]error, starts)
	var wait sync.WaitGroup
	for i := range starts {
		wait.Go(func() { vaults[i], errs[i] = vault.Open(t.Context(), vault.Options{Dir: dir}) })
	}
	wait.Wait()
	require.Equal(t, make([]error, starts), errs)
	sealed := seal(t, vaults[0], "access-key", "AKIA1")
	for _, v := range vaults {
		requireOpens(t, v, sealed)
		require.NoError(t, v.Close())
	}
}

func TestVault_IsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	v := open(t, vault.Options{URL: keyURL(1)})
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 20 {
				sealed, err := v.Seal(t.Context(), "access-key", "AKIA1", secret)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := v.Open(t.Context(), "access-key", "AKIA1", sealed); err != nil || !bytes.Equal(got, secret) {
					t.Errorf("%q, %v", got, err)
				}
			}
		})
	}
	wait.Wait()
}

func BenchmarkOpen(b *testing.B) {
	v := open(b, vault.Options{URL: keyURL(1)})
	sealed := seal(b, v, "access-key", "AKIA1")
	for b.Loop() {
		_, _ = v.Open(b.Context(), "access-key", "AKIA1", sealed)
	}
}

func FuzzOpen(f *testing.F) {
	v := open(f, vault.Options{URL: keyURL(1)})
	sealed := seal(f, v, "access-key", "AKIA1")
	f.Add(sealed)
	f.Add([]byte{1, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := v.Open(t.Context(), "access-key", "AKIA1", b)
		if err == nil && !bytes.Equal(got, secret) { // each process that fuzzes has sealed it anew
			t.Fatalf("something that was not sealed opens as %q", got)
		}
	})
}
