// Package temporal is the fleet's engine: any number of API servers start executions, any number of workers run them, and
// a Temporal cluster hands the work out. It calls the same steps as the built-in engine, on the same ledger.
//
// An execution is one short workflow. The workflow only decides what comes next; all else is in activities:
//
//	prepare ─► transfer ×N, over all workers ─► commit ─► conclude
//	   └──────────┴──────── failed or canceled ─┴─► discard ─► conclude (─► sweep, when the bucket was away)
//
// The ledger stays the truth. What is told to Temporal is ids, tokens and verdicts: an activity that meets an error
// writes it into the ledger itself and says only that the execution is to be turned back. Payloads are sealed besides.
//
// Temporal says who works, leases say whose effects count. An activity whose worker fell silent is tried elsewhere while
// the first attempt may still be alive, so every attempt makes itself the owner before it does anything:
//
//   - An attempt at prepare, commit, discard or conclude takes the lease of the execution, which fences everything that
//     was begun before it, transfers too.
//   - An attempt at a transfer takes the lease of its split, within the lease that prepare took. Its effects need both, so
//     a later attempt at the same split fences it, and so does the step after the transfers.
//
// Leases are taken by force, for Temporal has said that the former attempt is over. One that is not over after all loses
// nothing but its own work: its next effect is refused, it stops, and leaves behind nothing that anybody sees.
//
// An execution that the ledger holds as unfinished and that no workflow runs is found by every server and worker, and
// started: after a crash between ledger and Temporal, after an outage, after somebody has terminated the workflow.
package temporal
