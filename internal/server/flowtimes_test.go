package server_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/server"
)

func page[T any](t *testing.T, g *rig, method, path, body string) (v T) {
	t.Helper()
	a := g.send(method, path, body)
	require.Equal(t, 200, a.status, a.body)
	require.NoError(t, json.Unmarshal([]byte(a.body), &v))
	return v
}

func TestSchedulePage_FollowsTheFlow(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.clock.now = time.Date(2026, 3, 1, 10, 20, 0, 0, time.UTC)
	g.post("/create-flow", scheduledJSON("hourly"))
	view := func() server.ScheduleView {
		return page[server.ScheduleView](t, g, "GET", "/weir/v1/flows/hourly/schedule", "")
	}
	require.False(t, view().IsActive)
	require.Empty(t, view().Upcoming)

	g.post("/start-flow", `{"flowName":"hourly"}`)
	started := float64(g.clock.Now().Unix())
	require.Equal(t, started, view().Upcoming[0], "a rate without a start is due at once")
	require.Len(t, view().Upcoming, 10)

	g.clock.advance(10 * time.Minute)
	g.post("/start-flow", `{"flowName":"hourly"}`)
	require.Equal(t, started, view().Upcoming[0], "starting it again changes nothing")
	g.post("/update-flow", scheduledJSON("hourly", `"description":"another"`))
	require.Equal(t, started, view().Upcoming[0], "nor does an update that leaves the schedule alone")
	daily := `{"flowName":"hourly","triggerConfig":{"triggerType":"Scheduled","triggerProperties":{"Scheduled":{"scheduleExpression":"cron(0 12 * * ? *)"}}},` + endsAndTasks + `}`
	g.post("/update-flow", daily)
	require.Equal(t, float64(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Unix()), view().Upcoming[0])

	g.post("/stop-flow", `{"flowName":"hourly"}`)
	require.False(t, view().IsActive)
	require.Empty(t, view().Upcoming)
	g.post("/create-flow", flowJSON("manual"))
	require.Equal(t, 400, g.send("GET", "/weir/v1/flows/manual/schedule", "").status)
	require.Equal(t, 404, g.send("GET", "/weir/v1/flows/nobody/schedule", "").status)
}

func TestPosition_IsSetAndUndone(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.post("/create-flow", flowJSON("orders"))
	const path = "/weir/v1/flows/orders/position"
	get := func() server.PositionView { return page[server.PositionView](t, g, "GET", path, "") }
	require.Nil(t, get().ChangedUntil)

	page[server.PositionView](t, g, "PUT", path, `{"changedUntil":1727740800.5}`)
	require.InDelta(t, 1727740800.5, *get().ChangedUntil, 0.0001)
	require.Nil(t, get().Previous)
	page[server.PositionView](t, g, "PUT", path, `{"changedUntil":null}`)
	require.Nil(t, get().ChangedUntil)
	require.InDelta(t, 1727740800.5, *get().Previous, 0.0001)
	require.Contains(t, get().EditedBy, "user/alice")
	page[server.PositionView](t, g, "PUT", path, `{"undo":true}`)
	require.InDelta(t, 1727740800.5, *get().ChangedUntil, 0.0001)
	require.Equal(t, 409, g.send("PUT", path, `{"undo":true}`).status)
	for _, bad := range []string{"", "{}", `{"changedUntil":"x"}`, `{"changedUntil":-1}`, `{"changedUntil":1e300}`, `{"changedUntil":1,"undo":true}`} {
		require.Equal(t, 400, g.send("PUT", path, bad).status, bad)
	}
	g.post("/start-flow", `{"flowName":"orders"}`)
	require.Equal(t, 409, g.send("PUT", path, `{"changedUntil":1}`).status, "a run is going")

	var trail []string
	for _, e := range g.audit() {
		trail = append(trail, fmt.Sprintf("%s %s", e.Operation, e.ErrorCode))
	}
	require.Contains(t, trail, "SetFlowPosition ")
	require.Contains(t, trail, "SetFlowPosition ConflictException")
}

func TestStartRun_HasAWindowOfItsOwn(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.post("/create-flow", flowJSON("orders"))
	const path = "/weir/v1/flows/orders/runs"
	start := func(body string) *flow.Execution {
		id := page[map[string]string](t, g, "POST", path, body)["executionId"]
		x := g.execution(id)
		g.finish(id, flow.ExecutionSuccessful, nil)
		return x
	}
	require.Nil(t, start(``).Window)
	x := start(`{"pull":"Incremental"}`)
	require.WithinDuration(t, g.clock.Now(), x.Window.To, time.Second)
	require.Equal(t, 30*24*time.Hour, x.Window.To.Sub(x.Window.From))
	require.False(t, x.IsBackfill)
	page[server.PositionView](t, g, "PUT", "/weir/v1/flows/orders/position", `{"changedUntil":1727740800}`)
	require.EqualValues(t, 1727740800, start(`{"pull":"Incremental"}`).Window.From.Unix())
	x = start(`{"from":100,"to":200.25}`)
	require.True(t, x.IsBackfill)
	require.Equal(t, &flow.Window{From: time.Unix(100, 0).UTC(), To: time.UnixMilli(200250).UTC()}, x.Window)
	for _, bad := range []string{`{"from":1}`, `{"from":2,"to":1}`, `{"pull":"Some"}`, `{"pull":"Complete","from":1,"to":2}`, `[`, `{"from":"a","to":2}`} {
		require.Equal(t, 400, g.send("POST", path, bad).status, bad)
	}
	require.Equal(t, 404, g.send("POST", "/weir/v1/flows/nobody/runs", "{}").status)
	_, canceled := g.runner.seen()
	require.Empty(t, canceled)
}
