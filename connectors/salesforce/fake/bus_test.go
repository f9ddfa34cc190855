package fake_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"weir.dev/weir/connectors/salesforce/fake"
	"weir.dev/weir/connectors/salesforce/internal/pubsub"
)

// A client that was generated from Salesforce's own definition of the service judges the bus.

func newBus(t *testing.T, o fake.Options, b fake.BusOptions) (*fake.Org, *fake.Bus, pubsub.PubSubClient) {
	t.Helper()
	org := fake.New(o)
	bus := fake.NewBus(org, b)
	srv := httptest.NewUnstartedServer(org)
	srv.Config.Protocols = fake.BusProtocols()
	srv.Start()
	conn, err := grpc.NewClient("passthrough:///"+strings.TrimPrefix(srv.URL, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(); srv.Close() })
	return org, bus, pubsub.NewPubSubClient(conn)
}

func as(ctx context.Context, org *fake.Org, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "accesstoken", token, "instanceurl", "https://x.my.salesforce.com", "tenantid", org.OrgID())
}

func TestBus_SaysWhatIsWrongInTheTrailers(t *testing.T) {
	t.Parallel()
	org, bus, client := newBus(t, fake.Options{Token: "good"}, fake.BusOptions{})
	good := as(t.Context(), org, "good")
	for _, c := range []struct {
		name  string
		ctx   context.Context
		topic string
		mood  fake.BusMood
		code  grpccodes.Code
		own   string
	}{
		{"no headers", t.Context(), "/data/AccountChangeEvent", fake.BusWell, grpccodes.Unauthenticated, "service.auth.headers.invalid"},
		{"token", as(t.Context(), org, "bad"), "/data/AccountChangeEvent", fake.BusWell, grpccodes.Unauthenticated, "service.auth.error"},
		{"topic", good, "/data/NothingChangeEvent", fake.BusWell, grpccodes.NotFound, "topic.not.found"},
		{"no events", good, "/data/TaskChangeEvent", fake.BusWell, grpccodes.NotFound, "topic.not.found"},
		{"an object", good, "/event/Account", fake.BusWell, grpccodes.NotFound, "topic.not.found"},
		{"away", good, "/data/AccountChangeEvent", fake.BusUnavailable, grpccodes.Unavailable, "service.unavailable"},
		{"licence", good, "/data/AccountChangeEvent", fake.BusNoLicense, grpccodes.PermissionDenied, "service.tenant.license"},
		{"permission", good, "/data/AccountChangeEvent", fake.BusForbidden, grpccodes.PermissionDenied, "topic.meta.permission"},
		{"not there", good, "/data/AccountChangeEvent", fake.BusMissing, grpccodes.Unimplemented, ""},
	} {
		bus.SetMood(c.mood)
		var trailer metadata.MD
		_, err := client.GetTopic(c.ctx, &pubsub.TopicRequest{TopicName: c.topic}, grpc.Trailer(&trailer))
		require.Equal(t, c.code, status.Code(err), "%s: %v", c.name, err)
		if c.own != "" {
			require.Equal(t, []string{"sfdc.platform.eventbus.grpc." + c.own}, trailer.Get("error-code"), c.name)
		}
	}
}

func TestBus_RefusesWrongRequests(t *testing.T) {
	t.Parallel()
	org, _, client := newBus(t, fake.Options{}, fake.BusOptions{})
	for _, c := range []struct {
		own   string
		first *pubsub.FetchRequest
	}{
		{"requested.events.invalid", &pubsub.FetchRequest{TopicName: "/data/AccountChangeEvent"}},
		{"requested.events.invalid", &pubsub.FetchRequest{TopicName: "/data/AccountChangeEvent", NumRequested: 101}},
		{"requested.events.invalid", &pubsub.FetchRequest{TopicName: "/data/AccountChangeEvent", NumRequested: -1}},
		{"replayid.corrupted", &pubsub.FetchRequest{TopicName: "/data/AccountChangeEvent", NumRequested: 1, ReplayPreset: pubsub.ReplayPreset_CUSTOM}},
		{"replayid.corrupted", &pubsub.FetchRequest{TopicName: "/data/AccountChangeEvent", NumRequested: 1, ReplayPreset: pubsub.ReplayPreset_CUSTOM, ReplayId: []byte("odd")}},
		{"replayid.validation.failed", &pubsub.FetchRequest{TopicName: "/data/AccountChangeEvent", NumRequested: 1, ReplayPreset: pubsub.ReplayPreset_CUSTOM, ReplayId: []byte{0, 0, 0, 0, 0, 0, 9, 9, 0, 0}}},
	} {
		stream, err := client.Subscribe(as(t.Context(), org, "any"))
		require.NoError(t, err)
		require.NoError(t, stream.Send(c.first))
		_, err = stream.Recv()
		require.Equal(t, grpccodes.InvalidArgument, status.Code(err), "%v", err)
		require.Contains(t, stream.Trailer().Get("error-code")[0], c.own)
	}
}

