package app

import (
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"weir.dev/weir/blob"
	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/awssecrets"
	"weir.dev/weir/connectorkit/egress"
	"weir.dev/weir/fault"
	"weir.dev/weir/internal/profile"
	"weir.dev/weir/internal/store"
	"weir.dev/weir/internal/vault"
)

// openVault opens the vault of an installation. Masters that are announced while it is open are found in the store, or in
// the data directory where a command could not open the store because this process has it.
func openVault(ctx context.Context, cfg Config, st store.Store) (*vault.Vault, error) {
	return vault.Open(ctx, vault.Options{Dir: cfg.Data, URL: cfg.KeyURL, OldURLs: cfg.OldKeyURLs, Discover: func(ctx context.Context) ([]byte, error) {
		text, err := os.ReadFile(filepath.Join(cfg.Data, announcementFile))
		if errors.Is(err, fs.ErrNotExist) {
			var kept string
			kept, err = readSetting(ctx, st, announcementSetting)
			text = []byte(kept)
		}
		if err != nil || len(text) == 0 {
			return nil, err
		}
		return base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	}})
}

func readSetting(ctx context.Context, st store.Store, name string) (text string, err error) {
	err = st.Read(ctx, func(tx store.ReadTx) error {
		text, err = tx.SettingGet(ctx, name)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return "", nil
	}
	return text, err
}

// keyServiceTemplate is where a profile's kmsArn leads by default.
const keyServiceTemplate = "awskms:///{arn}?region={region}"

// noKeyService is the --kms-url that seals profiles with a kmsArn under the installation's own key.
const noKeyService = "none"

// sealerOf picks the master key for a profile: its own by kmsArn, else the installation's.
func sealerOf(cfg Config, v *vault.Vault) func(ctx context.Context, kmsArn *string) (*vault.Vault, error) {
	return func(ctx context.Context, kmsArn *string) (*vault.Vault, error) {
		if kmsArn == nil || cfg.KMSURL == noKeyService {
			return v, nil
		}
		name, err := arn.Parse(*kmsArn)
		if err != nil || name.Service != "kms" {
			return nil, fault.New(fault.Validation, "kmsArn %q is not the ARN of a key in AWS KMS", *kmsArn)
		}
		template := cfg.KMSURL
		if template == "" {
			template = keyServiceTemplate
		}
		return v.Under(ctx, strings.NewReplacer("{arn}", *kmsArn, "{region}", name.Region).Replace(template))
	}
}

// newHTTP makes the one client that reaches vendors.
func newHTTP(cfg Config) (egress.Options, error) {
	policy, err := egress.NewPolicy(cfg.AllowNetworks)
	if err != nil {
		return egress.Options{}, err
	}
	o := egress.Options{Policy: policy, Version: Version}
	if cfg.EgressProxy == "" {
		return o, nil
	}
	u, err := url.Parse(cfg.EgressProxy)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return o, fault.New(fault.Validation, "--egress-proxy must be the URL of an HTTP proxy, as http://proxy.example.com:3128")
	}
	o.Proxy = u
	return o, nil
}

// newBook makes the book of credentials. The sealer returns what keeps them at rest.
func newBook(
	cfg Config, shelf profile.Shelf, sealer func(context.Context, *string) (profile.Sealer, error), opener blob.Opener, list *connector.Registry, shared connector.Shared,
	log *slog.Logger,
) (*profile.Book, error) {
	o, err := newHTTP(cfg)
	if err != nil {
		return nil, err
	}
	return profile.New(profile.Options{
		Shelf: shelf, Connectors: list, HTTP: egress.NewClient(o), Dial: o.Dial, Sealer: sealer, Apps: &awssecrets.Reader{}, Buckets: opener, Shared: shared, Log: log,
	}), nil
}

// openProfiles makes the book of an installation.
func (a *App) openProfiles() (err error) {
	pick := sealerOf(a.Config, a.vault)
	sealer := func(ctx context.Context, kmsArn *string) (profile.Sealer, error) { return pick(ctx, kmsArn) }
	a.profiles, err = newBook(a.Config, profile.OnStore(a.Store), sealer, a.buckets, a.Connectors, sharedBudgets{a.Store, a.Config.Store == "sqlite"}, a.Log)
	return err
}
