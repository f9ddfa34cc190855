package server

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"weir.dev/weir/internal/access/policy"
)

const extensionPrefix = "/weir/v1/"

// page is one of Weir's own pages under /weir/v1/. They are signed, authorized, throttled and audited like AppFlow's
// operations, which the frame below sees to.
type page struct {
	method string
	path   string // below the prefix; {} stands for a part that varies
	// action is what the caller must be allowed to do; the zero one leaves it to run, or is open to every key.
	action  policy.Action
	mutates bool
	run     func(s *Server, ctx context.Context, c *call, r *pageRequest) (any, error)
}

// pageRequest is what a page is asked.
type pageRequest struct {
	params []string // what stood for each {}
	query  url.Values
	body   []byte
}

// pages are all there are.
var pages = []page{
	{method: "GET", path: "version", run: (*Server).versionPage},
	{method: "GET", path: "executions/{}", run: (*Server).executionView},   // counts, splits and live progress
	{method: "GET", path: "executions/{}/rejects", run: (*Server).rejects}, // samples of refused records, with reasons
	{method: "GET", path: "executions/{}/outputs", run: (*Server).outputs}, // the files or writes an execution made
	{method: "GET", path: "flows/{}/schedule", run: (*Server).scheduleView},
	{method: "GET", path: "flows/{}/position", run: (*Server).positionPage},
	{method: "PUT", path: "flows/{}/position", mutates: true, run: (*Server).setPosition},
	{method: "POST", path: "flows/{}/runs", mutates: true, run: (*Server).startRun},
	{method: "GET", path: "flows/{}/events", run: (*Server).listenerPage}, // POST brings events, see receiveEvents
	{method: "DELETE", path: "flows/{}/events", mutates: true, run: (*Server).discardEvents},
	{method: "GET", path: "listeners", action: operationAction("ListFlows"), run: (*Server).listenersPage},
	{method: "GET", path: "audit", action: mustAction(policy.ReadAudit), run: (*Server).auditTrail},
	{method: "GET", path: "backup", action: mustAction(policy.Backup), run: (*Server).backup},
	{method: "GET", path: "keys", action: mustAction(policy.ReadKeys), run: (*Server).listKeys},
	{method: "GET", path: "keys/{}", action: mustAction(policy.ReadKeys), run: (*Server).showKey},
	{method: "POST", path: "keys", action: mustAction(policy.ManageKeys), mutates: true, run: (*Server).createKey},
	{method: "POST", path: "keys/{}/rotate", action: mustAction(policy.ManageKeys), mutates: true, run: (*Server).rotateKey},
	{method: "PUT", path: "keys/{}/policy", action: mustAction(policy.ManageKeys), mutates: true, run: (*Server).setKeyPolicy},
	{method: "POST", path: "keys/{}/disable", action: mustAction(policy.ManageKeys), mutates: true, run: (*Server).disableKey},
	{method: "POST", path: "keys/{}/enable", action: mustAction(policy.ManageKeys), mutates: true, run: (*Server).enableKey},
	{method: "DELETE", path: "keys/{}", action: mustAction(policy.ManageKeys), mutates: true, run: (*Server).deleteKey},
}

// extension answers Weir's own pages.
func (s *Server) extension(w http.ResponseWriter, r *http.Request) {
	if flowName, ok := eventsPath(r); ok {
		s.receiveEvents(w, r, flowName)
		return
	}
	s.exchange(w, r, func(c *call, w http.ResponseWriter) error {
		c.operation = "extension"
		out, err := s.answerExtension(r, c)
		if err != nil {
			return err
		}
		w.Header().Set("x-amzn-RequestId", c.requestID)
		if stream, ok := out.(streamed); ok {
			w.Header().Set("Content-Type", "application/octet-stream")
			if err := stream(w); err != nil {
				s.Logger.ErrorContext(r.Context(), "answer broken off", "request", c.requestID, "error", err)
				panic(http.ErrAbortHandler) //nolint:forbidigo // the only way to tell the client that a streamed answer is not whole
			}
			return nil
		}
		body, err := json.Marshal(out)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body) // the client has gone away; there is nobody to tell
		return nil
	})
}

// streamed is an answer that is written as it is made. A failure in the middle breaks the connection off, so that nobody
// takes half for the whole.
type streamed func(w io.Writer) error

func (s *Server) answerExtension(r *http.Request, c *call) (any, error) {
	body, err := s.authenticate(r, c)
	if err != nil {
		return nil, err
	}
	p, params, err := findPage(r)
	if err != nil {
		return nil, err
	}
	if err := s.throttle.admit(c, p.mutates); err != nil {
		return nil, err
	}
	if p.action != 0 {
		if err := s.allow(c, p.action, everything); err != nil {
			if p.mutates {
				_, c.operation, _ = strings.Cut(p.action.String(), ":")
				s.auditRefusal(r.Context(), c, c.auditEvent(), err)
			}
			return nil, err
		}
	}
	return p.run(s, r.Context(), c, &pageRequest{params: params, query: r.URL.Query(), body: body})
}

// findPage routes a request.
func findPage(r *http.Request) (*page, []string, error) {
	path := strings.TrimPrefix(r.URL.Path, extensionPrefix)
	var methods []string
	for i := range pages {
		params, ok := matchPath(pages[i].path, path)
		switch {
		case !ok:
		case pages[i].method == r.Method:
			return &pages[i], params, nil
		case !slices.Contains(methods, pages[i].method):
			methods = append(methods, pages[i].method)
		}
	}
	if methods != nil {
		return nil, nil, wrongMethod(r, methods...)
	}
	return nil, nil, unknownOperation("no extension page answers " + clip(r.Method) + " " + clip(r.URL.Path))
}

// matchPath compares part by part, and returns what stands for each {}.
func matchPath(pattern, path string) (params []string, ok bool) {
	for {
		want, restPattern, morePattern := strings.Cut(pattern, "/")
		have, restPath, morePath := strings.Cut(path, "/")
		switch {
		case want == "{}" && have != "":
			params = append(params, have)
		case want != have || want == "":
			return nil, false
		}
		if !morePattern || !morePath {
			return params, morePattern == morePath
		}
		pattern, path = restPattern, restPath
	}
}

func (s *Server) versionPage(context.Context, *call, *pageRequest) (any, error) {
	return map[string]string{"version": s.Version}, nil
}

func (s *Server) auditTrail(ctx context.Context, _ *call, r *pageRequest) (any, error) {
	return s.auditPage(ctx, r.query)
}

// backup streams a consistent copy of the store. Whoever takes one has everything, so that it leaves a record.
func (s *Server) backup(ctx context.Context, c *call, _ *pageRequest) (any, error) {
	c.operation = "Backup"
	if err := s.record(ctx, c); err != nil {
		return nil, err
	}
	return streamed(func(w io.Writer) error { return s.plain.Backup(ctx, w) }), nil
}

func orText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// orEmpty shows no items as an empty list.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