// The bus sends as many events as it was asked for, and says how many it still owes.
func TestBus_SendsAsManyAsWereAskedFor(t *testing.T) {
	t.Parallel()
	org, bus, client := newBus(t, fake.Options{}, fake.BusOptions{Batch: 2, KeepAlive: 10 * time.Millisecond})
	for range 7 {
		org.Put("Account", fake.Record{"Name": "n"})
	}
	stream, err := client.Subscribe(as(t.Context(), org, "any"))
	require.NoError(t, err)
	ask := func(n int32) {
		require.NoError(t, stream.Send(&pubsub.FetchRequest{TopicName: "/data/AccountChangeEvent", NumRequested: n, ReplayPreset: pubsub.ReplayPreset_EARLIEST}))
	}
	ask(3)
	var got []int
	var owed []int32
	receive := func() *pubsub.FetchResponse {
		r, err := stream.Recv()
		require.NoError(t, err)
		require.NotEmpty(t, r.GetRpcId())
		got, owed = append(got, len(r.GetEvents())), append(owed, r.GetPendingNumRequested())
		return r
	}
	receive()
	receive()
	ask(10)
	receive()
	last := receive()
	require.Equal(t, []int{2, 1, 2, 2}, got)
	require.Equal(t, []int32{1, 0, 8, 6}, owed)
	require.Equal(t, last.GetEvents()[1].GetReplayId(), last.GetLatestReplayId())
	org.Put("Contact", fake.Record{"LastName": "of another channel"})
	for quiet := receive(); len(quiet.GetEvents()) == 0; quiet = receive() {
		if string(quiet.GetLatestReplayId()) != string(last.GetLatestReplayId()) {
			break // a sign of life moves on past what the channel does not have
		}
	}
	require.Equal(t, 10, bus.MostRequested())
	ask(1)
	require.NoError(t, stream.Send(&pubsub.FetchRequest{TopicName: "/data/LeadChangeEvent", NumRequested: 1}))
	for err == nil {
		_, err = stream.Recv()
	}
	require.Equal(t, grpccodes.InvalidArgument, status.Code(err))
}

func TestBus_TakesPublishedEvents(t *testing.T) {
	t.Parallel()
	org, _, client := newBus(t, fake.Options{}, fake.BusOptions{})
	ctx := as(t.Context(), org, "any")
	const name = "/event/Invoice_Sent__e"
	topic, err := client.GetTopic(ctx, &pubsub.TopicRequest{TopicName: name})
	require.NoError(t, err)
	require.True(t, topic.GetCanPublish())
	require.Equal(t, org.OrgID(), topic.GetTenantGuid())
	schema, err := client.GetSchema(ctx, &pubsub.SchemaRequest{SchemaId: topic.GetSchemaId()})
	require.NoError(t, err)
	require.Contains(t, schema.GetSchemaJson(), `"com.sforce.eventbus"`)
	payload := append([]byte{2, 6}, "u-1"...)         // CreatedDate 1, CreatedById
	payload = append(append(payload, 2, 6), "I-1"...) // Invoice_Key__c
	payload = append(payload, 0)                      // Amount__c
	good := &pubsub.ProducerEvent{Id: "a", SchemaId: topic.GetSchemaId(), Payload: payload}
	bad := &pubsub.ProducerEvent{Id: "b", SchemaId: topic.GetSchemaId(), Payload: payload[:3]}
	answer, err := client.Publish(ctx, &pubsub.PublishRequest{TopicName: name, Events: []*pubsub.ProducerEvent{good, bad}})
	require.NoError(t, err)
	require.Len(t, answer.GetResults(), 2)
	require.Equal(t, "a", answer.GetResults()[0].GetCorrelationKey())
	require.NotEmpty(t, answer.GetResults()[0].GetReplayId())
	require.Equal(t, pubsub.ErrorCode_PUBLISH, answer.GetResults()[1].GetError().GetCode())
	changes, _, _, _ := org.Changes(0)
	require.Equal(t, "I-1", changes[len(changes)-1].Fields["Invoice_Key__c"])

	stream, err := client.PublishStream(ctx)
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, stream.Send(&pubsub.PublishRequest{TopicName: name, Events: []*pubsub.ProducerEvent{good}}))
		answer, err := stream.Recv()
		require.NoError(t, err)
		require.Nil(t, answer.GetResults()[0].GetError())
	}
	require.NoError(t, stream.CloseSend())
	_, err = stream.Recv()
	require.ErrorContains(t, err, "EOF")

	_, err = client.Publish(ctx, &pubsub.PublishRequest{TopicName: "/data/AccountChangeEvent", Events: []*pubsub.ProducerEvent{good}})
	require.Equal(t, grpccodes.PermissionDenied, status.Code(err))
	_, err = client.GetSchema(ctx, &pubsub.SchemaRequest{SchemaId: "nothing"})
	require.Equal(t, grpccodes.NotFound, status.Code(err))
	managed, err := client.ManagedSubscribe(ctx)
	require.NoError(t, err)
	_, err = managed.Recv()
	require.Equal(t, grpccodes.Unimplemented, status.Code(err))
}
