package profile_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/egress"
	"weir.dev/weir/connectorkit/oauth"
	"weir.dev/weir/connectorkit/oauth/oauthtest"
	"weir.dev/weir/connectors"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/profile"
	"weir.dev/weir/internal/store"
	"weir.dev/weir/internal/store/sqlite"
	"weir.dev/weir/internal/vault"
)

// rig is a store with profiles, the double of a vendor, and books that stand for processes.
type rig struct {
	t      testing.TB
	store  store.Store
	vault  *vault.Vault
	vendor *oauthtest.Server
	env    map[string]string
	log    bytes.Buffer
	logger *slog.Logger
	now    func() time.Time
}

func newRig(t testing.TB) *rig {
	t.Helper()
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "weir.db"), sqlite.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	v, err := vault.Open(t.Context(), vault.Options{URL: "base64key://" + base64.URLEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, v.Close()) })
	r := &rig{t: t, store: st, vault: v, vendor: oauthtest.New(t), now: time.Now}
	r.logger = slog.New(slog.NewTextHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r.env = map[string]string{
		"WEIR_ENDPOINT_URL_SALESFORCE":    r.vendor.URL,
		"WEIR_OAUTH_SALESFORCE_CLIENT_ID": r.vendor.ClientID, "WEIR_OAUTH_SALESFORCE_CLIENT_SECRET": r.vendor.ClientSecret,
	}
	return r
}

// book is another process's book on the same store.
func (r *rig) book(change ...func(o *profile.Options)) *profile.Book {
	r.t.Helper()
	policy, err := egress.NewPolicy([]string{"127.0.0.0/8"})
	require.NoError(r.t, err)
	o := profile.Options{
		Shelf: profile.OnStore(r.store), Connectors: registry(), HTTP: egress.NewClient(egress.Options{Policy: policy}),
		Sealer: func(context.Context, *string) (profile.Sealer, error) { return r.vault, nil },
		Getenv: func(name string) string { return r.env[name] },
		Now:    func() time.Time { return r.now() },
		Log:    r.logger,
	}
	for _, f := range change {
		f(&o)
	}
	return profile.New(o)
}

// crm is a profile of the vendor whose code the tests have.
func crm() *flow.Profile {
	return &flow.Profile{Name: "crm", Connector: flow.Salesforce, Mode: flow.ModePublic, Properties: flow.Properties(`{"instanceUrl":"https://acme.my.salesforce.com"}`)}
}

// put proves credentials and stores them.
func (r *rig) put(p *flow.Profile, credentials string) {
	r.t.Helper()
	sealed, err := r.book().Prove(r.t.Context(), p, flow.Properties(credentials), nil)
	require.NoError(r.t, err)
	require.NoError(r.t, r.store.Write(r.t.Context(), func(tx store.Tx) error {
		return tx.ProfilePut(r.t.Context(), &store.Profile{Profile: *p, SealedCredentials: sealed})
	}))
}

func (r *rig) stored(name string) *store.Profile {
	r.t.Helper()
	p, err := profile.OnStore(r.store).Profile(r.t.Context(), name)
	require.NoError(r.t, err)
	return p
}

func (r *rig) tokens(b *profile.Book, name string) connector.TokenSource {
	r.t.Helper()
	cfg, err := b.Config(r.t.Context(), flow.Salesforce, name, "")
	require.NoError(r.t, err)
	require.NotNil(r.t, cfg.Tokens)
	return cfg.Tokens
}

// registry is the build's, but for a Salesforce whose code asks the double who it is.
func registry() *connector.Registry {
	list := []connector.Connector{tested{}}
	for _, spec := range connectors.All().Specs() {
		if spec.Type != flow.Salesforce {
			list = append(list, connector.Described(spec))
		}
	}
	return connector.NewRegistry(list...)
}

// tested is a connector behind OAuth: its check reads /me, and renews its token once.
type tested struct{}

func (tested) Spec() *connector.Spec {
	return &connector.Spec{
		Type: flow.Salesforce, Name: "Salesforce", NeedsProfile: true, CanBeSource: true,
		Auth: connector.Auth{Kinds: []connector.AuthKind{connector.AuthOAuth2}, OAuth: &connector.OAuth{
			Grants: []connector.Grant{connector.GrantAuthorizationCode, connector.GrantJWTBearer},
			Endpoint: func(_ flow.Properties, override func(string) string) (connector.OAuthEndpoint, error) {
				return connector.OAuthEndpoint{AuthURL: override("") + "/authorize", TokenURL: override("") + "/token", UsePKCE: true}, nil
			},
		}},
	}
}

func (tested) Connect(_ context.Context, cfg connector.Config) (connector.Connection, error) {
	return connection{cfg}, nil
}

type connection struct{ cfg connector.Config }

func (connection) Close() error { return nil }

func (c connection) Check(ctx context.Context) error {
	token, err := c.cfg.Tokens.Token(ctx)
	if err != nil {
		return err
	}
	ok, err := c.me(ctx, token)
	if err != nil || ok {
		return err
	}
	if token, err = c.cfg.Tokens.Renew(ctx, token); err != nil {
		return err
	}
	if ok, err = c.me(ctx, token); err == nil && !ok {
		return fault.New(fault.ConnectorAuth, "the vendor refused the token")
	}
	return err
}

func (c connection) me(ctx context.Context, token string) (bool, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.cfg.Endpoint("")+"/me", nil)
	if err != nil {
		return false, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := egress.Do(c.cfg.HTTP, r)
	if err != nil {
		return false, err
	}
	_, err = egress.ReadAll(res, 1<<20)
	return res.StatusCode == http.StatusOK, err
}

// apps is a double of the secrets that ARNs name.
type apps map[string]oauth.App

func (a apps) App(_ context.Context, arn string) (oauth.App, error) {
	app, ok := a[arn]
	if !ok {
		return app, fault.New(fault.Validation, "no such secret")
	}
	return app, nil
}
