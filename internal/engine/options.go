package engine

import (
	"runtime"
	"time"

	"weir.dev/weir/batch"
	"weir.dev/weir/format"
	"weir.dev/weir/internal/land"
)

// Options say what an engine may use. The zero value is an engine for this machine.
type Options struct {
	// Threads is how many goroutines decode, transform and encode at the same time, over all transfers; 0 means one per
	// processor.
	Threads int
	// Memory bounds the bytes of rows that all transfers together hold, encoded or not; 0 means DefaultMemory. It leaves
	// out the process's own needs and the garbage collector's headroom: set the runtime's memory limit to about 1.4 times
	// as much.
	Memory int64
	// Pool serves buffers of rows; nil means batch.DefaultPool.
	Pool *batch.Pool
	// TempDir holds the temporary files of rows that do not fit Memory; empty means the system's.
	TempDir string
	// Now is the clock of progress reports; nil means the system's.
	Now func() time.Time

	tamper  func(hop string, b *batch.Batch) *batch.Batch // tests do harm with it; it consumes the batch
	encoder func(format.Encoder) format.Encoder           // and with this one
}

// DefaultMemory is what Options.Memory is when it is not given.
const DefaultMemory = 256 << 20

// Engine runs transfers. Safe for concurrent use: its threads and memory are shared by all of them. It holds nothing
// between transfers and needs no closing.
type Engine struct {
	opts    Options
	workers *workers
	budget  *land.Budget
}

// New makes an engine.
func New(opts Options) *Engine {
	if opts.Threads <= 0 {
		opts.Threads = runtime.GOMAXPROCS(0)
	}
	if opts.Memory <= 0 {
		opts.Memory = DefaultMemory
	}
	if opts.Pool == nil {
		opts.Pool = batch.DefaultPool
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Engine{opts: opts, workers: newWorkers(opts.Threads), budget: land.NewBudget(opts.Memory)}
}
