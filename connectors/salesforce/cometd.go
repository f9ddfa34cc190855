package salesforce

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
)

// bayeux is one message of the Bayeux protocol, of those members that are used here
// (https://docs.cometd.org/current/reference/#_bayeux).
type bayeux struct {
	Channel      string   `json:"channel"`
	ClientID     string   `json:"clientId,omitzero"`
	Version      string   `json:"version,omitzero"`
	Minimum      string   `json:"minimumVersion,omitzero"`
	Types        []string `json:"supportedConnectionTypes,omitzero"`
	Connection   string   `json:"connectionType,omitzero"`
	Subscription string   `json:"subscription,omitzero"`
	Ext          any      `json:"ext,omitzero"`
}

// bayeuxAnswer is what comes back: a reply to a message, or an event.
type bayeuxAnswer struct {
	Channel    string `json:"channel"`
	ClientID   string `json:"clientId"`
	Successful bool   `json:"successful"`
	Error      string `json:"error"`
	Advice     struct {
		Reconnect string `json:"reconnect"` // retry, handshake or none
		Interval  int64  `json:"interval"`  // milliseconds
	} `json:"advice"`
	Ext struct {
		SFDC struct {
			FailureReason string `json:"failureReason"`
		} `json:"sfdc"`
	} `json:"ext"`
	Data struct {
		Payload json.RawMessage `json:"payload"`
		Event   struct {
			ReplayID *int64 `json:"replayId"`
		} `json:"event"`
	} `json:"data"`
}

const (
	replayNew      = -1 // of the replay extension: what happens from now on
	replayEarliest = -2 // and everything that is kept
	maxCookies     = 32
	maxCookieBytes = 4 << 10
)

// cometdSession is one client of the Streaming API. For one goroutine.
type cometdSession struct {
	c       *connection
	client  *rest.Client
	path    string
	doing   string
	cookies map[string]string // they lead to the server that knows the session
	id      string            // "" when there is no session
	token   string            // that the last request had
}

// newCometD makes a session. Its requests go past the budget of calls: a poll is held for minutes, and is none of the
// calls that an organization counts.
func (c *connection) newCometD(doing string) (*cometdSession, error) {
	base, path := c.base, cometdPath+strings.TrimPrefix(apiVersion, "v")
	if own := c.endpoint(eventsService); strings.Contains(own+"/", cometdPath) {
		at := strings.Index(own+"/", cometdPath)
		base = own[:at]
		if given := own[at:]; len(given) > len(cometdPath) {
			path = given
		}
	}
	s := &cometdSession{c: c, path: path, doing: doing, cookies: map[string]string{}}
	var err error
	s.client, err = rest.New(rest.Options{
		HTTP: c.cfg.HTTP, Base: base, Vendor: vendor, Auth: &noting{Auth: rest.Bearer(c.cfg.Tokens, ""), token: &s.token},
		Rules: meanings(), MessageAt: wordsAt, Attempts: 1, Now: c.cfg.Now,
	})
	return s, err
}

// noting remembers the token of the last request: the protocol may refuse it in an answer that HTTP calls good.
type noting struct {
	rest.Auth
	token *string
}

// Apply implements [rest.Auth].
func (n *noting) Apply(ctx context.Context, r *http.Request) (string, error) {
	used, err := n.Auth.Apply(ctx, r)
	*n.token = used
	return used, err
}

// send sends one message and returns all that comes back.
func (s *cometdSession) send(ctx context.Context, m bayeux) ([]bayeuxAnswer, error) {
	m.ClientID = s.id
	body, err := json.Marshal([]bayeux{m})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "%s", s.doing)
	}
	a, err := s.client.Do(ctx, &rest.Request{Doing: s.doing, Method: http.MethodPost, Path: s.path, Body: body, Header: s.header(), Once: true})
	if err != nil {
		return nil, err
	}
	s.keep(a.Header)
	var list []bayeuxAnswer
	if json.Unmarshal(a.Body, &list) != nil {
		return nil, fault.Temporary(fault.ConnectorServer, nil, "%s: the answer is not one of the Bayeux protocol", s.doing)
	}
	return list, nil
}

