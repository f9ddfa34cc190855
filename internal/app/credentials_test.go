package app_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/access"
	"weir.dev/weir/internal/app"
	"weir.dev/weir/internal/listen"
	"weir.dev/weir/internal/profile"
	"weir.dev/weir/internal/store"
	"weir.dev/weir/internal/vault"
)

func masterURL(fill byte) string {
	return "base64key://" + base64.URLEncoding.EncodeToString(bytes.Repeat([]byte{fill}, 32))
}

// fill makes an installation with a key and profiles, one of them with a key of its own.
func fill(t *testing.T, cfg app.Config) {
	t.Helper()
	a, err := app.Open(t.Context(), cfg, io.Discard)
	require.NoError(t, err)
	require.NoError(t, a.Close())
	st, err := app.OpenStore(t.Context(), cfg)
	require.NoError(t, err)
	v, err := vault.Open(t.Context(), vault.Options{Dir: cfg.Data, URL: cfg.KeyURL})
	require.NoError(t, err)
	for _, name := range []string{"a", "b", "c"} {
		sealed, err := v.Seal(t.Context(), profile.Purpose, name, []byte(`{"credentials":{"apiKey":"`+name+`"}}`))
		require.NoError(t, err)
		if name == "c" {
			sealed = nil
		}
		require.NoError(t, st.Write(t.Context(), func(tx store.Tx) error {
			return tx.ProfilePut(t.Context(), &store.Profile{Profile: flow.Profile{Name: name, Connector: flow.Singular, CreatedAt: time.Now()}, SealedCredentials: sealed})
		}))
	}
	waiting, err := v.Seal(t.Context(), listen.Purpose, "hooked", []byte(`{"id":1}`))
	require.NoError(t, err)
	require.NoError(t, st.Write(t.Context(), func(tx store.Tx) error {
		if err := tx.FlowPut(t.Context(), &flow.Flow{Name: "hooked", Version: 1}); err != nil {
			return err
		}
		if err := tx.ListenerPut(t.Context(), &store.Listener{FlowName: "hooked", IsHeld: true, Next: 2}); err != nil {
			return err
		}
		return tx.InboxAppend(t.Context(), []*store.EventChunk{{FlowName: "hooked", Sequence: 1, Events: 1, Bytes: 9, Sealed: waiting}})
	}))
	require.NoError(t, v.Close())
	require.NoError(t, st.Close())
}

// requireSealedBy checks that one master opens everything.
func requireSealedBy(t *testing.T, cfg app.Config, options vault.Options) {
	t.Helper()
	st, err := app.OpenStore(t.Context(), cfg)
	require.NoError(t, err)
	defer st.Close()
	v, err := vault.Open(t.Context(), options)
	require.NoError(t, err)
	defer v.Close()
	require.NoError(t, st.Read(t.Context(), func(tx store.ReadTx) error {
		keys, err := tx.KeyList(t.Context())
		require.NoError(t, err)
		require.Len(t, keys, 1)
		require.True(t, v.IsCurrent(keys[0].SealedSecret))
		_, err = v.Open(t.Context(), access.Purpose, keys[0].ID, keys[0].SealedSecret)
		require.NoError(t, err)
		for _, name := range []string{"a", "b"} {
			p, err := tx.ProfileGet(t.Context(), name)
			require.NoError(t, err)
			text, err := v.Open(t.Context(), profile.Purpose, name, p.SealedCredentials)
			require.NoError(t, err)
			require.Contains(t, string(text), name)
		}
		chunks, err := tx.InboxList(t.Context(), "hooked", 0, 9, 9)
		require.NoError(t, err)
		require.Len(t, chunks, 1)
		require.True(t, v.IsCurrent(chunks[0].Sealed))
		text, err := v.Open(t.Context(), listen.Purpose, "hooked", chunks[0].Sealed)
		require.NoError(t, err)
		require.JSONEq(t, `{"id":1}`, string(text))
		return nil
	}))
}

