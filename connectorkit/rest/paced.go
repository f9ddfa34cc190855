package rest

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"weir.dev/weir/connectorkit/pace"
)

// Paced is a client that takes each request from a budget, until its answer has been read or closed, and lets the budget
// learn from what vendors' headers say. Waiting counts as a part of the request: its errors are the budget's.
func Paced(client *http.Client, budget pace.Budget, now func() time.Time) *http.Client {
	paced := *client
	next := client.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	paced.Transport = &pacedTransport{next: next, budget: budget, now: now}
	return &paced
}

type pacedTransport struct {
	next   http.RoundTripper
	budget pace.Budget
	now    func() time.Time
}

// RoundTrip implements [http.RoundTripper].
func (t *pacedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	release, err := t.budget.Take(r.Context(), 1)
	if err != nil {
		if r.Body != nil {
			err = errors.Join(err, r.Body.Close()) // a transport always does
		}
		return nil, err
	}
	res, err := t.next.RoundTrip(r)
	if err != nil {
		release()
		return nil, err
	}
	t.budget.Learn(hints(res.Header, res.StatusCode, t.now()))
	res.Body = &heldBody{ReadCloser: res.Body, release: sync.OnceFunc(release)}
	return res, nil
}

// heldBody ends its call with its last byte.
type heldBody struct {
	io.ReadCloser
	release func()
}

func (b *heldBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.release()
	}
	return n, err
}

func (b *heldBody) Close() error {
	b.release()
	return b.ReadCloser.Close()
}
