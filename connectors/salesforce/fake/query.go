package fake

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	maxSOQL    = 100_000
	leastBatch = 200
	cursorLife = 48 * time.Hour
	mostOpen   = 100 // cursors; the oldest goes first
)

// cursor is the rest of a query's answer: which records, not what they hold, so that later pages show later changes.
type cursor struct {
	plan  *plan
	made  time.Time
	order int
	rows  []int32
	size  int
}

func (o *Org) queryRoutes(api apiRoute) {
	for _, end := range []string{"", "/{$}"} {
		api("GET", "/query"+end, func(c *call) { c.query(false) })
		api("GET", "/queryAll"+end, func(c *call) { c.query(true) })
	}
	api("GET", "/query/{locator}", (*call).more)
	api("GET", "/queryAll/{locator}", (*call).more)
}

// prepare reads and checks a query; mu is held. It returns what to answer when it cannot be run.
func (o *Org) prepare(soql string) (*plan, *refusal) {
	if soql == "" {
		return nil, refuse("MALFORMED_QUERY", "SOQL statement is empty")
	}
	if len(soql) > maxSOQL {
		return nil, refuse("QUERY_TOO_COMPLICATED", "SOQL statements cannot be longer than 100,000 characters.")
	}
	q, bad := parseSOQL(soql)
	if bad != nil {
		return nil, refuse(bad.code, bad.text(soql))
	}
	p, bad := o.plan(q)
	if bad != nil {
		return nil, refuse(bad.code, bad.text(soql))
	}
	return p, nil
}

func (c *call) query(all bool) {
	o := c.o
	o.mu.Lock()
	p, bad := o.prepare(c.r.URL.Query().Get("q"))
	if bad != nil {
		o.mu.Unlock()
		c.fail(http.StatusBadRequest, bad.code, bad.message)
		return
	}
	rows := p.run(all)
	if p.query.count {
		o.mu.Unlock()
		c.answer(http.StatusOK, Record{"totalSize": len(rows), "done": true, "records": []Record{}})
		return
	}
	cur := &cursor{plan: p, made: o.now(), rows: rows, size: o.pageSize(p, c.r.Header.Get("Sforce-Query-Options"))}
	id := o.nextID("0r8")
	cur.order = o.serial
	if len(rows) > cur.size {
		o.keepCursor(id, cur)
	}
	body := c.page(id, cur, 0)
	o.mu.Unlock()
	c.send(body)
}

// pageSize is how many records a page holds: what the client asks for, unless that is out of bounds. With two long texts
// Salesforce makes pages of 200 whatever is asked.
func (o *Org) pageSize(p *plan, options string) int {
	size := 2000
	for _, option := range strings.Split(options, ",") {
		if v, ok := strings.CutPrefix(strings.TrimSpace(option), "batchSize="); ok {
			if n, err := strconv.Atoi(v); err == nil {
				size = min(max(n, leastBatch), 2000)
			}
		}
	}
	long := 0
	for _, c := range p.columns {
		if c.f.Type == "textarea" && c.f.Length > 255 || c.f.Type == "base64" {
			long++
		}
	}
	if long >= 2 {
		size = leastBatch
	}
	return min(size, o.opts.PageSize)
}

func (o *Org) keepCursor(id string, cur *cursor) {
	if len(o.cursors) >= mostOpen {
		oldest := ""
		for name, c := range o.cursors {
			if oldest == "" || c.order < o.cursors[oldest].order {
				oldest = name
			}
		}
		delete(o.cursors, oldest)
	}
	o.cursors[id] = cur
}

// ExpireCursors forgets where queries were.
func (o *Org) ExpireCursors() {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.cursors)
}

// page writes one page; mu is held.
func (c *call) page(id string, cur *cursor, from int) []byte {
	to := min(from+cur.size, len(cur.rows))
	out := make([]byte, 0, 64+(to-from)*(64+24*len(cur.plan.columns)))
	out = append(out, `{"totalSize":`...)
	out = strconv.AppendInt(out, int64(len(cur.rows)), 10)
	if to < len(cur.rows) {
		out = fmt.Appendf(out, `,"done":false,"nextRecordsUrl":"%s/query/%s-%d"`, c.base(), id, to)
	} else {
		out = append(out, `,"done":true`...)
	}
	out = append(out, `,"records":[`...)
	nodes, base := cur.plan.tree(), c.base()+"/sobjects/"
	for i, place := range cur.rows[from:to] {
		if i > 0 {
			out = append(out, ',')
		}
		out = c.o.appendRecord(out, base, nodes, cur.plan.t, int(place))
	}
	return append(out, "]}"...)
}

func (c *call) send(body []byte) {
	c.w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	_, _ = c.w.Write(body) // the client may have gone
}

// more answers the next page. Its address holds where it begins, so a page may be fetched again.
func (c *call) more() {
	o := c.o
	id, offset, _ := strings.Cut(c.r.PathValue("locator"), "-")
	from, err := strconv.Atoi(offset)
	o.mu.Lock()
	cur := o.cursors[id]
	if cur == nil || err != nil || from < 0 || from >= len(cur.rows) || o.now().Sub(cur.made) > cursorLife {
		o.mu.Unlock()
		c.fail(http.StatusBadRequest, "INVALID_QUERY_LOCATOR", "invalid query locator")
		return
	}
	body := c.page(id, cur, from)
	o.mu.Unlock()
	c.send(body)
}
