package salesforce_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/egress"
	"weir.dev/weir/connectors/salesforce"
	"weir.dev/weir/connectors/salesforce/internal/pubsub"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// strange is a Pub/Sub API that does what it should not. It is built with the generated server, not with the stand-in.
type strange struct {
	pubsub.UnimplementedPubSubServer
	schema  string
	answers []*pubsub.FetchResponse
	end     error // of the stream, after the answers
	streams atomic.Int64
}

func (*strange) GetTopic(_ context.Context, r *pubsub.TopicRequest) (*pubsub.TopicInfo, error) {
	return &pubsub.TopicInfo{TopicName: r.GetTopicName(), CanSubscribe: !strings.Contains(r.GetTopicName(), "Closed"), SchemaId: "s"}, nil
}

func (s *strange) GetSchema(_ context.Context, r *pubsub.SchemaRequest) (*pubsub.SchemaInfo, error) {
	if r.GetSchemaId() != "s" {
		return nil, status.Error(codes.NotFound, "no such schema; the token was 00D!token-0")
	}
	return &pubsub.SchemaInfo{SchemaJson: s.schema, SchemaId: "s"}, nil
}

func (s *strange) Subscribe(stream grpc.BidiStreamingServer[pubsub.FetchRequest, pubsub.FetchResponse]) error {
	s.streams.Add(1)
	if _, err := stream.Recv(); err != nil {
		return err
	}
	for _, a := range s.answers {
		if err := stream.Send(a); err != nil {
			return err
		}
	}
	if !errors.Is(s.end, io.EOF) {
		return s.end
	}
	<-stream.Context().Done()
	return nil
}

// oneField is a schema whose events are one number.
const oneField = `{"type":"record","name":"E","fields":[{"name":"N","type":"long"}]}`

func event(id, schema string, payload ...byte) *pubsub.ConsumerEvent {
	return &pubsub.ConsumerEvent{Event: &pubsub.ProducerEvent{SchemaId: schema, Payload: payload}, ReplayId: []byte(id)}
}

// hear listens to a strange API. Salesforce's other interfaces are not there.
func hear(t *testing.T, s *strange, topic string, most int) (connector.Events, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	pubsub.RegisterPubSubServer(server, s)
	go server.Serve(l)
	t.Cleanup(server.Stop)
	rest := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(rest.Close)
	policy, err := egress.NewPolicy([]string{"127.0.0.0/8"})
	require.NoError(t, err)
	o := egress.Options{Policy: policy}
	conn, err := salesforce.New(salesforce.Options{Poll: time.Millisecond}).Connect(t.Context(), connector.Config{
		ProfileProperties: flow.Properties(`{"instanceUrl":"` + rest.URL + `"}`), Tokens: &renewed{}, HTTP: egress.NewClient(o), Dial: o.Dial,
		Endpoint: func(sub string) string { return map[string]string{"EVENTS": "http://" + l.Addr().String()}[sub] },
	})
	require.NoError(t, err)
	salesforce.KnowOrganization(conn, "00D000000000001AAA")
	events, err := conn.(connector.Listener).Listen(t.Context(), connector.ListenRequest{Properties: object(topic), Most: most}, nil)
	if err == nil {
		t.Cleanup(func() { require.NoError(t, events.Close()) })
	}
	return events, err
}

func TestListen_TakesMoreThanItAskedForInParts(t *testing.T) {
	t.Parallel()
	answer := &pubsub.FetchResponse{LatestReplayId: []byte("z")}
	for i := range 7 {
		answer.Events = append(answer.Events, event(string(rune('a'+i)), "s", byte(2*i)))
	}
	events, err := hear(t, &strange{schema: oneField, answers: []*pubsub.FetchResponse{{}, answer, {LatestReplayId: []byte("z")}}, end: io.EOF}, "AccountChangeEvent", 3)
	require.NoError(t, err)
	var got []string
	var sizes []int
	for len(got) < 7 {
		s, err := next(t, events)
		require.NoError(t, err)
		sizes = append(sizes, len(s.Records))
		for _, r := range s.Records {
			got = append(got, string(r))
		}
		require.JSONEq(t, `{"replayId":"`+map[int]string{3: "Yw==", 6: "Zg==", 7: "Zw=="}[len(got)]+`"}`, string(s.Position))
	}
	require.Equal(t, []int{3, 3, 1}, sizes)
	require.Equal(t, []string{`{"N":0}`, `{"N":1}`, `{"N":2}`, `{"N":3}`, `{"N":4}`, `{"N":5}`, `{"N":6}`}, got)
	s, err := next(t, events)
	require.NoError(t, err)
	require.Empty(t, s.Records)
	require.JSONEq(t, `{"replayId":"eg=="}`, string(s.Position))
}

