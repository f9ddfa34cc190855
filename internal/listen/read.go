package listen

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/format/jsonl"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/store"
)

var _ durable.Inbox = (*Inbox)(nil)

// Reader implements [durable.Inbox]. Notifications of objects are followed to the objects; other events are the records.
func (b *Inbox) Reader(_ context.Context, x *flow.Execution, source connector.Connection) (connector.Reader, error) {
	part := &part{inbox: b, flow: x.FlowName, events: *x.Events}
	if x.Definition.Source.Connector != flow.S3 {
		listener, _ := source.(connector.Listener)
		return &eventReader{part: part, listener: listener}, nil
	}
	reader, ok := source.(connector.Reader)
	if !ok {
		return nil, fault.New(fault.Unsupported, "reading from %s: the connector cannot be a source", x.Definition.Source.Connector)
	}
	return &objectReader{Reader: reader, part: part}, nil
}

// part is the part of an inbox that one execution moves.
type part struct {
	inbox  *Inbox
	flow   string
	events flow.EventRange
}

// chunksAtOnce is how many chunks are read from the store together.
const chunksAtOnce = 16

// lines returns the chunks from a sequence on, opened, as lines of JSON: as many whole ones as make about most bytes, and
// at least one, with the sequence behind them. It returns io.EOF behind the last.
func (p *part) lines(ctx context.Context, from int64, most int) (lines []byte, events, next int64, err error) {
	if from >= p.events.To {
		return nil, 0, from, io.EOF
	}
	for next = from; next < p.events.To; {
		var chunks []*store.EventChunk
		err := p.inbox.o.Store.Read(ctx, func(tx store.ReadTx) (err error) {
			chunks, err = tx.InboxList(ctx, p.flow, next, p.events.To, chunksAtOnce)
			return err
		})
		if err != nil {
			return nil, 0, next, err
		}
		if len(chunks) == 0 {
			return nil, 0, next, fault.New(fault.Internal, "reading the inbox of flow %q: chunk %d is not there", p.flow, next)
		}
		for _, c := range chunks {
			if c.Sequence != next {
				return nil, 0, next, fault.New(fault.Internal, "reading the inbox of flow %q: chunk %d is not there", p.flow, next)
			}
			if len(lines) > 0 && len(lines)+int(c.Bytes) > most {
				return lines, events, next, nil
			}
			text, err := p.inbox.o.Sealer.Open(ctx, Purpose, p.flow, c.Sealed)
			if err != nil {
				return nil, 0, next, fault.Wrap(fault.CodeOf(err), err, "opening chunk %d in the inbox of flow %q", c.Sequence, p.flow)
			}
			lines = append(lines, text...)
			events += c.Events
			next++
		}
	}
	return lines, events, next, nil
}

// eventReader reads events as records.
type eventReader struct {
	part     *part
	listener connector.Listener // says what fields there are; nil: the events do
}

// Describe implements [connector.Reader]. Where nobody describes the events, they do so themselves, all of the part: a
// field that one alone has would be lost else.
func (r *eventReader) Describe(ctx context.Context, props flow.Properties) (flow.Schema, error) {
	if r.listener != nil {
		return r.listener.DescribeEvents(ctx, props)
	}
	s := flow.Schema{Entity: "events", Open: true}
	lines, _, _, err := r.part.lines(ctx, r.part.events.From, 1<<62)
	if err != nil {
		return s, err
	}
	fields, err := jsonl.Sample(ctx, text(lines), len(lines))
	for _, f := range fields {
		s.Fields = append(s.Fields, fieldOf(f))
	}
	return s, err
}

// types are the canonical types of what a sample shows.
var types = map[batch.Type]struct {
	vendor    string
	canonical flow.Type
}{
	batch.Bool:    {"Boolean", flow.TypeBoolean},
	batch.Int64:   {"Long", flow.TypeLong},
	batch.Float64: {"Double", flow.TypeDouble},
	batch.String:  {"String", flow.TypeString},
	batch.JSON:    {"Struct", flow.TypeJSON},
}

func fieldOf(f jsonl.Field) flow.Field {
	t := types[f.Type]
	out := flow.Field{Name: f.Name, Label: f.Name, VendorType: t.vendor, Type: t.canonical, IsRetrievable: true, IsNullable: true}
	if len(f.Path) > 1 {
		out.Path = f.Path
	}
	return out
}

// text is lines in memory as a file.
type text []byte

func (t text) Name() string { return "events" }
func (t text) Size() int64  { return int64(len(t)) }
func (t text) OpenAt(_ context.Context, offset, length int64) (io.ReadCloser, error) {
	from := t[min(offset, int64(len(t))):]
	if length >= 0 {
		from = from[:min(length, int64(len(from)))]
	}
	return io.NopCloser(bytes.NewReader(from)), nil
}

// Splits implements [connector.Reader]. There is one, because events are moved in their order.
func (r *eventReader) Splits(_ context.Context, _ connector.ReadRequest, _ int) ([]connector.Split, error) {
	data, err := json.Marshal(r.part.events)
	return []connector.Split{{Label: fmt.Sprintf("%d events", r.part.events.Events), Data: data}}, err
}

