package manifest

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/pace"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Connector runs one manifest. Safe for concurrent use.
type Connector struct {
	manifest *Manifest
	spec     *connector.Spec
	object   string // the property that names the entity
	budgets  *pace.Set
	done     acknowledged

	// Of a manifest in a folder: what its text comes to, and where its other versions are. Empty for one of the program's.
	digest string
	family *family
}

var (
	_ connector.Connector       = (*Connector)(nil)
	_ connector.PropertyChecker = (*Connector)(nil)
)

// New makes the connector of a manifest that Parse has given, for a type that the spec describes.
func New(m *Manifest, spec *connector.Spec) *Connector {
	return &Connector{manifest: m, spec: spec, object: flow.TraitsOf(spec.Type).ObjectKey, budgets: &pace.Set{}}
}

// Must parses a manifest that is part of the program.
func Must(text []byte) *Manifest {
	m, problems := Parse(text)
	if len(problems) > 0 {
		panic("manifest: " + problems.Error()) //nolint:forbidigo // the text is in the code: it shows at the first start
	}
	return m
}

// Spec says what the connector is.
func (c *Connector) Spec() *connector.Spec { return c.spec }

// Summary is what the manifest says of itself in one sentence.
func (c *Connector) Summary() string { return c.manifest.Summary }

// Connect opens a connection.
func (c *Connector) Connect(_ context.Context, cfg connector.Config) (connector.Connection, error) {
	conn, err := c.connect(cfg)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(c.manifest.Entities, func(e Entity) bool { return e.Write != nil }) {
		return &writable{conn}, nil
	}
	return conn, nil
}

func (c *Connector) connect(cfg connector.Config) (*connection, error) {
	base, err := c.base(cfg)
	if err != nil {
		return nil, err
	}
	auth, secrets, err := c.auth(cfg)
	if err != nil {
		return nil, err
	}
	m, account := c.manifest, cfg.Label+"\x00"+cfg.ProfileName+"\x00"+base
	o := rest.Options{
		HTTP: cfg.HTTP, Base: base, Vendor: c.spec.Name, Auth: auth, Secrets: secrets, MessageAt: m.MessageAt, Now: cfg.Now,
		Budget: c.budgets.Over(cfg.Shared, account, m.Rate.limits()),
	}
	if o.Header, err = c.headers(cfg); err != nil {
		return nil, err
	}
	for _, r := range m.Errors {
		o.Rules = append(o.Rules, rest.Rule{Status: r.Status, At: r.At, Code: r.Code, Text: r.Text, Means: rest.Meaning(r.Means), Hint: r.Hint})
	}
	client, err := rest.New(o)
	if err != nil {
		return nil, err
	}
	conn := &connection{connector: c, cfg: cfg, client: client, account: account, pool: cfg.Pool, now: cfg.Now}
	if conn.pool == nil {
		conn.pool = batch.DefaultPool
	}
	if conn.now == nil {
		conn.now = time.Now
	}
	return conn, nil
}

// CheckSource checks the properties of a source.
func (c *Connector) CheckSource(props flow.Properties) error {
	e, err := c.entity(props)
	if err == nil && e.Read == nil {
		return fault.New(fault.Validation, "%s: %q can be written, and not read", c.spec.Name, e.Name)
	}
	return err
}

// CheckDestination checks the properties of a destination.
func (c *Connector) CheckDestination(props flow.Properties) error {
	_, err := c.aim(props)
	return err
}

func (r *Rate) limits() pace.Limits {
	return pace.Limits{Concurrency: r.Concurrency, Calls: r.Calls, Every: r.Every, Daily: r.Daily}
}

// budget is what an endpoint has besides the account's; nil for most.
func (c *connection) budget(r *Rate) pace.Budget {
	if *r == (Rate{}) {
		return nil
	}
	return c.connector.budgets.Over(c.cfg.Shared, c.account+"\x00"+r.Group, r.limits())
}

// base is where the API is: the operator's address, else the manifest's, in which {instanceUrl} is the profile's.
func (c *Connector) base(cfg connector.Config) (string, error) {
	path, isInstance := strings.CutPrefix(c.manifest.Base, "{instanceUrl}")
	if cfg.Endpoint != nil {
		if at := cfg.Endpoint(""); at != "" {
			if !isInstance {
				path = ""
			}
			return strings.TrimRight(at, "/") + path, nil
		}
	}
	if !isInstance {
		return c.manifest.Base, nil
	}
	instance, err := connector.InstanceURL(cfg.ProfileProperties)
	return instance + path, err
}

// headers are those that every request has. Errors are Validation: a setting that the profile lacks.
func (c *Connector) headers(cfg connector.Config) (http.Header, error) {
	var given map[string]any
	if err := cfg.ProfileProperties.Decode(&given); err != nil {
		return nil, fault.Wrap(fault.Validation, err, "reading the profile's properties")
	}
	values := map[string]string{}
	for _, s := range c.manifest.Settings {
		value, _ := given[s.Name].(string)
		if value == "" && !s.Optional {
			return nil, fault.New(fault.Validation, "the profile's profileProperties lack %s, which %s needs", s.Name, c.manifest.Name)
		}
		if strings.ContainsFunc(value, unicode.IsControl) {
			return nil, fault.New(fault.Validation, "the profile's %s must be one line", s.Name)
		}
		values[s.Name] = value
	}
	header := http.Header{}
	for name, text := range c.manifest.Headers {
		isWhole := true
		value := fill(text, func(setting string) string {
			isWhole = isWhole && values[setting] != ""
			return values[setting]
		})
		if isWhole {
			header.Set(name, value)
		}
	}
	return header, nil
}

