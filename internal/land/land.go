// Package land makes an execution's files appear in a bucket: it lays out their keys, gathers rows into files by
// partition and size, stages them where nobody sees them, and publishes all of them at once, repeatably, at commit.
//
//	Layout   key layout: {prefix}/{flow}/[schemaVersion_N/][date/][{executionId}/][key=value/…]{file}
//	Lander   one split's rows → staged files, with receipts
//	Commit   receipts of all splits → published objects
//	Discard  everything an execution staged is gone
//
// What a file holds is a function of the rows and the plan alone. Memory pressure may send rows to a local temporary file
// on their way, and threads may encode blocks in any order; neither moves a row to another block or file:
//
//	Prepare (any worker)     a batch → pieces: rows of one partition, in order
//	Add     (one goroutine)  pieces → blocks of bounded size → files
//	        (any worker)     a block is encoded
//	        (per file)       encoded blocks are appended in order to an upload, or to the temporary file while too many
//	                         uploads are open
//
// It knows no vendors and no flows in the store.
package land

import (
	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/plan"
)

// Owner is the name under which a split of the plan stages its files; see [weir.dev/weir/blob.Bucket].Stage. Splits have
// owners of their own, so that what a dead attempt of one left can be discarded while the others run.
func Owner(p *plan.Plan, split int) string {
	if isSingle(p) {
		return p.ExecutionID
	}
	return p.ExecutionID + "-" + padded(split, splitDigits)
}

// SampleOf says how closely the plan's rows are compared on their way.
func SampleOf(p *plan.Plan) batch.Sample {
	if p.Options.Verify == flow.VerifyFull {
		return batch.EveryRow
	}
	return batch.SomeRows
}

// Rows is the number of rows in all receipts.
func Rows(receipts []connector.Receipt) (rows int64) {
	for i := range receipts {
		rows += receipts[i].Rows
	}
	return rows
}
