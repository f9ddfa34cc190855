package server_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/aws/aws-sdk-go-v2/service/appflow/types"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/server"
)

// distant is a runner whose engine is elsewhere, and away as long as err is not nil.
type distant struct {
	*runner
	err error
}

func (d *distant) Ready(context.Context) error { return d.err }

func TestStartFlow_WritesNothingWhileTheEngineIsAway(t *testing.T) {
	t.Parallel()
	away := &distant{err: fault.Temporary(fault.Internal, nil, "Temporal at db-1.internal:7233 cannot be reached")}
	g := newRig(t, func(o *server.Options) {
		away.runner = o.Runner.(*runner)
		o.Runner = away
	})
	g.post("/create-flow", flowJSON("orders"))
	name := "orders"
	_, err := g.client("us-east-1").StartFlow(t.Context(), &appflow.StartFlowInput{FlowName: &name}, func(o *appflow.Options) { o.RetryMaxAttempts = 1 })
	var refused *types.InternalServerException
	require.ErrorAs(t, err, &refused)
	require.Contains(t, refused.ErrorMessage(), "Temporal")
	require.NotContains(t, refused.ErrorMessage(), "db-1.internal")
	require.Empty(t, away.started)
	require.Empty(t, g.post("/describe-flow-execution-records", `{"flowName":"orders"}`)["flowExecutions"])
	away.err = nil
	require.NotEmpty(t, g.post("/start-flow", `{"flowName":"orders"}`)["executionId"])
	require.Len(t, away.started, 1)
}
