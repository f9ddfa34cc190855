package engine

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/format"
	"weir.dev/weir/internal/land"
	"weir.dev/weir/internal/transform"
)

const (
	// pageFactor is the memory of a page on its way, in chunks: its bytes, the headers of its cells, and what tasks make.
	pageFactor = 3
	// stopGrace is how long a canceled run waits for a source that is deaf to its context.
	stopGrace = 2 * time.Second
)

// page is one page of the source on its way to the sink. Done is closed when the rest is set.
type page struct {
	connector.Page
	number int64 // of the page in this run
	cursor connector.Cursor
	bytes  int64
	object string
	cost   int64 // bytes in flight
	share  *land.Share
	done   chan struct{}

	in      *batch.Batch // as read, where error lines may still be written of its rows; else nil
	first   int64        // number of its first record in the object; 0 when it has none
	records int64        // as the source counted them; -1 when it did not
	next    Place        // of the record behind the page, where known
	res     result
	err     error
}

// result is what the program made of a page. One of out and prepared holds the rows kept, if there are any.
type result struct {
	out       *batch.Batch
	partition []int
	prepared  *land.Prepared
	read      int64
	filtered  int64
	rows      int64 // kept
	rejects   []transform.Reject
	nulled    []transform.Reject
	errors    errorLines    // of rejects and nulled, in that order
	content   batch.Content // of the rows kept
	hashes    []uint64      // of each of them, where a checkpoint may stand between
}

// dispose gives back what the page still holds.
func (p *page) dispose() {
	if p.res.out != nil {
		p.res.out.Release()
		p.res.out = nil
	}
	if p.res.prepared != nil {
		p.res.prepared.Release()
		p.res.prepared = nil
	}
	if p.in != nil {
		p.in.Release()
		p.in = nil
	}
	p.land()
}

// land says that the page's rows are the sink's now.
func (p *page) land() {
	p.share.Adjust(land.Pages, -p.cost)
	p.cost = 0
}

// work decodes the page and runs the program, on a worker.
func (p *page) work(m *mover) {
	defer close(p.done)
	defer func() {
		if r := recover(); r != nil {
			p.err = fault.New(fault.Internal, "reading %q: internal error (%T)", p.object, r)
		}
	}()
	if m.ctx.Err() != nil {
		p.Release()
		p.err = context.Cause(m.ctx)
		return
	}
	in, err := p.Decode()
	if err == nil {
		in = m.tampered("decode", in)
		err = p.count(in)
	}
	if err != nil {
		p.err = err
		return
	}
	if m.liner != nil {
		in.Retain()
		p.in = in
	}
	rows := int64(in.Rows)
	res, err := m.program.Run(in)
	if err != nil {
		p.lastLine(m, err)
		p.err = err
		return
	}
	res.Out = m.tampered("program", res.Out)
	p.err = p.keep(m, rows, res)
}

// count holds what was decoded against what the source counted.
func (p *page) count(in *batch.Batch) error {
	if in.Rows > 0 {
		p.first = in.Origin.Record(0)
	}
	if p.records < 0 || int64(in.Rows) == p.records {
		return nil
	}
	rows := in.Rows
	in.Release()
	return fault.New(fault.Internal, "decoding a page of %q: it has %d records, but the source counted %d", p.object, rows, p.records)
}

// lastLine writes the line of the record that ended the run.
func (p *page) lastLine(m *mover, err error) {
	if end := (*transform.EndError)(nil); m.liner != nil && errors.As(err, &end) {
		m.liner.reject(&p.res.errors, openRecords(p.in), &end.Reject, "failed")
	}
}

// keep takes over what the program made of so many rows.
func (p *page) keep(m *mover, rows int64, res transform.Result) error {
	kept := int64(0)
	if res.Out != nil {
		kept = int64(res.Out.Rows)
	}
	p.res = result{
		out: res.Out, partition: res.Partition, read: res.Read, filtered: res.Filtered, rows: kept, rejects: res.Rejects, nulled: res.Nulled,
	}
	if left := res.Filtered + int64(len(res.Rejects)); res.Read != rows || rows != left+kept {
		return fault.New(fault.Internal, "transforming a page of %q: of %d records %d were filtered or rejected and %d kept", p.object, rows, left, kept)
	}
	p.lines(m)
	if res.Out == nil {
		return nil
	}
	p.sum(m, res.Out)
	p.res.out = m.tampered("gather", res.Out)
	m.sink.prepare(&p.res)
	actual := int64(len(p.res.errors.text))
	if p.res.prepared != nil {
		actual += p.res.prepared.Bytes()
		p.share.Adjust(land.Pages, actual-p.cost)
		p.cost = actual
	}
	return nil
}

