// Package page turns the pages of an API into [connector.Pages]: it follows links, tokens, offsets and times from one page
// to the next, knows the end, notices when a vendor leads in a circle, and keeps its place as a cursor that any other
// process can go on from.
//
// Fetching is in order and hands out bytes; decoding is done by whoever takes the page. It knows no vendor.
package page

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/url"
	"strconv"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
)

// Kind is how an API leads from a page to the next.
type Kind string

// Kinds of paging.
const (
	One    Kind = ""       // all records are in one answer
	Link   Kind = "link"   // the answer holds the next page's address
	Header Kind = "header" // the header Link does, as RFC 8288 says
	Token  Kind = "token"  // the answer holds a token to send
	Offset Kind = "offset" // the request says how many records to pass over
	Number Kind = "number" // the request says which page
	Since  Kind = "since"  // the request says from which moment on; pages overlap in that moment
)

// Style is one API's paging. Paths lead into the answer.
type Style struct {
	Kind      Kind
	Param     string // of the query that says where a page begins: token, offset, number or moment
	SizeParam string // of the query that says how many records a page may hold
	Size      int
	First     int64    // number of the first page, or the first offset
	NextAt    string   // path of the link, token or moment that leads on
	MoreAt    string   // path of a flag that is false on the last page
	EndAt     string   // path of a flag that is true on the last page
	TotalAt   string   // path of the number of all records (Offset), or of all pages (Number)
	OnlyFirst []string // parameters that only the first request has
	ShortEnds bool     // a page of fewer records than Size is the last one (Offset and Number)
}

// Options say what to read.
type Options struct {
	Client  *rest.Client
	Request rest.Request // for the first page
	Style   Style
	Records string // path of the records in an answer
	// Rewrite changes the records of an answer, an array, before anybody reads them; nil leaves them as they are.
	Rewrite func(records []byte) ([]byte, error)
	Plan    *rest.Plan
	Entity  string
	From    connector.Cursor
	// Dedup leaves out records that the page before has had, by the plan's keys. Needed for Since.
	Dedup bool
}

// position is a place between two pages. As JSON it is the cursor.
type position struct {
	Entity  string   `json:"entity"`
	Next    string   `json:"next,omitzero"` // link or token
	At      int64    `json:"at,omitzero"`   // offset, number or moment
	Pages   int64    `json:"pages"`         // before it
	Records int64    `json:"records"`       // on those
	Done    bool     `json:"done,omitzero"`
	Keys    []uint64 `json:"keys,omitzero"` // of the page before, where pages overlap
	// Mark is an earlier link or token; when it comes again the pages go in a circle. It moves up at every power of two,
	// so that a circle of any length is found within three times its length, with one mark to remember (Brent).
	Mark string `json:"mark,omitzero"`
	Lap  int64  `json:"lap,omitzero"`
}

// Open starts to read. Its error is Internal for a cursor of somebody else's.
func Open(o Options) (connector.Pages, error) {
	p := &pages{o: o, at: position{Entity: o.Entity, At: o.Style.First}}
	if o.From != nil {
		at, err := parse(o.From)
		if err != nil || at.Entity != o.Entity || at.Pages < 1 || at.Records < 0 || at.At < 0 || at.Lap < 0 {
			return nil, fault.New(fault.Internal, "reading entity %q: the cursor is not one of its own", o.Entity)
		}
		p.at = at
	}
	return p, nil
}

func parse(c connector.Cursor) (position, error) {
	var at position
	d := json.NewDecoder(bytes.NewReader(c))
	d.DisallowUnknownFields()
	err := d.Decode(&at)
	return at, err
}

type pages struct {
	o      Options
	at     position
	closed bool
}

