package engine

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/land"
)

// idleCheckpoint is the least time between two checkpoints that bring no new files.
const idleCheckpoint = 5 * time.Second

// keeper makes a file sink's checkpoints, on a goroutine of its own: files are staged out of order and some time after the
// rows have gone by, and the ledger takes its time too. Of several checkpoints that are ready it makes the last one.
type keeper struct {
	m    *mover
	wake chan struct{} // a token: there may be something to do
	done chan struct{} // closed when the goroutine has ended

	mu         sync.Mutex // guards all below
	receipts   map[int64]connector.Receipt
	ready      int64 // files before this number are staged
	candidates []candidate
	rejects    []flow.Reject // samples that no checkpoint holds yet
	sampled    int           // samples so far
	next       int64         // number of the first file that no checkpoint holds
	kept       int           // samples that checkpoints hold
	rows       int64         // in the files that checkpoints of this run hold
	content    batch.Content // of those
	bytes      int64         // of all files that checkpoints hold
	last       time.Time
	made       flow.Totals // of the last checkpoint
	ending     bool
	err        error // why no more checkpoints are made
}

// candidate is a state that can be a checkpoint once the files before its mark are staged.
type candidate struct {
	cursor  connector.Cursor
	totals  flow.Totals // BytesWritten is the last checkpoint's of the attempt before
	mark    land.Mark
	samples int
	final   bool

	content batch.Content
	skipped batch.Content
	place   Place
	errors  land.ErrorState
}

func newKeeper(m *mover) *keeper {
	k := &keeper{m: m, wake: make(chan struct{}, 1), done: make(chan struct{}), receipts: map[int64]connector.Receipt{}}
	k.next, k.ready, k.bytes = m.sequence, m.sequence, m.base.BytesWritten
	k.last, k.made = m.e.opts.Now(), m.base
	return k
}

func (k *keeper) start() { go k.loop() }

func (k *keeper) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// staged takes a file's receipt. It may be called concurrently.
func (k *keeper) staged(n int64, r connector.Receipt) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.receipts[n] = r
	for {
		if _, ok := k.receipts[k.ready]; !ok {
			break
		}
		k.ready++
	}
	k.poke()
}

// reject takes samples; they belong to the candidates offered from now on.
func (k *keeper) reject(samples []flow.Reject) {
	if len(samples) == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rejects = append(k.rejects, samples...)
	k.sampled += len(samples)
}

// offer takes a candidate. A later one with the same files replaces it.
func (k *keeper) offer(c candidate) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c.samples = k.sampled
	if n := len(k.candidates); n > 0 && k.candidates[n-1].mark.Next == c.mark.Next {
		k.candidates[n-1] = c
	} else {
		k.candidates = append(k.candidates, c)
	}
	k.poke()
}

// loop makes checkpoints until the run's context ends or the keeper has been told to finish and has nothing left.
func (k *keeper) loop() {
	defer close(k.done)
	for {
		select {
		case <-k.m.ctx.Done():
			k.end(fault.Wrap(fault.Canceled, context.Cause(k.m.ctx), "making checkpoints"))
			return
		case <-k.wake:
		}
		for {
			w, over := k.pick()
			if over {
				return
			}
			if w == nil {
				break
			}
			if err := k.save(w); err != nil {
				k.end(err)
				k.m.cancel(err)
				return
			}
		}
	}
}

// work is one checkpoint to be made.
type work struct {
	candidate
	receipts []connector.Receipt
	rejects  []flow.Reject
	rows     int64         // in the files of this run up to it
	landed   batch.Content // of those
}

// pick chooses the last candidate that is ready, and takes what belongs to it; nil when there is none. Over says that
// there will be none any more.
func (k *keeper) pick() (w *work, over bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	at := -1
	for i := range k.candidates {
		if k.candidates[i].mark.Next <= k.ready {
			at = i
		}
	}
	if at < 0 || !k.isWorthIt(&k.candidates[at]) {
		return nil, k.ending
	}
	w = &work{candidate: k.candidates[at]}
	k.candidates = append(k.candidates[:0], k.candidates[at+1:]...)
	for ; k.next < w.mark.Next; k.next++ {
		r := k.receipts[k.next]
		delete(k.receipts, k.next)
		w.receipts = append(w.receipts, r)
		k.bytes += r.Bytes
	}
	k.rows += land.Rows(w.receipts)
	for i := range w.receipts {
		k.content.Add(w.receipts[i].Content)
	}
	n := w.samples - k.kept
	w.rejects, k.rejects = k.rejects[:n:n], k.rejects[n:]
	k.kept = w.samples
	k.last, k.made = k.m.e.opts.Now(), w.totals
	w.rows, w.landed, w.totals.BytesWritten = k.rows, k.content, k.bytes
	return w, false
}

// isWorthIt reports whether the candidate brings enough. One without new files is worth its price now and then; and one
// where nothing has moved would only hide that a source gets nowhere from whoever counts attempts.
func (k *keeper) isWorthIt(c *candidate) bool {
	if c.mark.Next > k.next || c.final {
		return true
	}
	return c.totals != k.made && (k.ending || k.m.e.opts.Now().Sub(k.last) >= idleCheckpoint)
}

// save makes one checkpoint, after it has compared the counts with the files.
func (k *keeper) save(w *work) error {
	if written := w.totals.Written - k.m.base.Written; w.rows != written {
		return fault.New(fault.Internal, "the files of split %d hold %d records, but %d were written to them", k.m.t.Split.Index, w.rows, written)
	}
	passed := w.content
	passed.Sub(k.m.baseContent)
	if passed != w.landed {
		return fault.New(fault.Internal, "the files of split %d do not hold the records that were written to them: as many, but others", k.m.t.Split.Index)
	}
	mark, err := json.Marshal(w.mark)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "writing a checkpoint's mark")
	}
	c := Checkpoint{
		Cursor: w.cursor, Totals: w.totals, Sequence: w.mark.Next, Land: mark,
		Content: w.content, Skipped: w.skipped, Place: w.place,
		Errors: w.errors.Mark(), ErrorFiles: w.errors.Files[k.m.saved.files:],
	}
	if err := k.m.hooks.Checkpoint(k.m.ctx, c, w.receipts, w.rejects); err != nil {
		return err
	}
	k.m.saved = savedErrors{files: len(w.errors.Files), lines: w.errors.Lines}
	return nil
}

// end remembers why no more checkpoints are made.
func (k *keeper) end(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err, k.ending = err, true
}

// finish makes the last checkpoint that is ready and ends the keeper.
func (k *keeper) finish() error {
	k.mu.Lock()
	k.ending = true
	k.mu.Unlock()
	k.poke()
	<-k.done
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}

// stop waits until the keeper has ended; the run's context has, or finish has been called.
func (k *keeper) stop() { <-k.done }

func (k *keeper) bytesWritten() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.bytes
}
