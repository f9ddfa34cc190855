package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"weir.dev/weir/blob/buckets"
	"weir.dev/weir/connector"
	"weir.dev/weir/connectors/custom"
	"weir.dev/weir/connectors/manifest"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/access"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/engine"
	"weir.dev/weir/internal/listen"
	"weir.dev/weir/internal/notify"
	"weir.dev/weir/internal/profile"
	"weir.dev/weir/internal/server"
	"weir.dev/weir/internal/server/sigv4"
	"weir.dev/weir/internal/store"
	"weir.dev/weir/internal/store/postgres"
	"weir.dev/weir/internal/store/sqlite"
	"weir.dev/weir/internal/telemetry"
	"weir.dev/weir/internal/vault"
)

// App is a running installation in this process.
type App struct {
	Config     Config
	Store      store.Store
	Keys       *access.Keyring
	Connectors *connector.Registry
	Engine     Engine
	Server     *server.Server
	Log        *slog.Logger
	// FirstKey is set when this start has made the installation's first key.
	FirstKey *sigv4.Key

	telemetry *telemetry.Telemetry
	vault     *vault.Vault
	profiles  *profile.Book
	book      *notify.Book // of what others are told
	receivers []notify.Receiver
	flows     *flowMetrics
	masters   masterFiles // as they were before the vault was opened
	buckets   *buckets.Buckets
	manifests *manifest.Library // nil without a folder
	inbox     *listen.Inbox     // of event flows
	closers   []func() error
}

// Open builds everything and resumes what was running. Close it.
func Open(ctx context.Context, cfg Config, logTo io.Writer) (_ *App, err error) {
	cfg.defaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	a := &App{Config: cfg}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if a.Config.Data, err = prepareData(cfg.Data); err != nil {
		return nil, err
	}
	if a.telemetry, err = telemetry.Open(ctx, telemetry.Config{LogFormat: cfg.LogFormat, LogLevel: cfg.LogLevel, Version: Version}, logTo); err != nil {
		return nil, fault.Wrap(fault.Validation, err, "setting up logs, metrics and traces")
	}
	a.Log = a.telemetry.Log
	a.closers = append(a.closers, a.telemetry.Close)
	if err := a.openStore(ctx); err != nil {
		return nil, err
	}
	if err := a.openKeys(ctx); err != nil {
		return nil, err
	}
	invoker, err := a.openConnectors()
	if err != nil {
		return nil, err
	}
	if err := a.openNotifications(); err != nil {
		return nil, err
	}
	if err := a.openEngine(ctx); err != nil {
		return nil, err
	}
	secret, err := installationSecret(ctx, a.Store, a.vault)
	if err != nil || cfg.WorkerOnly {
		return a, err
	}
	proxies, err := parseProxies(cfg.TrustedProxies)
	if err != nil {
		return nil, err
	}
	a.Server, err = server.New(ctx, server.Options{
		Metadata: a.metadataCache(), Registrar: custom.Registrar{Invoker: invoker}, Manifests: shownManifests(a.manifests, a.Log),
		Store: a.Store, Runner: a.Engine, Connectors: a.Connectors, Keys: a.Keys, KeyAdmin: a.Keys, Profiles: a.profiles, AccountID: cfg.AccountID,
		Announcer: a.book, Began: a.flows.began, Inbox: inbox{a.inbox},
		Live: liveView{a.Engine}, Logger: a.Log, Metrics: a.telemetry.Registry, Gatherer: a.telemetry.Registry,
		MaxBody: cfg.MaxBody, MaxFlows: cfg.MaxFlows, MaxProfiles: cfg.MaxProfiles, MaxConnectors: cfg.MaxConnectors,
		MaxRunning: cfg.MaxRunning, Version: Version, Secret: secret,
		RateLimit: cfg.RateLimit, WriteLimit: cfg.WriteLimit, Proxies: proxies,
	})
	if err != nil {
		return nil, err
	}
	a.background(a.forget)
	a.deliver()
	return a, nil
}

func (a *App) openStore(ctx context.Context) error {
	st, err := OpenStore(ctx, a.Config)
	if err != nil {
		return err
	}
	a.Store = st
	a.closers = append(a.closers, st.Close)
	return nil
}

// OpenStore opens the store alone, for tools that need nothing else.
func OpenStore(ctx context.Context, cfg Config) (store.Store, error) {
	cfg.defaults()
	if cfg.Store != "sqlite" {
		return postgres.Open(ctx, cfg.Store, postgres.Options{})
	}
	dir, err := prepareData(cfg.Data)
	if err != nil {
		return nil, err
	}
	return sqlite.Open(ctx, filepath.Join(dir, databaseFile), sqlite.Options{})
}

