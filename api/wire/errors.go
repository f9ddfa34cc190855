package wire

import (
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// DecodeError says why a request could not be read: it is not JSON, or a member has the wrong JSON type. It shows no
// part of the request but the member's path. Clients get it as a ValidationException, since the API has no error of its
// own for this.
type DecodeError struct {
	Path     string // the member's path, empty for the body as a whole
	Offset   int    // byte offset in the body
	Expected string // what the member wants, empty for malformed JSON
	Found    string // the JSON type that stands there
	Problem  string // what is wrong with the text, when Expected is empty
}

func (e *DecodeError) Error() string {
	subject := "Request body"
	if e.Path != "" {
		subject = "Value at '" + e.Path + "'"
	}
	switch {
	case e.Expected == "":
		at := ""
		if e.Path != "" {
			at = " at '" + e.Path + "'"
		}
		return cut("Request body is malformed"+at+" (byte "+strconv.Itoa(e.Offset)+"): "+e.Problem, maxMessage)
	case e.Found == "null":
		return cut("1 validation error detected: "+subject+" failed to satisfy constraint: "+constraintNotNull, maxMessage)
	}
	return cut("1 validation error detected: "+subject+" failed to satisfy constraint: Member must be of type "+e.Expected+
		", found "+e.Found, maxMessage)
}

// Violation is one constraint that an input does not keep.
type Violation struct {
	Path       string  // as AWS writes it: tasks.1.member.taskType
	Value      *string // what to show of the value ('…' or null); nil when it is sensitive or a container
	Constraint string  // "Member must …"
}

func (v Violation) String() string {
	shown := "Value"
	if v.Value != nil {
		shown += " " + *v.Value
	}
	return shown + " at '" + v.Path + "' failed to satisfy constraint: " + v.Constraint
}

// ValidationError holds every violated constraint of an input, up to a bound that only hostile inputs reach.
type ValidationError struct {
	Violations []Violation // never empty; in the order of the input's members
	Count      int         // how many there are, listed or not
}

// Error is AWS's own text, cut to what a message may hold.
func (e *ValidationError) Error() string {
	var b strings.Builder
	b.WriteString(strconv.Itoa(e.Count))
	if e.Count == 1 {
		b.WriteString(" validation error detected: ")
	} else {
		b.WriteString(" validation errors detected: ")
	}
	for i, v := range e.Violations {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(v.String())
		if b.Len() > 4*maxMessage { // code points have up to 4 bytes
			break
		}
	}
	return cut(b.String(), maxMessage)
}

// maxMessage bounds an error's message, in code points, as the model does.
const maxMessage = 2048

// cut shortens s to at most n code points, the last three of them dots when something was left out.
func cut(s string, n int) string {
	if len(s) <= n || utf8.RuneCountInString(s) <= n {
		return s
	}
	count := 0
	for i := range s {
		if count == n-3 {
			return s[:i] + "..."
		}
		count++
	}
	return s
}

// WriteError answers a request with an error of the API. The name is one of [Operation.Errors], or one of those that any
// AWS service may return (https://docs.aws.amazon.com/appflow/1.0/APIReference/CommonErrors.html). Clients find it in the
// header; the body repeats it for people with curl. The message is cut to what a message may hold.
func WriteError(w http.ResponseWriter, requestID, name string, status int, message string) {
	w.Header().Set("X-Amzn-ErrorType", name)
	b := append(make([]byte, 0, 64+len(message)), `{"__type":`...)
	b = append(appendQuoted(b, name), `,"message":`...)
	b = append(appendQuoted(b, cut(message, maxMessage)), '}')
	write(w, requestID, status, b)
}

// WriteOutput answers a request with its result, status 200.
func WriteOutput(w http.ResponseWriter, requestID string, out Output) {
	write(w, requestID, http.StatusOK, out.AppendJSON(make([]byte, 0, 1024)))
}

func write(w http.ResponseWriter, requestID string, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("x-amzn-RequestId", requestID)
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client has gone away; there is nobody to tell
}
