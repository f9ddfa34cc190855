package salesforce_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/egress"
	"weir.dev/weir/connectors/salesforce"
	"weir.dev/weir/connectors/salesforce/fake"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// renewed is a token source that gives a new token when the one before is refused.
type renewed struct {
	mu     sync.Mutex
	number int
	spent  bool // there is none any more
}

func (r *renewed) Token(context.Context) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprintf("00D!token-%d", r.number), nil
}

func (r *renewed) Renew(context.Context, string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.spent {
		return "", fault.New(fault.ConnectorAuth, "renewing the access token: it was revoked")
	}
	r.number++
	return fmt.Sprintf("00D!token-%d", r.number), nil
}

// eventRig is an org with events, and a connection to it.
type eventRig struct {
	org    *fake.Org
	bus    *fake.Bus
	tokens *renewed
	conn   connector.Listener
	cfg    connector.Config
	closed func()
}

// way is one of the two interfaces that events come by.
type way string

const (
	byPubSub way = "Pub/Sub API"
	byCometD way = "Streaming API"
)

func bothWays(t *testing.T, test func(t *testing.T, by way)) {
	t.Helper()
	for _, by := range []way{byPubSub, byCometD} {
		t.Run(strings.ReplaceAll(string(by), "/", ""), func(t *testing.T) {
			t.Parallel()
			test(t, by)
		})
	}
}

func newEventRig(t *testing.T, by way, orgOptions fake.Options, busOptions fake.BusOptions) *eventRig {
	t.Helper()
	r := &eventRig{org: fake.New(orgOptions), tokens: &renewed{}}
	r.bus = fake.NewBus(r.org, busOptions)
	srv := httptest.NewUnstartedServer(r.org)
	srv.Config.Protocols = fake.BusProtocols()
	srv.Start()
	t.Cleanup(func() {
		r.bus.Cut()
		srv.Close()
	})
	policy, err := egress.NewPolicy([]string{"127.0.0.0/8"})
	require.NoError(t, err)
	o := egress.Options{Policy: policy}
	client := egress.NewClient(o)
	cfg := connector.Config{
		ProfileProperties: flow.Properties(fmt.Sprintf(`{"instanceUrl":%q}`, srv.URL)), ProfileName: t.Name(), Tokens: r.tokens, HTTP: client, Dial: o.Dial,
		Endpoint: func(sub string) string {
			if sub == "EVENTS" && by == byCometD {
				return srv.URL + "/cometd"
			}
			return ""
		},
	}
	conn, err := salesforce.New(salesforce.Options{Poll: 2 * time.Millisecond}).Connect(t.Context(), cfg)
	require.NoError(t, err)
	r.cfg, r.conn = cfg, conn.(connector.Listener)
	r.closed = func() {
		require.NoError(t, conn.Close())
		client.CloseIdleConnections()
		srv.Close()
	}
	t.Cleanup(client.CloseIdleConnections)
	return r
}

func object(name string) flow.Properties { return flow.Properties(fmt.Sprintf(`{"object":%q}`, name)) }

// listen subscribes, and returns when the org has taken the subscription up.
func (r *eventRig) listen(t *testing.T, name string, most int, from connector.Cursor) connector.Events {
	t.Helper()
	_, before, _ := r.bus.Subscriptions()
	events := r.open(t, name, most, from)
	for {
		_, ever, changed := r.bus.Subscriptions()
		if ever > before {
			return events
		}
		select {
		case <-changed:
		case <-time.After(10 * time.Second):
			require.Fail(t, "nothing was subscribed to")
		}
	}
}

// next takes signals, with a bound on the wait.
func next(t *testing.T, events connector.Events) (connector.Signals, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return events.Next(ctx)
}

// changed is what the tests look at in an event.
type changed struct {
	ChangeEventHeader struct {
		EntityName     string
		RecordIDs      []string
		ChangeType     string
		TransactionKey string
		SequenceNumber int
		CommitNumber   int64
		ChangedFields  []string
	}
	Name, AddedField any
}

func decode(t *testing.T, record json.RawMessage) changed {
	t.Helper()
	var c changed
	require.NoError(t, json.Unmarshal(record, &c), string(record))
	return c
}

// names takes signals until that many events have come, and returns the names in them and the last position.
func names(t *testing.T, events connector.Events, count int) (list []string, at connector.Cursor, gaps []string) {
	t.Helper()
	for len(list) < count {
		s, err := next(t, events)
		require.NoError(t, err)
		for _, record := range s.Records {
			list = append(list, fmt.Sprint(decode(t, record).Name))
		}
		if s.Position != nil {
			at = s.Position
		}
		if s.Gap != "" {
			gaps = append(gaps, s.Gap)
		}
	}
	return list, at, gaps
}

// open subscribes, at a position that the org may refuse.
func (r *eventRig) open(t *testing.T, name string, most int, from connector.Cursor) connector.Events {
	t.Helper()
	events, err := r.conn.Listen(t.Context(), connector.ListenRequest{Properties: object(name), Most: most}, from)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, events.Close()) })
	return events
}

// until waits for a number of open subscriptions.
func (r *eventRig) until(t *testing.T, enough func(open int) bool) {
	t.Helper()
	for {
		open, _, changed := r.bus.Subscriptions()
		if enough(open) {
			return
		}
		select {
		case <-changed:
		case <-time.After(10 * time.Second):
			require.Fail(t, "the subscriptions stay as they are", "%d", open)
		}
	}
}

func none(open int) bool { return open == 0 }
func some(open int) bool { return open > 0 }

func (r *eventRig) addAccounts(prefix string, count int) (want []string) {
	for i := range count {
		name := fmt.Sprintf("%s %d", prefix, i)
		r.org.Put("Account", fake.Record{"Name": name})
		want = append(want, name)
	}
	return want
}
