package sigv4

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// canonicalRequest writes the request in the form both sides sign.
func (c *Claim) canonicalRequest(r *http.Request, bodyHash string) ([]byte, error) {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(path, "/") { // a request made in process, or one through a proxy with the whole URL
		path, query = r.URL.EscapedPath(), r.URL.RawQuery
	}
	var b bytes.Buffer
	b.Grow(1024)
	b.WriteString(r.Method)
	b.WriteByte('\n')
	writeEscaped(&b, path, true)
	b.WriteByte('\n')
	if err := writeQuery(&b, query); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	for _, name := range c.headers {
		b.WriteString(name)
		b.WriteByte(':')
		writeHeader(&b, r, name)
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	b.WriteString(strings.Join(c.headers, ";"))
	b.WriteByte('\n')
	b.WriteString(bodyHash)
	return b.Bytes(), nil
}

// writeHeader writes a header's values, trimmed and with inner runs of spaces folded.
func writeHeader(b *bytes.Buffer, r *http.Request, name string) {
	switch name {
	case "host":
		b.WriteString(r.Host)
		return
	case "content-length":
		if r.ContentLength >= 0 {
			b.WriteString(strconv.FormatInt(r.ContentLength, 10))
		}
		return
	}
	for i, v := range r.Header.Values(name) {
		if i > 0 {
			b.WriteByte(',')
		}
		v = strings.Trim(v, " \t")
		if !strings.Contains(v, "  ") {
			b.WriteString(v)
			continue
		}
		b.WriteString(strings.Join(strings.FieldsFunc(v, func(r rune) bool { return r == ' ' }), " "))
	}
}

// writeQuery writes the query's parameters sorted by name and value, escaped anew, without the signature itself.
func writeQuery(b *bytes.Buffer, raw string) error {
	if raw == "" {
		return nil
	}
	var pairs []string
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		n, err1 := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil {
			return refuse("IncompleteSignatureException", "The query string cannot be read.")
		}
		if n == "X-Amz-Signature" {
			continue
		}
		var p bytes.Buffer
		writeEscaped(&p, n, false)
		p.WriteByte('=')
		writeEscaped(&p, v, false)
		pairs = append(pairs, p.String())
	}
	slices.Sort(pairs)
	b.WriteString(strings.Join(pairs, "&"))
	return nil
}

// writeEscaped percent-encodes everything but unreserved characters. Paths keep their slashes and are encoded a second
// time, as every AWS service except S3 wants it: %3A becomes %253A.
func writeEscaped(b *bytes.Buffer, s string, isPath bool) {
	const hexDigits = "0123456789ABCDEF"
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == '~', isPath && c == '/':
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
}