// auth reads the credentials. What it returns besides must never be shown.
func (c *Connector) auth(cfg connector.Config) (rest.Auth, []string, error) {
	var given struct {
		Username string `json:"username"`
		Password string `json:"password"`
		APIKey   string `json:"apiKey"`
		Secret   string `json:"apiSecretKey"`
		Token    string `json:"accessToken"`
	}
	if err := cfg.ProfileCredentials.Decode(&given); err != nil {
		return nil, nil, fault.New(fault.Validation, "the profile's credentials cannot be read") // err may quote them
	}
	secrets := []string{given.Password, given.APIKey, given.Secret, given.Token}
	a := &c.manifest.Auth
	switch {
	case a.Kind == "oauth2" && cfg.Tokens != nil:
		return rest.Bearer(cfg.Tokens, a.Scheme), secrets, nil
	case a.Kind == "oauth2":
		return nil, nil, fault.New(fault.ConnectorAuth, "the profile has no OAuth credentials")
	case a.Kind == "basic" && given.Username != "":
		return rest.Basic(given.Username, given.Password), secrets, nil
	case a.Kind == "apiKey" && given.APIKey != "" && a.Header != "":
		return rest.InHeader(a.Header, a.Prefix, given.APIKey), secrets, nil
	case a.Kind == "apiKey" && given.APIKey != "":
		return rest.InQuery(a.Query, given.APIKey), secrets, nil
	case a.Kind == "none":
		return nil, secrets, nil
	}
	return nil, nil, fault.New(fault.Validation, "the profile's credentials lack what the connector needs: %s", a.Kind)
}

// connection is an open client of a vendor.
type connection struct {
	connector *Connector
	cfg       connector.Config // that it was opened with
	client    *rest.Client
	account   string // what budgets are kept for
	pool      *batch.Pool
	now       func() time.Time
}

var (
	_ connector.Checker         = (*connection)(nil)
	_ connector.EntityLister    = (*connection)(nil)
	_ connector.EntityDescriber = (*connection)(nil)
	_ connector.Reader          = (*connection)(nil)
	_ connector.Writer          = (*writable)(nil)
)

func (c *connection) Close() error { return nil }

// Check asks the manifest's cheap question.
func (c *connection) Check(ctx context.Context) error {
	check := c.connector.manifest.Check
	if check == nil {
		return nil
	}
	r := &rest.Request{Doing: "checking the profile", Path: check.Path}
	var e *rest.Envelope
	r.Accept = func(a *rest.Answer) (err error) {
		if check.Expect != "" {
			e, err = rest.ParseEnvelope(a.Body)
		}
		return err
	}
	if _, err := c.client.Do(ctx, r); err != nil {
		return err
	}
	if check.Expect != "" && !e.Has(check.Expect) {
		return fault.New(fault.ConnectorAuth, "checking the profile: %s took the request for one of nobody", c.connector.spec.Name)
	}
	return nil
}

// ListEntities lists the manifest's.
func (c *connection) ListEntities(ctx context.Context, path string) ([]flow.Entity, error) {
	if err := alive(ctx); err != nil || path != "" {
		return nil, err
	}
	list := make([]flow.Entity, len(c.connector.manifest.Entities))
	for i, e := range c.connector.manifest.Entities {
		list[i] = flow.Entity{Name: e.Name, Label: e.Label}
		if e.Label == "" {
			list[i].Label = e.Name
		}
	}
	return list, nil
}

func alive(ctx context.Context) error {
	return fault.Wrap(fault.Canceled, context.Cause(ctx), "asking the vendor")
}

// entity is the one that the properties of a source or a destination name.
func (c *connection) entity(props flow.Properties) (*Entity, error) { return c.connector.entity(props) }

func (c *Connector) entity(props flow.Properties) (*Entity, error) {
	var named map[string]json.RawMessage
	if err := props.Decode(&named); err != nil {
		return nil, fault.Wrap(fault.Validation, err, "reading the properties")
	}
	var name string
	if raw := named[c.object]; raw != nil && json.Unmarshal(raw, &name) != nil {
		return nil, fault.New(fault.Validation, "reading the properties: %s must be a text", c.object)
	}
	if name == "" {
		return nil, fault.New(fault.Validation, "reading the properties: %s is missing", c.object)
	}
	e := c.manifest.find(name)
	if e == nil {
		return nil, fault.New(fault.Validation, "%s has no object %q; it has %s", c.spec.Name, name, c.manifest.names())
	}
	return e, nil
}

func (m *Manifest) names() string {
	names := make([]string, len(m.Entities))
	for i := range m.Entities {
		names[i] = m.Entities[i].Name
	}
	return strings.Join(names, ", ")
}

func (m *Manifest) job(name string) *Job {
	for i := range m.Jobs {
		if m.Jobs[i].Name == name {
			return &m.Jobs[i]
		}
	}
	return nil
}
