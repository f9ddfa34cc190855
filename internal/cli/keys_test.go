package cli

import (
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	internalserver "weir.dev/weir/internal/server"
)

func TestKeys_LifeCycle(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	key := decoded[internalserver.KeyView](t, s.at("keys", "create", "ci")...)
	require.NotEmpty(t, key.Secret)
	require.Equal(t, "ci", key.Name)
	as := func(args ...string) result {
		return process(t, []string{"WEIR_ACCESS_KEY_ID=" + key.ID, "WEIR_SECRET_ACCESS_KEY=" + key.Secret}, append(args, "--endpoint-url", s.url)...)
	}
	require.Equal(t, exitDone, as("flows").code)
	require.Equal(t, "Disabled key "+key.ID+".\n", done(t, s.at("keys", "disable", key.ID)...))
	refused := as("flows")
	require.Equal(t, exitFailed, refused.code)
	require.NotContains(t, refused.err, key.Secret)
	require.Regexp(t, `KEY +NAME +STATE +CREATED\n(.*root +active.*\n.*ci +disabled|.*ci +disabled.*\n.*root +active)`, done(t, s.at("keys")...))
	require.NotContains(t, done(t, s.at("keys")...), key.Secret)
	require.Equal(t, "Enabled key "+key.ID+".\n", done(t, s.at("keys", "enable", key.ID)...))
	require.Equal(t, exitDone, as("flows").code)
	require.Equal(t, "Deleted key "+key.ID+".\n", done(t, s.at("keys", "delete", key.ID)...))
	require.Equal(t, exitFailed, as("flows").code)
	require.Len(t, decoded[[]internalserver.KeyView](t, s.at("keys")...), 1)
	require.Equal(t, exitFailed, weir(t, s.at("keys", "disable", "AKIANOBODY")...).code)
	require.Regexp(t, regexp.MustCompile(`^export AWS_ACCESS_KEY_ID=\S+\nexport AWS_SECRET_ACCESS_KEY=\S+\n$`), done(t, s.at("keys", "create", "people")...))
}

func TestBackup_RestoresFlowsHistoryAndKeys(t *testing.T) {
	t.Parallel()
	s := serve(t, shop(t, ""))
	done(t, s.at("apply", "-f", orders)...)
	done(t, s.at("start", "orders", "--wait")...)
	flows, runs := done(t, s.at("flows", "orders", "-o", "json")...), done(t, s.at("executions", "orders", "-o", "json")...)
	keys := done(t, s.at("keys", "-o", "json")...)
	dir := t.TempDir()
	online, offline := filepath.Join(dir, "online.weir"), filepath.Join(dir, "offline.weir")
	require.Regexp(t, `^Wrote .*online.weir \(\d.*B\)\.\n$`, done(t, s.at("backup", online)...))
	busy := weir(t, "backup", offline, "--offline", "--data", s.data)
	require.Equal(t, exitFailed, busy.code, "the server holds its data")
	require.NoFileExists(t, offline)
	s.stop()
	done(t, "backup", offline, "--offline", "--data", s.data)
	require.Equal(t, []string{"offline.weir", "online.weir"}, files(t, dir), "no partial files")

	for _, file := range []string{online, offline} {
		data := filepath.Join(t.TempDir(), "new")
		require.Equal(t, "Restored "+file+".\n", done(t, "restore", file, "--data", data))
		again := weir(t, "restore", file, "--data", data)
		require.Equal(t, exitFailed, again.code, "only an empty store is filled")
		for _, name := range []string{"vault.key", "credentials"} {
			write(t, filepath.Join(data, name), read(t, filepath.Join(s.data, name)))
		}
		restored := serve(t, shop(t, data))
		require.Equal(t, flows, done(t, restored.at("flows", "orders", "-o", "json")...))
		require.Equal(t, runs, done(t, restored.at("executions", "orders", "-o", "json")...))
		require.Equal(t, keys, done(t, restored.at("keys", "-o", "json")...))
		done(t, restored.at("start", "orders", "--wait")...)
	}
	bad := weir(t, "restore", write(t, filepath.Join(dir, "bad"), "nonsense"), "--data", filepath.Join(dir, "bad-data"))
	require.NotEqual(t, exitDone, bad.code)
	require.Equal(t, exitUsage, weir(t, "restore", filepath.Join(dir, "missing")).code)
}
