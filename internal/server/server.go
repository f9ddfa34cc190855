// Package server speaks AWS's language: it checks signatures, routes requests, turns wire shapes into the words of
// package flow and back, and keeps the rules of each operation, one file per operation. Truth is the store's; runs are
// started through a small interface.
//
//	request → request id → size limit → signature → route → decode → validate → operation → answer or modelled error
//
// It never answers a client's mistake with a 5xx, never shows a cause it did not classify, and knows nothing of SQL,
// columns or engines.
package server

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"weir.dev/weir/connector"
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
	// Find returns the key of an id, with the name of whom it stands for: [sigv4.ErrUnknownKey] when there is none or it is
	// disabled, another error when that cannot be told.
	Find(ctx context.Context, id string) (sigv4.Key, error)
}

// Options are what a server is made of. All of the first block are required.
type Options struct {
	Store      store.Store
	Runner     Runner
	Connectors *connector.Registry
	Keys       Keys
	AccountID  string // 12 digits

	KeyAdmin   KeyAdmin              // makes and revokes keys; nil refuses to
	Live       LiveView              // progress of running executions; nil shows what the ledger knows
	Logger     *slog.Logger          // nil discards
	Metrics    prometheus.Registerer // nil counts nothing
	Gatherer   prometheus.Gatherer   // what /metrics shows; nil leaves the page out
	Now        func() time.Time      // nil is the clock
	MaxBody    int64                 // bytes of a request's body; 0 means 1 MiB
	MaxFlows   int                   // 0 means 1000, AppFlow's own limit
	MaxRunning int                   // executions at the same time; 0 means 1000, AppFlow's own limit
	Version    string                // of this build, for the extension pages
}

// Server is the HTTP face of Weir. Safe for concurrent use.
type Server struct {
	Options
	verifier   *sigv4.Verifier
	operations map[string]operation
	measure    *measure
	tokenKey   []byte
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
	o.MaxRunning = orDefault(o.MaxRunning, 1000)
	id, err := installation(ctx, o.Store)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte("page tokens of " + id))
	s := &Server{Options: o, tokenKey: sum[:16], measure: newMeasure(o.Metrics)}
	s.verifier = &sigv4.Verifier{Service: "appflow", Lookup: o.Keys.Find}
	s.operations = operations()
	if o.Gatherer != nil {
		s.metrics = metricsPage(o.Gatherer)
	}
	return s, nil
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
