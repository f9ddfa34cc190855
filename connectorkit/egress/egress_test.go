package egress_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"weir.dev/weir/connectorkit/egress"
	"weir.dev/weir/fault"
)

func send(t testing.TB, c *http.Client, method, target string, body io.Reader) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, body)
	require.NoError(t, err)
	res, err := egress.Do(c, r)
	if err == nil {
		t.Cleanup(func() { res.Body.Close() })
	}
	return res, err
}

func TestClient_ReachesWhatIsOpenAndSaysWhoItIs(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.UserAgent()) }))
	t.Cleanup(srv.Close)
	_, err := send(t, egress.NewClient(egress.Options{}), http.MethodGet, srv.URL+"/?secret=canary", nil)
	require.EqualError(t, err, "reaching "+strings.TrimPrefix(srv.URL, "http://")+": 127.0.0.1 is not a public address; the operator opens it with --allow-network 127.0.0.1/32")
	require.True(t, fault.Is(err, fault.Validation))
	res, err := send(t, egress.NewClient(egress.Options{Policy: policy(t, "127.0.0.0/8"), Version: "1.2"}), http.MethodGet, srv.URL, nil)
	require.NoError(t, err)
	text, err := egress.ReadAll(res, 100)
	require.NoError(t, err)
	require.Equal(t, "Weir/1.2", string(text))
}

func TestClient_RefusesAddressesInDisguise(t *testing.T) {
	t.Parallel()
	c := egress.NewClient(egress.Options{})
	for target, want := range map[string]string{
		"http://2130706433/":             "ends in a number",
		"http://0x7f000001/":             "ends in a number",
		"http://0177.0.0.1/":             "ends in a number",
		"http://127.1/":                  "ends in a number",
		"http://127.0.0.1./":             "ends in a number",
		"http://a.0x7f/":                 "ends in a number",
		"http://[::ffff:127.0.0.1]/":     "not a public address",
		"http://[::1]/":                  "not a public address",
		"http://[64:ff9b::7f00:1]/":      "not a public address",
		"http://[fe80::1%25lo]/":         "own credentials",
		"http://169.254.169.254/latest/": "own credentials",
		"http://0.0.0.0/":                "not a public address",
		"https://user:pw@example.com/":   "belong into the profile",
		"ftp://example.com/":             "only https and http",
		"http:///x":                      "no host",
	} {
		_, err := send(t, c, http.MethodGet, target, nil)
		require.ErrorContains(t, err, want, target)
		require.True(t, fault.Is(err, fault.Validation), target)
		require.NotContains(t, err.Error(), "pw@")
	}
}

// dns is a name server that answers every question with the next of some addresses.
func dns(t testing.TB, answers ...string) *net.Resolver {
	t.Helper()
	var asked atomic.Int64
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			size := make([]byte, 2)
			for {
				if _, err := io.ReadFull(server, size); err != nil {
					return
				}
				question := make([]byte, int(size[0])<<8|int(size[1]))
				if _, err := io.ReadFull(server, question); err != nil {
					return
				}
				var m dnsmessage.Message
				if m.Unpack(question) != nil {
					return
				}
				m.Response, m.Additionals = true, nil
				if m.Questions[0].Type == dnsmessage.TypeA {
					at := min(int(asked.Add(1)), len(answers)) - 1
					m.Answers = []dnsmessage.Resource{{
						Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET},
						Body:   &dnsmessage.AResource{A: [4]byte(net.ParseIP(answers[at]).To4())},
					}}
				}
				packed, err := m.Pack()
				if err != nil {
					return
				}
				if _, err := server.Write(append([]byte{byte(len(packed) >> 8), byte(len(packed))}, packed...)); err != nil {
					return
				}
			}
		}()
		return client, nil
	}}
}

