package manifest

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/page"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Splits gives one: the pages of a REST list come one after the other.
func (c *connection) Splits(ctx context.Context, req connector.ReadRequest, _ int) ([]connector.Split, error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	e, err := c.entity(req.Properties)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(slice{Entity: e.Name, Version: c.connector.digest})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "splitting entity %q", e.Name)
	}
	return []connector.Split{{Index: 0, Label: e.Name, Data: data}}, nil
}

// slice is a split's data.
type slice struct {
	Entity string `json:"entity"`
	// Version is the digest of the manifest that made the split. A run keeps to it while this process has it.
	Version string `json:"version,omitempty"`
}

// Read opens the list.
func (c *connection) Read(_ context.Context, req connector.ReadRequest, split connector.Split, from connector.Cursor) (connector.Pages, error) {
	var s slice
	serr := json.Unmarshal(split.Data, &s)
	c, err := c.as(c.connector.family.version(s.Version))
	if err != nil {
		return nil, err
	}
	e, err := c.entity(req.Properties)
	if err != nil {
		return nil, err
	}
	if serr != nil || s.Entity != e.Name || e.Read == nil {
		return nil, fault.New(fault.Internal, "reading entity %q: split %d is not one of its own", e.Name, split.Index)
	}
	q := c.question(e, &req)
	plan, err := rest.NewPlan(q.schema, rest.PlanOptions{
		Fields: req.Fields, At: e.places(&q.schema), Form: e.forms(), Window: q.window, By: req.WindowBy, Key: q.endpoint.Dedup, Pool: c.pool,
	})
	if err != nil {
		return nil, err
	}
	return page.Open(page.Options{
		Client: c.client, Style: q.endpoint.Paging.style(), Records: q.endpoint.Records, Plan: plan, Entity: e.Name, From: from,
		Request: rest.Request{Doing: "reading entity " + strconv.Quote(e.Name), Path: q.endpoint.Path, Query: q.query, Budget: c.budget(&q.endpoint.Rate)},
		Dedup:   len(q.endpoint.Dedup) > 0,
		Rewrite: e.rewrite(),
	})
}

// question is what is asked of the vendor for a request.
type question struct {
	endpoint *Endpoint
	query    url.Values
	schema   flow.Schema
	window   *flow.Window // of the rows to keep
}

func (c *connection) question(e *Entity, req *connector.ReadRequest) question {
	q := question{endpoint: e.Read, query: url.Values{}, schema: req.Schema, window: req.Window}
	q.schema.Entity = e.Name
	q.schema.Open = q.schema.Open || req.MissingIsNull
	if i := e.Incremental; i != nil && req.Window != nil && slices.Contains(i.Since.Fields, req.WindowBy) {
		q.endpoint = i
	}
	var span flow.Window
	if s := q.endpoint.Since; s != nil {
		span = s.span(req.Window, req)
	}
	for name, value := range q.endpoint.Query {
		q.query.Set(name, fill(value, func(name string) string { return q.endpoint.Since.write(name, span, c.now()) }))
	}
	for _, f := range req.Filters {
		q.push(f)
	}
	return q
}

// span is the time that the vendor is asked for: the window's, else what a filter leaves. A zero bound is none.
func (s *Since) span(w *flow.Window, req *connector.ReadRequest) flow.Window {
	if w != nil && slices.Contains(s.Fields, req.WindowBy) {
		return *w
	}
	var span flow.Window
	for _, f := range req.Filters {
		isAfter := f.Operator == flow.OpGreaterThan || f.Operator == flow.OpGreaterThanOrEqualTo
		if !isAfter || !slices.Contains(s.Fields, f.Field) || len(f.Values) != 1 || !isTime(f.DataType) {
			continue
		}
		if ms, err := strconv.ParseInt(f.Values[0], 10, 64); err == nil { // how filters write times
			if from := time.UnixMilli(ms); from.After(span.From) {
				span.From = from
			}
		}
	}
	return span
}

func isTime(dataType string) bool {
	switch flow.TypeOf(dataType) {
	case flow.TypeDate, flow.TypeDatetime:
		return true
	}
	return false
}

// write is the value of {from} or {to}, rounded outwards so that no record is lost at the edges.
func (s *Since) write(name string, span flow.Window, now time.Time) string {
	at := span.From
	if name == "to" {
		if at = span.To; at.IsZero() {
			at = now
		}
	} else if at.IsZero() {
		return s.Default
	} else if latest := now.Add(-s.Settle - time.Second); s.Settle > 0 && at.After(latest) {
		at = latest // what is more recent has not settled: the vendor does not take it
	}
	at = at.UTC()
	round := func(unit time.Duration) time.Time {
		down := at.Truncate(unit)
		if name == "to" && down.Before(at) {
			return down.Add(unit)
		}
		return down
	}
	switch s.Format {
	case "epoch":
		return strconv.FormatInt(max(round(time.Second).Unix(), 0), 10)
	case "millis":
		return strconv.FormatInt(max(round(time.Millisecond).UnixMilli(), 0), 10)
	case "date":
		return round(24 * time.Hour).Format(time.DateOnly)
	}
	return round(time.Second).Format(time.RFC3339)
}

// push hands a filter to the vendor where the manifest says how. A condition of several values stays here.
func (q *question) push(f connector.Filter) {
	if len(f.Values) != 1 {
		return
	}
	for _, known := range q.endpoint.Filters {
		if known.Field != f.Field || !slices.Contains(known.Operators, string(f.Operator)) {
			continue
		}
		value := f.Values[0]
		if isTime(f.DataType) {
			ms, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return
			}
			value = time.UnixMilli(ms).UTC().Format(time.RFC3339)
		}
		for name, text := range known.Query {
			if q.query.Has(name) { // two conditions on one parameter: the first one goes, both are checked here
				return
			}
			q.query.Set(name, fill(text, func(string) string { return quoted(value, known.Quote) }))
		}
		return
	}
}

func (p *Paging) style() page.Style {
	return page.Style{
		Kind: page.Kind(p.Kind), Param: p.Param, SizeParam: p.SizeParam, Size: p.Size, First: int64(p.First), NextAt: p.Next, MoreAt: p.More,
		EndAt: p.End, TotalAt: p.Total, OnlyFirst: p.OnlyFirst, ShortEnds: p.ShortEnds,
	}
}

// places are the fields that do not stand under their own name.
func (e *Entity) places(schema *flow.Schema) map[string]string {
	out := map[string]string{}
	if k := e.keyed(); k != nil {
		for i := range schema.Fields {
			if key := schema.Fields[i].CustomProperties[keyProperty]; key != "" {
				out[schema.Fields[i].Name] = k.Into() + "." + key
			}
		}
	}
	for _, f := range e.Fields {
		if f.At != "" {
			out[f.Name] = f.At
		}
	}
	return out
}

func (e *Entity) forms() map[string]rest.Form {
	out := map[string]rest.Form{}
	for _, f := range e.Fields {
		switch f.Form {
		case "epoch":
			out[f.Name] = rest.EpochSecond
		case "millis":
			out[f.Name] = rest.EpochMilli
		}
	}
	return out
}

// keyed is the list of the account's own fields; nil for none.
func (e *Entity) keyed() *rest.Keyed {
	if e.Keyed == nil {
		return nil
	}
	return &rest.Keyed{List: e.Keyed.At, Key: e.Keyed.Key, Value: e.Keyed.Value}
}

// rewrite spreads that list.
func (e *Entity) rewrite() func([]byte) ([]byte, error) {
	if k := e.keyed(); k != nil {
		return k.Spread
	}
	return nil
}
