package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"weir.dev/weir/fault"
)

// Listen opens the address to serve on. It warns, once, about an address others can reach without TLS.
func (a *App) Listen() (net.Listener, string, error) {
	l, err := net.Listen("tcp", a.Config.Listen)
	if err != nil {
		return nil, "", fmt.Errorf("listening on %s: %w", a.Config.Listen, err)
	}
	scheme := "http"
	if a.Config.TLSCert != "" {
		cert, err := tls.LoadX509KeyPair(a.Config.TLSCert, a.Config.TLSKey)
		if err != nil {
			l.Close()
			return nil, "", fault.Wrap(fault.Validation, err, "reading --tls-cert and --tls-key")
		}
		scheme = "https"
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}})
	} else if addr, ok := l.Addr().(*net.TCPAddr); ok && !addr.IP.IsLoopback() {
		a.Log.Warn("serving without TLS on an address that others can reach; signatures protect requests, nothing hides their content", "address", addr.String())
	}
	return l, scheme + "://" + l.Addr().String(), nil
}

// Serve answers requests until ctx ends, then drains: no new requests, running splits reach a checkpoint, and what is
// unfinished goes on at the next start.
func (a *App) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler:           a.telemetry.Trace(a.Server),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(a.Log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	a.Log.Info("draining")
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.Config.DrainTimeout)
	defer cancel()
	err := srv.Shutdown(stop)
	if err != nil {
		srv.Close()
	}
	return errors.Join(err, a.Engine.Drain(stop))
}
