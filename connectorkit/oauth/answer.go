package oauth

import (
	"encoding/json"
	"math"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"weir.dev/weir/fault"
)

// Answer is what a token endpoint said.
type Answer struct {
	Status      int
	ContentType string
	RetryAfter  string // the header's value
	Body        []byte
}

const (
	maxToken = 64 << 10 // of one token: some are JWTs with a user's rights in them
	maxText  = 300      // of the vendor's own words in an error
	maxLife  = 10 * 365 * 24 * time.Hour
)

// Parse reads the answer to a token request. The token's members are the object's own, or those of its member at (one
// name), with the own ones as a fallback. What refuses the credentials is ConnectorAuth; ConnectorServer is what may be
// better next time, and what is no answer to a token request at all.
func Parse(a Answer, at string, now time.Time) (*Token, error) {
	object, isForm := readObject(a)
	if object == nil {
		return nil, a.garbage()
	}
	if err := a.refusal(object); err != nil {
		return nil, err
	}
	inner := object
	if nested, ok := object[at].(map[string]any); at != "" && ok {
		inner = nested
	}
	t := &Token{Access: text(inner["access_token"]), Refresh: text(inner["refresh_token"]), InstanceURL: text(object["instance_url"])}
	switch {
	case t.Access == "":
		return nil, fault.New(fault.ConnectorServer, "the answer holds no access token")
	case len(t.Access) > maxToken || len(t.Refresh) > maxToken || !isSendable(t.Access):
		return nil, fault.New(fault.ConnectorServer, "the answer's token is not one that can be sent in a header")
	case isForm && a.Status != http.StatusOK:
		return nil, a.garbage()
	}
	if seconds := life(inner["expires_in"]); seconds > 0 {
		t.ExpiresAt = now.Add(seconds).UTC()
	}
	if !isWebURL(t.InstanceURL) {
		t.InstanceURL = ""
	}
	return t, nil
}

// readObject reads JSON, or a form, which is what old servers answer whatever they say it is.
func readObject(a Answer) (object map[string]any, isForm bool) {
	if json.Unmarshal(a.Body, &object) == nil && object != nil {
		return object, false
	}
	kind, _, _ := mime.ParseMediaType(a.ContentType)
	body := strings.TrimSpace(string(a.Body))
	if kind != "application/x-www-form-urlencoded" && !strings.HasPrefix(body, "access_token=") && !strings.HasPrefix(body, "error=") {
		return nil, false
	}
	values, err := url.ParseQuery(body)
	if err != nil || len(values) == 0 {
		return nil, false
	}
	object = make(map[string]any, len(values))
	for name := range values {
		object[name] = values.Get(name)
	}
	return object, true
}

// refusal finds an error in an answer, whatever its status. Slack says {"ok":false,"error":…}, and others say error with
// status 200 as well.
func (a *Answer) refusal(object map[string]any) error {
	code := text(object["error"])
	if nested, ok := object["error"].(map[string]any); ok { // {"error":{"message":…}}
		code = first(text(nested["error"]), text(nested["code"]), text(nested["status"]), text(nested["message"]))
	}
	isRefused := a.Status >= 400 || code != "" || object["ok"] == false || object["success"] == false
	if !isRefused {
		return nil
	}
	description := first(text(object["error_description"]), text(object["message"]), text(object["detail"]))
	said := quote(code, description)
	switch {
	case a.Status == http.StatusTooManyRequests || code == "ratelimited" || code == "rate_limit_exceeded" || code == "slow_down":
		return &fault.Error{Code: fault.ConnectorServer, Retry: fault.Throttled, RetryAfter: retryAfter(a.RetryAfter), Message: "the vendor asks to slow down" + said}
	case a.Status >= 500 || code == "temporarily_unavailable" || (code == "server_error" && a.Status != http.StatusUnauthorized):
		return fault.Temporary(fault.ConnectorServer, nil, "the vendor answered with status %d%s", a.Status, said)
	case a.Status == http.StatusNotFound || a.Status == http.StatusMethodNotAllowed:
		return fault.New(fault.ConnectorServer, "the vendor answered with status %d%s; is the token URL right?", a.Status, said)
	}
	return fault.New(fault.ConnectorAuth, "the vendor refused%s", said)
}

// garbage is the error of an answer that cannot be read.
func (a *Answer) garbage() error {
	switch {
	case a.Status == http.StatusTooManyRequests:
		return &fault.Error{Code: fault.ConnectorServer, Retry: fault.Throttled, RetryAfter: retryAfter(a.RetryAfter), Message: "the vendor asks to slow down"}
	case a.Status >= 500:
		return fault.Temporary(fault.ConnectorServer, nil, "the vendor answered with status %d", a.Status)
	case a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden || a.Status == http.StatusBadRequest:
		return fault.New(fault.ConnectorAuth, "the vendor refused with status %d", a.Status)
	}
	return fault.New(fault.ConnectorServer, "the vendor answered with status %d and nothing that can be read as a token; is the token URL right?", a.Status)
}

// text is a member as text; "" for everything else, as servers say null and false for nothing.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

// life reads a lifetime in seconds, given as a number or as text.
func life(v any) time.Duration {
	seconds, err := strconv.ParseFloat(strings.TrimSpace(text(v)), 64)
	if err != nil || math.IsNaN(seconds) || seconds <= 0 {
		return 0
	}
	return time.Duration(min(seconds, maxLife.Seconds()) * float64(time.Second))
}

func retryAfter(header string) time.Duration {
	seconds, err := strconv.Atoi(strings.TrimSpace(header))
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(seconds), 24*60*60) * time.Second
}

// quote shows the vendor's words, bounded and in one line.
func quote(code, description string) string {
	switch {
	case code == "" && description == "":
		return ""
	case code == "" || description == "":
		return ": " + plainText(code+description)
	}
	return ": " + plainText(code) + ": " + plainText(description)
}

func plainText(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(s, "?"))
	if runes := []rune(s); len(runes) > maxText {
		s = string(runes[:maxText]) + "…"
	}
	return strings.TrimSpace(s)
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// isSendable reports whether a token can stand in a header as it is.
func isSendable(token string) bool {
	return strings.IndexFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) < 0
}

func isWebURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}
