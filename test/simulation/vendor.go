package simulation

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"weir.dev/weir/batch"
	"weir.dev/weir/blob"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Connector types of the vendor: rows both ways, and files in the bucket.
const (
	rowsType  flow.ConnectorType = "TestRows"
	filesType flow.ConnectorType = "TestFiles"
)

const (
	records  = 120              // that there are
	perPage  = 7                // records
	maxLag   = 90 * time.Second // until a change that has its stamp can be seen
	stampsIn = time.Second      // precision of stamps: many are equal
)

// version is a state of a record.
type version struct {
	id, number int
	stamp      time.Time // when it was changed, as the vendor says
	visible    time.Time // from when on queries find it
}

func (v version) String() string { return fmt.Sprintf("%03d/%d", v.id, v.number) }

// vendor is the remote application: records that change and are deleted, by a plan that is drawn before the history begins, and a table
// that can be written to, with keys that make a repeated write harmless.
type vendor struct {
	w        *world
	versions [][]version // of each record, in order
	gone     []time.Time // when each record is deleted; far away for most

	mu    sync.Mutex          // guards table
	table map[string][]string // rows by execution, split and sequence
}

func newVendor(w *world) *vendor {
	v := &vendor{w: w, table: map[string][]string{}}
	for id := range records {
		// Most changes fall into some busy moments, where many have the same stamp.
		at := w.began.Add(-w.between(0, 40*24*time.Hour, "born", id))
		var list []version
		for n := 0; at.Before(w.began.Add(horizon)); n++ {
			stamp := at.Truncate(stampsIn)
			switch x := w.draw("busy", id); {
			case x < 0.3:
				stamp = at.Truncate(10 * time.Minute)
			case x < 0.6: // the very ends of windows, see [history.create]
				stamp = at.Truncate(5 * time.Minute).Add(5*time.Minute - maxLag)
			case x < 0.7:
				stamp = at.Truncate(time.Microsecond)
			}
			if n > 0 && !stamp.After(list[n-1].stamp) {
				stamp = list[n-1].stamp.Add(stampsIn)
			}
			lag := time.Duration(0)
			if w.draw("late", id) < 0.3 {
				lag = w.between(0, maxLag, "lag", id)
			}
			visible := stamp.Add(lag)
			if n > 0 && visible.Before(list[n-1].visible) {
				visible = list[n-1].visible
			}
			list = append(list, version{id: id, number: n, stamp: stamp, visible: visible})
			at = stamp.Add(w.between(time.Minute, 20*time.Hour, "life", id))
		}
		v.versions = append(v.versions, list)
		gone := w.began.Add(100 * 24 * time.Hour)
		if w.draw("deleted", id) < 0.15 {
			gone = w.began.Add(w.between(0, horizon, "gone", id))
		}
		v.gone = append(v.gone, gone)
	}
	return v
}

// find is what a query finds now: the visible version of each record, if its stamp lies in the window, in order of stamps.
func (v *vendor) find(window *flow.Window, now time.Time) (found []version) {
	for id, list := range v.versions {
		if !v.gone[id].After(now) {
			continue
		}
		var last *version
		for i := range list {
			if !list[i].visible.After(now) {
				last = &list[i]
			}
		}
		if last != nil && (window == nil || !last.stamp.Before(window.From) && last.stamp.Before(window.To)) {
			found = append(found, *last)
		}
	}
	slices.SortFunc(found, func(a, b version) int { return cmp.Or(a.stamp.Compare(b.stamp), a.id-b.id) })
	return found
}

// rows is the table's content, by execution.
func (v *vendor) rows() map[string][]string {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := map[string][]string{}
	for key, rows := range v.table {
		id, _, _ := strings.Cut(key, "/")
		out[id] = append(out[id], rows...)
	}
	return out
}

func (v *vendor) connectors(p *process) []connector.Connector {
	return []connector.Connector{&rowsConnector{v, p}, &filesConnector{}}
}

type rowsConnector struct {
	vendor *vendor
	p      *process
}

func (c *rowsConnector) Spec() *connector.Spec {
	return &connector.Spec{Type: rowsType, Name: "Test rows", CanBeSource: true, CanBeDest: true}
}

func (c *rowsConnector) Connect(context.Context, connector.Config) (connector.Connection, error) {
	return c, nil
}

func (c *rowsConnector) Close() error { return nil }

func (c *rowsConnector) Describe(context.Context, flow.Properties) (s flow.Schema, err error) {
	err = c.p.around("vendor", "describe", func() error {
		s = flow.Schema{Entity: "rows", Fields: []flow.Field{{Name: "version", Type: flow.TypeText, VendorType: "text"}}}
		return nil
	})
	return s, err
}

// Settled goes by the vendor's clock, which is right.
func (c *rowsConnector) Settled(context.Context) (at time.Time, err error) {
	err = c.p.around("vendor", "time", func() error {
		at = time.Now().Add(-maxLag).Truncate(stampsIn)
		return nil
	})
	return at, err
}

