// Package memory is a vendor whose tables are Go values: the reference implementation of the connector seam, and the
// test double of everyone who needs a source or a destination of rows.
//
//	v := memory.New(memory.Options{})
//	v.Put(memory.Table{Name: "accounts", Fields: …, Rows: …})
//
// It pages, splits and resumes as a careful vendor does, and misbehaves where its [Options] say so. As a destination it
// keeps what each execution wrote, and takes a repeated sequence number for what it is. Nothing leaves the process.
package memory

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Type is the connector type of a vendor that is given no other.
const Type flow.ConnectorType = "Memory"

// Options make a vendor. The zero value is one that never fails. Hooks may be called concurrently; an error they return
// is the vendor's answer, and one that waits for ctx plays a vendor that hangs.
type Options struct {
	Type     flow.ConnectorType // what it says it is; Type when empty
	PageRows int                // rows on a page; 100 when 0
	// OnPage is asked before a page is fetched.
	OnPage func(ctx context.Context, at At) error
	// Malformed pages are fetched, and fail when decoded.
	Malformed func(at At) bool
	// OnWrite is asked before a batch is written, and after it has been: an error then is a lost acknowledgement.
	OnWrite func(ctx context.Context, sequence int64, after bool) error
	// Refuse says why the vendor refuses a row; "" takes it.
	Refuse func(row []any) string
}

// At names a page: it counts from 0 within its split, and is the same after a resume.
type At struct {
	Entity      string
	Split, Page int
}

// Table is an entity with its rows. A cell is nil or of its field's type:
//
//	string, text, json        string (JSON text for json)
//	boolean                   bool
//	integer, long             int32, int64
//	double                    float64
//	date, time, datetime      time.Time
//	binary                    []byte
type Table struct {
	Name   string
	Fields []flow.Field // names and types suffice: the rest is filled in
	Rows   [][]any
	Exact  bool // the fields say all: nothing is filled in
}

// Vendor is the connector. Safe for concurrent use.
type Vendor struct {
	opts Options

	mu       sync.Mutex // guards all below
	tables   map[string]Table
	received map[string][]write // by object
}

// write is one acknowledged batch.
type write struct {
	execution string
	split     int
	sequence  int64
	rows      [][]any
	columns   []string
	receipt   connector.Receipt
	refused   []connector.Refusal
}

var (
	_ connector.Connector       = (*Vendor)(nil)
	_ connector.Checker         = (*connection)(nil)
	_ connector.EntityLister    = (*connection)(nil)
	_ connector.EntityDescriber = (*connection)(nil)
	_ connector.Reader          = (*connection)(nil)
	_ connector.Writer          = (*connection)(nil)
)

// New returns a vendor without tables.
func New(opts Options) *Vendor {
	if opts.Type == "" {
		opts.Type = Type
	}
	if opts.PageRows <= 0 {
		opts.PageRows = 100
	}
	return &Vendor{opts: opts, tables: map[string]Table{}, received: map[string][]write{}}
}

// Put adds a table or replaces it. The rows must not be changed afterwards.
func (v *Vendor) Put(t Table) {
	t.Fields = slices.Clone(t.Fields)
	for i := range t.Fields {
		f := &t.Fields[i]
		if f.Label == "" {
			f.Label = f.Name
		}
		if f.VendorType == "" {
			f.VendorType = string(f.Type)
		}
		if t.Exact {
			continue
		}
		f.IsRetrievable, f.IsQueryable, f.IsNullable = true, true, true
		f.IsTimestamp = f.Type == flow.TypeDatetime
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.tables[t.Name] = t
}

func (v *Vendor) table(name string) (Table, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	t, ok := v.tables[name]
	if !ok {
		return Table{}, fault.New(fault.Validation, "finding entity %q: there is none", name)
	}
	return t, nil
}

// Row is a row that a destination took.
type Row struct {
	Execution string
	Split     int
	Sequence  int64
	Columns   []string
	Cells     []any
}

// Received returns the rows written to an object, by execution, split and sequence.
func (v *Vendor) Received(object string) []Row {
	v.mu.Lock()
	defer v.mu.Unlock()
	var rows []Row
	for _, w := range v.received[object] {
		for _, cells := range w.rows {
			rows = append(rows, Row{Execution: w.execution, Split: w.split, Sequence: w.sequence, Columns: w.columns, Cells: cells})
		}
	}
	return rows
}

// Spec says what the vendor is.
func (v *Vendor) Spec() *connector.Spec {
	return &connector.Spec{
		Type:            v.opts.Type,
		Name:            "In-memory vendor",
		Summary:         "Tables of Go values, for tests and as an example.",
		DocsURL:         "https://pkg.go.dev/weir.dev/weir/connector/memory",
		CanBeSource:     true,
		CanBeDest:       true,
		Triggers:        []flow.TriggerType{flow.TriggerOnDemand, flow.TriggerScheduled},
		MinInterval:     time.Minute,
		WriteOperations: []string{"INSERT"},
		Settings: []connector.Setting{
			{Where: "source", Name: "object", Description: "The table to read.", Required: true},
			{Where: "destination", Name: "object", Description: "The table to write to.", Required: true},
		},
		Limits: []string{"Everything is lost when the process ends."},
	}
}

// Connect opens a connection. It needs no profile.
func (v *Vendor) Connect(_ context.Context, cfg connector.Config) (connector.Connection, error) {
	c := &connection{vendor: v, pool: cfg.Pool}
	if c.pool == nil {
		c.pool = batch.DefaultPool
	}
	return c, nil
}

type connection struct {
	vendor *Vendor
	pool   *batch.Pool
}

func (c *connection) Close() error { return nil }

// Check succeeds: the process is there.
func (c *connection) Check(ctx context.Context) error { return alive(ctx) }

// ListEntities lists the tables by name.
func (c *connection) ListEntities(ctx context.Context, path string) ([]flow.Entity, error) {
	if err := alive(ctx); err != nil || path != "" {
		return nil, err
	}
	c.vendor.mu.Lock()
	defer c.vendor.mu.Unlock()
	var list []flow.Entity
	for name := range c.vendor.tables {
		list = append(list, flow.Entity{Name: name, Label: name})
	}
	slices.SortFunc(list, func(x, y flow.Entity) int { return strings.Compare(x.Name, y.Name) })
	return list, nil
}

// DescribeEntity describes a table.
func (c *connection) DescribeEntity(ctx context.Context, name string) (flow.Schema, error) {
	if err := alive(ctx); err != nil {
		return flow.Schema{}, err
	}
	t, err := c.vendor.table(name)
	return flow.Schema{Entity: name, Fields: slices.Clone(t.Fields)}, err
}

func alive(ctx context.Context) error {
	return fault.Wrap(fault.Canceled, ctx.Err(), "asking the in-memory vendor")
}

// properties of a source and of a destination alike.
type properties struct {
	Object string `json:"object"`
}

// Properties are what a flow on the table carries.
func Properties(object string) flow.Properties {
	raw, err := json.Marshal(properties{Object: object})
	if err != nil {
		panic(err) //nolint:forbidigo // a string always has a JSON form
	}
	return raw
}

func objectOf(props flow.Properties) (string, error) {
	var p properties
	if err := props.Decode(&p); err != nil {
		return "", fault.Wrap(fault.Validation, err, "reading the properties")
	}
	if p.Object == "" {
		return "", fault.New(fault.Validation, "reading the properties: object is missing")
	}
	return p.Object, nil
}
