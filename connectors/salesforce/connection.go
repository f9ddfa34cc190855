package salesforce

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/pace"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
)

const (
	apiVersion = "v58.0"
	// dataPath is below the organization's address; the paths of requests begin with it.
	dataPath = "/services/data/" + apiVersion
	vendor   = "Salesforce"
	// maxConcurrent is below the 25 long requests that Salesforce takes from an organization at a time.
	maxConcurrent = 20
	// maxAnswer bounds an answer in memory. Pages are asked for in sizes far below it.
	maxAnswer = 256 << 20
)

// Options are an operator's. The zero value of a field means its default.
type Options struct {
	// Reserve is the share of an organization's daily API calls, in percent, that runs leave to others; [DefaultReserve]
	// when 0, none when negative.
	Reserve int
	// Poll is how long the first wait for a job of the Bulk API is, from which waits grow; 1 s.
	Poll time.Duration
}

// DefaultReserve is the share of the daily API calls that is left to others, in percent.
const DefaultReserve = 5

// Connector is Salesforce. Safe for concurrent use.
type Connector struct {
	o       Options
	budgets pace.Set // of profiles
	away    absences
	writes  writes // that are under way, or were of late

	jobBytes   int   // of CSV in one ingest job; bytesPerJob but in tests
	jobRecords int64 // that one query job is made for; bulkJobRecords but in tests
	restSplit  int64 // records of a split by REST; splitRecords but in tests
}

var _ connector.Connector = (*Connector)(nil)

// New makes the connector.
func New(o Options) *Connector {
	if o.Reserve == 0 {
		o.Reserve = DefaultReserve
	}
	if o.Poll <= 0 {
		o.Poll = time.Second
	}
	c := &Connector{o: o, jobBytes: bytesPerJob, jobRecords: bulkJobRecords, restSplit: splitRecords}
	c.budgets.Wrap = func(b pace.Budget) pace.Budget { return newAllowance(b, o.Reserve, time.Now) }
	return c
}

// Spec implements [connector.Connector].
func (*Connector) Spec() *connector.Spec { return Spec() }

// Connect implements [connector.Connector]. It reaches nobody.
//
// Where requests go is the operator's address, else the one that the authorization server has named with the token,
// which stands in the profile's properties by now, else the one that the profile was given.
func (c *Connector) Connect(_ context.Context, cfg connector.Config) (connector.Connection, error) {
	base := ""
	if cfg.Endpoint != nil {
		base = strings.TrimRight(cfg.Endpoint(""), "/")
	}
	if base == "" {
		var err error
		if base, err = connector.InstanceURL(cfg.ProfileProperties); err != nil {
			return nil, err
		}
	}
	if cfg.Tokens == nil {
		return nil, fault.New(fault.ConnectorAuth, "the profile has no OAuth credentials")
	}
	budget := c.budgets.Over(cfg.Shared, cfg.ProfileName+"\x00"+base, pace.Limits{Concurrency: maxConcurrent})
	conn := &connection{connector: c, cfg: cfg, base: base, pool: cfg.Pool, now: cfg.Now, described: map[string]*kept{}}
	conn.allowance = budget.(*allowance) //nolint:forcetypeassert // New opens no other
	if conn.pool == nil {
		conn.pool = batch.DefaultPool
	}
	if conn.now == nil {
		conn.now = time.Now
	}
	var err error
	conn.client, err = rest.New(rest.Options{
		HTTP: cfg.HTTP, Base: base, Vendor: vendor, Auth: rest.Bearer(cfg.Tokens, ""), Rules: meanings(), MessageAt: wordsAt, Now: cfg.Now,
		MaxBody: maxAnswer, Budget: budget, Hint: usage,
	})
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// connection is one organization, seen by one profile. Safe for concurrent use.
type connection struct {
	connector *Connector
	cfg       connector.Config
	client    *rest.Client
	base      string // the organization's address, without a slash at its end
	allowance *allowance
	pool      *batch.Pool
	now       func() time.Time

	mu        sync.Mutex // guards what follows
	described map[string]*kept
	who       *identity
}

var (
	_ connector.Checker         = (*connection)(nil)
	_ connector.EntityLister    = (*connection)(nil)
	_ connector.EntityDescriber = (*connection)(nil)
	_ connector.Reader          = (*connection)(nil)
	_ connector.Settler         = (*connection)(nil)
)

// Close implements [connector.Connection].
func (c *connection) Close() error { return nil }

// ask sends a request whose answer is JSON and small, and reads it.
func (c *connection) ask(ctx context.Context, r *rest.Request) (*rest.Envelope, error) {
	var e *rest.Envelope
	asked := *r
	asked.Accept = func(a *rest.Answer) (err error) {
		e, err = rest.ParseEnvelope(a.Body)
		return err
	}
	_, err := c.client.Do(ctx, &asked)
	return e, err
}

// Check implements [connector.Checker]: the organization speaks the version that is spoken here, and takes the token.
func (c *connection) Check(ctx context.Context) error {
	const doing = "checking the profile"
	versions, err := c.ask(ctx, &rest.Request{Doing: doing, Path: "/services/data"})
	if fault.Is(err, fault.NotFound) {
		return fault.Wrap(fault.ConnectorServer, err, "the address in instanceUrl is not that of a Salesforce organization")
	}
	if err != nil {
		return err
	}
	known := false
	for _, v := range versions.Items("") {
		known = known || "v"+v.Text("version") == apiVersion
	}
	if !known {
		return fault.New(fault.ConnectorServer, "%s: the address answers, but offers no API %s; is instanceUrl the organization's?", doing, apiVersion)
	}
	if _, err = c.identity(ctx); fault.Is(err, fault.ConnectorAuth) || fault.Is(err, fault.NotFound) {
		// A token of narrow scopes may be refused there, and do what flows need all the same.
		if _, lerr := c.ask(ctx, &rest.Request{Doing: doing, Path: dataPath + "/limits"}); lerr == nil {
			return nil
		}
	}
	return err
}

// identity is whom the token belongs to.
type identity struct {
	Organization string // its 18-character id
	User         string
}

// identity asks for it, once for a connection.
func (c *connection) identity(ctx context.Context) (*identity, error) {
	c.mu.Lock()
	who := c.who
	c.mu.Unlock()
	if who != nil {
		return who, nil
	}
	e, err := c.ask(ctx, &rest.Request{Doing: "asking whom the token belongs to", Method: http.MethodGet, Path: "/services/oauth2/userinfo"})
	if err != nil {
		return nil, err
	}
	who = &identity{Organization: e.Text("organization_id"), User: e.Text("user_id")}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.who = who
	return who, nil
}

// alive is Canceled when the context has ended.
func alive(ctx context.Context) error {
	return fault.Wrap(fault.Canceled, context.Cause(ctx), "asking %s", vendor)
}
