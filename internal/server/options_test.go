package server_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOptions_AreCheckedWhenTheyAreSet sets options by every operation that can.
func TestOptions_AreCheckedWhenTheyAreSet(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	a := g.send(http.MethodPost, "/create-flow", flowJSON("orders", `"tags":{"weir:drift":"sometimes"}`))
	require.Equal(t, 400, a.status)
	require.Contains(t, a.body, `weir:drift`)
	require.Contains(t, a.body, `sometimes`)
	require.Contains(t, a.body, `quarantine-row`)
	a = g.send(http.MethodPost, "/create-flow", flowJSON("orders", `"tags":{"weir:compression":"gzip","team":"data"}`))
	require.Equal(t, 200, a.status, a.body)
	const tags = "/tags/arn:aws:appflow:eu-west-1:111122223333:flow/orders"
	a = g.send(http.MethodPost, tags, `{"tags":{"weir:verfiy":"full"}}`)
	require.Equal(t, 400, a.status)
	require.Contains(t, a.body, `weir:verfiy`)
	require.Contains(t, a.body, `weir:verify`)
	a = g.send(http.MethodPost, tags, `{"tags":{"weir:verify":"full"}}`)
	require.Equal(t, 200, a.status, a.body)
}
