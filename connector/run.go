package connector

import "context"

// Run names the execution that something is done for, for vendors that want to write it into their own logs.
type Run struct {
	Flow      string // its name
	Execution string // its id
}

type runKey struct{}

// InRun is ctx with the execution that everything under it is done for.
func InRun(ctx context.Context, run Run) context.Context {
	return context.WithValue(ctx, runKey{}, run)
}

// RunOf returns the execution that ctx is for; the zero Run outside of one, as when metadata are asked for.
func RunOf(ctx context.Context) Run {
	run, _ := ctx.Value(runKey{}).(Run)
	return run
}
