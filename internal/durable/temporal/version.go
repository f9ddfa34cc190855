package temporal

import (
	"context"
	"time"

	"go.temporal.io/sdk/client"
)

// promoteEvery is how often a worker looks whether its build is the one that gets new work.
const promoteEvery = 15 * time.Second

// promote makes this worker's build the current one of the deployment, if it is newer: Temporal gives work to versioned
// workers only when somebody has said which version is current, and an upgrade is to need no other hand than the one
// that starts the new workers. Newer is what was first seen later. So a rolling restart moves to the new build with its
// first worker and does not move back when an old worker restarts. It goes on until ctx ends: the first try may be too
// early, for a build is known only after it has polled.
func (e *Engine) promote(ctx context.Context) {
	if e.opts.Build == "" {
		return
	}
	wait := 200 * time.Millisecond
	for ctx.Err() == nil {
		switch done, err := e.promoteOnce(ctx); {
		case done:
			wait = promoteEvery
		case err != nil && ctx.Err() == nil && wait >= promoteEvery:
			e.steps.Logger().Warn("this build is not current, and cannot be made so yet", "build", e.opts.Build, "error", err)
		default:
			wait = min(2*wait, promoteEvery)
		}
		pause(ctx, wait)
	}
}

// promoteOnce reports whether this build is current, or not to be.
func (e *Engine) promoteOnce(ctx context.Context) (done bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	d := e.client.WorkerDeploymentClient().GetHandle(e.opts.Queue)
	known, err := d.Describe(ctx, client.WorkerDeploymentDescribeOptions{})
	if err != nil {
		return false, err
	}
	current := ""
	if v := known.Info.RoutingConfig.CurrentVersion; v != nil {
		current = v.BuildID
	}
	if current == e.opts.Build {
		return true, nil
	}
	since := map[string]time.Time{}
	for _, v := range known.Info.VersionSummaries {
		since[v.Version.BuildID] = v.CreateTime
	}
	mine, isKnown := since[e.opts.Build]
	if !isKnown {
		return false, nil
	}
	if theirs, ok := since[current]; ok && theirs.After(mine) {
		return true, nil
	}
	_, err = d.SetCurrentVersion(ctx, client.WorkerDeploymentSetCurrentVersionOptions{
		BuildID: e.opts.Build, ConflictToken: known.ConflictToken,
		IgnoreMissingTaskQueues: true, // the other queue's worker polls at the same moment
	})
	if err != nil {
		return false, err
	}
	e.steps.Logger().Info("this build gets new work now", "build", e.opts.Build, "before", current)
	return true, nil
}
