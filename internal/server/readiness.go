package server

import (
	"context"
	"net/http"

	"weir.dev/weir/fault"
)

// readier is a [Runner] that needs something outside of this process, which may be away.
type readier interface {
	Ready(ctx context.Context) error
}

// engineIsReady refuses new executions while the engine cannot take them, before anything is written: whoever asks for one
// wants it now, and is to know that it did not begin. Times of schedules wait in the ledger instead.
func (s *Server) engineIsReady(ctx context.Context) error {
	r, ok := s.Runner.(readier)
	if !ok {
		return nil
	}
	err := r.Ready(ctx)
	if err == nil || ctx.Err() != nil {
		return err
	}
	s.Logger.WarnContext(ctx, "execution refused", "error", err)
	return &httpError{
		status: http.StatusInternalServerError, name: string(fault.Internal), retryAfter: "5",
		message: "The workflow engine (Temporal) cannot be reached, so nothing was started. Try again.",
	}
}