// lines writes the error lines of the page.
func (p *page) lines(m *mover) {
	if m.liner == nil {
		return
	}
	if len(p.res.rejects)+len(p.res.nulled) > 0 {
		from := openRecords(p.in)
		for i := range p.res.rejects {
			m.liner.reject(&p.res.errors, from, &p.res.rejects[i], actionOf(&p.res.rejects[i]))
		}
		for i := range p.res.nulled {
			m.liner.reject(&p.res.errors, from, &p.res.nulled[i], actionNulled)
		}
	}
	if m.t.Writer == nil { // nobody refuses rows any more
		p.in.Release()
		p.in = nil
	}
}

var hashSlices = sync.Pool{New: func() any { return new([]uint64) }}

// sum adds up the rows that leave the program.
func (p *page) sum(m *mover, out *batch.Batch) {
	if m.keepsHashes {
		p.res.hashes = batch.HashRows(nil, out, m.sample)
		p.res.content = batch.ContentOf(p.res.hashes)
		return
	}
	s := hashSlices.Get().(*[]uint64)
	*s = batch.HashRows(*s, out, m.sample)
	p.res.content = batch.ContentOf(*s)
	hashSlices.Put(s)
}

// fetch pulls pages in order and puts them to work.
type fetch struct {
	m     *mover
	queue chan *page // closed at the end
	err   error      // why it ended, set before queue is closed; nil at the source's end
	pages int64      // delivered, at the source's end; set before queue is closed
}

func startFetch(m *mover) *fetch {
	f := &fetch{m: m, queue: make(chan *page, m.e.opts.Threads+1)}
	go f.run()
	return f
}

func (f *fetch) run() {
	defer close(f.queue)
	defer func() {
		if r := recover(); r != nil {
			f.err = fault.New(fault.Internal, "reading split %d (%s): internal error (%T)", f.m.t.Split.Index, f.m.t.Split.Label, r)
		}
	}()
	f.err = f.pull()
}

func (f *fetch) pull() error {
	m := f.m
	pages, err := m.t.Source.Read(m.ctx, m.t.Plan.Source.Read, m.t.Split, m.cursor)
	if err != nil {
		return err
	}
	defer pages.Close()
	chunk := m.t.Plan.Source.Read.ChunkBytes
	if chunk <= 0 {
		chunk = format.DefaultChunkBytes
	}
	cost := int64(chunk) * pageFactor
	for number := int64(0); ; number++ {
		if err := m.share.Acquire(m.ctx, land.Pages, cost); err != nil {
			return err
		}
		next, err := pages.Next(m.ctx)
		if err != nil {
			m.share.Adjust(land.Pages, -cost)
			if errors.Is(err, io.EOF) {
				f.pages = number
				return nil
			}
			return err
		}
		p := &page{Page: next, number: number, records: -1, cursor: next.Cursor(), bytes: next.Bytes(), object: next.Object(), cost: cost, share: m.share, done: make(chan struct{})}
		if c, ok := next.(connector.CountedPage); ok {
			p.records = c.Records()
		}
		m.e.workers.run(false, func() { p.work(m) })
		select {
		case f.queue <- p:
		case <-m.ctx.Done():
			<-p.done
			p.dispose()
			return context.Cause(m.ctx)
		}
	}
}

// stop waits until the fetching has ended and drops the pages that nobody took. The context has ended or the queue is
// closed. A source that does not hear it is left behind: what it delivers later is dropped, and it is closed then.
func (f *fetch) stop() {
	timer := time.NewTimer(stopGrace)
	defer timer.Stop()
	for {
		select {
		case p, ok := <-f.queue:
			if !ok {
				return
			}
			<-p.done
			p.dispose()
		case <-timer.C:
			return
		}
	}
}
