package server

import (
	"context"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/fault"
	"weir.dev/weir/internal/access/policy"
)

// call is one request on its way through an operation.
type call struct {
	requestID string
	operation string
	keyID     string
	userName  string // of the key
	principal string // ARN of the caller
	policy    *policy.Policy
	caller    *policy.Caller // for questions to the policy; nil before the first one
	region    string
	account   string
	sourceIP  string
	address   netip.Addr // the same, parsed; invalid when it is none
	isSecure  bool       // over TLS
	userAgent string
	began     time.Time
	at        time.Time  // the same moment in UTC and microseconds, as the store keeps it
	input     wire.Input // nil until it is decoded
	resource  string     // ARN of what the call is about; empty when it names nothing
	audited   bool       // a committed transaction holds the call's audit record
	isQuiet   bool       // one refusal of very many, which leaves no line in the log
}

// operation is how one of the API's calls is answered.
type operation struct {
	run     func(ctx context.Context, s *Server, c *call, in wire.Input) (wire.Output, error)
	mutates bool // calls are audited
	action  policy.Action
}

// handle fits a typed handler to the table of operations.
func handle[I wire.Input, O wire.Output](mutates bool, fn func(s *Server, ctx context.Context, c *call, in I) (O, error)) operation {
	return operation{mutates: mutates, run: func(ctx context.Context, s *Server, c *call, in wire.Input) (wire.Output, error) {
		return fn(s, ctx, c, in.(I))
	}}
}

// operations is the table of what this build answers. Each operation is also the action of that name.
func operations() map[string]operation {
	table := map[string]operation{
		"CancelFlowExecutions":         handle(true, (*Server).cancelFlowExecutions),
		"CreateConnectorProfile":       handle(true, (*Server).createConnectorProfile),
		"CreateFlow":                   handle(true, (*Server).createFlow),
		"DeleteConnectorProfile":       handle(true, (*Server).deleteConnectorProfile),
		"DeleteFlow":                   handle(true, (*Server).deleteFlow),
		"DescribeConnector":            handle(false, (*Server).describeConnector),
		"DescribeConnectorEntity":      handle(false, (*Server).describeConnectorEntity),
		"DescribeConnectorProfiles":    handle(false, (*Server).describeConnectorProfiles),
		"DescribeConnectors":           handle(false, (*Server).describeConnectors),
		"DescribeFlow":                 handle(false, (*Server).describeFlow),
		"DescribeFlowExecutionRecords": handle(false, (*Server).describeFlowExecutionRecords),
		"ListConnectorEntities":        handle(false, (*Server).listConnectorEntities),
		"ListConnectors":               handle(false, (*Server).listConnectors),
		"ListFlows":                    handle(false, (*Server).listFlows),
		"ListTagsForResource":          handle(false, (*Server).listTagsForResource),
		"RegisterConnector":            handle(true, (*Server).registerConnector),
		"ResetConnectorMetadataCache":  handle(true, (*Server).resetConnectorMetadataCache),
		"StartFlow":                    handle(true, (*Server).startFlow),
		"StopFlow":                     handle(true, (*Server).stopFlow),
		"TagResource":                  handle(true, (*Server).tagResource),
		"UnregisterConnector":          handle(true, (*Server).unregisterConnector),
		"UntagResource":                handle(true, (*Server).untagResource),
		"UpdateConnectorProfile":       handle(true, (*Server).updateConnectorProfile),
		"UpdateConnectorRegistration":  handle(true, (*Server).updateConnectorRegistration),
		"UpdateFlow":                   handle(true, (*Server).updateFlow),
	}
	return withActions(table)
}

// withActions gives each operation the action of its name.
func withActions(table map[string]operation) map[string]operation {
	for name, op := range table {
		op.action = operationAction(name)
		table[name] = op
	}
	return table
}

// exchange frames every signed request: it makes the call, answers errors and panics in the protocol's form, and counts
// and logs the outcome. The answer function writes the success itself and nothing else.
func (s *Server) exchange(w http.ResponseWriter, r *http.Request, answer func(c *call, w http.ResponseWriter) error) {
	c := s.newCall(r)
	rec := &recorder{ResponseWriter: w, status: http.StatusOK}
	defer func() {
		p := recover()
		if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so as well
			s.finish(r, c, rec)
			panic(p) //nolint:forbidigo // net/http breaks the connection off
		}
		if p != nil {
			s.Logger.Error("panic in a request", "request", c.requestID, "operation", c.operation, "panic", p, "stack", string(debug.Stack()))
			if !rec.wrote {
				s.writeInternal(rec, c)
			}
		}
		s.finish(r, c, rec)
	}()
	if err := answer(c, rec); err != nil {
		s.writeError(r.Context(), rec, c, err)
	}
}

// api answers AppFlow's own calls.
func (s *Server) api(w http.ResponseWriter, r *http.Request) {
	s.exchange(w, r, func(c *call, w http.ResponseWriter) error {
		out, err := s.answer(r, c)
		if err == nil {
			wire.WriteOutput(w, c.requestID, out)
		}
		return err
	})
}

// newCall gives the request its id and notes where it came from.
func (s *Server) newCall(r *http.Request) *call {
	now := s.Now()
	c := &call{requestID: uuid.NewString(), began: now, at: now.UTC().Truncate(time.Microsecond), account: s.AccountID, userAgent: r.UserAgent()}
	c.sourceIP, c.address, c.isSecure = s.origin(r)
	return c
}

// answer takes a request through signature and route to its operation.
func (s *Server) answer(r *http.Request, c *call) (wire.Output, error) {
	body, err := s.authenticate(r, c)
	if err != nil {
		return nil, err
	}
	path := r.URL.EscapedPath()
	op, params, match := wire.Match(r.Method, path)
	switch match {
	case wire.MatchFound:
	case wire.MatchMalformed:
		return nil, fault.New(fault.Validation, "1 validation error detected: Value at 'resourceArn' failed to satisfy constraint: "+
			"Member must be percent-encoded UTF-8")
	case wire.MatchWrongMethod:
		return nil, wrongMethod(r, wire.Methods(path)...)
	default:
		return nil, unknownOperation("no operation of this service has the path " + clip(r.URL.Path))
	}
	c.operation = op.Name
	known, ok := s.operations[op.Name]
	if !ok {
		return nil, unknownOperation(op.Name + " is not in this build yet")
	}
	if err := s.throttle.admit(c, known.mutates); err != nil {
		return nil, err
	}
	ctx := r.Context()
	out, err := perform(ctx, s, c, known, op.NewInput(), &wire.Request{Params: params, RawQuery: r.URL.RawQuery, Body: body})
	if err != nil && known.mutates {
		s.auditFailure(ctx, c, err)
	}
	return out, err
}

// perform decodes and validates an operation's input and runs it.
func perform(ctx context.Context, s *Server, c *call, op operation, in wire.Input, r *wire.Request) (wire.Output, error) {
	if err := in.Decode(r); err != nil {
		return nil, fault.New(fault.Validation, "%s", err.Error())
	}
	c.input = in
	if op.mutates {
		c.resource = resourceOf(c, in)
	}
	ctx, err := s.authorize(ctx, c, op.action, in)
	if err != nil {
		return nil, err
	}
	if err := in.Validate(); err != nil {
		return nil, fault.New(fault.Validation, "%s", err.Error())
	}
	return op.run(ctx, s, c, in)
}

// clip bounds text that came from outside before it goes into a message or a log. It has room for the longest ARN of a
// flow.
func clip(s string) string {
	const most = 512
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
