package metadata_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/metadata"
	"weir.dev/weir/internal/store/sqlite"
)

// vendor counts what it is asked, and answers with its number of questions so far.
type vendor struct {
	asked, open atomic.Int64
	ttl         time.Duration
	fields      int
	fails       atomic.Pointer[error]
	hold        chan struct{} // every question waits for it, when there is one
	began       chan struct{} // every question is told here, when there is one
}

func (v *vendor) connect(context.Context, flow.ConnectorType, string, string) (connector.Connection, error) {
	v.open.Add(1)
	return &connection{v}, nil
}

type connection struct{ v *vendor }

func (c *connection) Close() error               { c.v.open.Add(-1); return nil }
func (c *connection) MetadataTTL() time.Duration { return c.v.ttl }

func (c *connection) answer(ctx context.Context) (int64, error) {
	n := c.v.asked.Add(1)
	if c.v.began != nil {
		c.v.began <- struct{}{}
	}
	if c.v.hold != nil {
		select {
		case <-c.v.hold:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	if err := c.v.fails.Load(); err != nil {
		return 0, *err
	}
	return n, nil
}

func (c *connection) ListEntities(ctx context.Context, path string) ([]flow.Entity, error) {
	n, err := c.answer(ctx)
	return []flow.Entity{{Name: fmt.Sprint(path, n)}}, err
}

func (c *connection) DescribeEntity(ctx context.Context, name string) (flow.Schema, error) {
	n, err := c.answer(ctx)
	return flow.Schema{Entity: fmt.Sprint(name, n), Fields: make([]flow.Field, max(1, c.v.fields))}, err
}

type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

var crm = metadata.At{Connector: flow.Salesforce, Profile: "crm", Version: "1"}

func entity(t *testing.T, c *metadata.Cache, at metadata.At, name string) string {
	t.Helper()
	s, _, err := c.Entity(t.Context(), at, name)
	require.NoError(t, err)
	return s.Entity
}

func TestCache_AsksOnceUntilTheAnswerIsOld(t *testing.T) {
	t.Parallel()
	v, k := &vendor{}, &clock{}
	c := metadata.New(metadata.Options{Open: v.connect, Now: k.now})
	require.Equal(t, "Account1", entity(t, c, crm, "Account"))
	require.Equal(t, "Account1", entity(t, c, crm, "Account"))
	require.Equal(t, "Lead2", entity(t, c, crm, "Lead"), "another entity")
	other := crm
	other.Version = "2"
	require.Equal(t, "Account3", entity(t, c, other, "Account"), "the profile was changed")
	k.advance(metadata.DefaultTTL)
	require.Equal(t, "Account4", entity(t, c, crm, "Account"))
	require.Zero(t, v.open.Load(), "every connection is closed")
}

// heard is a connection whose events hold other things than its records.
type heard struct{ *connection }

func (heard) Describe(context.Context, flow.Properties) (flow.Schema, error) {
	return flow.Schema{Entity: "records"}, nil
}

func (heard) Splits(context.Context, connector.ReadRequest, int) ([]connector.Split, error) {
	return nil, nil
}

func (heard) Read(context.Context, connector.ReadRequest, connector.Split, connector.Cursor) (connector.Pages, error) {
	return nil, nil
}

func (heard) DescribeEvents(context.Context, flow.Properties) (flow.Schema, error) {
	return flow.Schema{Entity: "events"}, nil
}

func (heard) Listen(context.Context, connector.ListenRequest, connector.Cursor) (connector.Events, error) {
	return nil, nil
}

func TestCache_TellsEventsFromRecords(t *testing.T) {
	t.Parallel()
	v, k := &vendor{}, &clock{}
	c := metadata.New(metadata.Options{Now: k.now, Open: func(ctx context.Context, t flow.ConnectorType, profile, version string) (connector.Connection, error) {
		conn, err := v.connect(ctx, t, profile, version)
		return heard{conn.(*connection)}, err
	}})
	props := flow.Properties(`{"object":"AccountChangeEvent"}`)
	s, _, err := c.Source(t.Context(), crm, props)
	require.NoError(t, err)
	require.Equal(t, "records", s.Entity)
	s, _, err = c.Events(t.Context(), crm, props)
	require.NoError(t, err)
	require.Equal(t, "events", s.Entity)
}

func TestCache_TheVendorMaySayHowLong(t *testing.T) {
	t.Parallel()
	v, k := &vendor{ttl: 10 * time.Minute}, &clock{}
	c := metadata.New(metadata.Options{Open: v.connect, Now: k.now})
	entity(t, c, crm, "Account")
	k.advance(10*time.Minute - 1)
	require.Equal(t, "Account1", entity(t, c, crm, "Account"))
	k.advance(1)
	require.Equal(t, "Account2", entity(t, c, crm, "Account"))
}

func TestCache_KeepsNoError(t *testing.T) {
	t.Parallel()
	v := &vendor{}
	c := metadata.New(metadata.Options{Open: v.connect})
	failure := error(fault.New(fault.ConnectorAuth, "no"))
	v.fails.Store(&failure)
	_, err := c.Entities(t.Context(), crm, "")
	require.Equal(t, fault.ConnectorAuth, fault.CodeOf(err))
	v.fails.Store(nil)
	list, err := c.Entities(t.Context(), crm, "")
	require.NoError(t, err)
	require.Equal(t, "2", list[0].Name)
	_, _, err = c.Source(t.Context(), crm, flow.Properties(`{}`))
	require.Equal(t, fault.Unsupported, fault.CodeOf(err), "the vendor cannot be read from")
	require.Zero(t, v.open.Load())
}

func TestCache_OneQuestionForAllWhoAskAtOnce(t *testing.T) {
	t.Parallel()
	v := &vendor{hold: make(chan struct{}), began: make(chan struct{}, 100)}
	c := metadata.New(metadata.Options{Open: v.connect})
	impatient, leave := context.WithCancel(t.Context())
	var all sync.WaitGroup
	left := make(chan error, 1)
	all.Go(func() {
		_, _, err := c.Entity(impatient, crm, "Account")
		left <- err
	})
	<-v.began // the question is at the vendor
	answers := make(chan string, 20)
	for range 20 {
		all.Go(func() { answers <- entity(t, c, crm, "Account") })
	}
	leave()
	require.Equal(t, fault.Canceled, fault.CodeOf(<-left), "who goes away does not wait")
	close(v.hold)
	all.Wait()
	close(answers)
	for a := range answers {
		require.Equal(t, "Account1", a, "and does not take the answer away from the others")
	}
	require.Equal(t, int64(1), v.asked.Load())
}

func TestCache_AQuestionHasItsTime(t *testing.T) {
	t.Parallel()
	v := &vendor{hold: make(chan struct{})}
	c := metadata.New(metadata.Options{Open: v.connect, Timeout: time.Millisecond})
	_, _, err := c.Entity(t.Context(), crm, "Account")
	retry, _ := fault.RetryOf(err)
	require.Equal(t, fault.ConnectorServer, fault.CodeOf(err))
	require.Equal(t, fault.Transient, retry)
	require.ErrorContains(t, err, "took too long")
}

func TestCache_IsBounded(t *testing.T) {
	t.Parallel()
	v, k := &vendor{fields: 10}, &clock{}
	c := metadata.New(metadata.Options{Open: v.connect, Now: k.now, Fields: 100})
	for i := range 30 {
		entity(t, c, crm, fmt.Sprintf("e%d-", i))
		k.advance(time.Second)
	}
	require.Equal(t, "e29-30", entity(t, c, crm, "e29-"), "the newest is kept")
	require.Equal(t, "e0-31", entity(t, c, crm, "e0-"), "the oldest had to go")
	v.fields = 101
	require.Equal(t, "huge32", entity(t, c, crm, "huge"))
	require.Equal(t, "huge33", entity(t, c, crm, "huge"), "what does not fit is not kept")
	require.Equal(t, "e29-30", entity(t, c, crm, "e29-"), "and throws nothing out")
}

func TestReset_ForgetsWhatItIsAbout(t *testing.T) {
	t.Parallel()
	v := &vendor{}
	c := metadata.New(metadata.Options{Open: v.connect})
	ask := func() (names, nested, account, lead string) {
		top, err := c.Entities(t.Context(), crm, "")
		require.NoError(t, err)
		below, err := c.Entities(t.Context(), crm, "folder")
		require.NoError(t, err)
		return top[0].Name, below[0].Name, entity(t, c, crm, "Account"), entity(t, c, crm, "Lead")
	}
	ask()
	for _, s := range []struct {
		scope metadata.Scope
		again int64 // questions that are put again
	}{
		{metadata.Scope{Connector: flow.Salesforce, Profile: "crm"}, 2},                                    // both lists
		{metadata.Scope{Connector: flow.Salesforce, Profile: "crm", Path: "folder"}, 1},                    // one list
		{metadata.Scope{Connector: flow.Salesforce, Profile: "crm", Entity: "Account"}, 1},                 // one entity
		{metadata.Scope{Connector: flow.Salesforce, Profile: "crm", Entity: "Account", Path: "folder"}, 2}, // and its parent's list
		{metadata.Scope{Connector: flow.Salesforce, Profile: "other"}, 0},
		{metadata.Scope{Connector: flow.Slack, Profile: "crm"}, 0},
		{metadata.Scope{Connector: flow.Salesforce, Profile: "crm", APIVersion: "v9"}, 0},
	} {
		before := v.asked.Load()
		require.NoError(t, c.Reset(t.Context(), s.scope))
		ask()
		require.Equal(t, s.again, v.asked.Load()-before, "%+v", s.scope)
	}
	before := v.asked.Load()
	c.Refresh(crm)
	ask()
	require.Equal(t, int64(4), v.asked.Load()-before)
}

func TestReset_AnAnswerUnderWayIsNotKept(t *testing.T) {
	t.Parallel()
	v := &vendor{hold: make(chan struct{}), began: make(chan struct{}, 100)}
	c := metadata.New(metadata.Options{Open: v.connect})
	first := make(chan string, 1)
	go func() { first <- entity(t, c, crm, "Account") }()
	<-v.began // the question is at the vendor
	require.NoError(t, c.Reset(t.Context(), metadata.Scope{Connector: flow.Salesforce, Profile: "crm", Entity: "Account"}))
	close(v.hold)
	require.Equal(t, "Account1", <-first)
	require.Equal(t, "Account2", entity(t, c, crm, "Account"))
}

func TestReset_ReachesTheOtherServers(t *testing.T) {
	t.Parallel()
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "weir.db"), sqlite.Options{})
	require.NoError(t, err)
	defer st.Close()
	v := &vendor{}
	server := func() *metadata.Cache {
		o := metadata.Options{Open: v.connect}
		o.ShareBy(st)
		return metadata.New(o)
	}
	one, two := server(), server()
	require.Equal(t, "Account1", entity(t, one, crm, "Account"))
	require.Equal(t, "Lead2", entity(t, one, crm, "Lead"))
	require.Equal(t, "Account3", entity(t, two, crm, "Account"))
	require.NoError(t, one.Reset(t.Context(), metadata.Scope{Connector: flow.Salesforce, Profile: "crm", Entity: "Account"}))
	require.Equal(t, "Account4", entity(t, two, crm, "Account"))
	require.Equal(t, "Account5", entity(t, one, crm, "Account"))
	require.Equal(t, "Lead2", entity(t, one, crm, "Lead"), "at home only what was meant is forgotten")
	require.NoError(t, two.Reset(t.Context(), metadata.Scope{Connector: flow.Salesforce, Profile: "crm"}))
	require.NoError(t, one.Reset(t.Context(), metadata.Scope{Connector: flow.Salesforce, Profile: "crm"}))
	require.Equal(t, "Account6", entity(t, one, crm, "Account"), "a reset elsewhere in between is not missed")
}
