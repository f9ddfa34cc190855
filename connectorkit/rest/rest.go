// Package rest is what connectors of HTTP APIs have in common: one client that sends requests, waits, tries again, renews
// tokens and says what went wrong, and the reading of JSON answers into batches.
//
//	Client.Do      request → answer, or a classified error that holds the vendor's own words
//	Split          answer → its envelope (cursors, flags) and its records, which stay bytes
//	Plan.Decode    records → one batch, typed by the schema; no value of a record ever becomes a Go object
//
// It works over the HTTP client of a connector.Config, which decides where requests may go. It knows no vendor, keeps no
// credentials beyond a connection, writes no log, and puts no credential, URL or query into an error.
package rest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"weir.dev/weir/connectorkit/egress"
	"weir.dev/weir/connectorkit/pace"
	"weir.dev/weir/fault"
)

// Options make a client. The zero value of a field means its default.
type Options struct {
	HTTP *http.Client // of a connector.Config
	// Base is where the API is: scheme, host and perhaps a path, without a slash at its end.
	Base    string
	Vendor  string // for messages
	Auth    Auth   // nil sends no credentials
	Header  http.Header
	Budget  pace.Budget // what the vendor grants this profile; nil is without bounds
	Rules   []Rule      // what the vendor's errors mean, where the status does not say it; the first that fits counts
	Secrets []string    // never shown, even when the vendor repeats them
	// MessageAt are the paths where errors have their text, the most telling first; after them the usual ones are tried.
	MessageAt []string
	// Hint completes what an answer's usual headers say of the vendor's own counting, where the vendor says it in a way of
	// its own; nil for the others.
	Hint func(h http.Header, hint *pace.Hint)

	Attempts int           // tries of one request; 5
	Backoff  time.Duration // the longest wait after the first failure, doubled from there on; 1 s
	MaxWait  time.Duration // the longest wait that is made here; what a vendor asks for beyond it is an error. 1 min
	Timeout  time.Duration // of one try, the reading of the answer included; 3 min
	MaxBody  int64         // of an answer, after decompression; 64 MiB
	Now      func() time.Time
}

// Client speaks to one API for one profile. Safe for concurrent use.
type Client struct {
	o     Options
	base  *url.URL
	clock vendorClock
}

// New makes a client. Its error is Validation: a base that is no URL.
func New(o Options) (*Client, error) {
	base, err := url.Parse(o.Base)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, fault.New(fault.Validation, "the address of %s is not a URL", o.Vendor)
	}
	base.Path = strings.TrimRight(base.Path, "/")
	if o.Attempts <= 0 {
		o.Attempts = 5
	}
	for _, d := range []struct {
		p         *time.Duration
		otherwise time.Duration
	}{{&o.Backoff, time.Second}, {&o.MaxWait, time.Minute}, {&o.Timeout, 3 * time.Minute}} {
		if *d.p <= 0 {
			*d.p = d.otherwise
		}
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 64 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Client{o: o, base: base}, nil
}

// Request is one call. It may be sent several times, and is not changed.
type Request struct {
	Doing  string // for messages: `reading entity "tickets"`
	Method string // GET when empty
	Path   string // below the base; or a whole URL, which must be of the same scheme and host
	Query  url.Values
	Header http.Header
	Body   []byte      // JSON unless Header names another Content-Type
	Budget pace.Budget // that the call needs besides the client's; nil for none
	ETag   string      // asks for news only: the answer then is [Answer.NotModified], or whole
	// Once says that a repetition could do the work twice. A request that may have arrived is then not sent again here.
	Once bool
	// Accept checks an answer of a good status before it is given out; a transient error asks again. May be nil.
	Accept func(*Answer) error
}

// Answer is a complete answer of a good status.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	URL    *url.URL // that answered; it may hold credentials in its query
}

// NotModified reports whether the vendor says that nothing is newer than the request's ETag.
func (a *Answer) NotModified() bool { return a.Status == http.StatusNotModified }

// Do sends a request until it is answered, cannot be helped, or has failed often enough. Its errors are classified:
// Canceled, ConnectorAuth, NotFound, or ConnectorServer with a retry class, and name what was being done.
func (c *Client) Do(ctx context.Context, r *Request) (*Answer, error) {
	renewed := false
	for failed := 0; ; {
		if ctx.Err() != nil {
			return nil, fault.Wrap(fault.Canceled, context.Cause(ctx), "%s", r.Doing)
		}
		a, used, err := c.try(ctx, r)
		if err == nil {
			return a, nil
		}
		if refused(err) && !renewed && c.o.Auth != nil {
			renewed = true // once: a token that is refused when it is new will be refused again
			again, rerr := c.o.Auth.Renew(ctx, used)
			if rerr != nil {
				return nil, fault.Wrap(fault.CodeOf(rerr), rerr, "%s", r.Doing)
			}
			if again {
				continue
			}
		}
		failed++
		wait, again := c.delay(failed, err, r)
		if !again {
			return nil, fault.Wrap(fault.CodeOf(err), err, "%s", r.Doing)
		}
		if err := pause(ctx, wait); err != nil {
			return nil, fault.Wrap(fault.Canceled, err, "%s", r.Doing)
		}
	}
}

