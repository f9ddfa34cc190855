package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
)

func TestFlowMetrics_HaveAppFlowsNamesAndABound(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	m := newFlowMetrics(r)
	m.began("orders")
	m.concluded(&flow.Execution{
		FlowName: "orders", Status: flow.ExecutionSuccessful, StartedAt: time.Unix(1, 0), UpdatedAt: time.Unix(3, 0), Totals: flow.Totals{Read: 7},
	})
	m.concluded(&flow.Execution{FlowName: "orders", Status: flow.ExecutionError})
	require.NoError(t, testutil.GatherAndCompare(r, strings.NewReader(`
# HELP FlowExecutionRecordsProcessed Records that ended executions have read.
# TYPE FlowExecutionRecordsProcessed counter
FlowExecutionRecordsProcessed{FlowName="orders"} 7
# HELP FlowExecutionTime Milliseconds from start to end of an execution.
# TYPE FlowExecutionTime summary
FlowExecutionTime_sum{FlowName="orders"} 2000
FlowExecutionTime_count{FlowName="orders"} 2
# HELP FlowExecutionsFailed Executions that failed.
# TYPE FlowExecutionsFailed counter
FlowExecutionsFailed{FlowName="orders"} 1
# HELP FlowExecutionsStarted Executions that began.
# TYPE FlowExecutionsStarted counter
FlowExecutionsStarted{FlowName="orders"} 1
# HELP FlowExecutionsSucceeded Executions that ended well.
# TYPE FlowExecutionsSucceeded counter
FlowExecutionsSucceeded{FlowName="orders"} 1
`)))
	for i := range 2 * maxFlowLabels {
		m.began(fmt.Sprint("flow-", i))
	}
	require.Equal(t, maxFlowLabels+1, testutil.CollectAndCount(m.started))
}
