package salesforce

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
	"weir.dev/weir/format"
)

// place is where reading stands. As JSON it is the cursor.
//
// What counts is the last record: records come in the order of their ids, or of a window's time and the id, so that what
// is left can be asked for anew whatever has become of Salesforce's own cursors and jobs. Those are kept beside it, as
// they are cheaper to go on from as long as they live.
type place struct {
	API     string `json:"api,omitzero"`
	Records int64  `json:"records"` // before it, in the split
	Span    span   `json:"span,omitzero"`
	At      string `json:"at,omitzero"`   // the last record's time, where records are ordered by it
	Next    string `json:"next,omitzero"` // the next page: a path by REST, a job's locator in bulk
	IsDone  bool   `json:"done,omitzero"`

	// Of a job.
	Job  string          `json:"job,omitzero"`
	To   string          `json:"to,omitzero"`   // where the job's ids end
	Size int             `json:"size,omitzero"` // records that the page at Next is asked to hold
	In   format.Position `json:"in,omitzero"`   // in that page
}

// readPlace reads a cursor; nil is the split's beginning.
func readPlace(object string, s *slice, from connector.Cursor) (place, error) {
	at := place{API: s.API, Span: s.Span}
	if from == nil {
		return at, nil
	}
	at = place{}
	d := json.NewDecoder(bytes.NewReader(from))
	d.DisallowUnknownFields()
	err := d.Decode(&at)
	wrong := err != nil || at.API != apiREST && at.API != apiBulk || at.Records < 0 || at.Span.To != s.Span.To || at.Size < 0 ||
		at.In.Offset < 0 || at.In.Record < 0 || at.Span.After != "" && !idText.MatchString(at.Span.After)
	if wrong {
		return place{}, fault.New(fault.Internal, "reading %q: the cursor is not one of its own", object)
	}
	return at, nil
}

// pages reads a split. Pages are fetched ahead of the one that is asked for, by one goroutine that ends with Close.
type pages struct {
	c          *connection
	q          *question
	plan       *rest.Plan
	slice      slice
	isFree     bool // to take another API than the one that was begun with
	chunkBytes int
	firstSize  int // records of the first page of a job's results

	ctx  context.Context // of all that is fetched
	stop context.CancelCauseFunc

	at    place // of the fetching goroutine, once there is one
	work  work  // likewise
	begun bool
	ahead chan []*page
	ended sync.WaitGroup
	err   error // why fetching ended, set before ahead is closed

	ready  []*page // fetched, and not yet handed out
	closed bool
}

var errClosed = fault.New(fault.Canceled, "the split is closed")

// Next implements [connector.Pages].
func (p *pages) Next(ctx context.Context) (connector.Page, error) {
	for {
		switch {
		case p.closed:
			return nil, fault.New(fault.Internal, "reading %q: the split is closed", p.slice.Object)
		case ctx.Err() != nil:
			return nil, fault.Wrap(fault.Canceled, context.Cause(ctx), "reading %q", p.slice.Object)
		case len(p.ready) > 0:
			next := p.ready[0]
			p.ready = p.ready[1:]
			return next, nil
		}
		if !p.begun {
			p.begun, p.ahead = true, make(chan []*page, 1)
			p.ended.Go(p.fetch)
		}
		select {
		case <-ctx.Done(): // the next turn says so
		case list, ok := <-p.ahead:
			if !ok {
				return nil, p.err
			}
			p.ready = list
		}
	}
}

// fetch fetches all that is left, in order.
func (p *pages) fetch() {
	defer close(p.ahead)
	p.err = p.produce()
	if p.err == nil {
		p.err = io.EOF
	}
}

func (p *pages) produce() error {
	if p.at.API == "" && !p.at.IsDone {
		if err := p.decide(); err != nil {
			return err
		}
	}
	for !p.at.IsDone {
		var err error
		if p.at.API == apiBulk {
			err = p.bulk()
		} else {
			err = p.rest()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// decide chooses the API by the number of records. From the first page on the cursor knows the choice. Big objects and
// external ones are not counted: Salesforce cannot, and keeps the ones for much, the others elsewhere.
func (p *pages) decide() error {
	if !p.q.isKeyed {
		p.at.API = apiREST
		if strings.HasSuffix(p.slice.Object, bigSuffix) {
			p.at.API = apiBulk
		}
		return nil
	}
	n, err := p.c.count(p.ctx, p.q, p.at.Span)
	if err != nil {
		return err
	}
	p.slice.Count, p.at.API = n, p.c.choose(n)
	return nil
}

// hand gives pages out that have been fetched together. When nobody takes them any more they are dropped.
func (p *pages) hand(list []*page) error {
	kept := list[:0]
	for _, f := range list {
		if f.count > 0 {
			kept = append(kept, f)
		} else {
			f.Release()
		}
	}
	if len(kept) == 0 {
		return nil
	}
	select {
	case p.ahead <- kept:
		return nil
	case <-p.ctx.Done():
		drop(kept)
		return context.Cause(p.ctx)
	}
}

func drop(list []*page) {
	for _, f := range list {
		f.Release()
	}
}

// Close implements [connector.Pages]. Jobs that Salesforce still works at are aborted; one that is done stays there, for
// the next attempt to go on with, until Salesforce clears it away.
func (p *pages) Close() error {
	if p.closed {
		return nil
	}
	p.closed = true
	p.stop(errClosed)
	if p.begun {
		for list := range p.ahead {
			drop(list)
		}
		p.ended.Wait()
	}
	drop(p.ready)
	p.ready = nil
	p.abandon()
	return nil
}

// page is records that can be decoded: an answer by REST, or a piece of one in bulk.
type page struct {
	of      *pages
	records []byte       // JSON; nil once decoded or released
	chunk   format.Chunk // CSV, likewise
	first   int64
	count   int
	bytes   int64
	end     place
}

var _ connector.CountedPage = (*page)(nil)

// Decode implements [connector.Page].
func (f *page) Decode() (*batch.Batch, error) {
	records, chunk := f.records, f.chunk
	f.records, f.chunk = nil, nil
	switch {
	case records != nil:
		return f.of.plan.Decode(records, f.first, nil)
	case chunk == nil:
		return nil, fault.New(fault.Internal, "reading %q: a page is decoded twice", f.of.slice.Object)
	}
	b, err := chunk.Decode()
	if err != nil {
		return nil, err
	}
	b.Origin = batch.Origin{Object: f.of.slice.Object, First: f.first}
	return f.of.plan.Cells(b), nil
}

// Release implements [connector.Page].
func (f *page) Release() {
	if f.chunk != nil {
		f.chunk.Release()
	}
	f.records, f.chunk = nil, nil
}

// Cursor implements [connector.Page].
func (f *page) Cursor() connector.Cursor {
	raw, err := json.Marshal(&f.end)
	if err != nil {
		panic(err) //nolint:forbidigo // texts and numbers always have a JSON form
	}
	return raw
}

// Bytes implements [connector.Page].
func (f *page) Bytes() int64 { return f.bytes }

// Object implements [connector.Page].
func (f *page) Object() string { return f.of.slice.Object }

// Records implements [connector.CountedPage].
func (f *page) Records() int64 { return int64(f.count) }