// try sends a request once. It returns the credential that was used, for its renewal.
func (c *Client) try(ctx context.Context, r *Request) (*Answer, string, error) {
	budgets := []pace.Budget{r.Budget, c.o.Budget} // the narrower first: nobody waits with a slot of the wider one in hand
	for _, b := range budgets {
		if b == nil {
			continue
		}
		release, err := b.Take(ctx, 1)
		if err != nil {
			return nil, "", err
		}
		defer release()
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.o.Timeout, context.DeadlineExceeded)
	defer cancel()
	hr, used, err := c.request(ctx, r)
	if err != nil {
		return nil, used, err
	}
	res, err := egress.Do(c.o.HTTP, hr) //nolint:bodyclose // ReadAll closes it
	if err != nil {
		return nil, used, c.scrubbed(timedOut(ctx, err), used)
	}
	c.clock.learn(res.Header, c.o.Now())
	body, err := egress.ReadAll(res, c.o.MaxBody)
	hint := hints(res.Header, res.StatusCode, c.o.Now())
	if c.o.Hint != nil {
		c.o.Hint(res.Header, &hint)
	}
	for _, b := range budgets {
		if b != nil {
			b.Learn(hint)
		}
	}
	if err != nil {
		return nil, used, c.scrubbed(timedOut(ctx, err), used)
	}
	a := &Answer{Status: res.StatusCode, Header: res.Header, Body: body, URL: hr.URL}
	if err := c.classify(a, used); err != nil {
		return nil, used, err
	}
	if r.Accept != nil {
		err = r.Accept(a)
	}
	return a, used, err
}

// request makes what is sent.
func (c *Client) request(ctx context.Context, r *Request) (*http.Request, string, error) {
	u, err := c.url(r)
	if err != nil {
		return nil, "", err
	}
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	var body io.Reader // nil: no body at all
	if r.Body != nil {
		body = bytes.NewReader(r.Body)
	}
	hr, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, "", fault.New(fault.Internal, "making a request to %s", c.o.Vendor)
	}
	hr.Header.Set("Accept", "application/json")
	if r.Body != nil {
		hr.Header.Set("Content-Type", "application/json")
	}
	for _, more := range []http.Header{c.o.Header, r.Header} {
		for name, values := range more {
			hr.Header[name] = values
		}
	}
	if r.ETag != "" {
		hr.Header.Set("If-None-Match", r.ETag)
	}
	if c.o.Auth == nil {
		return hr, "", nil
	}
	used, err := c.o.Auth.Apply(ctx, hr)
	return hr, used, err
}

// url resolves a request's path. A link that a vendor gave may lead nowhere but to the vendor itself: credentials go there.
func (c *Client) url(r *Request) (*url.URL, error) {
	var u *url.URL
	if strings.Contains(r.Path, "://") {
		given, err := url.Parse(r.Path)
		if err != nil || given.Scheme != c.base.Scheme || given.Host != c.base.Host || given.User != nil {
			return nil, fault.New(fault.ConnectorServer, "the answer of %s leads to another host than %s", c.o.Vendor, c.base.Host)
		}
		u = given
	} else {
		path, query, _ := strings.Cut(r.Path, "?")
		given, err := url.Parse(path)
		if err != nil || given.Host != "" || !strings.HasPrefix(path, "/") {
			return nil, fault.New(fault.Internal, "making a request to %s: a path begins with a slash", c.o.Vendor)
		}
		u = c.base.JoinPath(given.EscapedPath())
		u.RawQuery = query
	}
	if len(r.Query) > 0 {
		q := u.Query()
		for name, values := range r.Query {
			q[name] = values
		}
		u.RawQuery = q.Encode()
	}
	u.Fragment = ""
	return u, nil
}

// Follow checks a link that an answer gave and returns it in a form that may be kept: without what is the credential's.
func (c *Client) Follow(link string) (string, error) {
	given, err := url.Parse(link)
	if err != nil {
		return "", fault.New(fault.ConnectorServer, "the answer of %s has a link that is no URL", c.o.Vendor)
	}
	u, err := c.url(&Request{Path: c.base.ResolveReference(given).String()})
	if err != nil {
		return "", err
	}
	if f, ok := c.o.Auth.(fixed); ok && f.param != "" {
		q := u.Query()
		q.Del(f.param)
		u.RawQuery = q.Encode()
	}
	return u.String(), nil
}

// delay is how long to wait after some failures, and whether to try again at all.
func (c *Client) delay(failed int, err error, r *Request) (time.Duration, bool) {
	class, after := fault.RetryOf(err)
	if class == fault.Never || failed >= c.o.Attempts || r.Once && class != fault.Throttled {
		return 0, false
	}
	if after > c.o.MaxWait {
		return 0, false // the caller has better ways to wait long
	}
	top := c.o.MaxWait
	if shift := failed - 1; shift < 20 && c.o.Backoff<<shift < top {
		top = c.o.Backoff << shift
	}
	if after > 0 { // not before; a little later, so that those who were turned away together do not come back together
		return after + time.Duration(rand.Float64()*float64(min(top, time.Second))), true
	}
	return time.Duration(rand.Float64() * float64(top)), true
}

// timedOut turns the end of a try's own time into what it is: an answer that did not come.
func timedOut(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) && fault.Is(err, fault.Canceled) {
		return fault.Temporary(fault.ConnectorServer, nil, "the answer did not come in time")
	}
	return err
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
