package fake

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The Streaming API: Bayeux over long polling with Salesforce's replay extension, see
// https://developer.salesforce.com/docs/atlas.en-us.api_streaming.meta/api_streaming/.

// bayeuxClient is one session. The bus's mu guards it.
type bayeuxClient struct {
	topics map[string]*bayeuxTopic
}

type bayeuxTopic struct {
	topic
	at int64 // of the log
}

// bayeuxMessage is what a client sends.
type bayeuxMessage struct {
	ID           any    `json:"id"`
	Channel      string `json:"channel"`
	ClientID     string `json:"clientId"`
	Subscription any    `json:"subscription"` // one, or several
	Ext          struct {
		Replay json.RawMessage `json:"replay"` // true, or positions by channel
	} `json:"ext"`
	Advice struct {
		Timeout *int64 `json:"timeout"` // milliseconds that a poll may take
	} `json:"advice"`
}

const browserCookie = "BAYEUX_BROWSER"

func (b *Bus) serveCometD(w http.ResponseWriter, r *http.Request) {
	var in []bayeuxMessage
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&in); err != nil {
		http.Error(w, "400::malformed", http.StatusBadRequest)
		return
	}
	var out []Record
	for _, m := range in {
		reply := Record{"channel": m.Channel, "successful": true}
		if m.ID != nil {
			reply["id"] = m.ID
		}
		var events []Record
		if problem := b.refusal(r, &m); problem != nil {
			reply["successful"] = false
			maps.Copy(reply, problem)
		} else {
			events = b.handle(w, r, &m, reply)
		}
		out = append(append(out, events...), reply)
	}
	answer(w, http.StatusOK, out)
}

// refusal is what is wrong with a message whatever it wants; nil for nothing.
func (b *Bus) refusal(r *http.Request, m *bayeuxMessage) Record {
	mood, _, _ := b.state()
	handshake := m.Channel == "/meta/handshake"
	switch {
	case mood == BusUnavailable:
		return Record{"error": "503::Server is too busy. Please try your request again later.", "advice": Record{"reconnect": "retry", "interval": 0}}
	case !b.org.Authorized(bearer(r)) && handshake:
		return Record{
			"error": "403::Handshake denied", "advice": Record{"reconnect": "none"},
			"ext": Record{"replay": true, "sfdc": Record{"failureReason": "401::Authentication invalid"}},
		}
	case !b.org.Authorized(bearer(r)):
		return Record{"error": "401::Authentication invalid", "advice": Record{"reconnect": "none", "interval": 0}}
	case handshake:
		return nil
	}
	cookie, err := r.Cookie(browserCookie)
	b.mu.Lock()
	known := b.clients[m.ClientID] != nil
	b.mu.Unlock()
	if err != nil || !known || cookie.Value != browserOf(m.ClientID) { // the server that knows the client is found by the cookie
		return Record{"error": "403::Unknown client", "advice": Record{"reconnect": "handshake", "interval": 0}}
	}
	return nil
}

func browserOf(client string) string { return "b" + client }

// handle does what a message wants, and returns the events that go before its reply.
func (b *Bus) handle(w http.ResponseWriter, r *http.Request, m *bayeuxMessage, reply Record) []Record {
	switch m.Channel {
	case "/meta/handshake":
		b.mu.Lock()
		b.serial++
		id := fmt.Sprintf("%d1fake%020d", b.serial%10, b.serial)
		b.clients[id] = &bayeuxClient{topics: map[string]*bayeuxTopic{}}
		b.mu.Unlock()
		http.SetCookie(w, &http.Cookie{Name: browserCookie, Value: browserOf(id), Path: "/", HttpOnly: true}) //nolint:gosec // a stand-in without TLS
		maps.Copy(reply, Record{
			"clientId": id, "version": "1.0", "minimumVersion": "1.0", "supportedConnectionTypes": []string{"long-polling"},
			"ext": Record{"replay": true, "payload.format": true}, "advice": Record{"reconnect": "retry", "interval": 0, "timeout": b.opts.Poll.Milliseconds()},
		})
	case "/meta/subscribe", "/meta/unsubscribe":
		reply["clientId"], reply["subscription"] = m.ClientID, m.Subscription
		for _, name := range subscriptions(m.Subscription) {
			if problem := b.follow(m, name); problem != "" {
				reply["successful"], reply["error"] = false, problem
			}
		}
	case "/meta/connect":
		events, gone := b.poll(r, m)
		if gone {
			panic(http.ErrAbortHandler) // net/http's way to close a connection without a word
		}
		reply["clientId"], reply["advice"] = m.ClientID, Record{"reconnect": "retry", "interval": 0, "timeout": b.opts.Poll.Milliseconds()}
		return events
	case "/meta/disconnect":
		b.mu.Lock()
		b.forget(m.ClientID)
		b.mu.Unlock()
		reply["clientId"] = m.ClientID
	default:
		reply["successful"], reply["error"] = false, "400::Unknown channel "+m.Channel
	}
	return nil
}

