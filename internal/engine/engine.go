// Package engine moves one split's rows: pages from the source, through the program, into staged files or acknowledged
// writes. It runs in process, knows nothing of Temporal, SQL or HTTP, and keeps no state of its own: what a retry needs is
// handed out as checkpoints, plain data, through [Hooks].
//
//	fetch (in order) → decode + program (on workers) → gather into files (in order) → encode blocks (on workers) → stage (in order)
//
// Results are put back into order before anything is written, so the bytes of the output depend on the plan alone,
// never on the number of workers, nor on memory.
//
// Checkpoints of files stand where no file is open: at the end of a source object for a file per object, where a file has
// reached its target size otherwise. One file for the whole run, and partitions that stay open throughout, have none but
// the final one: a retry of such a split starts from its beginning.
package engine

import (
	"context"
	"encoding/json"

	"weir.dev/weir/batch"
	"weir.dev/weir/blob"
	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/land"
	"weir.dev/weir/internal/plan"
)

// Transfer is one split's work.
type Transfer struct {
	Plan   *plan.Plan
	Split  connector.Split
	From   *Checkpoint      // nil at the start
	Source connector.Reader // opened for the plan's source profile
	// One of the two, as the plan's destination says.
	Target *connector.Target
	Writer connector.Writer
	// Errors is the bucket of error files, for plans that have them.
	Errors blob.Bucket
}

// Checkpoint is what a retry of a split resumes from: everything before it is staged or acknowledged, with receipts, and
// counted; nothing after it is.
type Checkpoint struct {
	Cursor connector.Cursor `json:"cursor"`
	Totals flow.Totals      `json:"totals"`
	// Sequence is the number of the next receipt of the split.
	Sequence int64 `json:"sequence"`
	// Land is the lander's own part: what it needs to name the next files. Nil for destinations of rows.
	Land json.RawMessage `json:"land,omitzero"`

	// Write is the note of a writer about the write with this sequence, see [connector.Resumer].
	Write json.RawMessage `json:"write,omitzero"`

	// Content is the sum of the rows written, made where they left the program. The sums in the receipts, made of the rows
	// as they were encoded, come to the same.
	Content batch.Content `json:"content,omitzero"`
	// Skipped is the part of Content that comes from the page the cursor stands before.
	Skipped batch.Content `json:"skipped,omitzero"`
	// Place is where the next record of the source is expected, if that is known.
	Place Place `json:"place,omitzero"`

	// Errors is where the error log stands; ErrorFiles are the files it has staged since the last checkpoint, to be kept
	// apart from the receipts.
	Errors     land.ErrorMark      `json:"errors,omitzero"`
	ErrorFiles []connector.Receipt `json:"-"`
	// Last is what a failed attempt left, see [Hooks]. A retry takes no notice of it.
	Last *LastErrors `json:"last,omitzero"`
}

// Place is a record of a source object.
type Place struct {
	Object string `json:"object"`
	Record int64  `json:"record"` // 1-based
}

// LastErrors are the error lines of an attempt that failed, after its last checkpoint: a retry meets their records again.
// They count when there is none.
type LastErrors struct {
	Files []connector.Receipt `json:"files,omitzero"`
	Tail  string              `json:"tail,omitzero"` // in place of the checkpoint's
}

// Hooks is how a transfer talks to whoever runs it.
type Hooks interface {
	// Progress reports counts so far, at most every 100 ms; it must not block.
	Progress(t flow.Totals)
	// Checkpoint makes the checkpoint durable with the receipts and samples of rejects since the last one. When it fails
	// the transfer stops with that error; after fault.Fenced it stops without cleaning up, because what it staged belongs
	// to the newer owner.
	Checkpoint(ctx context.Context, c Checkpoint, receipts []connector.Receipt, rejects []flow.Reject) error
	// Failed is told, after everything else, what a transfer that failed has to say about records since its last
	// checkpoint. It is not told of transfers that were canceled or fenced, nor when there is nothing to say.
	Failed(ctx context.Context, last LastErrors) error
}
