package server

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/fault"
	"weir.dev/weir/internal/server/sigv4"
)

// httpError is a refusal that every AWS service may give, outside the model
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/CommonErrors.html).
type httpError struct {
	status  int
	name    string
	message string
	allow   []string // methods, for a status 405
	// retryAfter is when to come back, in seconds, for a status 429.
	retryAfter string
}

func (e *httpError) Error() string { return e.message }

func unknownOperation(message string) *httpError {
	return &httpError{status: http.StatusNotFound, name: "UnknownOperationException", message: message}
}

func wrongMethod(r *http.Request, allow ...string) *httpError {
	return &httpError{
		status: http.StatusMethodNotAllowed, name: "UnknownOperationException", allow: allow,
		message: "the path takes " + strings.Join(allow, " or ") + ", not " + clip(r.Method),
	}
}

// writeError answers with the error's own shape. A cause that nobody classified is logged in full and shown in brief.
func (s *Server) writeError(ctx context.Context, w http.ResponseWriter, c *call, err error) {
	var he *httpError
	var se *sigv4.Error
	switch {
	case errors.As(err, &he):
		if he.allow != nil {
			w.Header().Set("Allow", strings.Join(he.allow, ", "))
		}
		if he.retryAfter != "" {
			w.Header().Set("Retry-After", he.retryAfter)
		}
		wire.WriteError(w, c.requestID, he.name, he.status, he.message)
		return
	case errors.As(err, &se):
		wire.WriteError(w, c.requestID, se.Name, http.StatusForbidden, se.Message)
		return
	}
	code := fault.CodeOf(err)
	retry, _ := fault.RetryOf(err)
	switch {
	case code.HTTPStatus() < 500:
		wire.WriteError(w, c.requestID, string(code), code.HTTPStatus(), err.Error())
	case ctx.Err() != nil: // nobody reads this; it keeps a client's hang-up from counting as our failure
		wire.WriteError(w, c.requestID, "RequestAbortedException", http.StatusBadRequest, "The client closed the connection before the answer.")
	case retry != fault.Never:
		s.Logger.WarnContext(ctx, "request failed for now", "request", c.requestID, "operation", c.operation, "error", err)
		wire.WriteError(w, c.requestID, "ServiceUnavailable", http.StatusServiceUnavailable, "The service cannot answer for the moment; try again.")
	default:
		s.Logger.ErrorContext(ctx, "request failed", "request", c.requestID, "operation", c.operation, "error", err)
		s.writeInternal(w, c)
	}
}

func (s *Server) writeInternal(w http.ResponseWriter, c *call) {
	wire.WriteError(w, c.requestID, string(fault.Internal), http.StatusInternalServerError,
		"An internal error occurred. See the server's log for request "+c.requestID+".")
}
