package server_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectors/webhook"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/listen"
	"weir.dev/weir/internal/server"
	"weir.dev/weir/internal/store"
)

const hookSecret = "a secret of more than sixteen bytes"

// customStub stands for the connector of custom connectors.
type customStub struct{ connector.Connector }

func (customStub) Spec() *connector.Spec {
	return &connector.Spec{Type: flow.CustomConnector, Name: "Custom connector", CanBeSource: true, NeedsProfile: true}
}

// openly seals nothing: what is sealed and how is another room's test.
type openly struct{}

func (openly) Seal(_ context.Context, _, _ string, b []byte) ([]byte, error) { return b, nil }
func (openly) Open(_ context.Context, _, _ string, b []byte) ([]byte, error) { return b, nil }

// theInbox is the real inbox as the server sees it.
type theInbox struct{ *listen.Inbox }

func (theInbox) Settle(ctx context.Context, tx store.Tx, f *flow.Flow, now time.Time) error {
	return listen.Settle(ctx, tx, f, now)
}

func (i theInbox) Receive(ctx context.Context, name string, header http.Header, body []byte, isTrusted bool) (server.Received, error) {
	r, err := i.Inbox.Receive(ctx, listen.Delivery{Flow: name, Header: header, Body: body, IsTrusted: isTrusted})
	return server.Received(r), err
}

// withInbox makes a server that takes in at most so many bytes of a flow's events.
func withInbox(buffer int64) change {
	return func(o *server.Options) {
		hooks := webhook.Or(customStub{})
		o.Connectors = connector.NewRegistry(s3Stub{}, hooks)
		o.Inbox = theInbox{listen.NewInbox(listen.InboxOptions{
			Store: o.Store, Sealer: openly{}, Clock: o.Now, Buffer: buffer,
			Connect: func(ctx context.Context, _ flow.ConnectorType, _, _ string) (connector.Connection, error) {
				return hooks.Connect(ctx, connector.Config{
					Label: flow.LabelWebhook, ProfileCredentials: flow.Properties(fmt.Sprintf(`{"apiKey":{"apiKey":%q}}`, hookSecret)),
				})
			},
		})}
	}
}

func (g *rig) customProfile(name, label string) {
	require.NoError(g.t, g.store.Write(g.t.Context(), func(tx store.Tx) error {
		return tx.ProfilePut(g.t.Context(), &store.Profile{Profile: flow.Profile{Name: name, Connector: flow.CustomConnector, Label: label}})
	}))
}

func hookFlow(name, profile, trigger string) string {
	return fmt.Sprintf(`{"flowName":%q,"triggerConfig":{"triggerType":%q},
		"sourceFlowConfig":{"connectorType":"CustomConnector","connectorProfileName":%q,"sourceConnectorProperties":{"CustomConnector":{"entityName":"events"}}},
		"destinationFlowConfigList":[{"connectorType":"S3","destinationConnectorProperties":{"S3":{"bucketName":"lake"}}}],
		"tasks":[{"taskType":"Map_all","sourceFields":[],"connectorOperator":{"CustomConnector":"NO_OP"},"taskProperties":{"EXCLUDE_SOURCE_FIELDS_LIST":"[]"}}]}`, name, trigger, profile)
}

const eventsOf = "/weir/v1/flows/hooked/events"

// hooked is a server with an active flow that is sent events.
func hooked(t *testing.T, changes ...change) *rig {
	g := newRig(t, append([]change{withInbox(0)}, changes...)...)
	g.customProfile("hooks", flow.LabelWebhook)
	g.post("/create-flow", hookFlow("hooked", "hooks", "Event"))
	g.post("/start-flow", `{"flowName":"hooked"}`)
	return g
}

// plainly makes a request that nobody has signed as AWS does.
func (g *rig) plainly(method, target, body string, header http.Header) answer {
	r, err := http.NewRequestWithContext(g.t.Context(), method, g.http.URL+target, strings.NewReader(body))
	require.NoError(g.t, err)
	r.Header = header
	return g.do(r)
}

// hook signs as senders do.
func (g *rig) hook(secret, id, body string) http.Header {
	at := strconv.FormatInt(g.clock.Now().Unix(), 10)
	return http.Header{
		webhook.HeaderID: {id}, webhook.HeaderTimestamp: {at}, webhook.HeaderSignature: {webhook.Sign([]byte(secret), id, at, []byte(body))},
	}
}

