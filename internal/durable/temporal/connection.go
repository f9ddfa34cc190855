package temporal

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"google.golang.org/grpc"

	"weir.dev/weir/fault"
)

// Connection says where Temporal is.
type Connection struct {
	Address   string // host:port; 127.0.0.1:7233
	Namespace string // "default"
	TLS       bool
	// CertFile and KeyFile are this side's certificate (PEM), CAFile that of who signs the other side's. Any of them means
	// TLS.
	CertFile, KeyFile, CAFile string
	ServerName                string // in the other side's certificate, when it is not the address's host
	// APIKey authorizes calls, as Temporal Cloud wants it. It means TLS. APIKeyFile holds it when it is not set; the file
	// is read for every call, so that it may be replaced.
	APIKey, APIKeyFile string
	// Intercept is asked about every call; nil is not asked. For tests.
	Intercept grpc.UnaryClientInterceptor
}

func (c Connection) needsTLS() bool {
	return c.TLS || c.CertFile != "" || c.KeyFile != "" || c.CAFile != "" || c.APIKey != "" || c.APIKeyFile != ""
}

// options are the client's. Its errors are Validation.
func (c Connection) options(log *slog.Logger) (client.Options, error) {
	o := client.Options{HostPort: c.Address, Namespace: c.Namespace, Logger: sdklog.NewStructuredLogger(quiet(log))}
	var err error
	if o.ConnectionOptions.TLS, err = c.tls(); err != nil {
		return o, err
	}
	switch {
	case c.APIKey != "":
		o.Credentials = client.NewAPIKeyStaticCredentials(c.APIKey)
	case c.APIKeyFile != "":
		if _, err := readKey(c.APIKeyFile); err != nil {
			return o, err
		}
		o.Credentials = client.NewAPIKeyDynamicCredentials(func(context.Context) (string, error) { return readKey(c.APIKeyFile) })
	}
	if c.Intercept != nil {
		o.ConnectionOptions.DialOptions = append(o.ConnectionOptions.DialOptions, grpc.WithChainUnaryInterceptor(c.Intercept))
	}
	return o, nil
}

func readKey(file string) (string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", fault.Wrap(fault.Validation, err, "reading Temporal's API key")
	}
	key := strings.TrimSpace(string(raw))
	if key == "" {
		return "", fault.New(fault.Validation, "reading Temporal's API key: %s is empty", file)
	}
	return key, nil
}

func (c Connection) tls() (*tls.Config, error) {
	if !c.needsTLS() {
		return nil, nil
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName}
	if (c.CertFile == "") != (c.KeyFile == "") {
		return nil, fault.New(fault.Validation, "Temporal's certificate and key go together")
	}
	if c.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fault.Wrap(fault.Validation, err, "reading Temporal's certificate and key")
		}
		out.Certificates = []tls.Certificate{pair}
	}
	if c.CAFile != "" {
		raw, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fault.Wrap(fault.Validation, err, "reading Temporal's certificate authority")
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(raw) {
			return nil, fault.New(fault.Validation, "reading Temporal's certificate authority: no certificate in %s", c.CAFile)
		}
	}
	return out, nil
}

// quiet keeps the client's chatter out of the log: what it calls information is for those who build on Temporal, and its
// warnings come once for every attempt.
func quiet(log *slog.Logger) *slog.Logger { return slog.New(&leveled{log.Handler()}) }

type leveled struct{ slog.Handler }

func (l *leveled) Enabled(ctx context.Context, level slog.Level) bool {
	return l.Handler.Enabled(ctx, level-slog.LevelWarn)
}

func (l *leveled) Handle(ctx context.Context, r slog.Record) error {
	r.Level -= slog.LevelWarn
	r.Message = fmt.Sprintf("temporal: %s", r.Message)
	return l.Handler.Handle(ctx, r)
}

func (l *leveled) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &leveled{l.Handler.WithAttrs(attrs)}
}

func (l *leveled) WithGroup(name string) slog.Handler { return &leveled{l.Handler.WithGroup(name)} }
