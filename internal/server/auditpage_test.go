package server_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/internal/server"
	"weir.dev/weir/internal/store"
)

// trail asks for a page of the audit trail.
func (g *rig) trail(query string) server.AuditView {
	g.t.Helper()
	a := g.send("GET", "/weir/v1/audit?"+query, "")
	require.Equal(g.t, 200, a.status, "%s: %s", query, a.body)
	var v server.AuditView
	require.NoError(g.t, json.Unmarshal([]byte(a.body), &v))
	return v
}

func TestAuditPage_FindsAndPages(t *testing.T) {
	t.Parallel()
	g := newRig(t, withKeyring)
	begin := g.clock.Now()
	for i := range 5 {
		g.clock.advance(time.Minute)
		g.post("/create-flow", flowJSON(fmt.Sprintf("flow-%d", i)))
	}
	g.refused("/create-flow", flowJSON("flow-0"), 409, "ConflictException", "exists")
	keyed(g, "ci", `"read-only"`)("POST", "/start-flow", `{"flowName":"flow-1"}`)

	shown := func(query string) string {
		var out []string
		for _, e := range g.trail(query).Events {
			out = append(out, e.Operation+":"+e.Resource[max(0, strings.LastIndex(e.Resource, "/")):])
		}
		return strings.Join(out, " ")
	}
	at := func(minutes int) string {
		return url.QueryEscape(begin.Add(time.Duration(minutes) * time.Minute).UTC().Truncate(time.Second).Format(time.RFC3339))
	}
	require.Equal(t, "CreateFlow:/flow-0 CreateFlow:/flow-0", shown("flow=flow-0"))
	require.Equal(t, "CreateFlow:/flow-0", shown("flow=flow-0&errors=true"))
	require.Equal(t, "CreateFlow:/flow-0 StartFlow:/flow-1", shown("errors=true"))
	require.Equal(t, "StartFlow:/flow-1", shown("key=ci"))
	require.Equal(t, "StartFlow:/flow-1", shown("operation=startflow"))
	require.Equal(t, "CreateFlow:/flow-4", shown("resource=flow-4"))
	require.Equal(t, "StartFlow:/flow-1", shown("order=newest&limit=1"))
	require.Equal(t, "CreateFlow:/flow-1 CreateFlow:/flow-2", shown("since="+at(2)+"&until="+at(4)))
	require.Empty(t, shown("operation=DeleteFlow"))

	for _, order := range []string{"oldest", "newest"} {
		ids, next, position := []int64{}, int64(0), map[string]string{"oldest": "after", "newest": "before"}[order]
		for {
			query := "limit=3&order=" + order
			if next > 0 {
				query += fmt.Sprintf("&%s=%d", position, next)
			}
			v := g.trail(query)
			for _, e := range v.Events {
				ids = append(ids, e.ID)
			}
			if next = v.Next; next == 0 {
				break
			}
		}
		require.Len(t, ids, len(g.audit()), order)
		for i := 1; i < len(ids); i++ {
			require.Equal(t, order == "newest", ids[i] < ids[i-1])
		}
	}
	for _, bad := range []string{"after=x", "before=-1", "since=yesterday", "order=x", "format=xml", "limit=0", "limit=1001", "errors=maybe"} {
		require.Equal(t, 400, g.send("GET", "/weir/v1/audit?"+bad, "").status, bad)
	}
}

func TestAuditPage_CloudTrail(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.post("/create-flow", flowJSON("orders"))
	g.refused("/delete-flow", `{"flowName":"none"}`, 404, "ResourceNotFoundException", "none")
	e := g.audit()[0]
	a := g.send("GET", "/weir/v1/audit?format=cloudtrail", "")
	var page struct{ Records []json.RawMessage }
	require.NoError(t, json.Unmarshal([]byte(a.body), &page))
	require.Len(t, page.Records, 2)
	var first server.TrailRecord
	require.NoError(t, json.Unmarshal(page.Records[0], &first))
	require.NotEmpty(t, first.EventID)
	require.JSONEq(t, fmt.Sprintf(`{
		"eventVersion":"1.11","eventTime":%q,"eventSource":"appflow.amazonaws.com","eventName":"CreateFlow","awsRegion":"eu-west-1",
		"userIdentity":{"type":"IAMUser","principalId":"WEIRTESTKEY","arn":"arn:aws:iam::111122223333:user/alice","accountId":"111122223333","accessKeyId":"WEIRTESTKEY","userName":"alice"},
		"sourceIPAddress":"127.0.0.1","userAgent":%q,"requestParameters":%s,"responseElements":%s,"requestID":%q,"eventID":%q,"readOnly":false,
		"resources":[{"ARN":"arn:aws:appflow:eu-west-1:111122223333:flow/orders","accountId":"111122223333","type":"AWS::AppFlow::Flow"}],
		"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management"}`,
		e.At.UTC().Format("2006-01-02T15:04:05Z"), e.UserAgent, e.Request, e.Response, e.RequestID, first.EventID), string(page.Records[0]))
	require.Contains(t, string(page.Records[1]), `"errorCode":"ResourceNotFoundException"`)
	require.Contains(t, string(page.Records[1]), `"responseElements":null`)
	var again struct{ Records []server.TrailRecord }
	require.NoError(t, json.Unmarshal([]byte(g.send("GET", "/weir/v1/audit?format=cloudtrail", "").body), &again))
	require.Equal(t, first.EventID, again.Records[0].EventID, "an event keeps its id")
}