func basic(id, secret string) http.Header {
	return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))}}
}

func TestEvents_SendersAreKnownBySignatureOrKey(t *testing.T) {
	t.Parallel()
	g := hooked(t)
	const one = `{"id":1}`
	for name, a := range map[string]answer{
		"webhook": g.plainly("POST", eventsOf, one, g.hook(hookSecret, "a", one)),
		"AWS":     g.send("POST", eventsOf, one),
		"basic":   g.plainly("POST", eventsOf, one, basic(keyID, secret)),
	} {
		require.Equal(t, 200, a.status, "%s: %s", name, a.body)
		require.JSONEq(t, `{"accepted":1,"repeated":0,"ignored":0}`, a.body, name)
		require.NotEmpty(t, a.header.Get("x-amzn-RequestId"))
	}
	require.JSONEq(t, `{"accepted":0,"repeated":1,"ignored":0}`, g.plainly("POST", eventsOf, one, g.hook(hookSecret, "a", one)).body)
	for name, a := range map[string]answer{
		"nobody":             g.plainly("POST", eventsOf, one, http.Header{}),
		"another secret":     g.plainly("POST", eventsOf, one, g.hook("another secret of that length", "b", one)),
		"no such flow":       g.plainly("POST", "/weir/v1/flows/none/events", one, g.hook(hookSecret, "b", one)),
		"basic, wrong":       g.plainly("POST", eventsOf, one, basic(keyID, "guess")),
		"basic, unknown":     g.plainly("POST", eventsOf, one, basic("nobody", secret)),
		"basic, unreadable":  g.plainly("POST", eventsOf, one, http.Header{"Authorization": {"Basic %%%"}}),
		"a forged signature": g.plainly("POST", eventsOf, one, http.Header{"Authorization": {"AWS4-HMAC-SHA256 x"}}),
	} {
		require.Equal(t, 403, a.status, "%s: %s", name, a.body)
		require.NotContains(t, a.body, "does not exist", name)
		require.NotContains(t, a.body, hookSecret)
	}
	require.Equal(t, 404, g.send("POST", "/weir/v1/flows/none/events", one).status)
	require.Equal(t, 400, g.send("POST", eventsOf, `[1]`).status)
	view := page[server.ListenerView](t, g, "GET", eventsOf, "")
	require.EqualValues(t, 3, view.WaitingEvents)
	require.EqualValues(t, 3, view.Counts.Received)
	require.EqualValues(t, 1, view.Counts.Repeated)
	require.True(t, view.IsActive)
	require.Equal(t, flow.StatusActive, view.FlowStatus)
	all := page[struct{ Listeners []server.ListenerView }](t, g, "GET", "/weir/v1/listeners", "")
	require.Equal(t, []server.ListenerView{view}, all.Listeners)
	require.NotContains(t, g.log.String(), hookSecret)
}

func TestEvents_GuessesAreSlowedDown(t *testing.T) {
	t.Parallel()
	g := hooked(t)
	last := answer{}
	for range 60 {
		if last = g.plainly("POST", eventsOf, "{}", g.hook("another secret of that length", "b", "{}")); last.status != 403 {
			break
		}
	}
	require.Equal(t, 429, last.status)
	require.NotEmpty(t, last.header.Get("Retry-After"))
	require.Equal(t, 200, g.send("POST", eventsOf, "{}").status, "others are not held up")
}

func TestEvents_BodiesAreBounded(t *testing.T) {
	t.Parallel()
	g := hooked(t, func(o *server.Options) { o.MaxBody = 2000 })
	body := `{"a":"` + strings.Repeat("x", 2000) + `"}`
	require.Equal(t, 413, g.plainly("POST", eventsOf, body, g.hook(hookSecret, "a", body)).status)
	require.Equal(t, 413, g.plainly("POST", eventsOf, body, basic(keyID, secret)).status)
}

func TestEvents_AFullInboxIsTooMany(t *testing.T) {
	t.Parallel()
	g := newRig(t, withInbox(20))
	g.customProfile("hooks", flow.LabelWebhook)
	g.post("/create-flow", hookFlow("hooked", "hooks", "Event"))
	g.post("/start-flow", `{"flowName":"hooked"}`)
	require.Equal(t, 200, g.send("POST", eventsOf, `{"id":"ten bytes"}`).status)
	a := g.send("POST", eventsOf, `{"id":"ten bytes"}`)
	require.Equal(t, 429, a.status, a.body)
	require.Equal(t, "5", a.header.Get("Retry-After"))
	require.Equal(t, "ThrottlingException", a.errorName())
	require.Contains(t, a.message(), "The inbox of flow hooked is full")
}

