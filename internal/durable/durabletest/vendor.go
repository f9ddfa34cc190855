package durabletest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"weir.dev/weir/batch"
	"weir.dev/weir/blob"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Connector types of the vendor: as a source and as a destination of rows, and of the files in a bucket.
const (
	Rows  flow.ConnectorType = "TestRows"
	Files flow.ConnectorType = "TestFiles"
)

// Vendor is the remote application of the suite: some objects to read, and a table to write to. It lives outside of
// every process.
type Vendor struct {
	Objects []Object
	// Trouble is asked before a page is delivered; its error is the vendor's. Nil means none.
	Trouble func(ctx context.Context, object, page int) error

	mu    sync.Mutex          // guards table
	table map[string][]string // rows by execution, split and sequence: a repeated write replaces itself
}

// Object is something to read: so many pages of so many rows.
type Object struct{ Pages, Rows int }

// Table is the rows in the vendor's table, sorted.
func (v *Vendor) Table() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var rows []string
	for _, batch := range v.table {
		rows = append(rows, batch...)
	}
	slices.Sort(rows)
	return rows
}

// Connectors is the vendor as one process sees it.
func (v *Vendor) Connectors(t *Trap) []connector.Connector {
	return []connector.Connector{&rowsConnector{vendor: v, trap: t}, &filesConnector{}}
}

type rowsConnector struct {
	vendor *Vendor
	trap   *Trap
}

func (c *rowsConnector) Spec() *connector.Spec {
	return &connector.Spec{Type: Rows, Name: "Test rows", CanBeSource: true, CanBeDest: true}
}

func (c *rowsConnector) Connect(context.Context, connector.Config) (connector.Connection, error) {
	return c, nil
}

func (c *rowsConnector) Close() error { return nil }

// Describe has two fields: a number as text, and a name.
func (c *rowsConnector) Describe(ctx context.Context, _ flow.Properties) (s flow.Schema, err error) {
	err = c.trap.Around("vendor.describe", func() error {
		s = flow.Schema{Entity: "rows", Fields: []flow.Field{
			{Name: "id", Type: flow.TypeText, VendorType: "text"}, {Name: "name", Type: flow.TypeText, VendorType: "text"},
		}}
		return ctx.Err()
	})
	return s, err
}

// Splits gives one split per object, or one for all.
func (c *rowsConnector) Splits(ctx context.Context, _ connector.ReadRequest, want int) (splits []connector.Split, err error) {
	err = c.trap.Around("vendor.splits", func() error {
		var all []int
		for i, o := range c.vendor.Objects {
			all = append(all, i)
			data, err := json.Marshal([]int{i})
			if err != nil {
				return err
			}
			splits = append(splits, connector.Split{Index: i, Label: fmt.Sprintf("object %d", i), Bytes: int64(10 * o.Pages * o.Rows), Data: data})
		}
		if want == 1 && len(all) > 1 {
			data, err := json.Marshal(all)
			splits = []connector.Split{{Label: "all objects", Data: data}}
			return err
		}
		return ctx.Err()
	})
	return splits, err
}

type rowsCursor struct{ At, Page int }

func (c *rowsConnector) Read(_ context.Context, req connector.ReadRequest, split connector.Split, from connector.Cursor) (connector.Pages, error) {
	p := &rowsPages{connector: c, fields: req.Fields}
	if err := json.Unmarshal(split.Data, &p.objects); err != nil {
		return nil, err
	}
	if from != nil {
		if err := json.Unmarshal(from, &p.next); err != nil {
			return nil, err
		}
	}
	return p, nil
}

type rowsPages struct {
	connector *rowsConnector
	fields    []string
	objects   []int
	next      rowsCursor
}

func (p *rowsPages) Close() error { return nil }

