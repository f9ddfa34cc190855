// Package server speaks AWS's language: it checks signatures, routes requests, turns wire shapes into the words of
// package flow and back, and keeps the rules of each operation, one file per operation. Truth is the store's; runs are
// started through a small interface.
//
//	request → request id → claim → body → signature → route → rate → decode → policy → validate → operation → answer or error
//
// It never answers a client's mistake with a 5xx, never shows a cause it did not classify, and knows nothing of SQL,
// columns or engines.
package server

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/access/policy"
	"weir.dev/weir/internal/metadata"
	"weir.dev/weir/internal/server/sigv4"
	"weir.dev/weir/internal/store"
)

// Runner starts and stops executions that the store holds. The engines of package durable are runners.
type Runner interface {
	Start(ctx context.Context, executionID string) error
	Cancel(ctx context.Context, executionID string) error
}

// Keys finds the access keys that sign requests.
type Keys interface {
	// Find returns the key of an id, with the name of whom it stands for and the policy that says what it may do, nil for
	// everything: [sigv4.ErrUnknownKey] when there is none or it is disabled, another error when that cannot be told.
	Find(ctx context.Context, id string) (sigv4.Key, *policy.Policy, error)
}

// Announcer writes into the transaction that puts a new execution into the ledger what others are to be told of it.
type Announcer interface {
	Started(ctx context.Context, tx store.Tx, f *flow.Flow, x *flow.Execution) error
}

// Options are what a server is made of. All of the first block are required.
type Options struct {
	Store      store.Store
	Runner     Runner
	Connectors *connector.Registry
	Keys       Keys
	AccountID  string // 12 digits

	Inbox         Inbox                 // takes in what is sent to event flows; nil refuses it
	Profiles      Profiles              // proves and seals credentials; nil refuses them
	Secret        []byte                // what nobody who reads the store knows, the same at each start; nil does without
	Metadata      *metadata.Cache       // what vendors have; nil asks none
	Manifests     Manifests             // custom connectors that are files; nil for none
	Registrar     Registrar             // asks custom connectors what they are; nil asks none
	KeyAdmin      KeyAdmin              // makes and revokes keys; nil refuses to
	Announcer     Announcer             // tells others of runs that begin; nil tells nobody
	Began         func(flowName string) // told of each run that has been put into the ledger; must not block; may be nil
	Live          LiveView              // progress of running executions; nil shows what the ledger knows
	Logger        *slog.Logger          // nil discards
	Metrics       prometheus.Registerer // nil counts nothing
	Gatherer      prometheus.Gatherer   // what /metrics shows; nil leaves the page out
	Now           func() time.Time      // nil is the clock
	MaxBody       int64                 // bytes of a request's body; 0 means 1 MiB
	MaxFlows      int                   // 0 means 1000, AppFlow's own limit
	MaxProfiles   int                   // 0 means 100, AppFlow's own limit
	MaxRunning    int                   // executions at the same time; 0 means 1000, AppFlow's own limit
	MaxConnectors int                   // that are registered; 0 means 100
	RateLimit     float64               // calls a second of one access key, twice as many at once; 0 means no limit
	WriteLimit    float64               // the same for calls that change something
	Proxies       []netip.Prefix        // whose X-Forwarded headers are believed
	Version       string                // of this build, for the extension pages
}

// Server is the HTTP face of Weir. Safe for concurrent use.
type Server struct {
	Options
	plain      store.Store // Options.Store as it came; that of Options asks policies, see [guardedStore]
	verifier   *sigv4.Verifier
	throttle   throttle
	strangers  *strangers
	operations map[string]operation
	measure    *measure
	tokenKey   []byte       // of page tokens
	requestKey []byte       // of hashes of requests that hold secrets
	metrics    http.Handler // nil leaves the page out
}

// New makes a server. It reads the installation's id from the store, and makes one in a new store.
func New(ctx context.Context, o Options) (*Server, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.MaxBody = orDefault(o.MaxBody, 1<<20)
	o.MaxFlows = orDefault(o.MaxFlows, 1000)
	o.MaxProfiles = orDefault(o.MaxProfiles, 100)
	if o.Profiles == nil {
		o.Profiles = noProfiles{}
	}
	if o.Inbox == nil {
		o.Inbox = noInbox{}
	}
	o.MaxRunning = orDefault(o.MaxRunning, 1000)
	o.MaxConnectors = orDefault(o.MaxConnectors, 100)
	id, err := installation(ctx, o.Store)
	if err != nil {
		return nil, err
	}
	s := &Server{Options: o, tokenKey: deriveKey(id, o.Secret, "page tokens")[:16], requestKey: deriveKey(id, o.Secret, "requests"), measure: newMeasure(o.Metrics)}
	s.verifier = &sigv4.Verifier{Service: "appflow"}
	if o.Manifests != nil {
		o.Store = withManifests{o.Store, o.Manifests}
	}
	s.plain, s.Store = o.Store, guardedStore{o.Store}
	s.throttle, s.strangers = newThrottle(&o), newStrangers()
	s.operations = operations()
	if o.Gatherer != nil {
		s.metrics = metricsPage(o.Gatherer)
	}
	return s, nil
}

// deriveKey makes the key of one use.
func deriveKey(installation string, secret []byte, use string) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(use + " of " + installation))
	return h.Sum(nil)
}

func orDefault[T int | int64](v, otherwise T) T {
	if v == 0 {
		return otherwise
	}
	return v
}

// installation returns the id that tells this store from others.
func installation(ctx context.Context, st store.Store) (string, error) {
	var id string
	err := st.Write(ctx, func(tx store.Tx) error {
		var err error
		if id, err = tx.SettingGet(ctx, "installation"); err == nil && id != "" {
			return nil
		}
		id = uuid.NewString()
		return tx.SettingPut(ctx, "installation", id)
	})
	return id, err
}

// ServeHTTP answers one request. It routes by hand: a resource ARN in a path is not to be cleaned or redirected, as
// http.ServeMux would.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case path == "/healthz":
		s.page(w, r, func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "ok\n") })
	case path == "/readyz":
		s.page(w, r, s.ready)
	case path == "/metrics" && s.metrics != nil:
		s.page(w, r, s.metrics.ServeHTTP)
	case strings.HasPrefix(path, extensionPrefix):
		s.extension(w, r)
	default:
		s.api(w, r)
	}
}

// page answers a page that needs no signature.
func (s *Server) page(w http.ResponseWriter, r *http.Request, show http.HandlerFunc) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		writeText(w, http.StatusMethodNotAllowed, "this page takes GET\n")
		return
	}
	show(w, r)
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	if err := s.Store.Ping(ctx); err != nil {
		s.Logger.Warn("not ready", "error", err)
		writeText(w, http.StatusServiceUnavailable, "the store does not answer\n")
		return
	}
	writeText(w, http.StatusOK, "ready\n")
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // the client has gone away; there is nobody to tell
}