func TestRotateMaster_ResealsEverything(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	cfg := app.Config{Data: t.TempDir()}
	fill(t, cfg)

	first, err := os.ReadFile(filepath.Join(cfg.Data, "vault.key"))
	require.NoError(t, err)
	done, err := app.RotateMaster(t.Context(), cfg, "", nil, log)
	require.NoError(t, err)
	require.Equal(t, app.Rotated{Keys: 1, Profiles: 2, Kept: 1}, done)
	second, err := os.ReadFile(filepath.Join(cfg.Data, "vault.key"))
	require.NoError(t, err)
	require.NotEqual(t, first, second)
	requireSealedBy(t, cfg, vault.Options{Dir: cfg.Data})

	done, err = app.RotateMaster(t.Context(), cfg, masterURL(1), nil, log)
	require.NoError(t, err)
	require.Equal(t, 3, done.Keys+done.Profiles)
	requireSealedBy(t, cfg, vault.Options{URL: masterURL(1)})

	done, err = app.RotateMaster(t.Context(), cfg, masterURL(1), nil, log)
	require.NoError(t, err)
	require.Equal(t, app.Rotated{Kept: 4}, done, "again changes nothing")

	configured := cfg
	configured.KeyURL = masterURL(1)
	_, err = app.RotateMaster(t.Context(), configured, "", nil, log)
	require.True(t, fault.Is(err, fault.Validation))
	_, err = app.RotateMaster(t.Context(), app.Config{Data: cfg.Data, KeyURL: masterURL(2)}, masterURL(3), nil, log)
	require.ErrorContains(t, err, "which this vault does not have")
	requireSealedBy(t, cfg, vault.Options{URL: masterURL(1)})
	done, err = app.RotateMaster(t.Context(), app.Config{Data: cfg.Data, KeyURL: masterURL(2)}, masterURL(2), []string{masterURL(1)}, log)
	require.NoError(t, err)
	require.Equal(t, 3, done.Keys+done.Profiles)
	requireSealedBy(t, cfg, vault.Options{URL: masterURL(2)})
}

// A server that has SQLite's store to itself reseals when a command has rotated the key file under it, and when it is
// started with another key.
func TestServer_ResealsByItself(t *testing.T) {
	t.Parallel()
	cfg := app.Config{Data: t.TempDir()}
	fill(t, cfg)
	log := &waiting{want: "resealed secrets", seen: make(chan struct{}, 10)}
	a, err := app.Open(t.Context(), cfg, log)
	require.NoError(t, err)
	done, err := app.RotateMaster(t.Context(), cfg, "", nil, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.True(t, done.ByServer)
	log.wait(t)
	require.NoError(t, a.Close())
	requireSealedBy(t, cfg, vault.Options{Dir: cfg.Data})

	restarted := cfg
	restarted.KeyURL = masterURL(4)
	a, err = app.Open(t.Context(), restarted, log)
	require.NoError(t, err)
	log.wait(t)
	require.NoError(t, a.Close())
	requireSealedBy(t, cfg, vault.Options{URL: masterURL(4)})
}

// waiting is a log that says when a text has come.
type waiting struct {
	want string
	seen chan struct{}
}

func (w *waiting) wait(t *testing.T) {
	t.Helper()
	select {
	case <-w.seen:
	case <-time.After(time.Minute):
		require.FailNow(t, "the log does not say it", w.want)
	}
}

func (w *waiting) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(w.want)) {
		w.seen <- struct{}{}
	}
	return len(p), nil
}

func TestOpen_RefusesBadOutboundSettings(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*app.Config){
		"--allow-network": func(c *app.Config) { c.AllowNetworks = []string{"ten"} },
		"--egress-proxy":  func(c *app.Config) { c.EgressProxy = "proxy:3128" },
	} {
		cfg := app.Config{Data: t.TempDir()}
		change(&cfg)
		_, err := app.Open(t.Context(), cfg, io.Discard)
		require.True(t, fault.Is(err, fault.Validation), want)
		require.ErrorContains(t, err, want)
	}
}
