package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/internal/server"
	"weir.dev/weir/internal/store"
)

func TestAudit_EveryMutatingCallOnce(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	const arn = "arn:aws:appflow:eu-west-1:111122223333:flow/orders"
	const tags = "/tags/" + arn
	steps := []struct {
		method, target, body string
		status               int
		operation, errorCode string // no operation: no event
		resource             string
	}{
		{"POST", "/create-flow", flowJSON("orders"), 200, "CreateFlow", "", arn},
		{"POST", "/create-flow", flowJSON("orders"), 409, "CreateFlow", "ConflictException", arn},
		{"POST", "/create-flow", `{"flowName":"a b"}`, 400, "CreateFlow", "ValidationException", "arn:aws:appflow:eu-west-1:111122223333:flow/a b"},
		{"POST", "/create-flow", `{"flowName":`, 400, "CreateFlow", "ValidationException", ""},
		{"POST", "/update-flow", flowJSON("orders"), 200, "UpdateFlow", "", arn},
		{"POST", "/update-flow", flowJSON("none"), 404, "UpdateFlow", "ResourceNotFoundException", strings.Replace(arn, "orders", "none", 1)},
		{"POST", "/start-flow", `{"flowName":"orders"}`, 200, "StartFlow", "", arn},
		{"POST", "/start-flow", `{"flowName":"orders"}`, 409, "StartFlow", "ConflictException", arn},
		{"POST", "/cancel-flow-executions", `{"flowName":"orders"}`, 200, "CancelFlowExecutions", "", arn},
		{"POST", "/stop-flow", `{"flowName":"orders"}`, 400, "StopFlow", "UnsupportedOperationException", arn},
		{"POST", tags, `{"tags":{"a":"b"}}`, 200, "TagResource", "", arn},
		{"DELETE", tags + "?tagKeys=a", "", 200, "UntagResource", "", arn},
		{"DELETE", "/tags/arn:aws:s3:::x?tagKeys=a", "", 400, "UntagResource", "ValidationException", "arn:aws:s3:::x"},
		{"POST", "/delete-flow", `{"flowName":"orders"}`, 409, "DeleteFlow", "ConflictException", arn},
		{"POST", "/describe-flow", `{"flowName":"orders"}`, 200, "", "", ""},
		{"POST", "/list-flows", `{}`, 200, "", "", ""},
		{"GET", tags, "", 200, "", "", ""},
		{"POST", "/describe-flow-execution-records", `{"flowName":"orders"}`, 200, "", "", ""},
		{"POST", "/create-connector-profile", `{}`, 400, "CreateConnectorProfile", "ValidationException", ""},
	}
	for _, s := range steps {
		before := len(g.audit())
		a := g.send(s.method, s.target, s.body)
		require.Equal(t, s.status, a.status, "%s %s", s.target, a.body)
		added := g.audit()[before:]
		if s.operation == "" {
			require.Empty(t, added, s.target)
			continue
		}
		require.Len(t, added, 1, s.target)
		e := added[0]
		require.Equal(t, s.operation, e.Operation)
		require.Equal(t, s.errorCode, e.ErrorCode)
		require.Equal(t, s.resource, e.Resource)
		require.Equal(t, "arn:aws:iam::111122223333:user/alice", e.Principal)
		require.Equal(t, keyID, e.KeyID)
		require.Equal(t, region, e.Region)
		require.Equal(t, "127.0.0.1", e.SourceIP)
		require.Equal(t, a.header.Get("x-amzn-RequestId"), e.RequestID)
		require.Equal(t, s.errorCode == "", e.Response != nil, "%s", e.Response)
		if s.errorCode == "" {
			require.JSONEq(t, a.body, string(e.Response))
		} else {
			require.Equal(t, a.message(), e.Message)
		}
	}
}

func TestAudit_ForcedDeleteIsOneCall(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.runner.obeys = true
	g.post("/create-flow", flowJSON("orders"))
	g.post("/start-flow", `{"flowName":"orders"}`)
	before := len(g.audit())
	g.post("/delete-flow", `{"flowName":"orders","forceDelete":true}`)
	require.Len(t, g.audit(), before+1)
}

func TestAudit_LeavesOutWhatIsTooLong(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.refused("/update-flow", flowJSON("none", `"clientToken":"`+strings.Repeat("x", 100_000)+`"`), 400, "ValidationException", "'clientToken'")
	e := g.audit()[0]
	require.Nil(t, e.Request)
	require.Less(t, len(e.Message), 1000)
}

// What the store keeps of a call and what the call did are kept together or not at all.
func TestAudit_IsPartOfTheChange(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.post("/create-flow", flowJSON("orders"))
	e := g.audit()[0]
	var request map[string]any
	require.NoError(t, json.Unmarshal(e.Request, &request))
	require.Equal(t, "orders", request["flowName"])

	// A backup is one snapshot: whatever it shows of the flows, it shows in the trail.
	var flows int
	var events []*store.AuditEvent
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 40 {
			g.send("POST", "/create-flow", flowJSON("flow-"+strings.Repeat("x", i)))
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		require.NoError(t, g.store.Read(t.Context(), func(tx store.ReadTx) (err error) {
			if flows, err = tx.FlowCount(t.Context()); err != nil {
				return err
			}
			events, err = tx.AuditList(t.Context(), 0, 1000)
			return err
		}))
		require.Len(t, events, flows)
	}
	require.Equal(t, 41, flows)
}

// lateFailure is a store whose first commit fails after everything was written.
type lateFailure struct {
	store.Store
	left int
}

func (s *lateFailure) Write(ctx context.Context, fn func(store.Tx) error) error {
	if s.left == 0 {
		return s.Store.Write(ctx, fn)
	}
	s.left--
	return s.Store.Write(ctx, func(tx store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return errors.New("the disk is full")
	})
}

func TestAudit_FailedCommitLeavesOneRefusal(t *testing.T) {
	t.Parallel()
	late := &lateFailure{}
	g := newRig(t, func(o *server.Options) { late.Store = o.Store; o.Store = late })
	late.left = 1
	g.refused("/create-flow", flowJSON("orders"), 500, "InternalServerException", "internal error")
	events := g.audit()
	require.Len(t, events, 1)
	require.Equal(t, "InternalServerException", events[0].ErrorCode)
	require.Nil(t, events[0].Response)
	g.refused("/describe-flow", `{"flowName":"orders"}`, 404, "ResourceNotFoundException", "orders")
}
