// Package durable makes runs survive restarts. It holds the four steps of an execution and the small seam behind which
// two engines call them: local (in one process, on the store) and Temporal (a fleet).
//
//	prepare    freeze the plan and the splits
//	transfer   ×N: move one split's rows, checkpoint by checkpoint
//	commit     publish what is staged; fenced, repeatable
//	conclude   close the ledger, write the execution record, move the watermark
//
// Truth is the ledger's: an execution is successful when the store says so, after every split's counts close. Engines
// carry ids, never rows, cursors, secrets or error texts. Any step may be run again, by another process, at any time;
// the fencing token in every effect makes an earlier owner that wakes up harmless.
package durable