// Next fetches the next page that holds records.
func (p *pages) Next(ctx context.Context) (connector.Page, error) {
	for {
		switch {
		case p.closed:
			return nil, fault.New(fault.Internal, "reading entity %q: the split is closed", p.o.Entity)
		case ctx.Err() != nil:
			return nil, fault.Wrap(fault.Canceled, context.Cause(ctx), "reading entity %q", p.o.Entity)
		case p.at.Done:
			return nil, io.EOF
		}
		got, err := p.fetch(ctx)
		if err != nil {
			return nil, err
		}
		p.at = got.end
		if got.count > 0 {
			return got, nil
		}
	}
}

// fetch asks for the page at the place where the reader stands.
func (p *pages) fetch(ctx context.Context) (*fetched, error) {
	f := &fetched{plan: p.o.Plan, entity: p.o.Entity, first: p.at.Records + 1}
	r := p.request()
	var e *rest.Envelope
	r.Accept = func(a *rest.Answer) (err error) {
		if e, f.records, err = rest.Split(a.Body, p.o.Records); err == nil && p.o.Rewrite != nil {
			f.records, err = p.o.Rewrite(f.records)
		}
		if err == nil {
			f.count, err = p.o.Plan.Count(f.records, f.first)
		}
		return err
	}
	a, err := p.o.Client.Do(ctx, &r)
	if err != nil {
		return nil, err
	}
	f.bytes = int64(len(a.Body))
	if f.end, err = p.advance(a, e, f); err != nil {
		return nil, fault.Wrap(fault.CodeOf(err), err, "%s", r.Doing)
	}
	return f, nil
}

// request is the request for the page where the reader stands.
func (p *pages) request() rest.Request {
	r, s := p.o.Request, &p.o.Style
	isFirst := p.at.Pages == 0
	if !isFirst && (s.Kind == Link || s.Kind == Header) { // the link says it all
		r.Path, r.Query = p.at.Next, nil
		return r
	}
	r.Query = maps.Clone(r.Query)
	if r.Query == nil {
		r.Query = url.Values{}
	}
	if s.SizeParam != "" && s.Size > 0 {
		r.Query.Set(s.SizeParam, strconv.Itoa(s.Size))
	}
	if !isFirst {
		for _, name := range s.OnlyFirst {
			r.Query.Del(name)
		}
	}
	switch {
	case s.Kind == Token && !isFirst:
		r.Query.Set(s.Param, p.at.Next)
	case s.Kind == Since && !isFirst, s.Kind == Offset, s.Kind == Number:
		r.Query.Set(s.Param, strconv.FormatInt(p.at.At, 10))
	}
	return r
}

// advance is the place behind a page.
func (p *pages) advance(a *rest.Answer, e *rest.Envelope, f *fetched) (position, error) {
	next := p.at
	next.Pages++
	next.Records += int64(f.count)
	next.Keys = nil
	if p.o.Dedup {
		keys, err := p.o.Plan.Keys(f.records)
		if err != nil {
			return next, err
		}
		f.drop, next.Keys = repeated(keys, p.at.Keys), keys
	}
	s := &p.o.Style
	done, err := s.isLast(a, e, &next, f.count, p.o.Client)
	if err != nil {
		return next, err
	}
	if done {
		next.Done, next.Next, next.Keys, next.Mark = true, "", nil, ""
		return next, nil
	}
	if s.Kind == Since && next.At == p.at.At && p.at.Pages > 0 && len(f.drop) == f.count {
		return next, fault.New(fault.ConnectorServer, "the vendor repeats a page: more records share the moment %d than a page holds", next.At)
	}
	return next, next.watch()
}