func (s *cometdSession) header() http.Header {
	if len(s.cookies) == 0 {
		return nil
	}
	list := make([]string, 0, len(s.cookies))
	for name, value := range s.cookies {
		list = append(list, name+"="+value)
	}
	return http.Header{"Cookie": {strings.Join(list, "; ")}}
}

func (s *cometdSession) keep(h http.Header) {
	for _, line := range h.Values("Set-Cookie") {
		cookie, err := http.ParseSetCookie(line)
		if err != nil || len(line) > maxCookieBytes {
			continue
		}
		if cookie.MaxAge < 0 {
			delete(s.cookies, cookie.Name)
		} else if _, known := s.cookies[cookie.Name]; known || len(s.cookies) < maxCookies {
			s.cookies[cookie.Name] = cookie.Value
		}
	}
}

// reply finds the answer to a message of a meta channel.
func reply(list []bayeuxAnswer, channel string) *bayeuxAnswer {
	for i := range list {
		if list[i].Channel == channel {
			return &list[i]
		}
	}
	return &bayeuxAnswer{Channel: channel, Error: "503::there was no answer"}
}

// handshake begins a session.
func (s *cometdSession) handshake(ctx context.Context) error {
	s.id = ""
	clear(s.cookies)
	const channel = "/meta/handshake"
	list, err := s.send(ctx, bayeux{
		Channel: channel, Version: "1.0", Minimum: "1.0", Types: []string{"long-polling"}, Ext: map[string]any{"replay": true},
	})
	if err != nil {
		return err
	}
	r := reply(list, channel)
	if !r.Successful || r.ClientID == "" {
		return s.classify(r)
	}
	s.id = r.ClientID
	return nil
}

// subscribe asks for a channel's events after a position.
func (s *cometdSession) subscribe(ctx context.Context, topic string, after int64) ([]bayeuxAnswer, error) {
	const channel = "/meta/subscribe"
	list, err := s.send(ctx, bayeux{Channel: channel, Subscription: topic, Ext: map[string]any{"replay": map[string]int64{topic: after}}})
	if err != nil {
		return nil, err
	}
	if r := reply(list, channel); !r.Successful {
		return nil, s.classify(r)
	}
	return list, nil
}

// connect waits for events: one long poll.
func (s *cometdSession) connect(ctx context.Context) ([]bayeuxAnswer, *bayeuxAnswer, error) {
	const channel = "/meta/connect"
	list, err := s.send(ctx, bayeux{Channel: channel, Connection: "long-polling"})
	if err != nil {
		return nil, nil, err
	}
	return list, reply(list, channel), nil
}

// disconnect frees the place that Salesforce keeps for a client, if it can be done at once.
func (s *cometdSession) disconnect(ctx context.Context) {
	if s.id != "" {
		_, _ = s.send(ctx, bayeux{Channel: "/meta/disconnect"}) // Salesforce forgets it by itself otherwise
		s.id = ""
	}
}

// classify says what a refusal means, in the terms of the Pub/Sub API's errors.
func (s *cometdSession) classify(r *bayeuxAnswer) error {
	text := r.Error + " " + r.Ext.SFDC.FailureReason
	words := clean(strings.TrimSpace(text), s.token)
	kind := busFatal
	switch {
	case strings.Contains(text, "total events daily limit"):
		return &busError{busFatal, &fault.Error{
			Code: fault.ConnectorServer, Retry: fault.Throttled, RetryAfter: allocationWait,
			Message: s.doing + ": the events that the organization may receive in 24 hours are used up: " + words,
		}}
	case strings.Contains(text, "401::"):
		kind = busAuth
	case strings.HasPrefix(r.Error, "400::The replayId"):
		kind = busReplay
	case strings.Contains(text, "403::Unknown client"), strings.HasPrefix(r.Error, "402::"), strings.HasPrefix(r.Error, "503::"), r.Advice.Reconnect == "handshake":
		kind = busTransient
	}
	return &busError{kind, faultOf(kind, s.doing, words)}
}
