package server_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/internal/access"
	"weir.dev/weir/internal/server"
	"weir.dev/weir/internal/server/sigv4"
)

// withKeyring gives the server real keys, of which the rig's own is one.
func withKeyring(o *server.Options) {
	k := access.NewKeyring(o.Store, plainSealer{}, o.Now, slog.New(slog.DiscardHandler))
	k.Fix(sigv4.Key{ID: keyID, Secret: secret}, "alice")
	o.Keys, o.KeyAdmin = k, k
}

func TestKeys_AreMadeUsedAndRevoked(t *testing.T) {
	t.Parallel()
	g := newRig(t, withKeyring)
	a := g.send("POST", "/weir/v1/keys", `{"name":"ci"}`)
	require.Equal(t, 200, a.status, a.body)
	var key server.KeyView
	require.NoError(t, json.Unmarshal([]byte(a.body), &key))

	list := func() int {
		r := g.request(http.MethodPost, "/list-flows", "{}")
		r.Header.Del("Authorization")
		creds := aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}
		require.NoError(t, v4.NewSigner().SignHTTP(t.Context(), creds, r, hashText("{}"), "appflow", region, g.clock.Now()))
		return g.do(r).status
	}
	require.Equal(t, 200, list())
	require.Equal(t, 200, g.send("POST", "/weir/v1/keys/"+key.ID+"/disable", "").status)
	require.Equal(t, 403, list())
	require.Equal(t, 200, g.send("POST", "/weir/v1/keys/"+key.ID+"/enable", "").status)
	require.Equal(t, 200, list())
	shown := g.send("GET", "/weir/v1/keys", "")
	require.Contains(t, shown.body, key.ID)
	require.NotContains(t, shown.body, key.Secret)
	require.Equal(t, 200, g.send("DELETE", "/weir/v1/keys/"+key.ID, "").status)
	require.Equal(t, 403, list())
	require.Equal(t, 404, g.send("DELETE", "/weir/v1/keys/"+key.ID, "").status)
	require.Equal(t, 400, g.send("POST", "/weir/v1/keys", `{"name":"`+key.Secret+` !"}`).status)
	require.Equal(t, 404, g.send("POST", "/weir/v1/keys/", "{}").status)

	var trail []string
	for _, e := range g.audit() {
		trail = append(trail, fmt.Sprintf("%s %s %s", e.Operation, e.Resource, e.ErrorCode))
	}
	require.Equal(t, []string{
		"CreateAccessKey " + key.ID + " ", "UpdateAccessKey " + key.ID + " ", "UpdateAccessKey " + key.ID + " ", "DeleteAccessKey " + key.ID + " ",
		"DeleteAccessKey " + key.ID + " ResourceNotFoundException", "CreateAccessKey  ValidationException",
	}, trail)
	events, err := json.Marshal(g.audit()[:5])
	require.NoError(t, err)
	require.NotContains(t, string(events), key.Secret)
	require.NotContains(t, g.log.String(), key.Secret)
}

func TestKeys_OfTheEnvironmentCannotBeChanged(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	a := g.send("POST", "/weir/v1/keys", `{"name":"ci"}`)
	require.Equal(t, 400, a.status)
	require.Equal(t, "UnsupportedOperationException", a.errorName())
}

func TestExtension_ShowsRunsAndTrail(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.post("/create-flow", flowJSON("orders"))
	id := g.post("/start-flow", `{"flowName":"orders"}`)["executionId"].(string)
	var view server.ExecutionView
	a := g.send("GET", "/weir/v1/executions/"+id, "")
	require.Equal(t, 200, a.status, a.body)
	require.NoError(t, json.Unmarshal([]byte(a.body), &view))
	require.Equal(t, "orders", view.FlowName)
	require.True(t, view.Closes)
	require.JSONEq(t, `{"rejects":[]}`, g.send("GET", "/weir/v1/executions/"+id+"/rejects", "").body)
	require.JSONEq(t, `{"outputs":[]}`, g.send("GET", "/weir/v1/executions/"+id+"/outputs", "").body)
	require.JSONEq(t, `{"version":"test"}`, g.send("GET", "/weir/v1/version", "").body)
	var trail struct {
		Events []struct{ ID int64 } `json:"events"`
	}
	require.NoError(t, json.Unmarshal([]byte(g.send("GET", "/weir/v1/audit", "").body), &trail))
	require.Len(t, trail.Events, 2)
	require.NoError(t, json.Unmarshal([]byte(g.send("GET", fmt.Sprintf("/weir/v1/audit?after=%d", trail.Events[0].ID), "").body), &trail))
	require.Len(t, trail.Events, 1)

	require.Equal(t, 400, g.send("GET", "/weir/v1/audit?after=x", "").status)
	require.Equal(t, 404, g.send("GET", "/weir/v1/executions/nope", "").status)
	require.Equal(t, 404, g.send("GET", "/weir/v1/nope", "").status)
	require.Equal(t, 405, g.send("POST", "/weir/v1/audit", "").status)
	backup := g.send("GET", "/weir/v1/backup", "")
	require.Equal(t, 200, backup.status)
	require.NotEmpty(t, backup.body)
}
