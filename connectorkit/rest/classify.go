package rest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"weir.dev/weir/connectorkit/pace"
	"weir.dev/weir/fault"
)

// Rule says what an answer of the vendor means. Empty conditions hold for every answer; at least one of them is set.
type Rule struct {
	Status []int  // of the answer
	At     string // path in the answer's JSON where a code stands
	Code   string // what stands there; "" with At: anything does
	Text   string // a part of the answer's body, for vendors that answer in prose

	Means Meaning
	Hint  string // a sentence for the user: what to do about it
}

// Meaning is what an error comes to.
type Meaning string

// Meanings.
const (
	Unauthorized Meaning = "auth"      // the credentials are refused: renew them, once
	Forbidden    Meaning = "forbidden" // the credentials lack a permission
	Missing      Meaning = "missing"   // there is no such thing
	Throttled    Meaning = "throttled" // slow down
	Transient    Meaning = "transient" // try again
	Fatal        Meaning = "fatal"     // trying again does not help
	Fine         Meaning = "fine"      // no error at all
)

// meaningOf is what a status means where no rule says otherwise.
func meaningOf(status int) Meaning {
	switch {
	case status < 300 || status == http.StatusNotModified:
		return Fine
	case status == http.StatusUnauthorized:
		return Unauthorized
	case status == http.StatusForbidden || status == http.StatusPaymentRequired:
		return Forbidden
	case status == http.StatusNotFound || status == http.StatusGone:
		return Missing
	case status == http.StatusTooManyRequests:
		return Throttled
	case status == http.StatusRequestTimeout || status == http.StatusTooEarly || status >= 500 && status != http.StatusNotImplemented:
		return Transient
	}
	return Fatal
}

// fits reports whether the rule is about the answer.
func (r *Rule) fits(a *Answer, object any) bool {
	if len(r.Status) > 0 && !slices.Contains(r.Status, a.Status) {
		return false
	}
	if r.Text != "" && !strings.Contains(string(a.Body[:min(len(a.Body), maxProse)]), r.Text) {
		return false
	}
	if r.At == "" {
		return true
	}
	code := textOf(member(object, r.At))
	return code != "" && (r.Code == "" || r.Code == code)
}

const (
	maxProse   = 64 << 10
	maxMessage = 300
)

// unauthorized marks the errors after which a credential is renewed.
type unauthorized struct{ error }

func (u unauthorized) Unwrap() error { return u.error }

// classify is nil for a good answer.
func (c *Client) classify(a *Answer, used string) error {
	means := meaningOf(a.Status)
	var object any
	if (means != Fine || c.rulesForGood()) && len(a.Body) <= maxProse {
		_ = json.Unmarshal(a.Body, &object) // prose and HTML are no object, and rules about members do not fit them
	}
	hint := ""
	for i := range c.o.Rules {
		if r := &c.o.Rules[i]; r.fits(a, object) && (means != Fine || r.At != "" || r.Text != "") {
			means, hint = r.Means, r.Hint
			break
		}
	}
	if means == Fine {
		return nil
	}
	said := c.said(a, object, used, hint)
	switch means {
	case Unauthorized:
		return unauthorized{fault.New(fault.ConnectorAuth, "%s refused the credentials%s", c.o.Vendor, said)}
	case Forbidden:
		return fault.New(fault.ConnectorAuth, "%s does not allow it to these credentials%s", c.o.Vendor, said)
	case Missing:
		return fault.New(fault.NotFound, "%s knows no such thing%s", c.o.Vendor, said)
	case Throttled:
		after := retryAfter(a.Header, c.o.Now())
		return &fault.Error{Code: fault.ConnectorServer, Retry: fault.Throttled, RetryAfter: after, Message: c.o.Vendor + " asks to slow down" + said}
	case Transient:
		// A server that says when it is back is believed like one that asks to slow down.
		if after := retryAfter(a.Header, c.o.Now()); after > 0 {
			return &fault.Error{Code: fault.ConnectorServer, Retry: fault.Throttled, RetryAfter: after, Message: c.o.Vendor + " is not available" + said}
		}
		return fault.Temporary(fault.ConnectorServer, nil, "%s has trouble of its own%s", c.o.Vendor, said)
	}
	return fault.New(fault.ConnectorServer, "%s refused the request%s", c.o.Vendor, said)
}

// rulesForGood reports whether some vendor's errors come with a good status.
func (c *Client) rulesForGood() bool {
	return slices.ContainsFunc(c.o.Rules, func(r Rule) bool { return r.At != "" || r.Text != "" })
}

