package salesforce

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// The ways to move records, as dataTransferApi spells them.
const (
	apiAutomatic = "AUTOMATIC"
	apiREST      = "REST_SYNC"
	apiBulk      = "BULKV2"
)

const (
	// bulkFrom is how many records make AUTOMATIC read by the Bulk API, as AppFlow does.
	bulkFrom = 1_000_000
	// splitRecords is how many records a split by REST has at least, where there are several.
	splitRecords = 100_000
	// unsettled is how long a change may take to show. It shows when its transaction ends, and bears the time of a moment
	// before: a window that reached up to now would miss it for good.
	unsettled = 30 * time.Second
)

// sourceProperties are a flow's.
type sourceProperties struct {
	Object  string `json:"object"`
	Deleted bool   `json:"includeDeletedRecords"`
	Dynamic bool   `json:"enableDynamicFieldUpdate"` // the plan takes new fields up
	API     string `json:"dataTransferApi"`
}

func readSource(props flow.Properties) (sourceProperties, error) {
	var p sourceProperties
	if err := props.Decode(&p); err != nil {
		return p, fault.Wrap(fault.Validation, err, "reading the source's properties")
	}
	switch p.API {
	case "":
		p.API = apiAutomatic
	case apiAutomatic, apiREST, apiBulk:
	default:
		return p, fault.New(fault.Validation, "reading the source's properties: dataTransferApi is AUTOMATIC, BULKV2 or REST_SYNC")
	}
	if !isAPIName(p.Object) {
		return p, fault.New(fault.Validation, "reading the source's properties: object is missing, or is no name of an object")
	}
	return p, nil
}

// Describe implements [connector.Reader]: the fields that records can be read with, without those that the flow's API
// does not carry.
func (c *connection) Describe(ctx context.Context, props flow.Properties) (flow.Schema, error) {
	p, err := readSource(props)
	if err != nil {
		return flow.Schema{}, err
	}
	o, err := c.describe(ctx, p.Object)
	if err != nil {
		return flow.Schema{}, err
	}
	if !o.Query {
		return flow.Schema{}, fault.New(fault.Validation, "the records of %q cannot be read; events come to flows with the trigger Event", o.Name)
	}
	s, err := c.DescribeEntity(ctx, o.Name)
	s.Fields = slices.DeleteFunc(s.Fields, func(f flow.Field) bool {
		return !f.IsRetrievable || p.API == apiBulk && f.Type == flow.TypeJSON
	})
	return s, err
}

// Settled implements [connector.Settler]. The question is one that costs no call, for the time that its answer bears.
func (c *connection) Settled(ctx context.Context) (time.Time, error) {
	if _, err := c.client.Do(ctx, &rest.Request{Doing: "asking for the organization's time", Path: "/services/data"}); err != nil {
		return time.Time{}, err
	}
	return c.client.VendorTime().Add(-unsettled), nil
}

// slice is a split's data: which ids, and what the request names beyond the object's own fields.
type slice struct {
	Object string       `json:"object"`
	API    string       `json:"api,omitzero"` // "" is decided when reading begins
	Span   span         `json:"span,omitzero"`
	Count  int64        `json:"count"` // of its records, about; -1 for unknown
	Paths  []flow.Field `json:"paths,omitzero"`
}

// Splits implements [connector.Reader]. One split needs no question to Salesforce; for more, records are counted and
// divided by their ids.
func (c *connection) Splits(ctx context.Context, req connector.ReadRequest, want int) ([]connector.Split, error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	p, err := readSource(req.Properties)
	if err != nil {
		return nil, err
	}
	base := slice{Object: entityOf(&req, p), Count: -1}
	if base.Paths, err = c.paths(ctx, &req, base.Object); err != nil {
		return nil, err
	}
	if base.API, err = fixedAPI(&req, p); err != nil {
		return nil, err
	}
	q, err := ask(&req, p, &base)
	if err != nil {
		return nil, err
	}
	parts := []slice{base}
	if want > 1 && q.isKeyed {
		if parts, err = c.cut(ctx, q, base, want); err != nil {
			return nil, err
		}
	}
	splits := make([]connector.Split, len(parts))
	for i := range parts {
		data, err := json.Marshal(&parts[i])
		if err != nil {
			return nil, fault.Wrap(fault.Internal, err, "splitting %q", base.Object)
		}
		splits[i] = connector.Split{Index: i, Label: parts[i].label(), Data: data}
	}
	return splits, nil
}

func (s *slice) label() string {
	switch {
	case s.Span.From != "" && s.Span.To != "":
		return fmt.Sprintf("%s %s-%s", s.Object, s.Span.From, s.Span.To)
	case s.Span.From != "":
		return s.Object + " from " + s.Span.From
	case s.Span.To != "":
		return s.Object + " to " + s.Span.To
	}
	return s.Object
}

// entityOf is the object's name, as Salesforce spells it where that is known.
func entityOf(req *connector.ReadRequest, p sourceProperties) string {
	if strings.EqualFold(req.Schema.Entity, p.Object) {
		return req.Schema.Entity
	}
	return p.Object
}

