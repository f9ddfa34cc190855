package memory

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Describe describes the table that the properties name.
func (c *connection) Describe(ctx context.Context, props flow.Properties) (flow.Schema, error) {
	object, err := objectOf(props)
	if err != nil {
		return flow.Schema{}, err
	}
	return c.DescribeEntity(ctx, object)
}

// slice is a split: rows [From, To) of a table. Rows that are put behind them later belong to another execution.
type slice struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// position is a cursor: the next row of the table.
type position struct {
	Row int `json:"row"`
}

// Splits cuts the table into slices of whole pages.
func (c *connection) Splits(ctx context.Context, req connector.ReadRequest, want int) ([]connector.Split, error) {
	t, err := c.find(ctx, req.Properties)
	if err != nil || len(t.Rows) == 0 {
		return nil, err
	}
	page := c.vendor.opts.PageRows
	pages := (len(t.Rows) + page - 1) / page
	each := (pages + max(want, 1) - 1) / max(want, 1) * page
	var splits []connector.Split
	for from := 0; from < len(t.Rows); from += each {
		s := slice{From: from, To: min(from+each, len(t.Rows))}
		data, err := json.Marshal(s)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, err, "splitting entity %q", t.Name)
		}
		splits = append(splits, connector.Split{Index: len(splits), Label: fmt.Sprintf("%s rows %d to %d", t.Name, s.From+1, s.To), Data: data})
	}
	return splits, nil
}

// Read opens a slice.
func (c *connection) Read(ctx context.Context, req connector.ReadRequest, split connector.Split, from connector.Cursor) (connector.Pages, error) {
	t, err := c.find(ctx, req.Properties)
	if err != nil {
		return nil, err
	}
	p := &pages{vendor: c.vendor, pool: c.pool, table: t, split: split.Index, window: req.Window, by: -1}
	if err := json.Unmarshal(split.Data, &p.rows); err != nil || p.rows.From < 0 || p.rows.From > p.rows.To || p.rows.To > len(t.Rows) {
		return nil, fault.New(fault.Internal, "reading entity %q: split %d is not one of its own", t.Name, split.Index)
	}
	p.next = p.rows.From
	if from != nil {
		var at position
		if err := json.Unmarshal(from, &at); err != nil || at.Row < p.rows.From || at.Row > p.rows.To {
			return nil, fault.New(fault.Internal, "reading entity %q: the cursor is not one of split %d", t.Name, split.Index)
		}
		p.next = at.Row
	}
	schema := flow.Schema{Fields: t.Fields}
	for _, name := range req.Fields {
		i := schema.Find(name)
		if i < 0 && req.MissingIsNull {
			p.fields, p.missing = append(p.fields, -1), append(p.missing, name)
			continue
		}
		if i < 0 {
			return nil, fault.New(fault.Validation, "reading entity %q: it has no field %q", t.Name, name)
		}
		p.fields = append(p.fields, i)
	}
	if p.window != nil {
		if p.by = schema.Find(req.WindowBy); p.by < 0 || t.Fields[p.by].Type != flow.TypeDatetime {
			return nil, fault.New(fault.Validation, "reading entity %q: %q is no field of date and time", t.Name, req.WindowBy)
		}
	}
	return p, nil
}

func (c *connection) find(ctx context.Context, props flow.Properties) (Table, error) {
	if err := alive(ctx); err != nil {
		return Table{}, err
	}
	object, err := objectOf(props)
	if err != nil {
		return Table{}, err
	}
	return c.vendor.table(object)
}

// pages reads one slice.
type pages struct {
	vendor  *Vendor
	pool    *batch.Pool
	table   Table
	split   int
	rows    slice
	next    int   // row
	fields  []int // of the table, in the order asked for; -1 for one of the missing, which are in order, too
	missing []string
	window  *flow.Window
	by      int // field of the window
}

// Next fetches the next rows.
func (p *pages) Next(ctx context.Context) (connector.Page, error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	if p.next >= p.rows.To {
		return nil, io.EOF
	}
	opts := &p.vendor.opts
	at := At{Entity: p.table.Name, Split: p.split, Page: (p.next - p.rows.From) / opts.PageRows}
	if opts.OnPage != nil {
		if err := opts.OnPage(ctx, at); err != nil {
			if ctx.Err() != nil {
				err = alive(ctx)
			}
			return nil, err
		}
	}
	g := &page{pages: p, first: p.next, last: min(p.next+opts.PageRows, p.rows.To)}
	g.malformed = opts.Malformed != nil && opts.Malformed(at)
	p.next = g.last
	return g, nil
}

func (p *pages) Close() error { return nil }

// page is rows [first, last) of the table.
type page struct {
	pages       *pages
	first, last int
	malformed   bool
}

// Decode makes a batch of the rows that lie in the window.
func (g *page) Decode() (*batch.Batch, error) {
	p := g.pages
	if g.malformed {
		return nil, fault.New(fault.ConnectorServer, "reading entity %q: the page from row %d is malformed", p.table.Name, g.first+1)
	}
	var rows [][]any
	var index []int32
	for i, row := range p.table.Rows[g.first:g.last] {
		if p.window == nil || inWindow(row[p.by], p.window) {
			rows = append(rows, row)
			index = append(index, int32(i))
		}
	}
	columns := make([]batch.Column, 0, len(p.fields))
	missing := p.missing
	for _, f := range p.fields {
		if f < 0 {
			columns = append(columns, nulls(p.pool, missing[0], len(rows)))
			missing = missing[1:]
			continue
		}
		col, err := build(p.pool, p.table.Fields[f], rows, f)
		if err != nil {
			for i := range columns {
				columns[i].Data.Release()
			}
			return nil, err
		}
		columns = append(columns, col)
	}
	origin := batch.Origin{Object: p.table.Name, First: int64(g.first) + 1, Index: index}
	return batch.New(columns, len(rows), origin), nil
}

func inWindow(cell any, w *flow.Window) bool {
	at, ok := cell.(time.Time)
	return ok && !at.Before(w.From) && at.Before(w.To)
}

// Release does nothing: a page holds no buffers.
func (g *page) Release() {}

func (g *page) Cursor() connector.Cursor {
	raw, err := json.Marshal(position{Row: g.last})
	if err != nil {
		panic(err) //nolint:forbidigo // an integer always has a JSON form
	}
	return raw
}

// Bytes counts a row as 100 bytes: Go values have no stored size.
func (g *page) Bytes() int64 { return int64(g.last-g.first) * 100 }

func (g *page) Object() string { return g.pages.table.Name }
