// Package egress is the one way out: the HTTP client with which connectors, token requests and checks of credentials
// reach vendors. It decides which addresses may be reached at all, bounds what can hang or grow, and keeps URLs and
// headers, where credentials travel, out of every error.
//
// Hosts come from people who may define profiles, and from vendors' answers; neither may lead Weir into the operator's
// own network. Only public addresses are dialed unless [Policy] opens others, and the check is made on the very address
// that a connection is opened to, after name resolution, so that a name cannot point elsewhere between check and use.
//
// The package knows no vendor. It follows no proxy settings of the environment: see [Options.Proxy].
package egress

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"weir.dev/weir/fault"
)

// Options say how a client behaves. The zero value of a field means its default.
type Options struct {
	Policy  *Policy // nil opens public addresses only
	Version string  // of this build, for the User-Agent
	// Proxy is the operator's HTTP proxy, as http://proxy.corp:3128. Everything but the addresses that Policy names goes
	// through it by CONNECT, and it is the proxy that resolves names then, so it has to keep them out of the inside by
	// itself; addresses written as numbers are still checked here.
	Proxy *url.URL
	// Middle wraps the transport, the first innermost: retries, pacing, counting.
	Middle []func(http.RoundTripper) http.RoundTripper
	// Resolver looks names up; nil is the system's.
	Resolver *net.Resolver
	// TLS is for tests with certificates of their own.
	TLS *tls.Config

	ConnectTimeout time.Duration // for one connection; 10 s
	AnswerTimeout  time.Duration // from the request's end to the answer's head; 2 min
	StallTimeout   time.Duration // between two pieces of an answer's body; 1 min
}

const (
	maxHeaderBytes   = 256 << 10
	maxRedirects     = 5
	connectionsAHost = 64
	defaultConnect   = 10 * time.Second
	keepAlive        = 30 * time.Second
)

// NewClient makes a client. It is safe for concurrent use, keeps connections, keeps no cookies, decompresses gzip, and
// has no deadline of its own for a whole exchange: what moves may take long, what stands still ends.
func NewClient(o Options) *http.Client {
	if o.Policy == nil {
		o.Policy = &Policy{}
	}
	for _, d := range []struct {
		p         *time.Duration
		otherwise time.Duration
	}{{&o.ConnectTimeout, defaultConnect}, {&o.AnswerTimeout, 2 * time.Minute}, {&o.StallTimeout, time.Minute}} {
		if *d.p == 0 {
			*d.p = d.otherwise
		}
	}
	g := &gate{options: o, direct: o.transport(o.checkDial)}
	if o.Proxy != nil {
		proxied := o.transport(nil) // what it dials is the operator's proxy alone
		proxied.Proxy = http.ProxyURL(o.Proxy)
		g.proxied = proxied
	}
	var trip http.RoundTripper = g
	for _, wrap := range o.Middle {
		trip = wrap(trip)
	}
	return &http.Client{Transport: trip, CheckRedirect: checkRedirect}
}

func (o *Options) transport(check func(context.Context, string, string, syscall.RawConn) error) *http.Transport {
	dialer := &net.Dialer{Timeout: o.ConnectTimeout, KeepAlive: keepAlive, Resolver: o.Resolver, ControlContext: check}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        o.tls(),
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    o.ConnectTimeout,
		ResponseHeaderTimeout:  o.AnswerTimeout,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    16,
		MaxConnsPerHost:        connectionsAHost,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
}

func (o *Options) tls() *tls.Config {
	c := o.TLS.Clone()
	if c == nil {
		c = &tls.Config{}
	}
	c.MinVersion = tls.VersionTLS12
	return c
}

// gate looks at every request before a transport does.
type gate struct {
	options Options
	direct  http.RoundTripper
	proxied http.RoundTripper // nil without a proxy
}

// plain marks the context of a request without TLS, for checkDial.
type plain struct{}

func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	next, err := g.way(r)
	if err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	ctx := r.Context()
	if r.URL.Scheme == "http" {
		ctx = context.WithValue(ctx, plain{}, true)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	r = r.Clone(ctx)
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", "Weir/"+orText(g.options.Version, "dev"))
	}
	res, err := next.RoundTrip(r)
	if err != nil {
		cancel(err)
		return nil, err
	}
	res.Body = watch(ctx, cancel, res.Body, g.options.StallTimeout)
	return res, nil
}

// way refuses a request that can be told to be wrong without looking its host up, and picks the transport.
func (g *gate) way(r *http.Request) (http.RoundTripper, error) {
	if r.URL.Scheme != "https" && r.URL.Scheme != "http" {
		return nil, fault.New(fault.Validation, "only https and http URLs can be reached, not %q", r.URL.Scheme)
	}
	if r.URL.User != nil {
		return nil, fault.New(fault.Validation, "a URL with a user name or a password in it is refused; credentials belong into the profile")
	}
	host := r.URL.Hostname()
	isAddress, err := checkHost(host)
	if err != nil {
		return nil, err
	}
	if g.proxied == nil || isAddress || isLocalName(host) {
		return g.direct, nil
	}
	if r.URL.Scheme == "http" {
		return nil, needsTLS(host)
	}
	return g.proxied, nil
}

// checkDial is asked by the dialer, once the name is resolved, with the address that it is about to connect to.
func (o *Options) checkDial(ctx context.Context, _, address string, _ syscall.RawConn) error {
	dialed, err := netip.ParseAddrPort(address)
	if err != nil {
		return fault.New(fault.Internal, "checking the address %q: it is not one", address)
	}
	return o.Policy.Check(dialed.Addr(), ctx.Value(plain{}) != nil)
}

func isLocalName(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func orText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
