package app

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"weir.dev/weir/flow"
)

// runMetrics count executions as they end. Flows are not labels: there may be thousands, and the history has them.
type runMetrics struct {
	executions *prometheus.CounterVec
	records    *prometheus.CounterVec
	bytes      *prometheus.CounterVec
	seconds    prometheus.Histogram
}

func newRunMetrics(r prometheus.Registerer) *runMetrics {
	f := promauto.With(r)
	return &runMetrics{
		executions: f.NewCounterVec(prometheus.CounterOpts{Name: "weir_executions_total", Help: "Executions that ended, by status and cause."}, []string{"status", "code"}),
		records:    f.NewCounterVec(prometheus.CounterOpts{Name: "weir_records_total", Help: "Records of ended executions, by what became of them."}, []string{"outcome"}),
		bytes:      f.NewCounterVec(prometheus.CounterOpts{Name: "weir_bytes_total", Help: "Bytes read from sources and written to destinations."}, []string{"direction"}),
		seconds: f.NewHistogram(prometheus.HistogramOpts{
			Name: "weir_execution_seconds", Help: "Time from start to end of an execution.",
			Buckets: []float64{.05, .1, .5, 1, 5, 15, 60, 300, 1800, 7200, 43200},
		}),
	}
}

func (m *runMetrics) concluded(x *flow.Execution) {
	m.executions.WithLabelValues(string(x.Status), x.Code).Inc()
	m.seconds.Observe(x.UpdatedAt.Sub(x.StartedAt).Seconds())
	for outcome, n := range map[string]int64{
		"read": x.Totals.Read, "filtered": x.Totals.Filtered, "rejected": x.Totals.Rejected, "deduplicated": x.Totals.Deduplicated, "written": x.Totals.Written,
	} {
		m.records.WithLabelValues(outcome).Add(float64(n))
	}
	m.bytes.WithLabelValues("read").Add(float64(x.Totals.BytesRead))
	m.bytes.WithLabelValues("written").Add(float64(x.Totals.BytesWritten))
}
