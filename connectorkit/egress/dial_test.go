package egress_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectorkit/egress"
	"weir.dev/weir/fault"
)

// echo is a server that says what it is told.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(conn, conn); conn.Close() }()
		}
	}()
	return l.Addr().String()
}

func talk(t *testing.T, conn net.Conn) {
	t.Helper()
	defer conn.Close()
	_, err := conn.Write([]byte("hello\n"))
	require.NoError(t, err)
	line, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "hello\n", line)
}

func TestDial_KeepsToThePolicy(t *testing.T) {
	t.Parallel()
	address := echo(t)
	for _, plain := range []bool{true, false} {
		conn, err := egress.Options{Policy: policy(t, "127.0.0.0/8")}.Dial(t.Context(), address, plain)
		require.NoError(t, err)
		talk(t, conn)
		_, err = egress.Options{}.Dial(t.Context(), address, plain)
		require.True(t, fault.Is(err, fault.Validation), "%v", err)
		require.ErrorContains(t, err, "--allow-network 127.0.0.1/32")
	}
	for target, want := range map[string]string{
		"2130706433:443": "ends in a number", "169.254.169.254:443": "own credentials", "[::1]:443": "not a public address", "nowhere": "not a host and a port",
	} {
		_, err := egress.Options{}.Dial(t.Context(), target, false)
		require.ErrorContains(t, err, want, target)
	}
	_, err := egress.Options{Resolver: dns(t, "93.184.216.34")}.Dial(t.Context(), "public.example.com:80", true)
	require.ErrorContains(t, err, "https only")
}

// proxyOf is a proxy that leads every tunnel to one address, or refuses it.
func proxyOf(t *testing.T, status, to string, asked chan<- *http.Request) *url.URL {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			here, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer here.Close()
				r, err := http.ReadRequest(bufio.NewReader(here))
				if err != nil {
					return
				}
				asked <- r
				io.WriteString(here, "HTTP/1.1 "+status+"\r\n\r\n")
				there, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer there.Close()
				go io.Copy(there, here)
				io.Copy(here, there)
			}()
		}
	}()
	return &url.URL{Scheme: "http", Host: l.Addr().String(), User: url.UserPassword("u", "canary")}
}

func TestDial_TakesTheOperatorsProxy(t *testing.T) {
	t.Parallel()
	asked := make(chan *http.Request, 2)
	o := egress.Options{Proxy: proxyOf(t, "200 OK", echo(t), asked)}
	conn, err := o.Dial(t.Context(), "events.example.com:7443", false)
	require.NoError(t, err)
	talk(t, conn)
	r := <-asked
	require.Equal(t, http.MethodConnect, r.Method)
	require.Equal(t, "events.example.com:7443", r.Host)
	require.Equal(t, "Basic dTpjYW5hcnk=", r.Header.Get("Proxy-Authorization"))
	_, err = o.Dial(t.Context(), "events.example.com:80", true)
	require.ErrorContains(t, err, "https only")
	_, err = o.Dial(t.Context(), "10.0.0.1:443", false)
	require.ErrorContains(t, err, "not a public address")

	o.Proxy = proxyOf(t, "403 Forbidden", echo(t), asked)
	_, err = o.Dial(t.Context(), "events.example.com:443", false)
	require.ErrorContains(t, err, "403 Forbidden")
	require.NotContains(t, err.Error(), "canary")
	retry, _ := fault.RetryOf(err)
	require.Equal(t, fault.Transient, retry)
}

func TestDial_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") // a proxy that never answers
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := egress.Options{Proxy: &url.URL{Scheme: "http", Host: l.Addr().String()}}.Dial(ctx, "events.example.com:443", false)
		done <- err
	}()
	conn, err := l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	cancel()
	select {
	case err := <-done:
		require.Error(t, err)
	case <-time.After(5 * time.Second):
		require.Fail(t, "it waits for the proxy")
	}
}