// isLast moves a place to where the next page begins, and reports whether there is none.
func (s *Style) isLast(a *rest.Answer, e *rest.Envelope, next *position, count int, c *rest.Client) (bool, error) {
	if more, ok := e.Flag(s.MoreAt); s.MoreAt != "" && ok && !more {
		return true, nil
	}
	if end, ok := e.Flag(s.EndAt); s.EndAt != "" && ok && end {
		return true, nil
	}
	switch s.Kind {
	case Link, Header:
		link := ""
		if s.Kind == Header {
			link = nextLink(a.Header.Values("Link"))
		} else {
			link = e.Text(s.NextAt)
		}
		if link == "" {
			return true, nil
		}
		var err error
		next.Next, err = c.Follow(link)
		return false, err
	case Token:
		next.Next = e.Text(s.NextAt)
		return next.Next == "", nil
	case Offset:
		next.At += int64(count)
		total, ok := e.Number(s.TotalAt)
		return count == 0 || s.ShortEnds && count < s.Size || s.TotalAt != "" && ok && next.At-s.First >= total, nil
	case Number:
		next.At++
		total, ok := e.Number(s.TotalAt)
		return count == 0 || s.ShortEnds && count < s.Size || s.TotalAt != "" && ok && next.At-s.First >= total, nil
	case Since:
		at, ok := e.Number(s.NextAt)
		if !ok {
			return count == 0, missing(s.NextAt, count)
		}
		next.At = at
		return count == 0, nil
	}
	return true, nil
}

// missing is the error of a page of records that does not say where the next one begins.
func missing(at string, count int) error {
	if count == 0 {
		return nil
	}
	return fault.New(fault.ConnectorServer, "the answer has no %q, which says where the next page begins", at)
}

// watch notices a circle.
func (p *position) watch() error {
	if p.Next == "" {
		return nil
	}
	if p.Next == p.Mark {
		return fault.New(fault.ConnectorServer, "the vendor's pages lead in a circle: page %d is followed by one that came before", p.Pages)
	}
	if p.Pages > p.Lap {
		p.Mark, p.Lap = p.Next, 2*max(p.Lap, 1)
	}
	return nil
}

// repeated are the records whose keys are among some others, or came before on the same page.
func repeated(keys, before []uint64) map[int]bool {
	var drop map[int]bool
	seen := make(map[uint64]bool, len(keys)+len(before))
	for _, k := range before {
		seen[k] = true
	}
	for i, k := range keys {
		if seen[k] {
			if drop == nil {
				drop = map[int]bool{}
			}
			drop[i] = true
		}
		seen[k] = true
	}
	return drop
}

func (p *pages) Close() error {
	p.closed = true
	return nil
}

// fetched is one page.
type fetched struct {
	plan    *rest.Plan
	entity  string
	records []byte // nil once decoded or released
	count   int
	first   int64
	drop    map[int]bool
	bytes   int64
	end     position
}

func (f *fetched) Decode() (*batch.Batch, error) {
	if f.records == nil {
		return nil, fault.New(fault.Internal, "reading entity %q: a page is decoded twice", f.entity)
	}
	records := f.records
	f.records = nil
	return f.plan.Decode(records, f.first, f.drop)
}

func (f *fetched) Release() { f.records = nil }

func (f *fetched) Cursor() connector.Cursor {
	raw, err := json.Marshal(f.end)
	if err != nil {
		panic(err) //nolint:forbidigo // texts and integers always have a JSON form
	}
	return raw
}

func (f *fetched) Bytes() int64 { return f.bytes }

func (f *fetched) Object() string { return f.entity }

// Walk reads a list of metadata: the same paging, with answers that are few and small, and looked at one by one.
type Walk struct{ pages *pages }

// NewWalk starts at the beginning. Of the options it takes the client, the request, the style and the path of the list.
func NewWalk(o Options) *Walk {
	o.Plan, o.Dedup, o.From = rest.MetadataPlan(), false, nil
	return &Walk{&pages{o: o, at: position{At: o.Style.First}}}
}

// Next returns the items of the next page that has any, or io.EOF.
func (w *Walk) Next(ctx context.Context) ([]*rest.Envelope, error) {
	p, err := w.pages.Next(ctx)
	if err != nil {
		return nil, err
	}
	f := p.(*fetched) //nolint:forcetypeassert // pages gives no other
	e, err := rest.ParseEnvelope(f.records)
	if err != nil {
		return nil, err
	}
	return e.Items(""), nil
}