// A name that points outside when it is looked up first, and inside the next time, gets nowhere: the address that is
// dialed is the one that was checked.
func TestClient_NamesCannotPointInside(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(srv.Close)
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	require.NoError(t, err)
	for name, answers := range map[string][]string{"at once": {"127.0.0.1"}, "after a while": {"192.0.2.1", "127.0.0.1"}} {
		c := egress.NewClient(egress.Options{Resolver: dns(t, answers...), TLS: &tls.Config{InsecureSkipVerify: true}}) //nolint:gosec // a test's own server
		for range 3 {
			_, err := send(t, c, http.MethodGet, "https://rebind.example.com:"+port+"/", nil)
			require.ErrorContains(t, err, "not a public address", name)
		}
	}
	require.Zero(t, reached.Load())
	c := egress.NewClient(egress.Options{Policy: policy(t, "127.0.0.1"), Resolver: dns(t, "127.0.0.1"), TLS: &tls.Config{InsecureSkipVerify: true}}) //nolint:gosec // a test's own server
	_, err = send(t, c, http.MethodGet, "https://inside.example.com:"+port+"/", nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, reached.Load())
}

func TestClient_FollowsRedirectsToTheSameHostOnly(t *testing.T) {
	t.Parallel()
	var leaked atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { leaked.Store(true) }))
	t.Cleanup(other.Close)
	mux := http.NewServeMux()
	mux.HandleFunc("/end", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		io.WriteString(w, r.Method+" "+r.Header.Get("X-Api-Key")+" "+string(body))
	})
	mux.Handle("/same", http.RedirectHandler("/end", http.StatusFound))
	mux.Handle("/kept", http.RedirectHandler("/end", http.StatusPermanentRedirect))
	mux.Handle("/other", http.RedirectHandler(other.URL+"/?token=canary", http.StatusTemporaryRedirect))
	mux.Handle("/loop", http.RedirectHandler("/loop", http.StatusFound))
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	c := egress.NewClient(egress.Options{Policy: policy(t, "127.0.0.0/8")})
	for _, test := range []struct{ method, path, want, err string }{
		{http.MethodGet, "/same", "GET key ", ""},
		{http.MethodPost, "/kept", "POST key form", ""},
		{http.MethodPost, "/same", "", "redirects a POST request"},
		{http.MethodGet, "/other", "", "redirects to another host, " + other.URL + ";"},
		{http.MethodPost, "/other", "", "redirects to another host"},
		{http.MethodGet, "/loop", "", "more than 5 times"},
	} {
		var body io.Reader
		if test.method == http.MethodPost {
			body = strings.NewReader("form")
		}
		r, err := http.NewRequestWithContext(t.Context(), test.method, srv.URL+test.path, body)
		require.NoError(t, err)
		r.Header.Set("X-Api-Key", "key")
		res, err := egress.Do(c, r)
		if test.err != "" {
			require.ErrorContains(t, err, test.err)
			require.NotContains(t, err.Error(), "canary")
			require.True(t, fault.Is(err, fault.ConnectorServer))
			continue
		}
		require.NoError(t, err)
		text, err := egress.ReadAll(res, 100)
		require.NoError(t, err)
		require.Equal(t, test.want, string(text))
	}
	require.False(t, leaked.Load(), "the other host saw nothing")
}

func TestReadAll_BoundsWhatUnpacks(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, err := z.Write(make([]byte, 8<<20))
	require.NoError(t, errors.Join(err, z.Close()))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(bomb.Bytes())
	}))
	t.Cleanup(srv.Close)
	c := egress.NewClient(egress.Options{Policy: policy(t, "127.0.0.0/8")})
	res, err := send(t, c, http.MethodGet, srv.URL, nil)
	require.NoError(t, err)
	_, err = egress.ReadAll(res, 1<<20)
	require.ErrorContains(t, err, "longer than 1048576 bytes")
	res, err = send(t, c, http.MethodGet, srv.URL, nil)
	require.NoError(t, err)
	body, err := egress.ReadAll(res, 8<<20)
	require.NoError(t, err)
	require.Len(t, body, 8<<20)
}