func (p *rowsPages) Next(ctx context.Context) (page connector.Page, err error) {
	v := p.connector.vendor
	for p.next.At < len(p.objects) && p.next.Page >= v.Objects[p.objects[p.next.At]].Pages {
		p.next = rowsCursor{At: p.next.At + 1}
	}
	if p.next.At >= len(p.objects) {
		return nil, io.EOF
	}
	object := p.objects[p.next.At]
	err = p.connector.trap.Around("vendor.next", func() error {
		if v.Trouble != nil {
			if err := v.Trouble(ctx, object, p.next.Page); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	at := p.next
	p.next.Page++
	cursor, err := json.Marshal(p.next)
	return &rowsPage{fields: p.fields, object: object, page: at.Page, rows: v.Objects[object].Rows, cursor: cursor}, err
}

type rowsPage struct {
	fields             []string
	object, page, rows int
	cursor             connector.Cursor
}

func (p *rowsPage) Release()                 {}
func (p *rowsPage) Cursor() connector.Cursor { return p.cursor }
func (p *rowsPage) Bytes() int64             { return int64(10 * p.rows) }
func (p *rowsPage) Object() string           { return fmt.Sprintf("object-%d", p.object) }

// Decode makes the rows. Every seventh has no name.
func (p *rowsPage) Decode() (*batch.Batch, error) {
	first := p.page * p.rows
	var columns []batch.Column
	for _, f := range p.fields {
		b := batch.NewTextBuilder(batch.DefaultPool, p.rows)
		for i := range p.rows {
			n := first + i
			switch {
			case f == "id":
				b.Append(i, fmt.Appendf(nil, "%d-%05d", p.object, n))
			case n%7 == 6:
				b.SetNull(i)
			default:
				b.Append(i, fmt.Appendf(nil, "name %d of a row", n%5))
			}
		}
		columns = append(columns, b.Build(f, batch.Text))
	}
	return batch.New(columns, p.rows, batch.Origin{Object: p.Object(), First: int64(first) + 1}), nil
}

func (c *rowsConnector) OpenWriter(_ context.Context, req connector.WriteRequest) (connector.RowWriter, error) {
	return &rowsWriter{connector: c, req: req}, nil
}

type rowsWriter struct {
	connector *rowsConnector
	req       connector.WriteRequest
}

func (w *rowsWriter) Close(context.Context) error { return nil }

func (w *rowsWriter) Write(_ context.Context, sequence int64, b *batch.Batch) (r connector.Receipt, _ []connector.Refusal, err error) {
	err = w.connector.trap.Around("vendor.write", func() error {
		var rows []string
		for i := range b.Rows {
			var cells []string
			for _, col := range b.Columns {
				cells = append(cells, string(batch.AppendText(nil, col, i)))
			}
			rows = append(rows, strings.Join(cells, "|"))
		}
		name := fmt.Sprintf("%s/%d/%d", w.req.ExecutionID, w.req.Split, sequence)
		v := w.connector.vendor
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.table == nil {
			v.table = map[string][]string{}
		}
		v.table[name] = rows
		r = connector.Receipt{Name: name, Rows: int64(b.Rows)}
		return nil
	})
	return r, nil, err
}

// filesConnector is a destination of files, whose properties are the layout itself.
type filesConnector struct{}

func (c *filesConnector) Spec() *connector.Spec {
	return &connector.Spec{Type: Files, Name: "Test files", CanBeDest: true}
}

func (c *filesConnector) Connect(_ context.Context, cfg connector.Config) (connector.Connection, error) {
	return &filesConnection{buckets: cfg.Buckets}, nil
}

type filesConnection struct{ buckets blob.Opener }

func (c *filesConnection) Close() error { return nil }

func (c *filesConnection) Target(ctx context.Context, props flow.Properties) (connector.Target, error) {
	t := connector.Target{Name: "out"}
	if err := props.Decode(&t.Output); err != nil {
		return t, fault.Wrap(fault.Validation, err, "reading the layout")
	}
	var err error
	t.Bucket, err = c.buckets.OpenBucket(ctx, t.Name)
	return t, err
}

// buckets opens buckets by name.
type buckets map[string]blob.Bucket

func (b buckets) OpenBucket(_ context.Context, name string) (blob.Bucket, error) {
	if found, ok := b[name]; ok {
		return found, nil
	}
	return nil, fault.New(fault.Validation, "no bucket %q; there are %v", name, slices.Sorted(maps.Keys(b)))
}