// openKeys opens the vault and the keyring, and makes the first key of a new installation.
func (a *App) openKeys(ctx context.Context) error {
	a.masters = readMasterFiles(a.Config.Data)
	v, err := openVault(ctx, a.Config, a.Store)
	if err != nil {
		return err
	}
	a.closers = append(a.closers, v.Close)
	a.vault = v
	if a.Config.WorkerOnly {
		return nil
	}
	a.Keys = access.NewKeyring(a.Store, v, time.Now, a.Log)
	if a.Config.AccessKeyID != "" {
		a.Keys.Fix(sigv4.Key{ID: a.Config.AccessKeyID, Secret: a.Config.SecretAccess}, "environment")
		return nil
	}
	list, err := a.Keys.List(ctx)
	if err != nil || len(list) > 0 {
		return err
	}
	key, err := a.Keys.Create(ctx, "root", nil)
	if err != nil {
		return err
	}
	a.FirstKey = &key
	return writeCredentials(filepath.Join(a.Config.Data, CredentialsFile), key)
}

// writeCredentials keeps the first key where every AWS tool can read it, for the owner alone.
func writeCredentials(path string, key sigv4.Key) error {
	text := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", key.ID, key.Secret)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("writing the first access key: %w", err)
	}
	return nil
}

// openEngine opens buckets and engine, and takes up unfinished executions.
func (a *App) openEngine(ctx context.Context) error {
	eng, opener, err := mover(a.Config)
	if err != nil {
		return err
	}
	a.buckets = opener
	a.closers = append(a.closers, opener.Close)
	if err := a.openProfiles(); err != nil {
		return err
	}
	if err := a.openInbox(); err != nil {
		return err
	}
	runs := newRunMetrics(a.telemetry.Registry)
	a.flows = newFlowMetrics(a.telemetry.Registry)
	steps := &durable.Steps{
		Announcer: a.book, Catalog: a.catalogOf(), Began: a.flows.began, Inbox: a.inbox,
		Store: a.Store, Connectors: a.Connectors, Configure: a.profiles.Config, Mover: eng, Log: a.Log, Board: durable.NewBoard(nil),
		Options: durable.Options{MaxRunning: a.Config.MaxRunning}, Concluded: func(x *flow.Execution) { runs.concluded(x); a.flows.concluded(x) },
	}
	if a.Config.Store == "sqlite" {
		a.background(func(ctx context.Context) { a.watchMaster(ctx, a.masters) })
	}
	if a.Engine, err = a.newEngine(ctx, steps); err != nil {
		return err
	}
	a.closers = append(a.closers, func() error { a.Engine.Close(); return nil })
	if err := a.Engine.Resume(ctx); err != nil {
		return err
	}
	if !a.Config.WorkerOnly {
		a.Engine.Schedule()
		a.serveEvents(steps)
	}
	return nil
}

// mover makes the engine that moves rows, within the memory the user allows.
func mover(cfg Config) (*engine.Engine, *buckets.Buckets, error) {
	memory, err := ParseBytes(cfg.Memory)
	if err != nil {
		return nil, nil, fmt.Errorf("reading --memory: %w", err)
	}
	limitHeap(memory)
	named := map[string]string{}
	for _, b := range cfg.Buckets {
		name, url, err := buckets.ParseNamed(b)
		if err != nil {
			return nil, nil, err
		}
		named[name] = url
	}
	opener, err := buckets.New(buckets.Config{Named: named, Template: cfg.BucketURL, DataDir: cfg.Data})
	if err != nil {
		return nil, nil, err
	}
	return engine.New(engine.Options{Threads: cfg.Threads, Memory: memory}), opener, nil
}

// limitHeap tells the garbage collector how far the heap may grow: the rows' budget, and room for everything else. With
// 256 MiB of rows the whole process then stays below 400 MB. A limit that the user has set by GOMEMLIMIT stands.
func limitHeap(memory int64) {
	if os.Getenv("GOMEMLIMIT") != "" || memory > math.MaxInt64/2 {
		return
	}
	debug.SetMemoryLimit(memory + memory*2/5)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(300) // below the limit there is no need to collect as often
	}
}

// background runs fn until the app is closed.
func (a *App) background(fn func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); fn(ctx) }()
	a.closers = append(a.closers, func() error { cancel(); <-done; return nil })
}

// Close stops everything, the last started first. It is safe after a failed Open.
func (a *App) Close() error {
	var errs []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		errs = append(errs, a.closers[i]())
	}
	a.closers = nil
	return errors.Join(errs...)
}

// shownWait is how long a part of a run waits for something before people are told. Pages and pieces of files take less.
const shownWait = 10 * time.Second

// liveView shows the engine's progress in the server's words.
type liveView struct{ engine Engine }

// Live is what the engine knows of an execution.
func (l liveView) Live(id string) (server.Live, bool) {
	p, ok := l.engine.Progress(id)
	if !ok {
		return server.Live{}, false
	}
	waits := make([]string, 0, len(p.Waits))
	for _, w := range p.Waits {
		if w.Slow || w.Split < 0 || p.At.Sub(w.Since) >= shownWait {
			waits = append(waits, w.String())
		}
	}
	return server.Live{
		Totals: p.Totals, Stage: string(p.Stage), BytesTotal: p.BytesTotal, Splits: p.Splits, SplitsDone: p.SplitsDone,
		Waits: strings.Join(waits, "; "),
	}, true
}
