// Package metadata answers what vendors have: their entities and fields. It asks each vendor once and keeps the answer
// for a while, for everyone who asks the same.
//
//	question → generation unchanged? → kept answer
//	                  │ no, or none    → one connection, one question → keep → answer
//
// Answers are kept per process. A reset reaches the other processes by a generation, a small value that all of them
// share (in the store's settings) and look at before they use what they keep: after a change they begin anew.
//
// It may assume that a profile carries a version that changes with it; it asks vendors only through connections, never
// reads records, and never keeps an error.
package metadata

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Defaults of [Options].
const (
	DefaultTTL     = time.Hour // AppFlow's own
	DefaultFields  = 200_000   // entities and fields kept
	DefaultTimeout = 60 * time.Second
)

// At says who is asked: one profile, or a connector that takes none.
type At struct {
	Connector  flow.ConnectorType
	Profile    string
	APIVersion string
	// Version tells the profile from what it was before it was updated or made anew; "" without a profile.
	Version string
}

// Options are what a cache is made of.
type Options struct {
	// Open connects to a vendor. Its errors are shown to the caller as they are. Required.
	Open func(ctx context.Context, c flow.ConnectorType, profile, apiVersion string) (connector.Connection, error)
	// Generation reads the value that all processes share; Advance changes it and returns the value before and after.
	// Nil: there is only this process.
	Generation func(ctx context.Context) (string, error)
	Advance    func(ctx context.Context) (before, after string, err error)

	TTL     time.Duration // how long an answer is kept where the vendor has no opinion; 0 means DefaultTTL
	Fields  int           // how many entities and fields are kept; 0 means DefaultFields
	Timeout time.Duration // of one question to a vendor; 0 means DefaultTimeout
	Now     func() time.Time
}

// Cache answers from what it keeps, or asks. Safe for concurrent use.
type Cache struct {
	o      Options
	flight singleflight.Group

	mu         sync.Mutex // guards all below
	generation string
	epoch      int64 // rises with every drop: an answer to a question from before is not kept
	kept       map[key]*answer
	weight     int
}

