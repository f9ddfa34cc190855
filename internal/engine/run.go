package engine

import (
	"context"
	"errors"
	"time"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/land"
	"weir.dev/weir/internal/transform"
)

const (
	// maxRejects is how many samples of rejected records a split gives.
	maxRejects = 100
	// progressEvery is the least time between two progress reports.
	progressEvery = 100 * time.Millisecond
)

// Run moves what is left of one split and returns its totals, from its very beginning. The last checkpoint, with all
// receipts, has been made when it returns nil; it has told the hooks everything, and calls them no more.
//
// It ends early with the first error: of the source or the destination with its code and retry class, of a hook as it is,
// or Canceled when ctx ends. Before that it stages what rows it can up to a last checkpoint, if it was the source that
// failed, closes what it opened and aborts open uploads, unless the error is Fenced. A retry goes on from the last
// checkpoint and gives byte for byte what was left; a split whose output is one file has no checkpoint before its end,
// and starts again.
func (e *Engine) Run(ctx context.Context, t Transfer, h Hooks) (flow.Totals, error) {
	if t.Plan == nil || t.Source == nil || (t.Target == nil) == (t.Writer == nil) {
		return flow.Totals{}, fault.New(fault.Internal, "transferring split %d: it needs a plan, a source and one destination", t.Split.Index)
	}
	program, err := transform.Compile(t.Plan.Program, transform.Options{Pool: e.opts.Pool})
	if err != nil {
		return flow.Totals{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	share := e.budget.Join()
	defer share.Leave()
	m := &mover{e: e, t: t, hooks: h, program: program, share: share, ctx: ctx, cancel: cancel}
	m.sample = land.SampleOf(t.Plan)
	if err := m.restore(); err != nil {
		return flow.Totals{}, err
	}
	if err := m.openErrors(); err != nil {
		return flow.Totals{}, err
	}
	if f := t.Plan.Dest.Files; f != nil {
		m.keepsHashes = f.TargetFileSize > 0 && len(t.Plan.Program.PartitionBy) == 0
	}
	return m.totals, m.run()
}

// mover is one run of one split. Its fields belong to the goroutine that runs it.
type mover struct {
	e       *Engine
	t       Transfer
	hooks   Hooks
	program *transform.Program
	share   *land.Share
	ctx     context.Context
	cancel  context.CancelCauseFunc

	sink     sink
	cursor   connector.Cursor // after the last page taken
	totals   flow.Totals      // up to that page
	base     flow.Totals      // of the checkpoint it started from
	mark     *land.Mark       // of that checkpoint
	sequence int64            // of the next receipt, at that checkpoint
	reported time.Time

	content     batch.Content // of the rows written, up to the last page taken
	baseContent batch.Content // of the checkpoint it started from
	skipped     batch.Content // the part of that which is met again
	place       Place         // of the record behind the last page counted
	expected    Place         // of the record behind the last page met, which may be waiting to be written
	taken       int64         // pages
	sample      batch.Sample  // whose values count in sums
	keepsHashes bool          // checkpoints may stand in the middle of a page

	errors *land.ErrorLog // nil for plans without error files
	liner  *liner         // nil then, too
	saved  savedErrors    // by whoever makes checkpoints; the mover reads it when that has ended
}

// sink is where a split's rows go.
type sink interface {
	// prepare does what can be done with a batch on any goroutine, and consumes it.
	prepare(r *result)
	// take takes the next page's rows, in order, and counts the page in the mover's totals.
	take(p *page) error
	// salvage makes a last checkpoint after the source has failed.
	salvage()
	// finish writes what is left and makes the final checkpoint.
	finish() error
	// close ends the sink in any case. After leave nothing that is staged is touched.
	close(leave bool)
}

// restore puts the mover where the checkpoint stands.
func (m *mover) restore() (err error) {
	if m.t.From == nil {
		return nil
	}
	m.cursor, m.base, m.sequence = m.t.From.Cursor, m.t.From.Totals, m.t.From.Sequence
	if string(m.cursor) == "null" { // what a nil cursor becomes on its way through JSON
		m.cursor = nil
	}
	if m.mark, err = land.ParseMark(m.t.From.Land); err != nil {
		return err
	}
	m.baseContent, m.skipped, m.content = m.t.From.Content, m.t.From.Skipped, m.t.From.Content
	m.content.Sub(m.skipped)
	m.place, m.expected = m.t.From.Place, m.t.From.Place
	m.totals = m.base
	if m.mark != nil {
		// The rows of the page that the checkpoint stands in are counted when the page is met again.
		m.totals.Read -= int64(m.mark.Skip)
		m.totals.Written -= int64(m.mark.Skip)
	}
	return nil
}

func (m *mover) run() (err error) {
	if m.t.Target != nil {
		m.sink, err = newFileSink(m)
	} else {
		m.sink, err = newRowSink(m)
	}
	if err != nil {
		return err
	}
	f := startFetch(m)
	err = m.gather(f)
	if err == nil {
		err = m.sink.finish()
	}
	err = m.cause(err)
	m.cancel(err)
	f.stop()
	m.sink.close(fault.Is(err, fault.Fenced))
	m.lastWords(err)
	if err == nil && !m.totals.Closes() {
		t := m.totals
		err = fault.New(fault.Internal, "the counts of split %d do not close: %d read, but %d filtered + %d rejected + %d deduplicated + %d written",
			m.t.Split.Index, t.Read, t.Filtered, t.Rejected, t.Deduplicated, t.Written)
	}
	return err
}

// gather takes the pages in order until the source ends.
func (m *mover) gather(f *fetch) error {
	for {
		select {
		case <-m.ctx.Done():
			return context.Cause(m.ctx)
		case p, ok := <-f.queue:
			if !ok {
				if f.err != nil {
					m.sink.salvage()
					return f.err
				}
				if m.taken != f.pages {
					return fault.New(fault.Internal, "split %d: %d pages were fetched, but %d taken", m.t.Split.Index, f.pages, m.taken)
				}
				return nil
			}
			if err := m.take(p); err != nil {
				return err
			}
		}
	}
}

// take waits for the page's rows and hands them on. Jobs end without waiting for anything, so it does not watch ctx.
func (m *mover) take(p *page) error {
	<-p.done
	defer p.dispose()
	if p.err != nil {
		if err := m.log(p.res.errors.text); err != nil {
			return err
		}
		return p.err
	}
	if err := m.follow(p); err != nil {
		return err
	}
	if err := m.refused(p); err != nil {
		return err
	}
	if err := m.sink.take(p); err != nil {
		return err
	}
	m.progress()
	return m.ctx.Err()
}

// refused ends the run at the first refused record when the plan says so.
func (m *mover) refused(p *page) error {
	if !m.t.Plan.Dest.FailOnFirstError {
		return nil
	}
	for i, r := range p.res.rejects {
		if r.Refused {
			if err := m.log(p.res.errors.upTo(min(i+1, len(p.res.errors.ends)))); err != nil {
				return err
			}
			return fault.New(fault.Validation, "record %d of %q was refused by %s: %s", r.Record, p.object, r.Task, r.Reason)
		}
	}
	return nil
}

// Actions of rejects and error lines.
const (
	actionDropped = "dropped"
	actionRefused = "refused"
	actionNulled  = "nulled"
)

func actionOf(r *transform.Reject) string {
	if r.Refused {
		return actionRefused
	}
	return actionDropped
}

// count adds a page that has been taken to the totals and its lines to the error log, and returns samples of its rejects.
func (m *mover) count(p *page) (samples []flow.Reject, err error) {
	t := &m.totals
	t.Read += p.res.read
	t.Filtered += p.res.filtered
	t.BytesRead += p.bytes
	sample := func(r *transform.Reject, action string) flow.Reject {
		return flow.Reject{Split: m.t.Split.Index, Object: p.object, Record: r.Record, Task: r.Task, Reason: r.Reason, Action: action}
	}
	for i := range p.res.rejects {
		r := &p.res.rejects[i]
		if r.Refused {
			t.PutFailures++
		}
		if t.Rejected < maxRejects {
			samples = append(samples, sample(r, actionOf(r)))
		}
		t.Rejected++
	}
	for i := range p.res.nulled {
		if t.Nulled < maxRejects {
			samples = append(samples, sample(&p.res.nulled[i], actionNulled))
		}
		t.Nulled++
	}
	m.cursor, m.place = p.cursor, p.next
	return samples, m.log(p.res.errors.text)
}

func (m *mover) progress() {
	now := m.e.opts.Now()
	if now.Sub(m.reported) < progressEvery {
		return
	}
	m.reported = now
	m.hooks.Progress(m.totals)
}

// cause is what really ended the run, when err may be a consequence of it.
func (m *mover) cause(err error) error {
	if err == nil || m.ctx.Err() == nil {
		return err
	}
	cause := context.Cause(m.ctx)
	if e := (*fault.Error)(nil); errors.As(cause, &e) {
		return cause
	}
	return fault.Wrap(fault.Canceled, cause, "transferring split %d", m.t.Split.Index)
}
