package fake

import (
	"net/http"
	"strings"
	"sync"
	"time"
)

// BusOptions say how an org's event bus behaves. The zero value of a field means Salesforce's own.
type BusOptions struct {
	KeepAlive time.Duration // between the words of a subscription that has nothing to tell; 270 s
	Poll      time.Duration // how long the Streaming API holds a poll without events; 110 s
	Batch     int           // events in one answer at most; 100
	Retention time.Duration // how long events are kept, by the org's clock; 72 h
	Hold      time.Duration // how long a subscription may go without asking for events; 60 s
}

// BusMood is a way to misbehave.
type BusMood string

// Moods of the event bus.
const (
	BusWell        BusMood = ""
	BusUnavailable BusMood = "unavailable" // service.unavailable; 503 from the Streaming API
	BusNoLicense   BusMood = "nolicense"   // the organization has no Pub/Sub API
	BusMissing     BusMood = "missing"     // nothing answers as a Pub/Sub API at all
	BusSpent       BusMood = "spent"       // the events of the day are used up
	BusForbidden   BusMood = "forbidden"   // this user may not read what events are about
)

// BusMoods lists the moods.
func BusMoods() []BusMood {
	return []BusMood{BusWell, BusUnavailable, BusNoLicense, BusMissing, BusSpent, BusForbidden}
}

// Bus is an org's events: the Pub/Sub API (gRPC) and the Streaming API (CometD), served by the org itself. Safe for
// concurrent use. The org's server must speak HTTP/2, without TLS too:
//
//	fake.NewBus(org, fake.BusOptions{})
//	server := &http.Server{Handler: org, Protocols: fake.BusProtocols()}
type Bus struct {
	org  *Org
	opts BusOptions

	mu        sync.Mutex // guards all below
	mood      BusMood
	switches  map[string][]int64     // by folded entity: the positions after which its schema has one more field
	schemas   map[string]eventSchema // by id: all that were ever given out
	cut       chan struct{}          // closed to end every subscription that there is
	cutAfter  int                    // events after which a stream breaks; 0 is never
	clients   map[string]*bayeuxClient
	serial    int
	waiting   int           // streams and polls that are open
	open      int           // subscriptions
	ever      int           // subscriptions that there have been
	watch     chan struct{} // closed and replaced when one of these changes
	requested int           // the most events that a stream was asked for and had not sent
}

// NewBus gives an org its events. It is called before the org serves anybody.
func NewBus(org *Org, opts BusOptions) *Bus {
	for _, d := range []struct {
		p         *time.Duration
		otherwise time.Duration
	}{{&opts.KeepAlive, 270 * time.Second}, {&opts.Poll, 110 * time.Second}, {&opts.Retention, 72 * time.Hour}, {&opts.Hold, time.Minute}} {
		if *d.p == 0 {
			*d.p = d.otherwise
		}
	}
	if opts.Batch <= 0 {
		opts.Batch = maxRequested
	}
	b := &Bus{
		org: org, opts: opts, switches: map[string][]int64{}, schemas: map[string]eventSchema{}, cut: make(chan struct{}),
		clients: map[string]*bayeuxClient{}, watch: make(chan struct{}),
	}
	org.Handle(pubsubPath, http.HandlerFunc(b.servePubSub))
	org.Handle("POST /cometd/{version}", http.HandlerFunc(b.serveCometD))
	org.Handle("GET /services/data/{version}/sobjects/{event}/eventSchema", http.HandlerFunc(b.serveEventSchema))
	org.Handle("GET /services/data/{version}/event/eventSchema/{id}", http.HandlerFunc(b.serveEventSchema))
	return b
}

// BusProtocols is what a server of a bus has to speak.
func BusProtocols() *http.Protocols {
	var p http.Protocols
	p.SetHTTP1(true)
	p.SetHTTP2(true)
	p.SetUnencryptedHTTP2(true)
	return &p
}

// SetMood changes how the bus behaves from now on. Open subscriptions go on.
func (b *Bus) SetMood(m BusMood) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mood = m
}