func TestClient_EndsWhatStandsStill(t *testing.T) {
	t.Parallel()
	held := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			w.Write([]byte("half"))
			w.(http.Flusher).Flush()
		}
		select {
		case <-held:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(srv.Close)
	t.Cleanup(func() { close(held) })
	c := egress.NewClient(egress.Options{Policy: policy(t, "127.0.0.0/8"), AnswerTimeout: 50 * time.Millisecond, StallTimeout: 50 * time.Millisecond})
	_, err := send(t, c, http.MethodGet, srv.URL+"/head?secret=canary", nil)
	require.EqualError(t, err, "reaching "+strings.TrimPrefix(srv.URL, "http://")+": it did not answer in time")
	retry, _ := fault.RetryOf(err)
	require.Equal(t, fault.Transient, retry)
	res, err := send(t, c, http.MethodGet, srv.URL+"/body", nil)
	require.NoError(t, err)
	_, err = egress.ReadAll(res, 100)
	require.ErrorContains(t, err, "nothing more of the answer came")
	retry, _ = fault.RetryOf(err)
	require.Equal(t, fault.Transient, retry)
}

func TestDo_ClassifiesWithoutTheURL(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	c := egress.NewClient(egress.Options{Policy: policy(t, "127.0.0.0/8")})
	_, err := send(t, c, http.MethodGet, gone.URL+"/path?client_secret=canary", nil)
	require.True(t, fault.Is(err, fault.ConnectorServer))
	require.Contains(t, err.Error(), "connection refused")
	require.NotContains(t, err.Error(), "canary")
	retry, _ := fault.RetryOf(err)
	require.Equal(t, fault.Transient, retry)

	stranger := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(stranger.Close)
	_, err = send(t, c, http.MethodGet, stranger.URL, nil)
	require.True(t, fault.Is(err, fault.ConnectorServer))
	require.Contains(t, err.Error(), "certificate")
	retry, _ = fault.RetryOf(err)
	require.Equal(t, fault.Never, retry)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, stranger.URL, nil)
	require.NoError(t, err)
	_, err = egress.Do(c, r)
	require.True(t, fault.Is(err, fault.Canceled))
}

func TestClient_TakesTheOperatorsProxyForNames(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "through") }))
	t.Cleanup(srv.Close)
	var asked atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Method + " " + r.Host)
		there, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		here, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { io.Copy(there, here); there.Close() }()
		go func() { io.Copy(here, there); here.Close() }()
	}))
	t.Cleanup(proxy.Close)
	u, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	c := egress.NewClient(egress.Options{Proxy: u, TLS: &tls.Config{InsecureSkipVerify: true}}) //nolint:gosec // a test's own server
	res, err := send(t, c, http.MethodGet, "https://vendor.example.com/", nil)
	require.NoError(t, err)
	text, err := egress.ReadAll(res, 100)
	require.NoError(t, err)
	require.Equal(t, "through", string(text))
	require.Equal(t, "CONNECT vendor.example.com:443", asked.Load())
	for target, want := range map[string]string{
		srv.URL:                      "not a public address",
		"https://localhost/":         "not a public address",
		"https://169.254.169.254/":   "own credentials",
		"http://vendor.example.com/": "https only",
	} {
		_, err := send(t, c, http.MethodGet, target, nil)
		require.ErrorContains(t, err, want, target)
	}
}

// counted is a middle that counts requests.
type counted struct {
	next http.RoundTripper
	n    *atomic.Int64
}

func (c counted) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return c.next.RoundTrip(r)
}

func TestNewClient_WrapsItsMiddle(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(srv.Close)
	var n atomic.Int64
	c := egress.NewClient(egress.Options{Policy: policy(t, "127.0.0.0/8"), Middle: []func(http.RoundTripper) http.RoundTripper{
		func(next http.RoundTripper) http.RoundTripper { return counted{next, &n} },
	}})
	_, err := send(t, c, http.MethodGet, srv.URL, nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, n.Load())
}