func TestListen_StopsAtWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		server *strange
		want   string
	}{
		"no event":       {&strange{schema: oneField, answers: []*pubsub.FetchResponse{{Events: []*pubsub.ConsumerEvent{{ReplayId: []byte("a")}}}}}, "no such schema"},
		"no position":    {&strange{schema: oneField, answers: []*pubsub.FetchResponse{{Events: []*pubsub.ConsumerEvent{event("", "s", 2)}}}}, "a position that is not one"},
		"long position":  {&strange{schema: oneField, answers: []*pubsub.FetchResponse{{LatestReplayId: make([]byte, 5000)}}}, "a position that is not one"},
		"no schema":      {&strange{schema: `"int"`, answers: []*pubsub.FetchResponse{{Events: []*pubsub.ConsumerEvent{event("a", "s", 2)}}}}, "not that of a record"},
		"another schema": {&strange{schema: oneField, answers: []*pubsub.FetchResponse{{Events: []*pubsub.ConsumerEvent{event("a", "t", 2)}}}}, "no such schema"},
		"payload":        {&strange{schema: oneField, answers: []*pubsub.FetchResponse{{Events: []*pubsub.ConsumerEvent{event("a", "s", 2, 2)}}}}, "does not fit its schema"},
		"refusal":        {&strange{schema: oneField, end: status.Error(codes.FailedPrecondition, "no, \x00"+strings.Repeat("x", 1000))}, "no,  xxx"},
	} {
		if c.server.end == nil {
			c.server.end = io.EOF
		}
		events, err := hear(t, c.server, "AccountChangeEvent", 10)
		require.NoError(t, err, name)
		_, err = next(t, events)
		require.True(t, fault.Is(err, fault.ConnectorServer), "%s: %v", name, err)
		require.ErrorContains(t, err, c.want, name)
		require.NotContains(t, err.Error(), "00D!token", name)
		require.Less(t, len(err.Error()), 500, name)
	}
}

// An API that ends every stream at once is not asked without end.
func TestListen_GivesUpOnStreamsThatEndAtOnce(t *testing.T) {
	t.Parallel()
	for _, end := range []error{nil, status.Error(codes.Internal, "broken"), status.Error(codes.Unknown, "strange")} {
		s := &strange{schema: oneField, end: end}
		events, err := hear(t, s, "AccountChangeEvent", 10)
		require.NoError(t, err)
		_, err = next(t, events)
		require.True(t, fault.Is(err, fault.ConnectorServer), "%v", err)
		retry, _ := fault.RetryOf(err)
		require.Equal(t, fault.Transient, retry)
		require.LessOrEqual(t, s.streams.Load(), int64(6))
	}
}

func TestListen_SaysThatATopicIsClosed(t *testing.T) {
	t.Parallel()
	_, err := hear(t, &strange{schema: oneField}, "ClosedChangeEvent", 1)
	require.True(t, fault.Is(err, fault.ConnectorServer))
	require.ErrorContains(t, err, "does not let this user subscribe")
}

// bayeux is a Streaming API that gives answers out in turn; the last one for ever.
func bayeux(t *testing.T, answers ...string) connector.Listener {
	t.Helper()
	var at atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := min(int(at.Add(1)), len(answers)) - 1
		w.Header().Add("Set-Cookie", strings.Repeat("x", 10_000)+"=1")
		w.Header().Add("Set-Cookie", "=;;")
		io.WriteString(w, answers[n])
	}))
	t.Cleanup(srv.Close)
	policy, err := egress.NewPolicy([]string{"127.0.0.0/8"})
	require.NoError(t, err)
	conn, err := salesforce.New(salesforce.Options{Poll: time.Millisecond}).Connect(t.Context(), connector.Config{
		ProfileProperties: flow.Properties(`{"instanceUrl":"` + srv.URL + `"}`), Tokens: &renewed{}, HTTP: egress.NewClient(egress.Options{Policy: policy}),
	})
	require.NoError(t, err)
	return conn.(connector.Listener)
}

func TestListen_StopsAtStreamingAnswersThatMakeNoSense(t *testing.T) {
	t.Parallel()
	const shake = `[{"channel":"/meta/handshake","clientId":"c","successful":true}]`
	const sub = `[{"channel":"/meta/subscribe","successful":true}]`
	for name, c := range map[string]struct {
		answers []string
		want    string
	}{
		"no JSON":        {[]string{"<html>"}, "not one of the Bayeux protocol"},
		"nothing":        {[]string{"[]"}, "there was no answer"},
		"no client":      {[]string{`[{"channel":"/meta/handshake","successful":true}]`}, "gave no reason"},
		"no replay id":   {[]string{shake, sub, `[{"channel":"/data/AccountChangeEvent","data":{"payload":{"a":1}}},{"channel":"/meta/connect","successful":true}]`}, "no payload or no replayId"},
		"no object":      {[]string{shake, sub, `[{"channel":"/data/AccountChangeEvent","data":{"payload":[1],"event":{"replayId":1}}},{"channel":"/meta/connect","successful":true}]`}, "no payload or no replayId"},
		"no more":        {[]string{shake, sub, `[{"channel":"/meta/connect","successful":false,"error":"418::teapot","advice":{"reconnect":"none"}}]`}, "418::teapot"},
		"for ever":       {[]string{shake, `[{"channel":"/meta/subscribe","successful":false,"error":"400::The replayId {-1} you provided was invalid."}]`}, "The replayId"},
		"unknown client": {[]string{shake, `[{"channel":"/meta/subscribe","successful":false,"error":"403::Unknown client"},{"channel":"/meta/handshake","clientId":"c","successful":true}]`}, "Unknown client"},
	} {
		listener := bayeux(t, c.answers...)
		events, err := listener.Listen(t.Context(), connector.ListenRequest{Properties: object("AccountChangeEvent"), Most: 1}, nil)
		if err == nil {
			_, err = next(t, events)
			require.NoError(t, events.Close())
		}
		require.True(t, fault.Is(err, fault.ConnectorServer), "%s: %v", name, err)
		require.ErrorContains(t, err, c.want, name)
	}
}
