package custom

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// recordsPerPage is what a query asks for; the protocol's own number.
const recordsPerPage = 1000

// sourceProperties are a flow's.
type sourceProperties struct {
	Entity   string            `json:"entityName"`
	Settings map[string]string `json:"customProperties"`
	Transfer struct {
		Kind string `json:"Type"`
	} `json:"dataTransferApi"`
}

func readSource(props flow.Properties) (sourceProperties, error) {
	var p sourceProperties
	if err := props.Decode(&p); err != nil {
		return p, fault.Wrap(fault.Validation, err, "reading the source's properties")
	}
	if p.Entity == "" {
		return p, fault.New(fault.Validation, "reading the source's properties: entityName is missing")
	}
	return p, nil
}

// Describe implements [connector.Reader]. The connector judges the flow's settings first.
func (c *connection) Describe(ctx context.Context, props flow.Properties) (flow.Schema, error) {
	p, err := readSource(props)
	if err != nil {
		return flow.Schema{}, err
	}
	if len(p.Settings) > 0 {
		if err := c.validateSettings(ctx, "SOURCE", p.Settings); err != nil {
			return flow.Schema{}, err
		}
	}
	d, err := c.describe(ctx, p.Entity, p.Settings)
	if err != nil {
		return flow.Schema{}, err
	}
	return d.schema, nil
}

// slice is a split's data: all of an entity. The protocol has no way to read parts of one side by side.
type slice struct {
	Definition json.RawMessage `json:"definition"`
	NotNull    []string        `json:"notNull,omitempty"`
}

// Splits implements [connector.Reader].
func (c *connection) Splits(ctx context.Context, req connector.ReadRequest, _ int) ([]connector.Split, error) {
	p, err := readSource(req.Properties)
	if err != nil {
		return nil, err
	}
	d, err := c.describe(ctx, p.Entity, p.Settings)
	if err != nil {
		return nil, err
	}
	data, err := marshal(slice{Definition: d.raw, NotNull: d.notNull})
	if err != nil {
		return nil, err
	}
	return []connector.Split{{Label: p.Entity, Data: data}}, nil
}

// position is a cursor: the token of the next page, and how many records came before.
type position struct {
	Token   string `json:"token"`
	Records int64  `json:"records"`
	IsEnd   bool   `json:"end,omitempty"`
}

// Read implements [connector.Reader].
func (c *connection) Read(_ context.Context, req connector.ReadRequest, split connector.Split, from connector.Cursor) (connector.Pages, error) {
	p, err := readSource(req.Properties)
	if err != nil {
		return nil, err
	}
	out := &pages{c: c, entity: p.Entity, settings: p.Settings, fields: req.Fields}
	if json.Unmarshal(split.Data, &out.slice) != nil || len(out.slice.Definition) == 0 {
		return nil, fault.New(fault.Internal, "reading entity %q: split %d is not one of its own", p.Entity, split.Index)
	}
	if from != nil {
		d := json.NewDecoder(bytes.NewReader(from))
		d.DisallowUnknownFields()
		if err := d.Decode(&out.at); err != nil || out.at.Records < 0 || out.at.IsEnd == (out.at.Token != "") {
			return nil, fault.New(fault.Internal, "reading entity %q: the cursor is not one of split %d", p.Entity, split.Index)
		}
	}
	if out.filter, err = expression(req.Schema, req.Filters, req.Window, req.WindowBy); err != nil {
		return nil, err
	}
	schema := req.Schema
	if req.MissingIsNull {
		schema.Open = true
	}
	out.plan, err = rest.NewPlan(schema, rest.PlanOptions{Fields: req.Fields, Pool: c.pool})
	if err != nil {
		return nil, err
	}
	for i, name := range req.Fields {
		if slices.Contains(out.slice.NotNull, name) {
			out.notNull = append(out.notNull, i)
		}
	}
	return out, nil
}

// pages reads an entity page by page.
type pages struct {
	c        *connection
	entity   string
	settings map[string]string
	fields   []string
	filter   string
	slice    slice
	plan     *rest.Plan
	notNull  []int // of fields
	at       position
	empty    int // pages without a record, one after the other
}

// maxEmptyPages bounds how long a connector may hand out tokens and no records.
const maxEmptyPages = 10_000

// Next implements [connector.Pages].
func (p *pages) Next(ctx context.Context) (connector.Page, error) {
	if ctx.Err() != nil {
		return nil, fault.Wrap(fault.Canceled, context.Cause(ctx), "reading entity %q", p.entity)
	}
	if p.at.IsEnd {
		return nil, io.EOF
	}
	answer, err := p.c.call(ctx, "QueryData", dataTime, func(s *session) ([]byte, error) {
		return marshal(queryDataRequest{
			Type: "QueryDataRequest", Entity: p.entity, Fields: p.fields, Filter: optional(p.filter), MaxResults: recordsPerPage,
			NextToken: optional(p.at.Token), Context: p.c.context(s, p.settings, p.slice.Definition),
		})
	})
	if err != nil {
		return nil, fault.Wrap(fault.CodeOf(err), err, "reading entity %q", p.entity)
	}
	a, err := readRecords(p.entity, p.at.Records+1, answer)
	if err != nil {
		return nil, err
	}
	switch {
	case a.next != "" && a.next == p.at.Token:
		return nil, fault.New(fault.ConnectorServer, "reading entity %q: the connector's nextToken leads back to the page that it came with", p.entity)
	case a.count > 0:
		p.empty = 0
	case a.next != "":
		if p.empty++; p.empty > maxEmptyPages {
			return nil, fault.New(fault.ConnectorServer, "reading entity %q: the connector has given %d pages without a record", p.entity, maxEmptyPages)
		}
	}
	first := p.at.Records + 1
	p.at = position{Token: a.next, Records: p.at.Records + int64(a.count), IsEnd: a.next == ""}
	return &page{pages: p, answer: a, first: first, end: p.at}, nil
}

// Close implements [connector.Pages].
func (p *pages) Close() error { return nil }

// page is one answer.
type page struct {
	pages  *pages
	answer recordsAnswer
	first  int64
	end    position
}

var _ connector.CountedPage = (*page)(nil)

// Decode implements [connector.Page].
func (g *page) Decode() (*batch.Batch, error) {
	p := g.pages
	b, err := p.plan.Decode(g.answer.records, g.first, nil)
	g.answer.records = nil
	if err != nil {
		return nil, err
	}
	for _, i := range p.notNull {
		if b.Columns[i].Data.NullN() > 0 {
			b.Release()
			return nil, fault.New(fault.ConnectorServer, "reading entity %q: field %q is null in one of the records from %d on, and the connector says that it never is", p.entity, p.fields[i], g.first)
		}
	}
	if b.Rows != g.answer.count {
		rows := b.Rows
		b.Release()
		return nil, fault.New(fault.ConnectorServer, "reading entity %q: the %d records from %d on hold %d objects; each must hold one", p.entity, g.answer.count, g.first, rows)
	}
	return b, nil
}

// Release implements [connector.Page].
func (g *page) Release() { g.answer.records = nil }

// Cursor implements [connector.Page].
func (g *page) Cursor() connector.Cursor {
	raw, err := json.Marshal(g.end)
	if err != nil {
		panic(err) //nolint:forbidigo // texts and numbers always have a JSON form
	}
	return raw
}

// Bytes implements [connector.Page].
func (g *page) Bytes() int64 { return int64(g.answer.bytes) }

// Object implements [connector.Page].
func (g *page) Object() string { return g.pages.entity }

// Records implements [connector.CountedPage].
func (g *page) Records() int64 { return int64(g.answer.count) }
