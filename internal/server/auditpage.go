package server

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
)

const (
	auditPageSize = 200
	maxAuditPage  = 1000
	auditChunk    = 500    // events read in one transaction
	maxAuditScan  = 20_000 // events one request looks at, whatever it is looking for
)

// auditSearch is what GET /weir/v1/audit is asked:
//
//	after, before   ids of events, both exclusive: where the last page ended
//	since, until    times, as 2026-01-31T00:00:00Z or seconds since 1970; until is exclusive
//	operation       as CreateFlow
//	flow            a flow's name
//	resource        an ARN, or what it ends with
//	key             a key's id, or the name it has
//	errors          true: only calls that were refused
//	order           oldest (default) or newest first
//	limit           200, at most 1,000
//	format          weir (default) or cloudtrail
//
// The answer has "events", or "Records" in CloudTrail's shape, and "next" where there may be more: the value for after, or for
// before with the newest first. A page may be empty and have a next all the same, when a search looks through many events.
type auditSearch struct {
	query                          store.AuditQuery
	limit                          int
	operation, flow, resource, key string
	errorsOnly, isCloudTrail       bool
}

func parseAuditSearch(q url.Values) (*auditSearch, error) {
	a := &auditSearch{operation: q.Get("operation"), flow: q.Get("flow"), resource: q.Get("resource"), key: q.Get("key"), limit: auditPageSize}
	var err error
	number := func(name string, into *int64) {
		if text := q.Get(name); text != "" && err == nil {
			if *into, err = strconv.ParseInt(text, 10, 64); err != nil || *into < 0 {
				err = fault.New(fault.Validation, "the parameter %s must be an event's id", name)
			}
		}
	}
	moment := func(name string, into *time.Time) {
		if text := q.Get(name); text != "" && err == nil {
			*into, err = parseMoment(name, text)
		}
	}
	number("after", &a.query.AfterID)
	number("before", &a.query.BeforeID)
	moment("since", &a.query.Since)
	moment("until", &a.query.Until)
	choice := func(name, otherwise, special string) bool {
		text := orText(q.Get(name), otherwise)
		if err == nil && text != otherwise && text != special {
			err = fault.New(fault.Validation, "the parameter %s must be %s or %s", name, otherwise, special)
		}
		return text == special
	}
	a.query.NewestFirst = choice("order", "oldest", "newest")
	a.isCloudTrail = choice("format", "weir", "cloudtrail")
	a.errorsOnly = choice("errors", "false", "true")
	if text := q.Get("limit"); text != "" && err == nil {
		if a.limit, err = strconv.Atoi(text); err != nil || a.limit < 1 || a.limit > maxAuditPage {
			err = fault.New(fault.Validation, "the parameter limit must be between 1 and %d", maxAuditPage)
		}
	}
	return a, err
}

func parseMoment(name, text string) (time.Time, error) {
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(seconds, 0), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fault.New(fault.Validation, "the parameter %s must be a time as 2026-01-31T00:00:00Z, or seconds since 1970", name)
	}
	return t, nil
}

// finds reports whether an event is looked for.
func (a *auditSearch) finds(e *store.AuditEvent) bool {
	switch {
	case a.errorsOnly && e.ErrorCode == "",
		a.operation != "" && !strings.EqualFold(e.Operation, a.operation),
		a.flow != "" && !strings.HasSuffix(e.Resource, ":"+kindFlow+"/"+a.flow),
		a.resource != "" && e.Resource != a.resource && !strings.HasSuffix(e.Resource, "/"+a.resource),
		a.key != "" && e.KeyID != a.key && !strings.HasSuffix(e.Principal, ":user/"+a.key):
		return false
	}
	return true
}

// AuditView is a page of the audit trail. One of Events and Records is there.
type AuditView struct {
	Events  []*store.AuditEvent `json:"events,omitzero"`
	Records []TrailRecord       `json:"Records,omitzero"`
	Next    int64               `json:"next,omitzero"`
}

func (s *Server) auditPage(ctx context.Context, values url.Values) (*AuditView, error) {
	search, err := parseAuditSearch(values)
	if err != nil {
		return nil, err
	}
	found, next, err := s.searchAudit(ctx, search)
	if err != nil {
		return nil, err
	}
	if !search.isCloudTrail {
		return &AuditView{Events: orEmpty(found), Next: next}, nil
	}
	v := &AuditView{Records: make([]TrailRecord, len(found)), Next: next}
	for i, e := range found {
		v.Records[i] = s.trailRecord(e)
	}
	return v, nil
}

// searchAudit collects a page, and says where the next one begins; 0 when nothing is left.
func (s *Server) searchAudit(ctx context.Context, search *auditSearch) (found []*store.AuditEvent, next int64, err error) {
	q := search.query
	for range maxAuditScan / auditChunk {
		q.Limit = auditChunk
		var events []*store.AuditEvent
		err := s.Store.Read(ctx, func(tx store.ReadTx) (err error) {
			events, err = tx.AuditScan(ctx, q)
			return err
		})
		if err != nil {
			return nil, 0, err
		}
		for i, e := range events {
			next = e.ID
			if !search.finds(e) {
				continue
			}
			found = append(found, e)
			if isLast := i == len(events)-1 && len(events) < auditChunk; len(found) == search.limit {
				if isLast {
					next = 0
				}
				return found, next, nil
			}
		}
		if len(events) < auditChunk {
			return found, 0, nil
		}
		if q.NewestFirst {
			q.BeforeID = next
		} else {
			q.AfterID = next
		}
	}
	return found, next, nil
}
