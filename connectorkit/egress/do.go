package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"weir.dev/weir/fault"
)

// Do sends a request and classifies what goes wrong before there is an answer. Errors name the host and nothing else of
// the URL: queries may hold secrets. Canceled when ctx ended; Validation for an address that may not be reached;
// ConnectorServer otherwise, worth another try unless the certificate is bad.
func Do(client *http.Client, r *http.Request) (*http.Response, error) {
	res, err := client.Do(r)
	if err == nil {
		return res, nil
	}
	if res != nil { // a refused redirect
		res.Body.Close()
	}
	return nil, classify(r, err)
}

func classify(r *http.Request, err error) error {
	var withURL *url.Error
	if errors.As(err, &withURL) {
		err = withURL.Err
	}
	doing := "reaching " + r.URL.Host
	if ctx := r.Context(); ctx.Err() != nil && !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return fault.Wrap(fault.Canceled, context.Cause(ctx), "%s", doing)
	}
	var known *fault.Error
	if errors.As(err, &known) {
		return fault.Wrap(known.Code, known, "%s", doing) // without the dialer's own words around it
	}
	if isTimeout(err) {
		return fault.Temporary(fault.ConnectorServer, nil, "%s: it did not answer in time", doing)
	}
	if isBadCertificate(err) {
		return fault.Wrap(fault.ConnectorServer, err, "%s", doing)
	}
	return fault.Temporary(fault.ConnectorServer, err, "%s", doing)
}

func isTimeout(err error) bool {
	var timed net.Error
	return errors.As(err, &timed) && timed.Timeout()
}

func isBadCertificate(err error) bool {
	return errors.As(err, new(*tls.CertificateVerificationError)) || errors.As(err, new(x509.UnknownAuthorityError)) ||
		errors.As(err, new(x509.HostnameError)) || errors.As(err, new(x509.CertificateInvalidError))
}

// ReadAll reads an answer of up to max bytes, counted after decompression, and closes it.
func ReadAll(res *http.Response, max int64) ([]byte, error) {
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, max+1))
	host := "the vendor"
	if res.Request != nil {
		host = res.Request.URL.Host
	}
	switch {
	case fault.Is(err, fault.Canceled):
		return nil, err
	case err != nil:
		return nil, fault.Temporary(fault.ConnectorServer, err, "reading the answer of %s", host)
	case int64(len(body)) > max:
		return nil, fault.New(fault.ConnectorServer, "reading the answer of %s: it is longer than %d bytes", host, max)
	}
	return body, nil
}

// checkRedirect follows a redirect only to the very same host, and never turns a request into another kind. Whatever a
// connector puts into headers and bodies was meant for one host; Go's own rules keep back the Authorization header alone.
func checkRedirect(next *http.Request, via []*http.Request) error {
	first, last := via[0], via[len(via)-1]
	switch {
	case len(via) > maxRedirects:
		return fault.New(fault.ConnectorServer, "it redirects more than %d times", maxRedirects)
	case next.URL.Scheme != first.URL.Scheme || next.URL.Host != first.URL.Host:
		return fault.New(fault.ConnectorServer, "it redirects to another host, %s; if that is the right one, name it in the profile", origin(next.URL))
	case next.Method != last.Method:
		return fault.New(fault.ConnectorServer, "it redirects a %s request, as to a page for signing in", last.Method)
	}
	return nil
}

func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// watched is an answer's body that ends when nothing comes any more. For one goroutine, but Close may come from another.
type watched struct {
	body    io.ReadCloser
	ctx     context.Context
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	patient time.Duration
	once    sync.Once
}

var errStalled = errors.New("nothing more of the answer came for a while")

func watch(ctx context.Context, cancel context.CancelCauseFunc, body io.ReadCloser, patience time.Duration) *watched {
	w := &watched{body: body, ctx: ctx, cancel: cancel, patient: patience}
	w.timer = time.AfterFunc(patience, func() { cancel(errStalled) })
	w.timer.Stop() // it runs during reads only: a slow consumer is no stall
	return w
}

func (w *watched) Read(p []byte) (int, error) {
	w.timer.Reset(w.patient)
	n, err := w.body.Read(p)
	w.timer.Stop()
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	switch cause := context.Cause(w.ctx); {
	case errors.Is(cause, errStalled):
		return n, fault.Temporary(fault.ConnectorServer, cause, "after %s", w.patient)
	case cause != nil:
		return n, fault.Wrap(fault.Canceled, cause, "reading an answer")
	}
	return n, err
}

func (w *watched) Close() error {
	err := w.body.Close()
	w.once.Do(func() { w.timer.Stop(); w.cancel(nil) })
	return err
}
