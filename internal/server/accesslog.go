package server

import (
	"log/slog"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// recorder notes what an answer came to, for the access log.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int
	wrote  bool
}

func (w *recorder) WriteHeader(status int) {
	w.status, w.wrote = status, true
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	w.wrote = true
	n, err := w.ResponseWriter.Write(b)
	w.bytes += n
	return n, err
}

// measure counts requests. Nil counts nothing.
type measure struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMeasure(r prometheus.Registerer) *measure {
	if r == nil {
		return nil
	}
	f := promauto.With(r)
	return &measure{
		requests: f.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_api_requests_total", Help: "API requests by operation, status and error.",
		}, []string{"operation", "status", "error"}),
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "weir_api_request_seconds", Help: "Time to answer an API request, by operation.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .5, 1, 5},
		}, []string{"operation"}),
	}
}

// finish writes the access log line and counts the request.
func (s *Server) finish(r *http.Request, c *call, w *recorder) {
	took := s.Now().Sub(c.began)
	errorName := w.Header().Get("X-Amzn-ErrorType")
	op := c.operation
	if op == "" {
		op = "-"
	}
	if s.measure != nil {
		s.measure.requests.WithLabelValues(op, strconv.Itoa(w.status), errorName).Inc()
		s.measure.seconds.WithLabelValues(op).Observe(took.Seconds())
	}
	if c.isQuiet || !s.Logger.Enabled(r.Context(), slog.LevelInfo) {
		return
	}
	s.Logger.LogAttrs(r.Context(), slog.LevelInfo, "request",
		slog.String("request", c.requestID), slog.String("operation", op), slog.String("method", clip(r.Method)), slog.String("path", clip(r.URL.Path)),
		slog.Int("status", w.status), slog.String("error", errorName), slog.Int("bytes", w.bytes), slog.Float64("ms", float64(took.Microseconds())/1000),
		slog.String("key", c.keyID), slog.String("ip", c.sourceIP))
}

func metricsPage(g prometheus.Gatherer) http.Handler {
	return promhttp.HandlerFor(g, promhttp.HandlerOpts{})
}
