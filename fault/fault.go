// Package fault holds the closed set of error codes that Weir's rooms use with each other and that its API returns.
// A code says what went wrong in AppFlow's own terms; a retry class says whether trying again can help. Rooms wrap
// causes with a code once, where they know it; everything unclassified is Internal and is shown in brief.
//
// It imports nothing of Weir's.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Code is what went wrong. The first ten are AppFlow's modelled errors, one each
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_Operations.html); see [Code.HTTPStatus] for their statuses.
type Code string

// AppFlow's modelled errors.
const (
	Validation      Code = "ValidationException"              // malformed, missing or contradictory input
	ConnectorServer Code = "ConnectorServerException"         // the remote application answered with an error or garbage
	Unsupported     Code = "UnsupportedOperationException"    // the operation does not apply to this resource
	ConnectorAuth   Code = "ConnectorAuthenticationException" // the remote application refused the credentials
	Quota           Code = "ServiceQuotaExceededException"    // an account limit is reached
	AccessDenied    Code = "AccessDeniedException"            // the caller, or Weir on its behalf, lacks a permission
	NotFound        Code = "ResourceNotFoundException"        // no such flow, profile, connector or tagged resource
	Conflict        Code = "ConflictException"                // duplicate name, or a state that forbids the action
	Throttling      Code = "ThrottlingException"              // too many requests
	Internal        Code = "InternalServerException"          // anything else
)

// Canceled marks work that was stopped on request or by shutdown. It never reaches an API client.
const Canceled Code = "Canceled"

// Fenced marks an effect refused because a newer owner holds the lease. The holder of a stale token must stop at once
// and must not clean up: what it staged belongs to the newer owner now.
const Fenced Code = "Fenced"

// HTTPStatus is the status AppFlow's model gives the code; 500 for codes that are not modelled.
func (c Code) HTTPStatus() int {
	switch c {
	case Validation, ConnectorServer, Unsupported:
		return 400
	case ConnectorAuth:
		return 401
	case Quota:
		return 402
	case AccessDenied:
		return 403
	case NotFound:
		return 404
	case Conflict:
		return 409
	case Throttling:
		return 429
	}
	return 500
}

// Retry says whether the same action can succeed later without anyone changing anything.
type Retry int

// Retry classes.
const (
	Never     Retry = iota // permanent: bad input, refused credentials, missing object
	Transient              // connection reset, 5xx, torn answer: try again with backoff
	Throttled              // asked to slow down: try again after [Error.RetryAfter], or with backoff when it is zero
)

// Error is an error with a code. Its message is meant for the user: lower case, naming the action in -ing form and the
// subject, free of secrets and row values.
type Error struct {
	Code       Code
	Retry      Retry
	RetryAfter time.Duration // only for Throttled; zero when the remote side named none
	Message    string
	Cause      error // may be nil; its text is part of Error()
}

func (e *Error) Error() string {
	if e.Cause == nil {
		return e.Message
	}
	if e.Message == "" {
		return e.Cause.Error()
	}
	return e.Message + ": " + e.Cause.Error()
}

func (e *Error) Unwrap() error { return e.Cause }

// New returns an error with a code and a message.
func New(c Code, format string, args ...any) *Error {
	return &Error{Code: c, Message: fmt.Sprintf(format, args...)}
}

// Wrap gives err a code and says what was being done. It keeps the retry class of an [Error] inside err and returns nil
// for a nil err.
func Wrap(c Code, err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	e := &Error{Code: c, Message: fmt.Sprintf(format, args...), Cause: err}
	if inner := (*Error)(nil); errors.As(err, &inner) {
		e.Retry, e.RetryAfter = inner.Retry, inner.RetryAfter
	}
	return e
}

// Temporary wraps err as transient: worth another try with backoff.
func Temporary(c Code, err error, format string, args ...any) error {
	return &Error{Code: c, Retry: Transient, Message: fmt.Sprintf(format, args...), Cause: err}
}

// CodeOf is the outermost code in err's chain, Internal when there is none, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// Is reports whether err carries the code.
func Is(err error, c Code) bool { return err != nil && CodeOf(err) == c }

// RetryOf is the retry class of err. Unclassified errors are Never: what nobody judged is not repeated.
func RetryOf(err error) (Retry, time.Duration) {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Retry, e.RetryAfter
	}
	return Never, 0
}
