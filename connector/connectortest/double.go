package connectortest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"weir.dev/weir/fault"
)

// Moods is how the suite puts a vendor's double through a bad day.
type Moods struct {
	// Load makes an entity with the rows in a new double, and returns the double's handler and how to read it. The suite
	// sets the HTTP client, the tokens and the clock of the configuration; the double takes [Token].
	Load func(t *testing.T, d Data) (Loaded, http.Handler)
	// Refused is the status of an answer to a token that is refused; 401 when 0.
	Refused int
	// Resize changes how many records a request asks for; nil skips the check.
	Resize func(r *http.Request, records int)
	// Spoil changes an answer so that one of its records has a value of the wrong type in a field that the suite does not
	// read, or returns it as it is when it has no records; nil skips the check.
	Spoil func(body []byte) []byte
	// Change adds a field to the records of an answer and takes another one away that the suite does not read.
	Change func(body []byte) []byte
	// Lead is how many requests come before the one that gets the first page of records.
	Lead int
	// NoTokens says that the connector does not use OAuth.
	NoTokens bool
}

// Token is the access token that a double of [Moods] is asked with, once the suite has checked the one it has given out.
const Token = "token-of-the-double"

// Mood is what happens to one request.
type Mood int

// Moods.
const (
	Well         Mood = iota
	Unauthorized      // the token is refused
	Throttled         // 429 with Retry-After: 2
	ThrottledTil      // 429 with Retry-After: a date, three seconds ahead
	ThrottledRaw      // 429 that says nothing
	Broken            // 500
	Away              // 503 with a web page and Retry-After
	Torn              // the connection ends in the middle of the answer
	Cut               // the answer is complete for HTTP, and half of its JSON
	Garbled           // an answer of the right length that is no JSON
	Reset             // no answer at all
	Slow              // the answer takes 90 seconds
	Lost              // the request is carried out, and its answer lost
	Hanging           // no answer until the request is given up
)

// Double is a vendor's double behind moods. Its client reaches the handler without a network, so that everything can
// happen in a bubble of testing/synctest, where waiting takes no time.
type Double struct {
	handler http.Handler
	moods   *Moods

	mu       sync.Mutex // guards all below
	plan     func(n int, r *http.Request) Mood
	edit     func(n int, body []byte) []byte
	resize   func(n int) int
	requests int
	open     int // bodies that nobody has closed
	current  string
	renewals int
	locked   bool // no token is given out any more
}

// NewDouble puts a double behind moods.
func NewDouble(h http.Handler, m *Moods) *Double {
	if m == nil {
		m = &Moods{}
	}
	return &Double{handler: h, moods: m, current: "secret-token-0"}
}

// Plan says what happens to each request, counted from 0.
func (d *Double) Plan(plan func(n int, r *http.Request) Mood) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.plan, d.requests = plan, 0
}

// Requests is how many there have been since the last plan.
func (d *Double) Requests() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.requests
}

// Open is how many answers have not been closed.
func (d *Double) Open() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open
}

// Renewals is how often a token has been renewed.
func (d *Double) Renewals() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.renewals
}

// Client reaches the double.
func (d *Double) Client() *http.Client { return &http.Client{Transport: d} }

// Token implements connector.TokenSource.
func (d *Double) Token(context.Context) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.current, nil
}

// Renew implements connector.TokenSource: one renewal for one expiry.
func (d *Double) Renew(_ context.Context, refused string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.locked {
		return "", fault.New(fault.ConnectorAuth, "the double gives no more tokens")
	}
	if refused == d.current {
		d.renewals++
		d.current = fmt.Sprintf("secret-token-%d", d.renewals)
	}
	return d.current, nil
}

// Secrets are what no error may hold.
func (d *Double) Secrets() []string {
	list := []string{Token}
	for i := range d.Renewals() + 1 {
		list = append(list, fmt.Sprintf("secret-token-%d", i))
	}
	return list
}