// place in a part: the next chunk, and the number of its first event.
type eventCursor struct {
	Sequence int64 `json:"sequence"`
	Record   int64 `json:"record"` // 1-based
}

const defaultPage = 1 << 20

// Read implements [connector.Reader].
func (r *eventReader) Read(ctx context.Context, req connector.ReadRequest, _ connector.Split, from connector.Cursor) (connector.Pages, error) {
	schema := req.Schema
	if r.listener == nil {
		// What the sample took for types is a guess: values travel as they were sent, as those of JSON files.
		schema = flow.Schema{Entity: "events", Open: true}
	}
	schema.Open = schema.Open || req.MissingIsNull
	plan, err := rest.NewPlan(schema, rest.PlanOptions{Fields: req.Fields})
	if err != nil {
		return nil, err
	}
	p := &eventPages{part: r.part, plan: plan, most: req.ChunkBytes, at: eventCursor{Sequence: r.part.events.From, Record: 1}}
	if p.most <= 0 {
		p.most = defaultPage
	}
	if from != nil {
		if err := json.Unmarshal(from, &p.at); err != nil || p.at.Sequence < r.part.events.From || p.at.Sequence > r.part.events.To || p.at.Record < 1 {
			return nil, fault.New(fault.Internal, "reading the inbox of flow %q: the cursor is not one of its own", r.part.flow)
		}
	}
	return p, nil
}

type eventPages struct {
	part *part
	plan *rest.Plan
	most int
	at   eventCursor
}

func (p *eventPages) Close() error { return nil }

// Next implements [connector.Pages]. A page holds whole chunks, so that its bounds depend on where it begins alone.
func (p *eventPages) Next(ctx context.Context) (connector.Page, error) {
	lines, events, next, err := p.part.lines(ctx, p.at.Sequence, p.most)
	if err != nil {
		return nil, err
	}
	page := &eventPage{plan: p.plan, lines: lines, first: p.at.Record, events: events}
	p.at = eventCursor{Sequence: next, Record: p.at.Record + events}
	page.end = p.at
	return page, nil
}

type eventPage struct {
	plan          *rest.Plan
	lines         []byte
	first, events int64
	end           eventCursor
}

func (p *eventPage) Decode() (*batch.Batch, error) {
	defer p.Release()
	return p.plan.Decode(array(p.lines), p.first, nil)
}

func (p *eventPage) Release()       { p.lines = nil }
func (p *eventPage) Bytes() int64   { return int64(len(p.lines)) }
func (p *eventPage) Object() string { return "events" }
func (p *eventPage) Records() int64 { return p.events }

func (p *eventPage) Cursor() connector.Cursor {
	raw, err := json.Marshal(p.end)
	if err != nil {
		panic(err) //nolint:forbidigo // integers always have a JSON form
	}
	return raw
}

// objectReader reads the objects that the part's notifications name, with the source's own reader.
type objectReader struct {
	connector.Reader
	part *part
}

var _ connector.Surveyor = (*objectReader)(nil)

// objects lists what the part names.
func (r *objectReader) objects(ctx context.Context) ([]connector.Object, error) {
	list := []connector.Object{} // never nil, which would mean all
	for at := r.part.events.From; ; {
		lines, _, next, err := r.part.lines(ctx, at, defaultPage)
		if err == io.EOF { //nolint:errorlint // it is never wrapped
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		at = next
		for dec := json.NewDecoder(bytes.NewReader(lines)); ; {
			var o connector.Object
			err := dec.Decode(&o)
			if err == io.EOF {
				break
			}
			if err != nil {
				return nil, fault.Wrap(fault.Internal, err, "reading the inbox of flow %q", r.part.flow)
			}
			list = append(list, o)
		}
	}
}

// Describe implements [connector.Reader]: the objects that are to be read count, not their neighbours.
func (r *objectReader) Describe(ctx context.Context, props flow.Properties) (flow.Schema, error) {
	d, ok := r.Reader.(connector.ObjectDescriber)
	if !ok {
		return r.Reader.Describe(ctx, props)
	}
	objects, err := r.objects(ctx)
	if err != nil {
		return flow.Schema{}, err
	}
	return d.DescribeObjects(ctx, props, objects)
}

// Survey implements [connector.Surveyor] as far as the source does.
func (r *objectReader) Survey(ctx context.Context, req connector.ReadRequest) (_ []flow.Schema, err error) {
	s, ok := r.Reader.(connector.Surveyor)
	if !ok {
		return nil, nil
	}
	if req.Objects, err = r.objects(ctx); err != nil {
		return nil, err
	}
	return s.Survey(ctx, req)
}

// Splits implements [connector.Reader].
func (r *objectReader) Splits(ctx context.Context, req connector.ReadRequest, want int) (_ []connector.Split, err error) {
	if req.Objects, err = r.objects(ctx); err != nil {
		return nil, err
	}
	return r.Reader.Splits(ctx, req, want)
}