// Cut breaks every subscription that is open, in the middle of what it was doing.
func (b *Bus) Cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.cut)
	b.cut = make(chan struct{})
	for client := range b.clients {
		b.forget(client)
	}
}

// CutAfter breaks every stream of the Pub/Sub API that is opened from now on after it has sent some events; 0 stops it.
func (b *Bus) CutAfter(events int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cutAfter = events
}

// SwitchSchema changes the schema of an object's events from now on, as a new field does: it stands before all others.
// Events that were there before keep theirs.
func (b *Bus) SwitchSchema(entity string) {
	_, last, _, _ := b.org.Changes(-1)
	b.mu.Lock()
	defer b.mu.Unlock()
	entity = strings.ToLower(entity)
	b.switches[entity] = append(b.switches[entity], last)
}

// Subscriptions is how many subscriptions are open, how many there have ever been, and a channel that is closed when that
// changes.
func (b *Bus) Subscriptions() (open, ever int, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open, b.ever, b.watch
}

// Waiting is how many streams and polls wait for events, and a channel that is closed when that changes.
func (b *Bus) Waiting() (int, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waiting, b.watch
}

// MostRequested is the largest number of events that any subscription had asked for and not got.
func (b *Bus) MostRequested() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.requested
}

// count notes that streams or polls begin or end, and subscriptions; mu is held.
func (b *Bus) count(waiting, subscriptions int) {
	b.waiting += waiting
	b.open += subscriptions
	b.ever += max(subscriptions, 0)
	close(b.watch)
	b.watch = make(chan struct{})
}

func (b *Bus) note(waiting, subscriptions int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count(waiting, subscriptions)
}

// forget ends a session of the Streaming API; mu is held.
func (b *Bus) forget(client string) {
	if c := b.clients[client]; c != nil {
		delete(b.clients, client)
		b.count(0, -len(c.topics))
	}
}

// state is what a subscription looks at before each step.
func (b *Bus) state() (mood BusMood, cut <-chan struct{}, cutAfter int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mood, b.cut, b.cutAfter
}

// topic is a channel: which objects' events it has.
type topic struct {
	name   string
	entity string // folded; "" for the changes of all objects
	event  bool   // a platform event
}

// findTopic finds a channel by its name.
func (b *Bus) findTopic(name string) (topic, bool) {
	if name == "/data/ChangeEvents" {
		return topic{name: name}, true
	}
	if event, ok := strings.CutPrefix(name, "/event/"); ok {
		o, ok := b.org.Object(event)
		return topic{name: name, entity: strings.ToLower(event), event: true}, ok && o.Event
	}
	event, ok := strings.CutPrefix(name, "/data/")
	entity, of := strings.CutSuffix(event, "ChangeEvent")
	if custom, isCustom := strings.CutSuffix(entity, "__"); isCustom {
		entity = custom + "__c"
	}
	o, exists := b.org.Object(entity)
	return topic{name: name, entity: strings.ToLower(entity)}, ok && of && exists && o.Replicates
}

// read gives the events of a channel after a position of the log, the position that they reach to, and a channel that is
// closed when there are more. Lost is set when some after the position are no more kept.
func (b *Bus) read(t topic, after int64) (list []Change, next int64, lost bool, more <-chan struct{}) {
	all, next, lost, more := b.org.Changes(after)
	oldest := b.org.now().Add(-b.opts.Retention)
	for _, c := range all {
		switch {
		case c.CommitTime.Before(oldest):
			lost = true
		case t.entity == "" && c.Type != Published, t.entity != "" && strings.EqualFold(c.Entity, t.entity):
			list = append(list, c)
		}
	}
	return list, next, lost, more
}

// known reports whether events after a position can be had without a hole.
func (b *Bus) known(t topic, after int64) bool {
	_, last, _, _ := b.org.Changes(-1)
	_, _, lost, _ := b.read(t, max(after, 0))
	return after >= 0 && after <= last && !lost
}
