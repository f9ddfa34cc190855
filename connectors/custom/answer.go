package custom

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"weir.dev/weir/fault"
)

// notUnderstood is AppFlow's own text for an answer that says nothing.
const notUnderstood = "Error while communicating to connector: Got error from connector. No valid response and error details found in the connector response."

// envelope is what every answer of the protocol has in common.
type envelope struct {
	IsSuccess    *bool `json:"isSuccess"`
	ErrorDetails *struct {
		Code              string   `json:"errorCode"`
		Message           string   `json:"errorMessage"`
		RetryAfterSeconds *float64 `json:"retryAfterSeconds"`
	} `json:"errorDetails"`
	// A function that failed as a whole answers with these instead.
	FunctionMessage string `json:"errorMessage"`
	FunctionType    string `json:"errorType"`
}

// open checks that an answer is a success, for the operation that was asked for, and decodes it into v.
func open(operation string, answer []byte, v any) error {
	if _, err := examine(operation, answer); err != nil {
		return err
	}
	return decode(operation, answer, v)
}

func decode(operation string, answer []byte, v any) error {
	if err := json.Unmarshal(answer, v); err != nil {
		return fault.New(fault.ConnectorServer, "Error while communicating to connector: the answer to %s cannot be read: %s", operation, clip(err.Error()))
	}
	return nil
}

// Error codes of the protocol that decide what happens next.
const (
	invalidCredentials  = "InvalidCredentials"
	partialWriteFailure = "PartialWriteFailure"
)

// examine says whether an answer is a success, and what the connector calls its failure otherwise.
func examine(operation string, answer []byte) (code string, err error) {
	var e envelope
	if err := json.Unmarshal(answer, &e); err != nil {
		if bytes.HasPrefix(bytes.TrimSpace(answer), []byte("Task timed out after ")) { // the emulator says so in plain text
			return "", fault.Temporary(fault.ConnectorServer, nil, "Error while communicating to connector: its function ran out of time.")
		}
		return "", fault.New(fault.ConnectorServer, notUnderstood)
	}
	switch {
	case e.IsSuccess != nil && *e.IsSuccess:
		return "", nil
	case e.ErrorDetails != nil:
		return e.ErrorDetails.Code, e.failure(operation)
	case e.IsSuccess == nil && e.FunctionMessage != "":
		return "", functionError(answer)
	}
	return "", fault.New(fault.ConnectorServer, notUnderstood)
}

// failure is what the connector says went wrong.
func (e *envelope) failure(operation string) error {
	d := e.ErrorDetails
	switch d.Code {
	case invalidCredentials, "AccessDenied":
		return fault.New(fault.ConnectorAuth, `Error authenticating to connector: Failed to validate Connection while attempting "%s with CustomConnector" with connector failure %s`, operation, clip(d.Message))
	}
	out := fault.New(fault.ConnectorServer, "Error while communicating to connector: Got error from connector: %s: %s", clip(d.Code), clip(d.Message))
	switch d.Code {
	case "RateLimitExceeded":
		out.Retry = fault.Throttled
	case "RequestTimeout", "ServiceUnavailable", "ServerError", "UnknownError", "ResourceNotFoundError":
		out.Retry = fault.Transient
	}
	if s := d.RetryAfterSeconds; s != nil && *s > 0 && out.Retry != fault.Never {
		const longest = 24 * 60 * 60
		out.Retry, out.RetryAfter = fault.Throttled, time.Duration(min(*s, longest)*float64(time.Second))
	}
	return out
}

// functionError is for a function that raised an error instead of answering.
func functionError(answer []byte) error {
	var e envelope
	if err := json.Unmarshal(answer, &e); err != nil || e.FunctionMessage == "" {
		return fault.New(fault.ConnectorServer, notUnderstood)
	}
	return fault.New(fault.ConnectorServer, "Error while communicating to connector: its function failed with %s: %s", clip(e.FunctionType), clip(e.FunctionMessage))
}

// clip makes foreign text fit for a message: one line of bounded length, without control characters.
func clip(s string) string {
	const most = 500
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strings.TrimSpace(s)
}
