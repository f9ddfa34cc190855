package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectors"
	"weir.dev/weir/connectors/salesforce"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/plan"
	"weir.dev/weir/internal/server"
)

// OneRun is one flow to run at once, in the foreground, without server or store.
type OneRun struct {
	Steps     *durable.Steps
	Execution *flow.Execution
	parallel  int
	close     func() error
}

// NewOneRun reads a CreateFlow request and prepares to run it. Close it.
func NewOneRun(cfg Config, request []byte, log *slog.Logger) (*OneRun, error) {
	cfg.defaults()
	own, closeOwn, err := runOptions(cfg, log)
	if err != nil {
		return nil, err
	}
	manifests, err := openManifests(cfg.Connectors, log)
	if err != nil {
		return nil, errors.Join(err, closeOwn())
	}
	list := connectors.All(connectors.Settings{Custom: own, Manifests: manifests, Salesforce: salesforce.Options{Reserve: cfg.SalesforceReserve}})
	f, err := server.ParseFlow(request, list)
	if err != nil {
		return nil, errors.Join(err, closeOwn())
	}
	eng, opener, err := mover(cfg)
	if err != nil {
		return nil, errors.Join(err, closeOwn())
	}
	configure, err := configureOne(cfg, opener, list, log)
	if err != nil {
		return nil, errors.Join(err, opener.Close(), closeOwn())
	}
	opts, _ := flow.OptionsOf(f.Tags) // ParseFlow has refused wrong ones
	now := time.Now().UTC()
	return &OneRun{
		Steps: &durable.Steps{Connectors: list, Configure: configure, Mover: eng, Log: log, Board: durable.NewBoard(nil)},
		Execution: &flow.Execution{
			ID: uuid.NewString(), FlowName: f.Name, FlowVersion: f.Version, SchemaVersion: f.SchemaVersion, Definition: f.Definition,
			Status: flow.ExecutionInProgress, StartedAt: now, UpdatedAt: now, Options: &opts,
		},
		parallel: max(2, cfg.Threads),
		close:    func() error { return errors.Join(opener.Close(), closeOwn()) },
	}, nil
}

// Plan shows what a run would do, and does nothing.
func (r *OneRun) Plan(ctx context.Context) (*plan.Plan, []connector.Split, error) {
	return r.Steps.Draft(ctx, r.Execution)
}

// Run moves the rows and publishes the output.
func (r *OneRun) Run(ctx context.Context) (*durable.RunResult, error) {
	return durable.Run(ctx, r.Steps, r.Execution, r.parallel)
}

// Progress is how far the run has come; false before it begins and after it ends.
func (r *OneRun) Progress() (durable.Progress, bool) { return r.Steps.Board.Progress(r.Execution.ID) }

// Close gives everything back.
func (r *OneRun) Close() error { return r.close() }
