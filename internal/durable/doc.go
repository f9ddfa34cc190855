// Package durable makes runs survive restarts. It holds the four steps of an execution and the small seam behind which
// two engines call them: local (in one process, on the store) and Temporal (a fleet).
//
//	prepare    freeze the plan and the splits
//	transfer   ×N: move one split's rows, checkpoint by checkpoint
//	commit     publish what is staged; fenced, repeatable
//	conclude   close the ledger, write the execution record, move the watermark
//
//	InProgress ─ prepare ─ transfer ×N ─ commit: audit, bound for Successful, publish ─ conclude ─► Successful
//	     │            └──────────┴────── failed: bound for Error ─────── discard ─────── conclude ─► Error
//	     └ CancelStarted ─────────────── bound for Canceled ──────────── discard ─────── conclude ─► Canceled
//
// What an execution is bound for is decided once, in the ledger, before anything irreversible is done about it; so a crash
// between two steps, and a cancellation at any moment, meet a decision that stands.
//
// Truth is the ledger's: an execution is successful when the store says so, after every split's counts close. Engines
// carry ids, never rows, cursors, secrets or error texts. Any step may be run again, by another process, at any time;
// the fencing token in every effect makes an earlier owner that wakes up harmless. Staged output is dropped only when
// none of it is needed any more: after the commit, or when the execution is bound for Error or Canceled.
//
// Error files are the exception: they are published however an execution ends, by commit and by discard alike.
//
// [Run] does the same in the foreground, without engine and store.
package durable
