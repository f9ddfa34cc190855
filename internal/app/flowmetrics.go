package app

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"weir.dev/weir/flow"
)

// flowMetrics are AppFlow's own, under the names they have in CloudWatch
// (https://docs.aws.amazon.com/appflow/latest/userguide/monitoring-cloudwatch.html), so that dashboards and alarms carry
// over. They are labelled by flow, for the first maxFlowLabels that run in this process; the rest share one label.
type flowMetrics struct {
	started, succeeded, failed, records *prometheus.CounterVec
	milliseconds                        *prometheus.SummaryVec

	mu    sync.Mutex // guards names
	names map[string]bool
}

const (
	maxFlowLabels = 1000
	otherFlows    = "_other" // no flow's name begins with an underscore
)

func newFlowMetrics(r prometheus.Registerer) *flowMetrics {
	f := promauto.With(r)
	counter := func(name, help string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"FlowName"})
	}
	return &flowMetrics{
		started:   counter("FlowExecutionsStarted", "Executions that began."),
		succeeded: counter("FlowExecutionsSucceeded", "Executions that ended well."),
		failed:    counter("FlowExecutionsFailed", "Executions that failed."),
		records:   counter("FlowExecutionRecordsProcessed", "Records that ended executions have read."),
		milliseconds: f.NewSummaryVec(prometheus.SummaryOpts{
			Name: "FlowExecutionTime", Help: "Milliseconds from start to end of an execution.",
		}, []string{"FlowName"}),
		names: map[string]bool{},
	}
}

// label is the flow's name while there is room for it.
func (m *flowMetrics) label(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.names[name] {
		if len(m.names) >= maxFlowLabels {
			return otherFlows
		}
		m.names[name] = true
	}
	return name
}

func (m *flowMetrics) began(flowName string) { m.started.WithLabelValues(m.label(flowName)).Inc() }

func (m *flowMetrics) concluded(x *flow.Execution) {
	name := m.label(x.FlowName)
	m.milliseconds.WithLabelValues(name).Observe(float64(x.UpdatedAt.Sub(x.StartedAt)) / float64(time.Millisecond))
	m.records.WithLabelValues(name).Add(float64(x.Totals.Read))
	switch x.Status {
	case flow.ExecutionSuccessful:
		m.succeeded.WithLabelValues(name).Inc()
	case flow.ExecutionError:
		m.failed.WithLabelValues(name).Inc()
	}
}