// Splits are the records by their ids' remainders.
func (c *rowsConnector) Splits(_ context.Context, _ connector.ReadRequest, want int) (splits []connector.Split, err error) {
	err = c.p.around("vendor", "splits", func() error {
		n := min(want, 3)
		for i := range n {
			splits = append(splits, connector.Split{Index: i, Label: fmt.Sprintf("records %d of %d", i, n), Data: json.RawMessage(fmt.Sprintf("[%d,%d]", i, n))})
		}
		return nil
	})
	return splits, err
}

// place is where reading goes on: after this record of this stamp.
type place struct {
	Stamp time.Time
	ID    int
}

func (c *rowsConnector) Read(_ context.Context, req connector.ReadRequest, split connector.Split, from connector.Cursor) (connector.Pages, error) {
	p := &pages{c: c, req: req, label: split.Label}
	if err := json.Unmarshal(split.Data, &p.part); err != nil {
		return nil, err
	}
	if from != nil {
		p.after = &place{}
		return p, json.Unmarshal(from, p.after)
	}
	return p, nil
}

type pages struct {
	c     *rowsConnector
	req   connector.ReadRequest
	label string
	part  [2]int
	after *place
}

func (p *pages) Close() error { return nil }

// Next asks for the page after the last record's stamp and id, of what there is at the moment: records that change while
// the scan is under way move to its end, or out of the window.
func (p *pages) Next(context.Context) (connector.Page, error) {
	var found []version
	err := p.c.p.around("vendor", "page of "+p.label, func() error {
		if p.c.p.w.draw("trouble", p.label) < 0.01 && !p.c.p.w.isCalm() {
			return &fault.Error{Code: fault.Throttling, Retry: fault.Throttled, RetryAfter: time.Minute, Message: "slow down"}
		}
		found = p.c.vendor.find(p.req.Window, time.Now())
		return nil
	})
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(v version) bool {
		return v.id%p.part[1] != p.part[0] || p.after != nil && cmp.Or(v.stamp.Compare(p.after.Stamp), v.id-p.after.ID) <= 0
	})
	if len(found) == 0 {
		return nil, io.EOF
	}
	found = found[:min(len(found), perPage)]
	last := found[len(found)-1]
	p.after = &place{last.stamp, last.id}
	cursor, err := json.Marshal(p.after)
	return &page{versions: found, cursor: cursor, label: p.label}, err
}

type page struct {
	versions []version
	cursor   connector.Cursor
	label    string
}

func (p *page) Release()                 {}
func (p *page) Cursor() connector.Cursor { return p.cursor }
func (p *page) Bytes() int64             { return int64(10 * len(p.versions)) }
func (p *page) Object() string           { return p.label }

func (p *page) Decode() (*batch.Batch, error) {
	b := batch.NewTextBuilder(batch.DefaultPool, len(p.versions))
	for i, v := range p.versions {
		b.Append(i, []byte(v.String()))
	}
	return batch.New([]batch.Column{b.Build("version", batch.Text)}, len(p.versions), batch.Origin{Object: p.label, First: 1}), nil
}

func (c *rowsConnector) OpenWriter(_ context.Context, req connector.WriteRequest) (connector.RowWriter, error) {
	return &writer{c, req}, nil
}

type writer struct {
	c   *rowsConnector
	req connector.WriteRequest
}

func (w *writer) Close(context.Context) error { return nil }

func (w *writer) Write(_ context.Context, sequence int64, b *batch.Batch) (r connector.Receipt, _ []connector.Refusal, err error) {
	name := fmt.Sprintf("%s/%d/%d", w.req.ExecutionID, w.req.Split, sequence)
	err = w.c.p.around("vendor", "write", func() error {
		var rows []string
		for i := range b.Rows {
			rows = append(rows, string(batch.AppendText(nil, b.Columns[0], i)))
		}
		v := w.c.vendor
		v.mu.Lock()
		defer v.mu.Unlock()
		v.table[name] = rows
		r = connector.Receipt{Name: name, Rows: int64(b.Rows)}
		return nil
	})
	return r, nil, err
}

// filesConnector is a destination of files, whose properties are the layout itself.
type filesConnector struct{}

func (c *filesConnector) Spec() *connector.Spec {
	return &connector.Spec{Type: filesType, Name: "Test files", CanBeDest: true}
}

func (c *filesConnector) Connect(_ context.Context, cfg connector.Config) (connector.Connection, error) {
	return &filesConnection{cfg.Buckets}, nil
}

type filesConnection struct{ buckets blob.Opener }

func (c *filesConnection) Close() error { return nil }

func (c *filesConnection) Target(ctx context.Context, props flow.Properties) (t connector.Target, err error) {
	t.Name = "out"
	if err := props.Decode(&t.Output); err != nil {
		return t, fault.Wrap(fault.Validation, err, "reading the layout")
	}
	t.Bucket, err = c.buckets.OpenBucket(ctx, t.Name)
	return t, err
}
