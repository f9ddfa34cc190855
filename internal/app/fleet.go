package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/durable/local"
	"weir.dev/weir/internal/durable/temporal"
)

// Fleet says that executions run in a Temporal cluster's workers instead of this process. The zero value says that they
// do not.
type Fleet struct {
	Address    string // host:port of Temporal
	Namespace  string
	Queue      string // of task queues, deployment and workflows: "weir"
	TLS        bool
	CertFile   string
	KeyFile    string
	CAFile     string
	ServerName string
	APIKey     string
	APIKeyFile string
	Build      string // of this worker, for Temporal's versioning: Version
	Worker     bool   // this process works, too
	Splits     int    // that it transfers at the same time; 0 means one per processor
}

// Engine is what runs executions, for the rest of the installation.
type Engine interface {
	durable.Engine
	// Resume takes up what is unfinished. Schedule starts scheduled flows as they fall due. Each is called once.
	Resume(ctx context.Context) error
	Schedule()
	Progress(executionID string) (durable.Progress, bool)
	Close()
}

// isFleet reports whether Temporal runs executions.
func (c *Config) isFleet() bool { return c.Fleet.Address != "" }

var queueName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)

// checkFleet refuses what cannot work, naming the flag.
func (c *Config) checkFleet() error {
	switch {
	case !c.isFleet() && (c.Fleet.Worker || c.WorkerOnly):
		return fault.New(fault.Validation, "a worker needs --temporal HOST:PORT, where its work comes from")
	case !c.isFleet():
		return nil
	case c.Store == "sqlite":
		return fault.New(fault.Validation, "--temporal needs --store postgres://…: the processes of a fleet share their state, and SQLite is one process's")
	case c.Fleet.Queue != "" && !queueName.MatchString(c.Fleet.Queue):
		return fault.New(fault.Validation, "--temporal-task-queue may have letters, digits, - and _, not %q", c.Fleet.Queue)
	}
	if _, _, err := net.SplitHostPort(c.Fleet.Address); err != nil {
		return fault.New(fault.Validation, "--temporal must be HOST:PORT, as 127.0.0.1:7233")
	}
	return nil
}

// newEngine chooses the engine.
func (a *App) newEngine(ctx context.Context, steps *durable.Steps) (Engine, error) {
	if !a.Config.isFleet() {
		return local.New(steps, local.Options{Executions: a.Config.Parallel, Alone: a.Config.Store == "sqlite"}), nil
	}
	if err := a.checkFleetKey(ctx); err != nil {
		return nil, err
	}
	f := a.Config.Fleet
	if f.Build == "" {
		f.Build = Version
	}
	return temporal.New(steps, temporal.Options{
		Connection: temporal.Connection{
			Address: f.Address, Namespace: f.Namespace, TLS: f.TLS, CertFile: f.CertFile, KeyFile: f.KeyFile, CAFile: f.CAFile, ServerName: f.ServerName,
			APIKey: f.APIKey, APIKeyFile: f.APIKeyFile,
		},
		Queue: f.Queue, Work: f.Worker || a.Config.WorkerOnly, Splits: f.Splits, Build: f.Build, Grace: a.Config.DrainTimeout, Sealer: a.vault,
	})
}

// checkFleetKey makes sure that this machine's master key is the fleet's. A process with another one could neither open
// credentials nor read what the others tell it, and would fail run after run.
func (a *App) checkFleetKey(ctx context.Context) error {
	kept, err := keptSecret(ctx, a.Store)
	if err != nil || kept == "" {
		return err
	}
	secret, err := openSecret(ctx, a.vault, kept)
	if err != nil {
		return err
	}
	if secret == nil {
		return fault.New(fault.Validation,
			"the master key of this machine does not open what the installation has sealed; give every process of a fleet the same --key-url, or the same vault.key in --data")
	}
	return nil
}

// ListenHealth opens the address of a worker's own pages.
func (a *App) ListenHealth() (net.Listener, string, error) {
	l, err := net.Listen("tcp", a.Config.Listen)
	if err != nil {
		return nil, "", fmt.Errorf("listening on %s: %w", a.Config.Listen, err)
	}
	return l, "http://" + l.Addr().String(), nil
}

// Work runs executions until ctx ends, then drains: running splits reach a checkpoint and go on elsewhere. Meanwhile it
// answers on the listener whether it lives, whether it can work, and with its metrics.
func (a *App) Work(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler: a.healthPages(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(a.Log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	a.Log.Info("draining")
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.Config.DrainTimeout)
	defer cancel()
	err := a.Engine.Drain(stop) // the pages stay until the end, so that nobody kills what is still at work
	return errors.Join(err, srv.Close())
}

func (a *App) healthPages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if missing := a.missing(r.Context()); missing != "" {
			http.Error(w, missing, http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.telemetry.Registry, promhttp.HandlerOpts{}))
	return mux
}

// missing says what a worker cannot work without, and cannot reach; "" when all is there.
func (a *App) missing(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var list []string
	if err := a.Store.Ping(ctx); err != nil {
		list = append(list, "the store does not answer")
	}
	if r, ok := a.Engine.(interface{ Ready(context.Context) error }); ok && r.Ready(ctx) != nil {
		list = append(list, "Temporal does not answer")
	}
	return strings.Join(list, "; ")
}
