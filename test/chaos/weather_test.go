package chaos_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"
)

// trouble is what happens to a request on its way to the object store.
type trouble string

// Troubles.
const (
	serverError trouble = "InternalError 500"
	slowDown    trouble = "SlowDown 503"
	refused     trouble = "InvalidPart 400" // what no second try of the same call can help
	cut         trouble = "connection cut"  // in the middle of what is sent, or of what is answered
	late        trouble = "latency"
	unanswered  trouble = "no answer"
	stalled     trouble = "stall" // the answer stops in the middle, and the connection stays
	lateBy              = 2 * time.Second
	cutAfter            = 100 << 10 // bytes
)

// weather stands between the servers and the object store. Safe for concurrent use.
type weather struct {
	store *httputil.ReverseProxy

	mu      sync.Mutex // guards all below
	kind    trouble
	every   int    // which requests it strikes: every so many
	method  string // of the requests that count; "" for all
	left    int    // how many it still strikes
	seen    int
	strikes int
}

// silent hears of the connections that are broken on purpose.
var silent = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)

// newWeather is fair weather before a store.
func newWeather(t *testing.T, store string) (*weather, string) {
	t.Helper()
	to, err := url.Parse(store)
	require.NoError(t, err)
	w := &weather{}
	w.store = &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host },
		ModifyResponse: w.change,
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	w.store.ErrorLog = silent
	at := httptest.NewServer(w)
	at.Config.ErrorLog = silent
	t.Cleanup(func() { at.CloseClientConnections(); at.Close() })
	return w, at.URL
}

// turn makes the weather strike so many of the requests that come.
func (w *weather) turn(kind trouble, method string, every, left int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kind, w.method, w.every, w.left, w.seen = kind, method, every, left, 0
}

// next says what happens to a request.
func (w *weather) next(r *http.Request) trouble {
	w.mu.Lock()
	defer w.mu.Unlock()
	isAnswerless := (w.kind == stalled) && (r.Method != http.MethodGet || r.URL.Query().Has("list-type"))
	if w.left == 0 || w.method != "" && r.Method != w.method || isAnswerless {
		return ""
	}
	if w.seen++; w.seen%w.every != 0 {
		return ""
	}
	w.left--
	w.strikes++
	return w.kind
}

func (w *weather) struck() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.strikes
}

type struckKey struct{}

func (w *weather) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	switch kind := w.next(r); kind {
	case serverError:
		answer(out, r, http.StatusInternalServerError, "InternalError")
	case slowDown:
		answer(out, r, http.StatusServiceUnavailable, "SlowDown")
	case refused:
		answer(out, r, http.StatusBadRequest, "InvalidPart")
	case unanswered:
		_, _ = io.Copy(io.Discard, r.Body) // the server notices the end of a connection only when the body is read
		<-r.Context().Done()
	case cut:
		if r.Method != http.MethodGet {
			_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
			panic(http.ErrAbortHandler)
		}
		w.store.ServeHTTP(out, r.WithContext(context.WithValue(r.Context(), struckKey{}, kind)))
	case stalled:
		w.store.ServeHTTP(out, r.WithContext(context.WithValue(r.Context(), struckKey{}, kind)))
	case late:
		select {
		case <-time.After(lateBy):
		case <-r.Context().Done():
		}
		w.store.ServeHTTP(out, r)
	default:
		w.store.ServeHTTP(out, r)
	}
}

// answer is an error as S3 gives it. The request is read first, so that the client gets to the answer.
func answer(out http.ResponseWriter, r *http.Request, status int, code string) {
	_, _ = io.Copy(io.Discard, r.Body)
	out.Header().Set("Content-Type", "application/xml")
	out.WriteHeader(status)
	fmt.Fprintf(out, "<Error><Code>%s</Code><Message>The weather is bad.</Message><RequestId>w</RequestId></Error>", code)
}

// change breaks an answer off that is to be struck.
func (w *weather) change(res *http.Response) error {
	if kind, ok := res.Request.Context().Value(struckKey{}).(trouble); ok {
		res.Body = &brokenBody{ReadCloser: res.Body, left: cutAfter, kind: kind, until: res.Request.Context().Done()}
	}
	return nil
}

// brokenBody ends in the middle.
type brokenBody struct {
	io.ReadCloser
	left  int
	kind  trouble
	until <-chan struct{}
}

func (b *brokenBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		if b.kind == stalled {
			<-b.until
		}
		return 0, io.ErrUnexpectedEOF // the proxy breaks the connection off
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// newObjectStore is an empty S3 server.
func newObjectStore(t *testing.T) (at string) {
	t.Helper()
	srv := httptest.NewServer(gofakes3.New(s3mem.New(), gofakes3.WithLogger(gofakes3.DiscardLog())).Server())
	srv.Config.ErrorLog = silent
	t.Cleanup(srv.Close)
	return srv.URL
}
