package land

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"weir.dev/weir/batch"
	"weir.dev/weir/fault"
)

const (
	// maxOpen bounds the files that a split has open at once: each costs some hundred bytes until it is closed.
	maxOpen = 100_000
	// partitionBlock is the most text that a block of a partitioned file holds. Many partitions collect at once, and
	// smaller blocks keep more of them out of the temporary file.
	partitionBlock = 8 << 20
	// closers is how many files are ended at the same time.
	closers = 16
	// uploadBytes is what a driver may hold for an open upload; maxUploads bounds uploads that are open while rows for
	// them still come. Files beyond that wait in the temporary file.
	uploadBytes = 8 << 20
	maxUploads  = 48
)

// Lander turns one split's rows into staged files. Prepare may be called concurrently; everything else belongs to one
// goroutine, which ends with Close.
//
// File boundaries follow the plan's aggregation:
//
//	none          a new file when the source object changes
//	single file   one file per partition
//	target size   a new file when the target is reached: blocks near the end are cut by the ratio seen so far
type Lander struct {
	opts   Options
	layout *Layout
	owner  string
	target int64 // size of files; 0 for none
	block  int64 // most text in a block
	follow bool  // file boundaries follow source objects
	sample batch.Sample

	shapes shapes

	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup // encodings and files at work
	spool  *spool

	streams map[string]*stream // by folder
	byKey   map[string]*stream // by values, see router.appendKey
	open    []*stream          // those with rows or a file, in order of their file's number
	mark    Mark
	skip    int // rows still to skip
	dropped int // rows skipped of the batch that Add is taking
	object  string
	started bool // an object has been seen

	uploadsMu sync.Mutex
	uploads   map[*file]bool // with an open upload; guarded by uploadsMu

	direct  atomic.Int64  // open uploads that rows still come for
	closing chan struct{} // one slot per file being ended
	expect  atomic.Uint64 // float64: size of the last block per byte of text, for the memory estimate
}

// NewLander starts landing a split. The caller calls Close in any case.
func NewLander(ctx context.Context, opts Options) (*Lander, error) {
	layout, err := NewLayout(opts.Plan)
	if err != nil {
		return nil, err
	}
	out := opts.Plan.Dest.Files
	l := &Lander{
		opts: opts, layout: layout, owner: Owner(opts.Plan, opts.Split),
		target: out.TargetFileSize, block: max(1, opts.Encoder.BlockBytes()),
		follow: !out.SingleFile && out.TargetFileSize == 0, sample: SampleOf(opts.Plan),
		spool: &spool{dir: opts.TempDir}, closing: make(chan struct{}, closers),
		streams: map[string]*stream{}, byKey: map[string]*stream{}, uploads: map[*file]bool{},
	}
	if len(opts.Plan.Program.PartitionBy) > 0 {
		l.block = min(l.block, partitionBlock)
	}
	if opts.From != nil {
		l.mark, l.skip = *opts.From, opts.From.Skip
		l.mark.Skip = 0
	}
	l.expect.Store(math.Float64bits(1))
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	return l, nil
}

// Prepare groups and measures a batch's rows, and consumes it. The partition columns are those of the program's result.
func (l *Lander) Prepare(b *batch.Batch, partition []int) *Prepared {
	return prepare(l.opts.Pool, l.shapes.of(b), b, partition, l.block)
}

// Turn says that what follows comes from the named source object: with a file per object it ends the files of the one
// before.
func (l *Lander) Turn(object string) error {
	changed := l.started && object != l.object
	l.object, l.started = object, true
	if changed && l.follow {
		return l.endAll()
	}
	return nil
}

// Add takes the next rows, in order. It waits while too much is in flight, and fails with the cause once anything has
// failed or the context has ended. It consumes p.
func (l *Lander) Add(p *Prepared) error {
	defer p.Release()
	if err := l.failure(); err != nil {
		return err
	}
	l.dropped = 0
	for i := range p.groups {
		g := &p.groups[i]
		l.drop(g, p)
		if g.rows == 0 {
			continue
		}
		s, err := l.stream(g.key)
		if err != nil {
			return err
		}
		rows := g.piece
		if p.data == nil {
			g.piece = piece{} // the stream owns it now
		}
		if err := s.add(rows, p.data == nil); err != nil {
			return err
		}
	}
	return l.relieve()
}

