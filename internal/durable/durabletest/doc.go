// Package durabletest is the crash-conformance suite that every engine of package durable passes.
//
// A [World] is what outlives a process: the store, the buckets, the vendor. An engine is built over it as a process would
// do at its start, runs a flow, and is killed before or after one call to the outside: in another test before or after
// the next one, until every call of the run had its turn. After the restart the result must be that of a run that nothing
// disturbed, byte for byte, the ledger must close, and nothing else may lie anywhere. The same is done with errors that
// pass, with cancellations, with owners that stood still for longer than their lease, and with runs that fail.
//
// Time is virtual in all of it (testing/synctest), so leases expire and backoffs pass at once. [Processes] plays the same
// game with real processes, a real database and kill -9.
package durabletest