// RoundTrip implements http.RoundTripper.
func (d *Double) RoundTrip(r *http.Request) (*http.Response, error) {
	d.mu.Lock()
	n, mood := d.requests, Well
	d.requests++
	if d.plan != nil {
		mood = d.plan(n, r)
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !d.moods.NoTokens && token != d.current && !strings.HasPrefix(r.URL.Path, "/oauth/") {
		mood = Unauthorized
	}
	d.mu.Unlock()
	res, err := d.answer(r, n, mood)
	if r.Body != nil {
		r.Body.Close()
	}
	if res != nil {
		d.mu.Lock()
		d.open++
		d.mu.Unlock()
		res.Body = &body{ReadCloser: res.Body, double: d}
	}
	return res, err
}

func (d *Double) answer(r *http.Request, n int, mood Mood) (*http.Response, error) {
	plain := func(status int, text string, headers ...string) (*http.Response, error) {
		h := http.Header{"Content-Type": {"application/json"}}
		for i := 0; i < len(headers); i += 2 {
			h.Set(headers[i], headers[i+1])
		}
		return response(r, status, h, []byte(text)), nil
	}
	switch mood {
	case Unauthorized:
		status := d.moods.Refused
		if status == 0 {
			status = http.StatusUnauthorized
		}
		return plain(status, `{"error":"invalid_token","error_description":"the token `+r.Header.Get("Authorization")+` is not taken"}`)
	case Throttled:
		return plain(http.StatusTooManyRequests, `{"error":"slow down"}`, "Retry-After", "2")
	case ThrottledTil:
		return plain(http.StatusTooManyRequests, `{}`, "Retry-After", time.Now().Add(3*time.Second).UTC().Format(http.TimeFormat))
	case ThrottledRaw:
		return plain(http.StatusTooManyRequests, ``)
	case Broken:
		return plain(http.StatusInternalServerError, `{"error":"it broke"}`)
	case Away:
		return plain(http.StatusServiceUnavailable, `<html>maintenance</html>`, "Content-Type", "text/html", "Retry-After", "5")
	case Garbled:
		return plain(http.StatusOK, `{"this is": not JSON}`)
	case Reset:
		return nil, io.ErrUnexpectedEOF
	case Hanging:
		<-r.Context().Done()
		return nil, context.Cause(r.Context())
	case Slow:
		select {
		case <-r.Context().Done():
			return nil, context.Cause(r.Context())
		case <-time.After(90 * time.Second):
		}
	}
	res, text, err := d.ask(r, n)
	switch {
	case err != nil:
		return nil, err
	case mood == Lost:
		return nil, io.ErrUnexpectedEOF
	case mood == Cut:
		text = text[:len(text)/2]
	}
	out := response(r, res.status, res.header, text)
	if mood == Torn {
		out.Body = io.NopCloser(io.MultiReader(bytes.NewReader(text[:len(text)/2]), failing{}))
	}
	return out, nil
}

// ask lets the double's own handler answer.
func (d *Double) ask(r *http.Request, n int) (*recorder, []byte, error) {
	if err := r.Context().Err(); err != nil {
		return nil, nil, err
	}
	in := r.Clone(r.Context())
	in.RequestURI, in.Host = r.URL.RequestURI(), r.URL.Host
	if !d.moods.NoTokens {
		in.Header.Set("Authorization", "Bearer "+Token)
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	d.mu.Lock()
	edit, resize := d.edit, d.resize
	d.mu.Unlock()
	if resize != nil && d.moods.Resize != nil {
		d.moods.Resize(in, resize(n))
	}
	rec := &recorder{header: http.Header{}, status: http.StatusOK}
	d.handler.ServeHTTP(rec, in)
	text := rec.body.Bytes()
	if edit != nil && rec.status == http.StatusOK {
		text = edit(n, text)
	}
	return rec, text, nil
}

func response(r *http.Request, status int, h http.Header, text []byte) *http.Response {
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h, Request: r,
		Body: io.NopCloser(bytes.NewReader(text)), ContentLength: int64(len(text)),
	}
}

// recorder keeps what a handler answers.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) { r.status = status }

func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }

// failing is the end of a torn answer.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// body counts the answers that are open.
type body struct {
	io.ReadCloser
	double *Double
	once   sync.Once
}

func (b *body) Close() error {
	b.once.Do(func() {
		b.double.mu.Lock()
		defer b.double.mu.Unlock()
		b.double.open--
	})
	return b.ReadCloser.Close()
}

// once is a plan in which the numbered requests have a mood and all others are well.
func once(mood Mood, numbers ...int) func(int, *http.Request) Mood {
	return func(n int, _ *http.Request) Mood {
		if slices.Contains(numbers, n) {
			return mood
		}
		return Well
	}
}
