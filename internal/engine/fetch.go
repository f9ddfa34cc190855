package engine

import (
	"context"
	"errors"
	"io"
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
	cursor connector.Cursor
	bytes  int64
	object string
	cost   int64 // bytes in flight
	share  *land.Share
	done   chan struct{}

	res result
	err error
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
	if err != nil {
		p.err = err
		return
	}
	res, err := m.program.Run(in)
	if err != nil {
		p.err = err
		return
	}
	p.res = result{out: res.Out, partition: res.Partition, read: res.Read, filtered: res.Filtered, rejects: res.Rejects}
	if res.Out == nil {
		return
	}
	p.res.rows = int64(res.Out.Rows)
	m.sink.prepare(&p.res)
	if p.res.prepared != nil {
		actual := p.res.prepared.Bytes()
		p.share.Adjust(land.Pages, actual-p.cost)
		p.cost = actual
	}
}

// fetch pulls pages in order and puts them to work.
type fetch struct {
	m     *mover
	queue chan *page // closed at the end
	err   error      // why it ended, set before queue is closed; nil at the source's end
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
	for {
		if err := m.share.Acquire(m.ctx, land.Pages, cost); err != nil {
			return err
		}
		next, err := pages.Next(m.ctx)
		if err != nil {
			m.share.Adjust(land.Pages, -cost)
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		p := &page{Page: next, cursor: next.Cursor(), bytes: next.Bytes(), object: next.Object(), cost: cost, share: m.share, done: make(chan struct{})}
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
