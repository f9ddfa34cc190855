package server

import (
	"context"
	"encoding/json"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
)

// maxAuditBody bounds what an audit record keeps of a request; a larger one is left out, not cut.
const maxAuditBody = 64 << 10

// mutate runs fn in a transaction that also records the call, with the answer that fn has put into out. Either both are
// kept or neither; a call that fails is recorded by auditFailure.
func (s *Server) mutate(ctx context.Context, c *call, out wire.Output, fn func(tx store.Tx) error) error {
	err := s.Store.Write(ctx, func(tx store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		e := c.auditEvent()
		e.Response = json.RawMessage(out.AppendJSON(nil))
		return tx.AuditAppend(ctx, e)
	})
	c.audited = err == nil
	return err
}

func (c *call) auditEvent() *store.AuditEvent {
	e := &store.AuditEvent{
		At: c.at, Operation: c.operation, Principal: c.principal, KeyID: c.keyID, SourceIP: c.sourceIP, UserAgent: clip(c.userAgent),
		RequestID: c.requestID, Region: c.region, Resource: c.resource,
	}
	if c.input == nil {
		return e
	}
	var shown wire.Shape = c.input
	if secretive, ok := shown.(wire.Secretive); ok {
		shown = secretive.Redacted()
	}
	if body := shown.AppendJSON(nil); len(body) <= maxAuditBody {
		e.Request = json.RawMessage(body)
	}
	return e
}

// auditFailure records a refused call, unless it is in the trail already.
func (s *Server) auditFailure(ctx context.Context, c *call, cause error) {
	if !c.audited {
		s.auditRefusal(ctx, c, c.auditEvent(), cause)
	}
}

// auditRefusal writes the event of a call that failed for the cause. A failure to do so is logged and not the client's
// matter.
func (s *Server) auditRefusal(ctx context.Context, c *call, e *store.AuditEvent, cause error) {
	ctx = context.WithoutCancel(ctx) // a client that hangs up is recorded as well
	e.ErrorCode, e.Message = string(fault.CodeOf(cause)), clip(cause.Error())
	err := s.plain.Write(ctx, func(tx store.Tx) error { return tx.AuditAppend(ctx, e) })
	if err != nil {
		s.Logger.WarnContext(ctx, "audit record lost", "request", c.requestID, "operation", c.operation, "error", err)
	}
}

// record writes the event of a call that changes nothing in the store and is worth one all the same.
func (s *Server) record(ctx context.Context, c *call) error {
	return s.plain.Write(ctx, func(tx store.Tx) error { return tx.AuditAppend(ctx, c.auditEvent()) })
}