// New makes an empty cache.
func New(o Options) *Cache {
	if o.TTL == 0 {
		o.TTL = DefaultTTL
	}
	if o.Fields == 0 {
		o.Fields = DefaultFields
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Cache{o: o, kept: map[key]*answer{}}
}

// question is what is asked of a vendor.
type question string

const (
	askEntities question = "entities" // about: the path
	askEntity   question = "entity"   // about: the entity's name
	askSource   question = "source"   // about: the source's properties
	askEvents   question = "events"   // about: the source's properties
)

type key struct {
	at    At
	ask   question
	about string
}

// answer is what a vendor said. It is never changed, so that it can be handed out.
type answer struct {
	entities []flow.Entity
	schema   flow.Schema
	asked    time.Time
	until    time.Time
}

func (a *answer) weight() int { return 1 + len(a.entities) + len(a.schema.Fields) }

// Entities lists what the vendor has under a path; "" is the top. The list is shared and must not be changed. Unsupported
// when the connector cannot list.
func (c *Cache) Entities(ctx context.Context, at At, path string) ([]flow.Entity, error) {
	a, err := c.ask(ctx, key{at, askEntities, path}, func(ctx context.Context, conn connector.Connection) (*answer, error) {
		l, ok := conn.(connector.EntityLister)
		if !ok {
			return nil, fault.New(fault.Unsupported, "the connector %s cannot list entities", at.Connector)
		}
		list, err := l.ListEntities(ctx, path)
		return &answer{entities: list}, err
	})
	if err != nil {
		return nil, err
	}
	return a.entities, nil
}

// Entity describes one entity's fields, and says when the vendor was asked. The schema is shared and must not be changed.
// Unsupported when the connector cannot describe.
func (c *Cache) Entity(ctx context.Context, at At, name string) (flow.Schema, time.Time, error) {
	a, err := c.ask(ctx, key{at, askEntity, name}, func(ctx context.Context, conn connector.Connection) (*answer, error) {
		d, ok := conn.(connector.EntityDescriber)
		if !ok {
			return nil, fault.New(fault.Unsupported, "the connector %s cannot describe entities", at.Connector)
		}
		schema, err := d.DescribeEntity(ctx, name)
		return &answer{schema: schema}, err
	})
	if err != nil {
		return flow.Schema{}, time.Time{}, err
	}
	return a.schema, a.asked, nil
}

// Source describes what a source's properties name, as a run would see it, and says when the vendor was asked. The schema
// is shared and must not be changed.
func (c *Cache) Source(ctx context.Context, at At, props flow.Properties) (flow.Schema, time.Time, error) {
	return c.source(ctx, key{at, askSource, string(props)}, props)
}

// Events is Source for a flow that events start: it describes what they hold, where the vendor has events to listen to,
// and else, as for files, what they are about.
func (c *Cache) Events(ctx context.Context, at At, props flow.Properties) (flow.Schema, time.Time, error) {
	return c.source(ctx, key{at, askEvents, string(props)}, props)
}

func (c *Cache) source(ctx context.Context, k key, props flow.Properties) (flow.Schema, time.Time, error) {
	a, err := c.ask(ctx, k, func(ctx context.Context, conn connector.Connection) (*answer, error) {
		l, listens := conn.(connector.Listener)
		r, reads := conn.(connector.Reader)
		var schema flow.Schema
		var err error
		switch {
		case k.ask == askEvents && listens:
			schema, err = l.DescribeEvents(ctx, props)
		case reads:
			schema, err = r.Describe(ctx, props)
		default:
			return nil, fault.New(fault.Unsupported, "the connector %s cannot be read from", k.at.Connector)
		}
		return &answer{schema: schema}, err
	})
	if err != nil {
		return flow.Schema{}, time.Time{}, err
	}
	return a.schema, a.asked, nil
}

// ask answers from what is kept, or asks the vendor once for all who ask the same at that moment. A caller who goes away
// leaves the question running for the others.
func (c *Cache) ask(ctx context.Context, k key, put func(context.Context, connector.Connection) (*answer, error)) (*answer, error) {
	if err := c.follow(ctx); err != nil {
		return nil, err
	}
	a, epoch := c.find(k)
	if a != nil {
		return a, nil
	}
	done := c.flight.DoChan(flightKey(k, epoch), func() (any, error) {
		if a, _ := c.find(k); a != nil {
			return a, nil // another question has been answered since the look
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.o.Timeout)
		defer cancel()
		a, err := c.put(ctx, k, put)
		if err != nil {
			return nil, err
		}
		c.keep(k, a, epoch)
		return a, nil
	})
	select {
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Canceled, ctx.Err(), "asking %s for its metadata", k.at.Connector)
	case r := <-done:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*answer), nil
	}
}

// put opens a connection for one question.
func (c *Cache) put(ctx context.Context, k key, put func(context.Context, connector.Connection) (*answer, error)) (*answer, error) {
	asked := c.o.Now()
	conn, err := c.o.Open(ctx, k.at.Connector, k.at.Profile, k.at.APIVersion)
	if err != nil {
		return nil, late(ctx, k, err)
	}
	a, err := put(ctx, conn)
	ttl := c.o.TTL
	if t, ok := conn.(connector.MetadataTimer); ok && t.MetadataTTL() > 0 {
		ttl = t.MetadataTTL()
	}
	closing := conn.Close()
	if err != nil {
		return nil, late(ctx, k, err)
	}
	if closing != nil {
		return nil, closing
	}
	a.asked, a.until = asked, asked.Add(ttl)
	return a, nil
}

// late says so when it was the question's own time that ran out, not the caller's.
func late(ctx context.Context, k key, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return fault.Temporary(fault.ConnectorServer, err, "asking %s for its metadata took too long", k.at.Connector)
}
