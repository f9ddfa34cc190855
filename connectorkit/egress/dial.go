package egress

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"weir.dev/weir/fault"
)

// Dial opens a connection to a host and port, for protocols that [NewClient]'s client does not speak. It keeps the same
// rules: which addresses may be reached, and the way through the operator's proxy. Plain says that no TLS will be spoken
// on the connection; otherwise the caller speaks it. Errors are Validation for an address that may not be reached.
func (o Options) Dial(ctx context.Context, address string, plainText bool) (net.Conn, error) {
	if o.Policy == nil {
		o.Policy = &Policy{}
	}
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = defaultConnect
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fault.New(fault.Validation, "dialing: the address is not a host and a port")
	}
	isAddress, err := checkHost(host)
	if err != nil {
		return nil, err
	}
	if o.Proxy != nil && !isAddress && !isLocalName(host) {
		if plainText {
			return nil, needsTLS(host)
		}
		return o.dialThroughProxy(ctx, address)
	}
	if plainText {
		ctx = context.WithValue(ctx, plain{}, true)
	}
	dialer := &net.Dialer{Timeout: o.ConnectTimeout, KeepAlive: keepAlive, Resolver: o.Resolver, ControlContext: o.checkDial}
	return dialer.DialContext(ctx, "tcp", address)
}

// dialThroughProxy asks the operator's proxy for a tunnel.
func (o Options) dialThroughProxy(ctx context.Context, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, o.ConnectTimeout)
	defer cancel()
	dialer := &net.Dialer{KeepAlive: keepAlive, Resolver: o.Resolver}
	conn, err := dialer.DialContext(ctx, "tcp", proxyAddress(o.Proxy))
	if err != nil {
		return nil, fault.Temporary(fault.ConnectorServer, err, "reaching the proxy")
	}
	if o.Proxy.Scheme == "https" {
		c := o.tls()
		c.ServerName = o.Proxy.Hostname()
		conn = tls.Client(conn, c)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // what is read or written ends at once
	tunnel, err := o.connect(conn, address)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, fault.Temporary(fault.ConnectorServer, err, "asking the proxy for %s", address)
	}
	return tunnel, nil
}

// connect sends a CONNECT and reads its answer.
func (o Options) connect(conn net.Conn, address string) (net.Conn, error) {
	r := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{}}
	if user := o.Proxy.User; user != nil {
		password, _ := user.Password()
		r.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	if err := r.Write(conn); err != nil {
		return nil, err
	}
	in := bufio.NewReader(io.LimitReader(conn, maxHeaderBytes))
	res, err := http.ReadResponse(in, r)
	if err != nil {
		return nil, err
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fault.New(fault.ConnectorServer, "it answered %s", res.Status)
	}
	if in.Buffered() > 0 {
		return nil, fault.New(fault.ConnectorServer, "it spoke before it was spoken to")
	}
	return conn, nil
}

func proxyAddress(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}