// fixedAPI is the API that the request leaves no choice about; "" when there is one.
func fixedAPI(req *connector.ReadRequest, p sourceProperties) (string, error) {
	var compound []string
	for _, name := range req.Fields {
		if i := req.Schema.Find(name); i >= 0 && req.Schema.Fields[i].Type == flow.TypeJSON {
			compound = append(compound, name)
		}
	}
	switch {
	case len(compound) == 0 && p.API != apiAutomatic:
		return p.API, nil
	case len(compound) == 0:
		return "", nil
	case p.API == apiBulk:
		return "", fault.New(fault.Validation,
			"the Bulk API carries no compound fields, and the flow maps %s; map the fields that they are made of, or set dataTransferApi to REST_SYNC", strings.Join(compound, ", "))
	}
	return apiREST, nil
}

// cut decides the API and divides the records among up to want splits.
func (c *connection) cut(ctx context.Context, q *question, base slice, want int) ([]slice, error) {
	total, err := c.count(ctx, q, base.Span)
	if err != nil {
		return nil, err
	}
	if base.API == "" {
		base.API = c.choose(total)
	}
	base.Count = total
	most := c.connector.restSplit
	if base.API == apiBulk {
		most = c.connector.jobRecords
	}
	if total >= 0 {
		most = max(most, (total+int64(want)-1)/int64(want))
	}
	cuts, counts, err := c.divide(ctx, q, base.Span, total, most)
	if err != nil {
		return nil, err
	}
	for len(cuts) >= want { // halves are no exact measure: the smallest neighbours become one
		at := 0
		for i := range cuts {
			if counts[i]+counts[i+1] < counts[at]+counts[at+1] {
				at = i
			}
		}
		joined := int64(-1)
		if counts[at] >= 0 && counts[at+1] >= 0 {
			joined = counts[at] + counts[at+1]
		}
		cuts = slices.Delete(cuts, at, at+1)
		counts = slices.Replace(counts, at, at+2, joined)
	}
	parts := make([]slice, len(counts))
	for i := range parts {
		parts[i] = base
		parts[i].Count = counts[i]
		if i > 0 {
			parts[i].Span.From = cuts[i-1]
		}
		if i < len(cuts) {
			parts[i].Span.To = cuts[i]
		}
	}
	return parts, nil
}

// choose is the API for so many records, -1 for unknown. Where the organization has too few calls left for REST, the Bulk
// API, which takes a tenth of them, is the better one for fewer records, too.
func (c *connection) choose(records int64) string {
	if records < 0 || records >= bulkFrom {
		return apiBulk
	}
	if left, ok := c.allowance.remaining(); ok && records > bulkWorth && records/pageRecords >= int64(left) {
		return apiBulk
	}
	return apiREST
}

// bulkWorth is how many records a job of the Bulk API is worth its own calls for.
const bulkWorth = 20_000

// Read implements [connector.Reader].
func (c *connection) Read(ctx context.Context, req connector.ReadRequest, split connector.Split, from connector.Cursor) (connector.Pages, error) {
	p, err := readSource(req.Properties)
	if err != nil {
		return nil, err
	}
	s := slice{Count: -1}
	if json.Unmarshal(split.Data, &s) != nil || !strings.EqualFold(s.Object, p.Object) {
		return nil, fault.New(fault.Internal, "reading %q: split %d is not one of its own", p.Object, split.Index)
	}
	q, err := ask(&req, p, &s)
	if err != nil {
		return nil, err
	}
	at, err := readPlace(s.Object, &s, from)
	if err != nil {
		return nil, err
	}
	plan, err := decodingOf(c, &req, &s)
	if err != nil {
		return nil, err
	}
	fixed, err := fixedAPI(&req, p)
	if err != nil {
		return nil, err
	}
	out := &pages{c: c, q: q, plan: plan, slice: s, isFree: fixed == "", at: at, chunkBytes: req.ChunkBytes, firstSize: firstSize(req.Schema.Fields, req.Fields)}
	out.ctx, out.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	return out, nil
}

// decodingOf is how records become batches: the same from both APIs.
func decodingOf(c *connection, req *connector.ReadRequest, s *slice) (*rest.Plan, error) {
	schema := flow.Schema{Entity: s.Object, Fields: slices.Concat(req.Schema.Fields, s.Paths)}
	forms, at := map[string]rest.Form{}, map[string]string{}
	for i := range s.Paths {
		at[s.Paths[i].Name] = spelling(&s.Paths[i])
	}
	for _, f := range schema.Fields {
		switch f.Type {
		case flow.TypeDecimal:
			forms[f.Name] = rest.PlainNumber
		case flow.TypeTime:
			forms[f.Name] = rest.Clock
		}
	}
	return rest.NewPlan(schema, rest.PlanOptions{Fields: req.Fields, Form: forms, At: at, Pool: c.pool})
}