func refused(err error) bool {
	for e := err; e != nil; {
		if _, ok := e.(unauthorized); ok { //nolint:errorlint // walks the chain itself
			return true
		}
		u, ok := e.(interface{ Unwrap() error })
		if !ok {
			return false
		}
		e = u.Unwrap()
	}
	return false
}

// said is the vendor's words about an error, in one line: status, code and text, and the id under which the vendor's
// support finds the request.
func (c *Client) said(a *Answer, object any, used, hint string) string {
	out := " with status " + strconv.Itoa(a.Status)
	var words []string
	for _, at := range c.messagePaths() {
		if text := textOf(member(object, at)); text != "" && !slices.Contains(words, text) {
			words = append(words, text)
		}
		if len(words) == 2 { // a code and a sentence
			break
		}
	}
	if len(words) > 0 {
		out += ": " + strings.Join(words, ": ")
	}
	if hint != "" {
		out += "; " + hint
	}
	if id := requestID(a.Header); id != "" {
		out += " (request " + id + ")"
	}
	return Plain(c.hide(out, used), maxMessage+len(hint))
}

var usualMessages = []string{
	"error.code", "error.message", "error", "error_description", "errors.0.code", "errors.0.message", "errors.0.detail", "errors.0",
	"errorCode", "code", "message", "description", "detail", "title", "errorMessage",
}

func (c *Client) messagePaths() []string {
	return append(slices.Clone(c.o.MessageAt), usualMessages...) // what stands between may answer in a way of its own
}

// hide takes credentials out of a text, in the forms that vendors repeat them in.
func (c *Client) hide(text, used string) string {
	for _, secret := range append(append([]string{used}, c.o.Secrets...), secretsOf(c.o.Auth)...) {
		if len(secret) < 4 { // shorter ones are no secrets, and occur by chance
			continue
		}
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
			text = strings.ReplaceAll(text, form, "…")
		}
	}
	return text
}

// scrubbed is an error without credentials in its text.
func (c *Client) scrubbed(err error, used string) error {
	text := err.Error()
	clean := c.hide(text, used)
	if clean == text {
		return err
	}
	retry, after := fault.RetryOf(err)
	return &fault.Error{Code: fault.CodeOf(err), Retry: retry, RetryAfter: after, Message: clean}
}

// Hide takes the client's credentials out of a text that a vendor gave, and makes it one bounded line.
func (c *Client) Hide(text string) string { return Plain(c.hide(text, ""), maxMessage) }

// Plain makes foreign text fit for a message: one line of printable characters, not longer than max.
func Plain(text string, max int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, "?"))
	if runes := []rune(text); len(runes) > max {
		text = string(runes[:max]) + "…"
	}
	return strings.TrimRight(text, " ")
}

// requestID is the vendor's name for a request.
func requestID(h http.Header) string {
	for _, name := range []string{"X-Request-Id", "Request-Id", "X-Amzn-Requestid", "X-Correlation-Id", "X-Zendesk-Request-Id", "Cf-Ray"} {
		id := h.Get(name)
		if id != "" && len(id) <= 80 && strings.IndexFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) < 0 {
			return id
		}
	}
	return ""
}

// retryAfter is how long a vendor asks to wait: in seconds, or until a date. Zero when it does not say.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" {
		return 0
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if seconds <= 0 || seconds != seconds {
			return 0
		}
		return time.Duration(min(seconds, 24*60*60) * float64(time.Second))
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), 24*time.Hour)
}

// hints are what an answer says of the vendor's own counting.
func hints(h http.Header, status int, now time.Time) pace.Hint {
	hint := pace.Hint{Remaining: -1, Refused: status == http.StatusTooManyRequests, Wait: retryAfter(h, now)}
	for _, name := range []string{"Ratelimit-Remaining", "X-Ratelimit-Remaining", "X-Rate-Limit-Remaining"} {
		if n, err := strconv.Atoi(strings.TrimSpace(h.Get(name))); err == nil && n >= 0 {
			hint.Remaining = n
			break
		}
	}
	for _, name := range []string{"Ratelimit-Reset", "X-Ratelimit-Reset", "X-Rate-Limit-Reset"} {
		n, err := strconv.ParseInt(strings.TrimSpace(h.Get(name)), 10, 64)
		if err != nil || n < 0 {
			continue
		}
		reset := time.Duration(min(n, 86_400)) * time.Second
		if n > 1_000_000_000 { // a moment instead of a distance
			reset = max(time.Unix(n, 0).Sub(now), 0)
		}
		hint.Reset = min(reset, time.Hour)
		break
	}
	return hint
}