func TestAuditPage_LongSearchesStopAndGoOn(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	require.NoError(t, g.store.Write(t.Context(), func(tx store.Tx) error {
		for i := range 20_500 {
			e := &store.AuditEvent{At: g.clock.Now(), Operation: "StartFlow"}
			if i == 20_400 {
				e.Operation = "DeleteFlow"
			}
			if err := tx.AuditAppend(t.Context(), e); err != nil {
				return err
			}
		}
		return nil
	}))
	v := g.trail("operation=DeleteFlow")
	require.Empty(t, v.Events)
	require.EqualValues(t, 20_000, v.Next)
	v = g.trail(fmt.Sprintf("operation=DeleteFlow&after=%d", v.Next))
	require.Len(t, v.Events, 1)
	require.Zero(t, v.Next)
}

func TestKeys_PolicyAndRotationLeaveRecords(t *testing.T) {
	t.Parallel()
	g := newRig(t, withKeyring)
	var key, next server.KeyView
	a := g.send("POST", "/weir/v1/keys", `{"name":"ci","policy":"read-only"}`)
	require.NoError(t, json.Unmarshal([]byte(a.body), &key))
	require.JSONEq(t, `"read-only"`, string(key.Policy))
	require.Equal(t, 200, g.send("PUT", "/weir/v1/keys/"+key.ID+"/policy", `"operator"`).status)
	bad := g.send("PUT", "/weir/v1/keys/"+key.ID+"/policy", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:appflow:*:999999999999:flow/*"}}`)
	require.Equal(t, 400, bad.status)
	require.Contains(t, bad.message(), "Statement.Resource: the account is 999999999999, and this server's is 111122223333")
	require.Equal(t, 400, g.send("PUT", "/weir/v1/keys/"+key.ID+"/policy", "").status)
	require.Equal(t, 404, g.send("PUT", "/weir/v1/keys/NOBODY/policy", "null").status)
	require.Contains(t, g.send("GET", "/weir/v1/keys/"+key.ID, "").body, `"policy":"operator"`)
	require.Equal(t, 404, g.send("GET", "/weir/v1/keys/NOBODY", "").status)

	a = g.send("POST", "/weir/v1/keys/"+key.ID+"/rotate", `{"overlap":"1h"}`)
	require.Equal(t, 200, a.status, a.body)
	require.NoError(t, json.Unmarshal([]byte(a.body), &next))
	require.Equal(t, "ci", next.Name)
	require.NotEmpty(t, next.Secret)
	for _, body := range []string{`{"overlap":"soon"}`, `{"overlap":"-1h"}`, `{"overlap":"9999h"}`} {
		require.Equal(t, 400, g.send("POST", "/weir/v1/keys/"+key.ID+"/rotate", body).status, body)
	}
	require.Equal(t, 405, g.send("DELETE", "/weir/v1/keys", "").status)

	var trail []string
	for _, e := range g.audit() {
		trail = append(trail, e.Operation+" "+e.Resource+" "+e.ErrorCode)
	}
	require.Equal(t, []string{
		"CreateAccessKey " + key.ID + " ", "PutAccessKeyPolicy " + key.ID + " ", "PutAccessKeyPolicy " + key.ID + " ValidationException",
		"PutAccessKeyPolicy " + key.ID + " ValidationException", "PutAccessKeyPolicy NOBODY ResourceNotFoundException", "RotateAccessKey " + next.ID + " ",
		"RotateAccessKey " + key.ID + " ValidationException", "RotateAccessKey " + key.ID + " ValidationException", "RotateAccessKey " + key.ID + " ValidationException",
	}, trail)
	events, err := json.Marshal(g.audit())
	require.NoError(t, err)
	require.NotContains(t, string(events), next.Secret)
}