func subscriptions(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var list []string
		for _, s := range v {
			list = append(list, fmt.Sprint(s))
		}
		return list
	}
	return nil
}

// follow subscribes a client to a channel, or ends that. It returns what is wrong.
func (b *Bus) follow(m *bayeuxMessage, name string) string {
	t, ok := b.findTopic(name)
	mood, _, _ := b.state()
	switch {
	case !ok:
		return fmt.Sprintf("404::The channel %s you requested to subscribe to does not exist", name)
	case mood == BusForbidden:
		return fmt.Sprintf("403::User not allowed to subscribe this channel with current permission {%s}", name)
	case mood == BusSpent:
		return "403::Organization total events daily limit exceeded"
	}
	after := int64(-1)
	var positions map[string]int64
	if json.Unmarshal(m.Ext.Replay, &positions) == nil {
		if n, given := positions[name]; given {
			after = n
		}
	}
	at := after
	switch {
	case after == -1:
		_, at, _, _ = b.org.Changes(-1)
	case after == -2:
		at = 0
	case !b.known(t, after):
		return fmt.Sprintf("400::The replayId {%d} you provided was invalid.  Please provide a valid ID, -2 to replay all events, or -1 to replay only new events.", after)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.clients[m.ClientID]
	switch {
	case c == nil:
		return "403::Unknown client"
	case strings.HasSuffix(m.Channel, "unsubscribe"):
		if c.topics[name] != nil {
			b.count(0, -1)
		}
		delete(c.topics, name)
	default:
		if c.topics[name] == nil {
			b.count(0, 1)
		}
		c.topics[name] = &bayeuxTopic{topic: t, at: at}
	}
	return ""
}

// poll waits for events of a client's channels. Gone says that the connection is to break.
func (b *Bus) poll(r *http.Request, m *bayeuxMessage) (events []Record, gone bool) {
	b.note(1, 0)
	defer b.note(-1, 0)
	held := b.opts.Poll
	if t := m.Advice.Timeout; t != nil && *t >= 0 {
		held = min(held, time.Duration(*t)*time.Millisecond)
	}
	timer := time.NewTimer(held)
	defer timer.Stop()
	for {
		_, cut, _ := b.state()
		_, _, _, more := b.org.Changes(-1)
		if events = b.collect(m.ClientID); len(events) > 0 {
			return events, false
		}
		select {
		case <-more:
		case <-timer.C:
			return nil, false
		case <-cut:
			return nil, true
		case <-r.Context().Done():
			return nil, true
		}
	}
}

// collect takes the events that a client has not had.
func (b *Bus) collect(client string) []Record {
	b.mu.Lock()
	var topics []*bayeuxTopic
	if c := b.clients[client]; c != nil {
		for _, name := range slices.Sorted(maps.Keys(c.topics)) {
			topics = append(topics, c.topics[name])
		}
	}
	b.mu.Unlock()
	var out []Record
	for _, t := range topics {
		b.mu.Lock()
		after := t.at
		b.mu.Unlock()
		list, next, _, _ := b.read(t.topic, after)
		if len(list) > b.opts.Batch {
			list = list[:b.opts.Batch]
			next = list[len(list)-1].Position
		}
		for _, c := range list {
			s := b.schemaAt(c.Entity, c.Position)
			out = append(out, Record{"channel": t.name, "data": Record{"schema": s.id, "payload": s.shown(c), "event": Record{"replayId": c.Position}}})
		}
		b.mu.Lock()
		t.at = next
		b.mu.Unlock()
	}
	return out
}
