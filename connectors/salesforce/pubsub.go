package salesforce

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"weir.dev/weir/connectors/salesforce/internal/avro"
	"weir.dev/weir/connectors/salesforce/internal/pubsub"
	"weir.dev/weir/fault"
)

const (
	// maxFetch is how much one answer of the bus may hold; an event has at most 1 MB.
	maxFetch = 64 << 20
	// callTimeout bounds a call that is no subscription.
	callTimeout = 30 * time.Second
	// callTries is how often such a call is made before it is given up.
	callTries = 3
)

// pubsubClient is one connection to the Pub/Sub API. Safe for concurrent use.
type pubsubClient struct {
	c    *connection
	conn *grpc.ClientConn
	api  pubsub.PubSubClient

	mu      sync.Mutex
	refused error // an address that the operator has not opened; what gRPC says of it is one failure among many
}

// dialPubSub makes a client. It reaches nobody yet.
func (c *connection) dialPubSub() (*pubsubClient, error) {
	base, err := url.Parse(c.eventsBase())
	if err != nil || base.Hostname() == "" {
		return nil, fault.New(fault.Validation, "the address of Salesforce's events is not a URL")
	}
	plain := base.Scheme == "http"
	port, security := base.Port(), credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12, ServerName: base.Hostname()})
	if plain {
		security = insecure.NewCredentials()
	}
	if port == "" {
		port = map[bool]string{true: "80", false: "443"}[plain]
	}
	p := &pubsubClient{c: c}
	p.conn, err = grpc.NewClient("passthrough:///"+net.JoinHostPort(base.Hostname(), port),
		grpc.WithTransportCredentials(security),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) { return p.dial(ctx, address, plain) }),
		grpc.WithNoProxy(), // the dialer knows the operator's
		grpc.WithDisableServiceConfig(),
		grpc.WithUserAgent("Weir"),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxFetch)),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 2, MaxDelay: time.Second}, MinConnectTimeout: 10 * time.Second}),
	)
	if err != nil {
		return nil, fault.New(fault.Internal, "making a client of the Pub/Sub API")
	}
	p.api = pubsub.NewPubSubClient(p.conn)
	return p, nil
}

// eventsBase is where the Pub/Sub API is: at the operator's address for it, or for the vendor as a whole; where the
// organization's address is one of plain HTTP, which Salesforce has none of, at that; else at Salesforce's own.
func (c *connection) eventsBase() string {
	for _, sub := range []string{eventsService, ""} {
		if base := c.endpoint(sub); base != "" {
			return base
		}
	}
	if strings.HasPrefix(c.base, "http://") {
		return c.base
	}
	return pubsubHost
}

func (p *pubsubClient) dial(ctx context.Context, address string, plain bool) (net.Conn, error) {
	conn, err := p.c.cfg.Dial(ctx, address, plain)
	if fault.Is(err, fault.Validation) {
		p.mu.Lock()
		p.refused = err
		p.mu.Unlock()
	}
	return conn, err
}

func (p *pubsubClient) close() {
	if p != nil {
		p.conn.Close()
	}
}

// authorized puts the credentials into a call's metadata, and returns the token that it took.
func (p *pubsubClient) authorized(ctx context.Context) (context.Context, string, error) {
	who, err := p.c.identity(ctx)
	if err != nil {
		return nil, "", err
	}
	token, err := p.c.cfg.Tokens.Token(ctx)
	if err != nil {
		return nil, "", fault.Wrap(fault.CodeOf(err), err, "getting the access token")
	}
	return metadata.AppendToOutgoingContext(ctx, "accesstoken", token, "instanceurl", p.c.base, "tenantid", who.Organization), token, nil
}

// granted takes a call from what the profile's user grants.
func (p *pubsubClient) granted(ctx context.Context) (release func(), err error) {
	if p.c.cfg.Budget == nil {
		return func() {}, nil
	}
	return p.c.cfg.Budget.Take(ctx, 1)
}

// call makes a call until it is answered, cannot be helped, or has failed often enough. A token that is refused is
// renewed once.
func (p *pubsubClient) call(ctx context.Context, doing string, do func(context.Context, ...grpc.CallOption) error) error {
	renewed := false
	for failures := 1; ; failures++ {
		token, err := p.try(ctx, doing, do)
		switch kind := kindOf(err); {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fault.Wrap(fault.Canceled, context.Cause(ctx), "%s", doing)
		case kind == busAuth && !renewed:
			renewed = true
			if _, err := p.c.cfg.Tokens.Renew(ctx, token); err != nil {
				return fault.Wrap(fault.CodeOf(err), err, "%s", doing)
			}
		case kind != busTransient || failures >= callTries:
			return err
		default:
			if err := p.c.await(ctx, failures); err != nil {
				return err
			}
		}
	}
}

func (p *pubsubClient) try(ctx context.Context, doing string, do func(context.Context, ...grpc.CallOption) error) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	authorized, token, err := p.authorized(ctx)
	if err != nil {
		return "", err
	}
	release, err := p.granted(ctx)
	if err != nil {
		return token, err
	}
	defer release()
	var trailer metadata.MD
	if err := do(authorized, grpc.Trailer(&trailer)); err != nil {
		return token, p.classify(doing, err, trailer, token)
	}
	return token, nil
}

// topic asks about a channel, which has to be one that can be listened to.
func (p *pubsubClient) topic(ctx context.Context, name string) (*pubsub.TopicInfo, error) {
	var info *pubsub.TopicInfo
	doing := "listening to " + name
	err := p.call(ctx, doing, func(ctx context.Context, opts ...grpc.CallOption) (err error) {
		info, err = p.api.GetTopic(ctx, &pubsub.TopicRequest{TopicName: name}, opts...)
		return err
	})
	if err == nil && !info.GetCanSubscribe() {
		err = fault.New(fault.ConnectorServer, "%s: Salesforce does not let this user subscribe to it", doing)
	}
	return info, err
}

// schema fetches one schema.
func (p *pubsubClient) schema(ctx context.Context, id string) (*avro.Schema, error) {
	var info *pubsub.SchemaInfo
	err := p.call(ctx, "fetching a schema of Salesforce's events", func(ctx context.Context, opts ...grpc.CallOption) (err error) {
		info, err = p.api.GetSchema(ctx, &pubsub.SchemaRequest{SchemaId: id}, opts...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return avro.Parse(info.GetSchemaJson())
}

// pubsubSchema fetches the schema that a channel's events have now.
func (c *connection) pubsubSchema(ctx context.Context, topic string) (*avro.Schema, error) {
	p, err := c.dialPubSub()
	if err != nil {
		return nil, err
	}
	defer p.close()
	info, err := p.topic(ctx, topic)
	if err != nil {
		return nil, err
	}
	return p.schema(ctx, info.GetSchemaId())
}