func TestEvents_PermissionToSend(t *testing.T) {
	t.Parallel()
	g := hooked(t, withKeyring)
	arns := "arn:aws:appflow:*:" + account + ":flow/"
	policyFor := func(action, flowName string) string {
		return `{"Statement":{"Effect":"Allow","Action":"` + action + `","Resource":"` + arns + flowName + `"}}`
	}
	send := keyed(g, "sender", policyFor("weir:SendEvents", "hooked"))
	require.Equal(t, 200, send("POST", eventsOf, "{}").status)
	require.Equal(t, 403, send("GET", eventsOf, "").status, "sending is not seeing")
	require.Equal(t, 403, keyed(g, "other", policyFor("weir:SendEvents", "another"))("POST", eventsOf, "{}").status)
	require.Equal(t, 403, keyed(g, "starter", policyFor("appflow:StartFlow", "hooked"))("POST", eventsOf, "{}").status)
}

func TestEvents_TheFlowsLife(t *testing.T) {
	t.Parallel()
	g := hooked(t)
	view := func() server.ListenerView { return page[server.ListenerView](t, g, "GET", eventsOf, "") }
	require.Equal(t, 200, g.send("POST", eventsOf, `{"id":1}`).status)
	require.Contains(t, g.post("/stop-flow", `{"flowName":"hooked"}`)["flowStatus"], "Suspended")
	require.False(t, view().IsActive)
	require.EqualValues(t, 1, view().WaitingEvents, "what came in is still to be delivered")
	a := g.send("POST", eventsOf, `{"id":2}`)
	require.Equal(t, 409, a.status)
	require.Contains(t, a.message(), "start it with StartFlow")
	g.post("/start-flow", `{"flowName":"hooked"}`)
	require.Equal(t, store.ListenerConnecting, view().State)
	require.Equal(t, 409, g.send("POST", "/delete-flow", `{"flowName":"hooked"}`).status)

	g.post("/stop-flow", `{"flowName":"hooked"}`)
	require.JSONEq(t, `{"discarded":1}`, g.send("DELETE", eventsOf, "").body)
	require.Zero(t, view().WaitingEvents)
	require.EqualValues(t, 1, view().Counts.Discarded)
	last := g.audit()[len(g.audit())-1]
	require.Equal(t, "DiscardEvents", last.Operation)

	g.post("/delete-flow", `{"flowName":"hooked"}`)
	require.Equal(t, 404, g.send("GET", eventsOf, "").status)
	require.JSONEq(t, `{"listeners":[]}`, g.send("GET", "/weir/v1/listeners", "").body)
}

func TestCreateFlow_EventsNeedAWebhooksProfileOrATag(t *testing.T) {
	t.Parallel()
	g := newRig(t, withInbox(0))
	g.customProfile("hooks", flow.LabelWebhook)
	g.customProfile("shop", "HubSpot")
	for says, body := range map[string]string{
		"CustomConnector as a source does not support trigger type Event; it supports OnDemand, Scheduled, and with a profile of label Webhook Event": hookFlow("aa", "shop", "Event"),
		"a profile of label Webhook is sent events: the flow needs trigger type Event":                                                                hookFlow("aa", "hooks", "OnDemand"),
		"with the tag weir:events=object-created also Event":                                                                                          strings.Replace(flowJSON("aa"), "OnDemand", "Event", 1),
	} {
		a := g.send("POST", "/create-flow", body)
		require.Equal(t, 400, a.status)
		require.Contains(t, a.message(), says)
	}
	objects := strings.Replace(flowJSON("objects", `"tags":{"weir:events":"object-created"}`), "OnDemand", "Event", 1)
	require.Equal(t, 200, g.send("POST", "/create-flow", objects).status)
	arn := "/tags/arn:aws:appflow:us-east-1:" + account + ":flow%2Fobjects"
	a := g.send("DELETE", arn+"?tagKeys=weir%3Aevents", "")
	require.Equal(t, 400, a.status, "without the tag the flow makes no sense: %s", a.body)
	require.Equal(t, 400, g.send("POST", "/create-flow", flowJSON("bb", `"tags":{"weir:events":"object-created"}`)).status)
}
