package custom

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Options are what the connector is made of. The zero value describes custom connectors and opens connections that
// cannot do anything: there is nowhere to look for registrations.
type Options struct {
	Invoker *Invoker
	// Find reads a registration by its label; NotFound when there is none.
	Find func(ctx context.Context, label string) (*flow.Registration, error)
	// Local keeps secrets for functions that have an endpoint, AWS those for functions of AWS Lambda. Nil: functions of
	// that kind can be used by profiles without credentials only.
	Local, AWS Keeper
}

// Connector is all registered custom connectors: which of them a connection is for, its profile's label says.
type Connector struct{ o Options }

var (
	_ connector.Connector       = (*Connector)(nil)
	_ connector.PropertyChecker = (*Connector)(nil)
)

// New makes the connector.
func New(o Options) *Connector { return &Connector{o} }

// Spec implements [connector.Connector].
func (*Connector) Spec() *connector.Spec { return Spec() }

// Connect implements [connector.Connector]. It calls nobody.
func (c *Connector) Connect(_ context.Context, cfg connector.Config) (connector.Connection, error) {
	var p struct {
		Settings map[string]string `json:"profileProperties"`
	}
	if err := cfg.ProfileProperties.Decode(&p); err != nil {
		return nil, fault.Wrap(fault.Validation, err, "reading the properties of profile %q", cfg.ProfileName)
	}
	out := &connection{o: &c.o, cfg: cfg, settings: p.Settings, pool: cfg.Pool}
	if out.pool == nil {
		out.pool = batch.DefaultPool
	}
	return out, nil
}

// CheckSource implements [connector.PropertyChecker].
func (*Connector) CheckSource(props flow.Properties) error {
	_, err := readSource(props)
	return err
}

// CheckDestination implements [connector.PropertyChecker].
func (*Connector) CheckDestination(props flow.Properties) error {
	_, err := readDestination(props)
	return err
}

// connection is one profile of one registered connector.
type connection struct {
	o        *Options
	cfg      connector.Config
	settings map[string]string // of the profile
	pool     *batch.Pool
	ttl      atomic.Int64 // of the last answer about entities, in nanoseconds

	mu    sync.Mutex // guards what follows; it is held while a secret is put where the function finds it
	fn    *function
	kept  *credentials
	token string // of OAuth, that the secret holds
	hide  []string
	drop  func()
}

var (
	_ connector.Checker         = (*connection)(nil)
	_ connector.EntityLister    = (*connection)(nil)
	_ connector.EntityDescriber = (*connection)(nil)
	_ connector.MetadataTimer   = (*connection)(nil)
	_ connector.Reader          = (*connection)(nil)
	_ connector.Writer          = (*connection)(nil)
)

// Close gives the secret up.
func (c *connection) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drop != nil {
		c.drop()
	}
	c.kept, c.drop = nil, nil
	return nil
}

// function is what a registration says that calls need.
type function struct {
	arn        string
	apiVersion string // the first that the connector declares
}

// function finds the registration, once.
func (c *connection) function(ctx context.Context) (*function, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fn != nil {
		return c.fn, nil
	}
	label := c.cfg.Label
	if c.o.Find == nil || c.o.Invoker == nil {
		return nil, fault.New(fault.Unsupported, "custom connector %q cannot be called here: there are no registrations", label)
	}
	r, err := c.o.Find(ctx, label)
	switch {
	case fault.Is(err, fault.NotFound) && flow.IsAuthoredLabel(label):
		return nil, fault.New(fault.Unsupported, "the connector %s, which AWS has written, is not in this build; a custom connector that is registered under this label takes its place", label)
	case fault.Is(err, fault.NotFound):
		return nil, fault.New(fault.NotFound, "Connector with label %s does not exist.", label)
	case err != nil:
		return nil, err
	}
	var said struct {
		Versions []string `json:"supportedApiVersions"`
	}
	if err := r.Config.Decode(&said); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading the registration of connector %q", label)
	}
	fn := &function{arn: r.LambdaArn}
	if len(said.Versions) > 0 {
		fn.apiVersion = said.Versions[0]
	}
	c.fn = fn
	return fn, nil
}

// isAbsent reports whether the connection is for a connector of AWS's that nobody has registered: its profiles can be
// defined, and not used.
func (c *connection) isAbsent(ctx context.Context) bool {
	_, err := c.function(ctx)
	return fault.Is(err, fault.Unsupported)
}

// Check implements [connector.Checker]: the connector judges the profile's settings, then its credentials.
func (c *connection) Check(ctx context.Context) error {
	if c.isAbsent(ctx) {
		return nil
	}
	if err := c.validateSettings(ctx, "CONNECTOR_PROFILE", c.settings); err != nil {
		return err
	}
	_, err := c.call(ctx, "ValidateCredentials", metadataTime, func(s *session) ([]byte, error) {
		return marshal(validateCredentialsRequest{Type: "ValidateCredentialsRequest", Credentials: s.credentials, Settings: filled(c.settings)})
	})
	return err
}

// validateSettings has the connector judge settings of one scope.
func (c *connection) validateSettings(ctx context.Context, scope string, settings map[string]string) error {
	const operation = "ValidateConnectorRuntimeSettings"
	answer, err := c.call(ctx, operation, metadataTime, func(s *session) ([]byte, error) {
		request := validateSettingsRequest{Type: operation + "Request", Scope: scope, Settings: filled(settings)}
		if s.credentials != nil {
			request.AuthType = &s.credentials.Type
		}
		return marshal(request)
	})
	if answer == nil {
		return err
	}
	var said validateSettingsAnswer
	if derr := decode(operation, answer, &said); derr == nil && len(said.Errors) > 0 {
		return fault.New(fault.Validation, "the custom connector %s refuses its settings: %s", clip(c.cfg.Label), complaints(said.Errors, c.hidden()))
	}
	return err
}

// MetadataTTL implements [connector.MetadataTimer].
func (c *connection) MetadataTTL() time.Duration { return time.Duration(c.ttl.Load()) }

// Bounds of what a connector says of its answers' lives. The lower one is AppFlow's.
const (
	minTTL = 10 * time.Minute
	maxTTL = 7 * 24 * time.Hour
)

var units = map[string]time.Duration{
	"NANOSECONDS": time.Nanosecond, "MICROSECONDS": time.Microsecond, "MILLISECONDS": time.Millisecond, "SECONDS": time.Second,
	"MINUTES": time.Minute, "HOURS": time.Hour, "DAYS": 24 * time.Hour,
}

// learn takes note of how long an answer holds.
func (c *connection) learn(said *cacheControl) {
	if said == nil || units[said.Unit] == 0 || !(said.TimeToLive > 0) {
		c.ttl.Store(0)
		return
	}
	ttl := min(said.TimeToLive*float64(units[said.Unit]), float64(maxTTL))
	c.ttl.Store(int64(max(time.Duration(ttl), minTTL)))
}

// filled is the map, never nil: a connector may ask for its members without looking.
func filled(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
