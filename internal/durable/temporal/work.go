package temporal

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// stepsAtOnce is how many of the short steps one process takes on: they wait for vendors, mostly.
const stepsAtOnce = 64

// comeBack is how long to wait before another try to reach Temporal.
const comeBack = 2 * time.Second

// workers poll this process's task queues: one for decisions and short steps, one for transfers, so that these never
// keep those from running.
type workers struct{ steps, transfers worker.Worker }

// work takes work until the engine drains or stops, whenever Temporal is there.
func (e *Engine) work() {
	failing := false
	for e.calm.Err() == nil {
		failed := make(chan error, 2)
		w, err := e.startWorkers(failed)
		if err == nil {
			failing = false
			e.steps.Logger().Info("working", "queue", e.opts.Queue, "splits", e.opts.Splits)
			err = e.serve(w, failed)
		}
		if err == nil {
			return
		}
		if !failing { // once for each time that it begins to fail
			e.steps.Logger().Warn("no work can be taken", "error", e.unavailable(err))
			failing = true
		}
		pause(e.calm, comeBack)
	}
}

// serve lets workers run until the engine drains or stops, or one of them fails.
func (e *Engine) serve(w *workers, failed <-chan error) (err error) {
	promoted := make(chan struct{})
	ctx, cancel := context.WithCancel(e.calm)
	go func() { defer close(promoted); e.promote(ctx) }()
	select {
	case <-e.calm.Done():
	case err = <-failed:
	}
	cancel()
	<-promoted
	w.stop()
	return err
}

// stop returns when all tasks have ended, or have been given up.
func (w *workers) stop() {
	var both sync.WaitGroup
	both.Go(w.steps.Stop)
	both.Go(w.transfers.Stop)
	both.Wait()
}

func (e *Engine) startWorkers(failed chan<- error) (*workers, error) {
	common := worker.Options{
		BackgroundActivityContext: e.life,
		WorkerStopTimeout:         e.opts.Grace,
		// Heartbeats are how an attempt hears that it is canceled, or not wanted any more.
		MaxHeartbeatThrottleInterval: e.opts.Silence / 5, DefaultHeartbeatThrottleInterval: e.opts.Silence / 5,
		StickyScheduleToStartTimeout: e.opts.Silence / 2,
		// Each poll that waits is a task that a process which stands still will keep until it times out. One of a kind gets
		// all tasks there are, for it comes back at once while there are any.
		MaxConcurrentWorkflowTaskPollers: 2, MaxConcurrentActivityTaskPollers: 1,
		// Transfers keep all processors busy; a decision that waits for one does not hang.
		DeadlockDetectionTimeout: e.opts.Silence / 2,
		OnFatalError:             func(err error) { failed <- err },
	}
	if e.opts.Build != "" {
		common.DeploymentOptions = worker.DeploymentOptions{
			UseVersioning: true, Version: worker.WorkerDeploymentVersion{DeploymentName: e.opts.Queue, BuildID: e.opts.Build},
			// A run goes on in the newest build when its own is gone. Histories of released builds are replayed in the tests.
			DefaultVersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
		}
	}
	steps, transfers := common, common
	steps.MaxConcurrentActivityExecutionSize = stepsAtOnce
	transfers.MaxConcurrentActivityExecutionSize, transfers.DisableWorkflowWorker = e.opts.Splits, true
	w := &workers{steps: worker.New(e.client, e.opts.Queue, steps), transfers: worker.New(e.client, e.opts.transferQueue(), transfers)}
	w.steps.RegisterWorkflowWithOptions(Execution, workflow.RegisterOptions{Name: workflowName})
	e.acts.registerSteps(w.steps)
	e.acts.registerTransfer(w.transfers)
	if err := w.steps.Start(); err != nil {
		return nil, err
	}
	if err := w.transfers.Start(); err != nil {
		w.steps.Stop()
		return nil, err
	}
	return w, nil
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
