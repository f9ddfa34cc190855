package server_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
)

const conflict = "ConflictException"

func TestClientToken_CreateFlowTakesEffectOnce(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	first := g.post("/create-flow", flowJSON("orders", `"clientToken":"t1"`))
	require.Equal(t, first, g.post("/create-flow", flowJSON("orders", `"clientToken":"t1"`)), "the same request has the same answer")

	g.refused("/create-flow", flowJSON("orders", `"clientToken":"t1"`, `"description":"other"`), 409, conflict, "clientToken was used before with other parameters")
	g.refused("/create-flow", flowJSON("invoices", `"clientToken":"t1"`), 409, conflict, "clientToken was used before")
	g.refused("/create-flow", flowJSON("orders", `"clientToken":"t2"`), 409, conflict, "Flow with name orders already exists.")
	g.refused("/create-flow", flowJSON("orders"), 409, conflict, "Flow with name orders already exists.")

	g.clock.advance(8 * time.Hour)
	require.Equal(t, first, g.post("/create-flow", flowJSON("orders", `"clientToken":"t1"`)), "valid for eight hours")
	g.clock.advance(time.Second)
	g.refused("/create-flow", flowJSON("orders", `"clientToken":"t1"`), 409, conflict, "already exists")
	g.post("/create-flow", flowJSON("invoices", `"clientToken":"t1"`))
}

func TestClientToken_RefusedRequestDoesNotUseItUp(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.refused("/create-flow", scheduledBadly("orders", `"clientToken":"t1"`), 400, "ValidationException", "rate(")
	g.post("/create-flow", flowJSON("orders", `"clientToken":"t1"`))
}

func TestClientToken_BelongsToItsOperationAndRegion(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.post("/create-flow", flowJSON("orders", `"clientToken":"t1"`))
	g.post("/update-flow", flowJSON("orders", `"clientToken":"t1"`))
	g.post("/start-flow", `{"flowName":"orders","clientToken":"t1"}`)
	other := g.request(http.MethodPost, "/create-flow", flowJSON("orders", `"clientToken":"t1"`))
	resign(t, g, other, flowJSON("orders", `"clientToken":"t1"`), "us-east-1")
	a := g.do(other)
	require.Equal(t, 409, a.status, "another region's token is another token: %s", a.body)
}

func TestClientToken_UpdateFlowTakesEffectOnce(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.post("/create-flow", flowJSON("orders"))
	g.post("/update-flow", flowJSON("orders", `"description":"a"`, `"clientToken":"u"`))
	g.post("/update-flow", flowJSON("orders", `"description":"b"`))
	g.post("/update-flow", flowJSON("orders", `"description":"a"`, `"clientToken":"u"`))
	require.Equal(t, "b", g.post("/describe-flow", `{"flowName":"orders"}`)["description"], "the repeated update changed nothing")
	g.refused("/update-flow", flowJSON("orders", `"description":"c"`, `"clientToken":"u"`), 409, conflict, "clientToken was used before")

	g.post("/delete-flow", `{"flowName":"orders"}`)
	g.refused("/update-flow", flowJSON("orders", `"description":"a"`, `"clientToken":"u"`), 404, "ResourceNotFoundException", "orders does not exist")
	g.clock.advance(time.Second)
	g.post("/create-flow", flowJSON("orders"))
	g.refused("/update-flow", flowJSON("orders", `"description":"a"`, `"clientToken":"u"`), 409, conflict, "clientToken was used before")
}

