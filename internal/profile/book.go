// Package profile is the book of credentials: it completes those that people give (exchanging codes, fetching tokens),
// proves that they work, seals them, opens them for connections, and keeps access tokens fresh.
//
//	CreateConnectorProfile ─► Prove ─► sealed bytes ─► the store's profile
//	run, metadata call     ─► Config ─► connector.Config with a TokenSource
//	a refused access token ─► TokenSource.Renew ─► one refresh, stored before it is used
//
// Secrets are in clear only in what Config hands to a connection and for as long as a call lasts; none is in an error or a
// log. The book assumes that the store tells of every change of a profile by its revision, and that leases are exclusive.
// It never decides who may use a profile, and never creates or deletes one.
package profile

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/singleflight"

	"weir.dev/weir/batch"
	"weir.dev/weir/blob"
	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/oauth"
	"weir.dev/weir/connectorkit/pace"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// Sealer keeps secrets at rest. The vault is one.
type Sealer interface {
	Seal(ctx context.Context, purpose, id string, secret []byte) ([]byte, error)
	Open(ctx context.Context, purpose, id string, sealed []byte) ([]byte, error)
}

// Purpose binds sealed credentials to what they are for; the id is the profile's name.
const Purpose = "profile"

// Apps reads the OAuth application that a profile names by an ARN.
type Apps interface {
	App(ctx context.Context, secretARN string) (oauth.App, error)
}

// Options are what a book is made of. Those of the first block are required.
type Options struct {
	Shelf      Shelf
	Connectors *connector.Registry
	HTTP       *http.Client // of package egress
	// Sealer returns what seals a profile's credentials: the installation's key, or the one that the profile's kmsArn
	// names.
	Sealer func(ctx context.Context, kmsArn *string) (Sealer, error)

	Apps Apps // nil refuses clientCredentialsArn
	// Dial is a connector.Config's; nil opens no connections but HTTP's.
	Dial    func(ctx context.Context, address string, plain bool) (net.Conn, error)
	Buckets blob.Opener
	Shared  connector.Shared    // what processes share of budgets; nil keeps them in this process
	Pool    *batch.Pool         // nil is the default pool
	Now     func() time.Time    // nil is the clock
	Getenv  func(string) string // nil is the process's environment
	Log     *slog.Logger        // nil discards
}

// Book is the book of credentials. Safe for concurrent use.
type Book struct {
	o     Options
	owner string // of leases: one for each book

	flight singleflight.Group
	calls  pace.Set // what users grant of accounts, by profile

	mu      sync.Mutex
	unsaved map[string]unsaved // fresh tokens that the shelf would not take, by profile
}

// unsaved is what a vendor granted and the store has not got.
type unsaved struct {
	revision int64
	secret   *secret
}

// New makes a book.
func New(o Options) *Book {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Pool == nil {
		o.Pool = batch.DefaultPool
	}
	return &Book{o: o, owner: uuid.NewString(), unsaved: map[string]unsaved{}}
}

// Config is what a connection needs: for one profile, or for a connector that takes none. NotFound when there is no such
// profile, Validation when it belongs to another connector.
func (b *Book) Config(ctx context.Context, t flow.ConnectorType, profileName, apiVersion string) (connector.Config, error) {
	if profileName == "" {
		return b.base(t, apiVersion), nil
	}
	p, err := b.o.Shelf.Profile(ctx, profileName)
	if fault.Is(err, fault.NotFound) {
		return connector.Config{}, fault.New(fault.NotFound, "Connector Profile with name %s does not exist.", profileName)
	}
	if err != nil {
		return connector.Config{}, err
	}
	if p.Connector != t {
		return connector.Config{}, fault.New(fault.Validation, "profile %q is for %s, not for %s", profileName, p.Connector, t)
	}
	s, err := b.open(ctx, &p.Profile, p.SealedCredentials)
	if err != nil {
		return connector.Config{}, err
	}
	cfg := b.filled(&p.Profile, s, apiVersion)
	if s.Token != nil {
		cfg.Tokens = &source{book: b, name: profileName, token: s.Token}
	}
	return cfg, nil
}

// base is what every connection of a connector gets.
func (b *Book) base(t flow.ConnectorType, apiVersion string) connector.Config {
	return connector.Config{
		APIVersion: apiVersion, Endpoint: func(sub string) string { return b.endpoint(t, sub) },
		Buckets: b.o.Buckets, HTTP: b.o.HTTP, Dial: b.o.Dial, Pool: b.o.Pool, Now: b.o.Now,
	}
}

// filled is base with a profile in it, but for the tokens.
func (b *Book) filled(p *flow.Profile, s *secret, apiVersion string) connector.Config {
	cfg := b.base(p.Connector, apiVersion)
	cfg.ProfileName, cfg.Label = p.Name, p.Label
	cfg.ProfileProperties, cfg.ProfileCredentials = s.properties(p.Properties), s.Credentials
	cfg.Shared = b.o.Shared
	budget := b.budget(p)
	cfg.Budget, cfg.HTTP = budget, rest.Paced(b.o.HTTP, budget, b.o.Now)
	return cfg
}

// budget is what the profile's tags grant of the account. Without any it still tells all processes how long the vendor
// has asked one of them to wait.
func (b *Book) budget(p *flow.Profile) pace.Budget {
	granted, _ := flow.CallBudgetOf(p.Tags) // wrong ones were refused when they were set
	return b.calls.Over(b.o.Shared, "profile "+p.Name, pace.Limits{
		Concurrency: granted.Concurrent, Calls: granted.PerMinute, Every: time.Minute, Daily: granted.PerDay,
	})
}

// endpoint is the operator's URL for a host: WEIR_ENDPOINT_URL_SALESFORCE, WEIR_ENDPOINT_URL_SALESFORCE_AUTH.
func (b *Book) endpoint(t flow.ConnectorType, sub string) string {
	name := "WEIR_ENDPOINT_URL_" + strings.ToUpper(string(t))
	if sub != "" {
		name += "_" + sub
	}
	return b.o.Getenv(name)
}

// open unseals a profile's credentials.
func (b *Book) open(ctx context.Context, p *flow.Profile, sealed []byte) (*secret, error) {
	if sealed == nil {
		return &secret{}, nil
	}
	sealer, err := b.o.Sealer(ctx, p.KMSArn)
	if err != nil {
		return nil, err
	}
	text, err := sealer.Open(ctx, Purpose, p.Name, sealed)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	return readSecret(p.Name, text)
}

func (b *Book) seal(ctx context.Context, p *flow.Profile, s *secret) ([]byte, error) {
	sealer, err := b.o.Sealer(ctx, p.KMSArn)
	if err != nil {
		return nil, err
	}
	text, err := s.write()
	if err != nil {
		return nil, err
	}
	defer clear(text)
	return sealer.Seal(ctx, Purpose, p.Name, text)
}

// Shelf is where profiles lie. Safe for concurrent use; its errors are the store's.
type Shelf interface {
	// Profile is NotFound when there is none of that name.
	Profile(ctx context.Context, name string) (*store.Profile, error)
	// SaveCredentials replaces a profile's credentials alone: Conflict when the revision has passed, Fenced when the lease
	// has.
	SaveCredentials(ctx context.Context, fence store.Fence, name string, revision int64, sealed []byte) error
	// Acquire takes a lease; Conflict while another owner has it.
	Acquire(ctx context.Context, lease, owner string, now time.Time, ttl time.Duration) (store.Fence, error)
	Release(ctx context.Context, fence store.Fence) error
}
