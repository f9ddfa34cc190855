// Package telemetry sets up what operators look at: structured logs, Prometheus metrics and OpenTelemetry traces. It
// makes them once, at start; everyone else is handed what it needs.
package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.26.0"
)

// Config is what a user may set.
type Config struct {
	LogFormat string // "text" or "json"; empty means text
	LogLevel  string // "debug", "info", "warn" or "error"; empty means info
	Version   string
}

// Telemetry is what the rest of the process uses.
type Telemetry struct {
	Log      *slog.Logger
	Registry *prometheus.Registry

	traces   bool // are sent
	shutdown func(context.Context) error
}

// Open sets everything up. Traces are sent when OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is
// set, as OpenTelemetry's own settings say; otherwise tracing costs nothing.
func Open(ctx context.Context, cfg Config, logTo io.Writer) (*Telemetry, error) {
	log, err := newLogger(cfg, logTo)
	if err != nil {
		return nil, err
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	t := &Telemetry{Log: log, Registry: reg, shutdown: func(context.Context) error { return nil }}
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" {
		return t, nil
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("setting up traces: %w", err)
	}
	res, err := resource.Merge(resource.Default(), resource.NewSchemaless(semconv.ServiceName("weir"), semconv.ServiceVersion(cfg.Version)))
	if err != nil {
		return nil, fmt.Errorf("describing this process for traces: %w", err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(res))
	otel.SetTracerProvider(provider)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces", "error", err) }))
	t.traces, t.shutdown = true, provider.Shutdown
	return t, nil
}

func newLogger(cfg Config, w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if cfg.LogLevel != "" {
		if err := level.UnmarshalText([]byte(cfg.LogLevel)); err != nil {
			return nil, fmt.Errorf("reading the log level: %q is not one of debug, info, warn, error", cfg.LogLevel)
		}
	}
	opts := &slog.HandlerOptions{Level: level}
	switch cfg.LogFormat {
	case "", "text":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	}
	return nil, fmt.Errorf("reading the log format: %q is not one of text, json", cfg.LogFormat)
}

// Trace wraps a handler so that each request is a span, continued from the caller's; the handler itself when traces go
// nowhere.
func (t *Telemetry) Trace(h http.Handler) http.Handler {
	if !t.traces {
		return h
	}
	return otelhttp.NewHandler(h, "request", otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string {
		return r.Method + " " + spanPath(r.URL.Path)
	}))
}

// spanPath keeps span names few: a tag path holds an ARN.
func spanPath(p string) string {
	const most = 40
	if len(p) > 6 && p[:6] == "/tags/" {
		return "/tags"
	}
	if len(p) > most {
		return p[:most]
	}
	return p
}

// Close sends what is left.
func (t *Telemetry) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return t.shutdown(ctx)
}
