package sigv4

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// parse reads what the request says of its signature, from the header or from the query.
func parse(r *http.Request) (*Claim, error) {
	header := r.Header.Get("Authorization")
	switch {
	case strings.HasPrefix(header, algorithm+" "), header == algorithm:
		return parseHeader(r, strings.TrimPrefix(header, algorithm))
	case header != "":
		return nil, refuse("IncompleteSignatureException", "Unsupported AWS 'algorithm' in Authorization header; sign with %s.", algorithm)
	case strings.Contains(r.URL.RawQuery, "X-Amz-Signature="), strings.Contains(r.URL.RawQuery, "X-Amz-Algorithm="):
		return parseQuery(r)
	}
	return nil, refuse("MissingAuthenticationTokenException", "Missing Authentication Token")
}

func parseHeader(r *http.Request, fields string) (*Claim, error) {
	var credential, headers, signature string
	for part := range strings.SplitSeq(fields, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Credential":
			credential = value
		case "SignedHeaders":
			headers = value
		case "Signature":
			signature = value
		}
	}
	for _, p := range []struct{ name, value string }{{"Credential", credential}, {"SignedHeaders", headers}, {"Signature", signature}} {
		if p.value == "" {
			return nil, refuse("IncompleteSignatureException", "Authorization header requires '%s' parameter.", p.name)
		}
	}
	date := r.Header.Get("X-Amz-Date")
	if date == "" {
		date = httpDate(r.Header.Get("Date"))
	}
	if date == "" {
		return nil, refuse("IncompleteSignatureException", "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	return newClaim(credential, headers, signature, date, false)
}

func parseQuery(r *http.Request) (*Claim, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, refuse("IncompleteSignatureException", "The query string cannot be read.")
	}
	for _, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"} {
		if q.Get(name) == "" {
			return nil, refuse("IncompleteSignatureException", "AWS query-string parameters must include '%s'.", name)
		}
	}
	if q.Get("X-Amz-Algorithm") != algorithm {
		return nil, refuse("IncompleteSignatureException", "Unsupported AWS 'algorithm' in X-Amz-Algorithm; sign with %s.", algorithm)
	}
	return newClaim(q.Get("X-Amz-Credential"), q.Get("X-Amz-SignedHeaders"), q.Get("X-Amz-Signature"), q.Get("X-Amz-Date"), true)
}

func newClaim(credential, headers, signature, date string, presigned bool) (*Claim, error) {
	scope := strings.Split(credential, "/")
	if len(scope) != 5 || scope[4] != "aws4_request" || scope[0] == "" {
		return nil, refuse("IncompleteSignatureException", "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/aws4_request.")
	}
	if !isRegion(scope[2]) { // it ends up in ARNs, logs and the cache of signing keys
		return nil, refuse("IncompleteSignatureException", "Credential must name a region of lower case letters, digits and hyphens.")
	}
	at, err := time.Parse(timeFormat, date)
	if err != nil {
		return nil, refuse("IncompleteSignatureException", "Date must be in ISO-8601 'basic format'; for instance %s.", "20200823T120000Z")
	}
	list := strings.Split(headers, ";")
	for i := range list {
		list[i] = strings.ToLower(list[i])
	}
	return &Claim{
		KeyID: scope[0], date: scope[1], region: scope[2], service: scope[3],
		at: at, headers: list, signature: signature, presigned: presigned,
	}, nil
}

// isRegion reports whether s could be a region's name.
func isRegion(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// httpDate turns a Date header, in either form clients send, into the basic format.
func httpDate(s string) string {
	if s == "" {
		return ""
	}
	if t, err := http.ParseTime(s); err == nil {
		return t.UTC().Format(timeFormat)
	}
	return s
}
