package land

import (
	"encoding/json"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/format"
	"weir.dev/weir/internal/plan"
)

// Options are what a lander works with. All but TempDir, Failed, Boundary and From are required.
type Options struct {
	Plan    *plan.Plan
	Split   int
	Target  connector.Target
	Encoder format.Encoder
	Pool    *batch.Pool
	TempDir string // empty means the system's
	Share   *Share
	// Run queues a job for a worker; it does not block. Jobs never wait.
	Run func(job func())
	// Done is told of each staged file, with its number in the split, from 0. It is called concurrently.
	Done func(n int64, r connector.Receipt)
	// Failed is told of the first failure; Add and Finish return it, too. It is called from any goroutine.
	Failed func(err error)
	// Boundary is told when, in the middle of a batch, a file has been ended and nothing of the rows before is left in the
	// lander: after so many rows of the batch that Add is taking. It is called by Add.
	Boundary func(rows int)
	// From is the mark to go on from; nil at the start.
	From *Mark
}

// Mark is a lander's state between files: what it needs to make the next ones as if it had made all before.
type Mark struct {
	Next  int64   `json:"next"`           // number of the next file
	Ratio float64 `json:"ratio,omitzero"` // encoded bytes per byte of text in the last file; 0 when unknown
	Skip  int     `json:"skip,omitzero"`  // rows after the cursor that are in files already
}

// ParseMark reads a mark back; nil for none.
func ParseMark(data json.RawMessage) (*Mark, error) {
	if len(data) == 0 || string(data) == "null" {
		return nil, nil
	}
	m := &Mark{}
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading a checkpoint's mark")
	}
	return m, nil
}