func TestClientToken_OnDemandStartReturnsTheSameExecution(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.post("/create-flow", flowJSON("orders"))
	g.post("/create-flow", flowJSON("invoices"))
	first := g.post("/start-flow", `{"flowName":"orders","clientToken":"s"}`)
	require.Equal(t, first, g.post("/start-flow", `{"flowName":"orders","clientToken":"s"}`), "while it runs")
	id := first["executionId"].(string)
	g.finish(id, flow.ExecutionSuccessful, nil)
	require.Equal(t, first, g.post("/start-flow", `{"flowName":"orders","clientToken":"s"}`), "and after")
	started, _ := g.runner.seen()
	require.Equal(t, []string{id}, started)

	other := g.post("/start-flow", `{"flowName":"invoices","clientToken":"s"}`)
	require.NotEqual(t, id, other["executionId"], "for on-demand flows a token used elsewhere is no mistake")
	again := g.post("/start-flow", `{"flowName":"orders","clientToken":"s2"}`)
	require.NotEqual(t, id, again["executionId"])
	g.finish(again["executionId"].(string), flow.ExecutionSuccessful, nil)

	g.clock.advance(8*time.Hour + time.Second)
	late := g.post("/start-flow", `{"flowName":"orders","clientToken":"s"}`)
	require.NotEqual(t, id, late["executionId"], "eight hours later it is a new request")
	g.finish(late["executionId"].(string), flow.ExecutionSuccessful, nil)

	g.post("/delete-flow", `{"flowName":"orders"}`)
	g.clock.advance(time.Second)
	g.post("/create-flow", flowJSON("orders"))
	anew := g.post("/start-flow", `{"flowName":"orders","clientToken":"s"}`)
	require.NotEqual(t, late["executionId"], anew["executionId"], "the token stood for a flow that is gone")
	require.Equal(t, flow.ExecutionInProgress, g.execution(anew["executionId"].(string)).Status)
}

func TestClientToken_ScheduledStartRefusesAnotherRequest(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.post("/create-flow", scheduledJSON("hourly"))
	g.post("/create-flow", scheduledJSON("other"))
	g.post("/create-flow", flowJSON("orders"))
	first := g.post("/start-flow", `{"flowName":"hourly","clientToken":"s"}`)
	require.Equal(t, first, g.post("/start-flow", `{"flowName":"hourly","clientToken":"s"}`))
	require.Nil(t, first["executionId"])
	g.refused("/start-flow", `{"flowName":"other","clientToken":"s"}`, 409, conflict, "clientToken was used before")

	g.post("/start-flow", `{"flowName":"orders","clientToken":"d"}`)
	g.refused("/start-flow", `{"flowName":"other","clientToken":"d"}`, 409, conflict, "clientToken was used before")
	g.post("/start-flow", `{"flowName":"other","clientToken":"e"}`)
}

// at50 runs fn fifty times at once.
func at50(fn func(i int)) {
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range 50 {
		all.Go(func() {
			<-start
			fn(i)
		})
	}
	close(start)
	all.Wait()
}

func TestClientToken_FiftyAtOnceMakeOneFlowAndOneExecution(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	answers := make([]answer, 50)
	at50(func(i int) {
		answers[i] = g.send(http.MethodPost, "/create-flow", flowJSON("orders", `"clientToken":"t"`))
	})
	for _, a := range answers {
		require.Equal(t, 200, a.status, a.body)
		require.Equal(t, answers[0].body, a.body)
	}
	at50(func(i int) {
		answers[i] = g.send(http.MethodPost, "/start-flow", `{"flowName":"orders","clientToken":"t"}`)
	})
	for _, a := range answers {
		require.Equal(t, 200, a.status, a.body)
		require.Equal(t, answers[0].body, a.body)
	}
	started, _ := g.runner.seen()
	require.Len(t, started, 1)
	require.Len(t, g.post("/describe-flow-execution-records", `{"flowName":"orders"}`)["flowExecutions"], 1)
	require.Len(t, g.audit(), 100, "every call is in the trail")
}

func TestConflict_FiftyAtOnceWithoutTokens(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	count := func(path, body string) map[int]int {
		statuses := make([]int, 50)
		at50(func(i int) { statuses[i] = g.send(http.MethodPost, path, body).status })
		n := map[int]int{}
		for _, s := range statuses {
			n[s]++
		}
		return n
	}
	require.Equal(t, map[int]int{200: 1, 409: 49}, count("/create-flow", flowJSON("orders")))
	require.Equal(t, map[int]int{200: 1, 409: 49}, count("/start-flow", `{"flowName":"orders"}`))
	started, _ := g.runner.seen()
	require.Len(t, started, 1)
	require.Equal(t, map[int]int{200: 50}, count("/update-flow", flowJSON("orders")))
}