// drop leaves out the rows that a retry meets again in the batch that a checkpoint stood in the middle of.
func (l *Lander) drop(g *group, p *Prepared) {
	if l.skip == 0 {
		return
	}
	if p.data != nil { // partitioned: checkpoints stand between batches
		l.skip = 0
		return
	}
	head, tail := g.piece.cut(l.opts.Pool, l.skip, math.MaxInt64)
	l.skip -= head.rows
	l.dropped = head.rows
	head.release(l.opts.Pool, l.spool)
	g.piece = tail
}

// stream finds the stream of the partition with the values.
func (l *Lander) stream(key []byte) (*stream, error) {
	if s := l.byKey[string(key)]; s != nil {
		return s, nil
	}
	folder := l.layout.Folder(values(key)...)
	s := l.streams[folder]
	if s == nil {
		if len(l.streams) >= maxOpen {
			return nil, fault.New(fault.Validation, "writing files of flow %q: more than %d partitions", l.opts.Plan.FlowName, maxOpen)
		}
		s = &stream{l: l, folder: folder}
		l.streams[folder] = s
	}
	l.byKey[string(key)] = s
	return s, nil
}

// Idle reports whether nothing of the rows taken so far is left in the lander, but in files that are being staged.
func (l *Lander) Idle() bool { return len(l.open) == 0 }

// Mark is the state to go on from. Only for an idle lander, or inside Boundary.
func (l *Lander) Mark() Mark { return l.mark }

// endAll ends every open file, in order of their numbers.
func (l *Lander) endAll() error {
	for _, s := range l.open {
		if err := s.end(); err != nil {
			return err
		}
	}
	l.open = l.open[:0]
	clear(l.streams)
	clear(l.byKey)
	return nil
}

// relieve moves rows of the fattest partitions to disk while the lander holds more than its part.
func (l *Lander) relieve() error {
	excess := l.opts.Share.Excess()
	if excess <= 0 {
		return nil
	}
	fat := slices.Clone(l.open)
	slices.SortStableFunc(fat, func(a, b *stream) int { return cmp.Compare(b.mem, a.mem) })
	for _, s := range fat {
		if excess <= 0 {
			break
		}
		excess -= s.mem
		if err := s.spill(); err != nil {
			return err
		}
	}
	return nil
}

// Settle waits until what has been handed to workers and files so far is done.
func (l *Lander) Settle() error {
	l.wg.Wait()
	return l.failure()
}

// Finish ends all files and waits until they are staged.
func (l *Lander) Finish() error {
	if err := l.failure(); err != nil {
		return err
	}
	if err := l.endAll(); err != nil {
		return err
	}
	l.wg.Wait()
	return l.failure()
}

// Close ends the lander and gives back what it holds. Uploads that are still open are aborted, unless they are left to a
// newer owner. It waits for work in progress, which ends soon because its context does.
func (l *Lander) Close(leave bool) {
	l.cancel(fault.New(fault.Canceled, "landing has ended"))
	l.wg.Wait()
	for _, s := range l.open {
		s.drop()
	}
	l.open = nil
	if !leave {
		var g errgroup.Group
		g.SetLimit(closers)
		for f := range l.uploads {
			g.Go(func() error { f.abort(); return nil })
		}
		_ = g.Wait()
	}
	l.spool.close()
}

// fail stops the lander with its first error.
func (l *Lander) fail(err error) {
	l.cancel(err)
	if l.opts.Failed != nil {
		l.opts.Failed(context.Cause(l.ctx))
	}
}

// failure is why the lander has stopped; nil while it has not.
func (l *Lander) failure() error {
	if l.ctx.Err() == nil {
		return nil
	}
	err := context.Cause(l.ctx)
	if err == l.ctx.Err() || err == context.DeadlineExceeded { //nolint:errorlint // a cause of its own that wraps one of these is not the same
		return fault.Wrap(fault.Canceled, err, "landing files of flow %q", l.opts.Plan.FlowName)
	}
	return err
}

// abortTime bounds the cleaning up of an upload.
const abortTime = 30 * time.Second
