package durable

import "context"

// Engine starts and stops executions that the store already holds as InProgress. Safe for concurrent use.
type Engine interface {
	// Start takes an execution on. It returns once the execution is certain to run, here or after a restart.
	Start(ctx context.Context, executionID string) error
	// Cancel asks a running execution to stop at the next batch; the store already says CancelStarted. A no-op when it is
	// not running.
	Cancel(ctx context.Context, executionID string) error
	// Drain stops taking work, lets running splits reach a checkpoint, and returns when all have stopped or ctx ends.
	// What is unfinished goes on at the next start.
	Drain(ctx context.Context) error
}
