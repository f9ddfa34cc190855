package profile

import (
	"context"
	"strings"
	"sync"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/oauth"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// patience bounds one proof.
const patience = 90 * time.Second

// Prove completes a profile's credentials, shows that they work where the connector's code is in this build, and seals
// them for the store. Given are the credentials of a request, under the connector's member name; without any, those
// sealed in stored are proved again with the profile's properties.
//
// Validation when they are incomplete, ConnectorAuth when the vendor refuses them, ConnectorServer when it cannot be
// reached. An authorization code is used up, whatever comes after.
func (b *Book) Prove(ctx context.Context, p *flow.Profile, given flow.Properties, stored []byte) (sealed []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	spec := b.o.Connectors.Spec(p.Connector)
	if spec == nil {
		return nil, fault.New(fault.Validation, "there is no connector %s", p.Connector)
	}
	s, err := b.open(ctx, p, stored)
	if err != nil && len(given) == 0 {
		return nil, err
	}
	if len(given) > 0 {
		if s, err = b.complete(ctx, spec, p, given); err != nil {
			return nil, err
		}
	}
	d := &draft{book: b, profile: p, secret: s}
	if err := b.check(ctx, d); err != nil {
		return nil, err
	}
	if d.secret.Credentials == nil && d.secret.Token == nil {
		return nil, nil
	}
	return b.seal(ctx, p, d.secret)
}

// complete turns what people give into what connections need.
func (b *Book) complete(ctx context.Context, spec *connector.Spec, p *flow.Profile, given flow.Properties) (*secret, error) {
	m, err := readOAuth(spec, given)
	if err != nil {
		return nil, err
	}
	s := &secret{Credentials: withoutCode(p.Connector, given)}
	if m == nil {
		return s, nil
	}
	t, err := b.firstToken(ctx, spec, p, m)
	if err != nil {
		return nil, err
	}
	return s.with(t), nil
}

// firstToken gets a profile's first token. Given tokens are taken as they are, with two exceptions: a refresh token alone
// has to give an access token, and beside the application's ARN the access token may be a dummy, as AppFlow allows.
func (b *Book) firstToken(ctx context.Context, spec *connector.Spec, p *flow.Profile, m *oauthMembers) (*oauth.Token, error) {
	grant, err := grantOf(spec, p, m)
	if err != nil {
		return nil, err
	}
	given := &oauth.Token{Access: m.AccessToken, Refresh: m.RefreshToken}
	mustRenew := m.AccessToken == "" || m.ClientCredentialsArn != ""
	switch {
	case grant == connector.GrantClientCredentials, grant == connector.GrantJWTBearer && m.JWT != "", m.RefreshToken != "" && mustRenew:
		return b.ask(ctx, spec, p, m, given)
	case m.AccessToken != "":
		return given, nil
	case m.Request.AuthCode == "":
		return nil, fault.New(fault.Validation, "Validation exception: AuthCode cannot be blank for connector: %s", strings.ToUpper(string(p.Connector)))
	}
	c, err := b.client(ctx, spec, p, m)
	if err != nil {
		return nil, err
	}
	return c.Exchange(ctx, m.Request.AuthCode, m.Request.RedirectURI, m.Request.CodeVerifier)
}

// grantOf is how a profile gets tokens: what it says itself, else the connector's only way, else a code.
func grantOf(spec *connector.Spec, p *flow.Profile, m *oauthMembers) (connector.Grant, error) {
	var props struct {
		OAuth2 struct {
			GrantType connector.Grant `json:"oAuth2GrantType"`
		} `json:"oAuth2Properties"`
	}
	if err := p.Properties.Decode(&props); err != nil {
		return "", fault.Wrap(fault.Validation, err, "reading the properties of profile %q", p.Name)
	}
	grants := spec.Auth.OAuth.Grants
	switch {
	case m.GrantType != "":
		return m.GrantType, nil
	case props.OAuth2.GrantType != "":
		return props.OAuth2.GrantType, nil
	case len(grants) == 1:
		return grants[0], nil
	case m.JWT != "" && m.RefreshToken == "" && m.Request.AuthCode == "":
		return connector.GrantJWTBearer, nil
	}
	return connector.GrantAuthorizationCode, nil
}

// ask gets a token without a person: by a refresh token where there is one, else by the profile's other grant.
// ConnectorAuth when there is nothing to ask with.
func (b *Book) ask(ctx context.Context, spec *connector.Spec, p *flow.Profile, m *oauthMembers, old *oauth.Token) (*oauth.Token, error) {
	grant, err := grantOf(spec, p, m)
	if err != nil {
		return nil, err
	}
	if old.Refresh == "" && grant == connector.GrantAuthorizationCode {
		return nil, fault.New(fault.ConnectorAuth, "the vendor does not take the access token any more, and there is no refresh token")
	}
	c, err := b.client(ctx, spec, p, m)
	switch {
	case err != nil:
		return nil, err
	case grant == connector.GrantClientCredentials:
		return b.another(ctx, c, old.Access)
	case old.Refresh != "":
		return c.Refresh(ctx, old.Refresh)
	case m.JWT != "":
		return b.byAssertion(ctx, c, m.JWT)
	}
	return nil, fault.New(fault.ConnectorAuth, "there is no jwtToken to get an access token with")
}

// byAssertion trades the profile's JWT for a token. It was signed elsewhere, with a key that is not here, so that it can
// be traded again only until it ends.
func (b *Book) byAssertion(ctx context.Context, c *oauth.Client, assertion string) (*oauth.Token, error) {
	t, err := c.JWTBearer(ctx, assertion)
	end, ok := oauth.AssertionEnd(assertion)
	if fault.Is(err, fault.ConnectorAuth) && ok && b.o.Now().After(end) {
		return nil, fault.Wrap(fault.ConnectorAuth, err, "the profile's jwtToken ended on %s; sign a new one, with a later exp, and give it to the profile", end.Format(time.RFC3339))
	}
	return t, err
}

// another asks for a client's token that is not the old one. Marketo gives the same token until it expires, so that one
// with few seconds left is waited out.
func (b *Book) another(ctx context.Context, c *oauth.Client, old string) (*oauth.Token, error) {
	const longestWait = 30 * time.Second
	t, err := c.ClientCredentials(ctx)
	if err != nil || t.Access != old || old == "" || t.ExpiresAt.IsZero() {
		return t, err
	}
	left := t.ExpiresAt.Sub(b.o.Now())
	if left > longestWait {
		return t, nil
	}
	if err := pause(ctx, left+time.Second); err != nil {
		return nil, err
	}
	return c.ClientCredentials(ctx)
}

// client talks to a profile's authorization server in the name of its application.
func (b *Book) client(ctx context.Context, spec *connector.Spec, p *flow.Profile, m *oauthMembers) (*oauth.Client, error) {
	endpoint, err := spec.Auth.OAuth.Endpoint(p.Properties, func(sub string) string { return b.endpoint(p.Connector, sub) })
	if refiner, ok := b.o.Connectors.Find(p.Connector).(connector.OAuthRefiner); ok && err == nil {
		endpoint, err = refiner.RefineOAuth(ctx, p.Label, endpoint)
	}
	if err != nil {
		return nil, err
	}
	app, err := b.app(ctx, p, m)
	if err != nil {
		return nil, err
	}
	return &oauth.Client{HTTP: b.o.HTTP, Endpoint: endpoint, App: app, Now: b.o.Now}, nil
}

// app is the OAuth application of a profile: its own, the one behind its ARN, or the operator's for the connector.
func (b *Book) app(ctx context.Context, p *flow.Profile, m *oauthMembers) (oauth.App, error) {
	switch {
	case m.ClientID != "":
		return oauth.App{ID: m.ClientID, Secret: m.ClientSecret}, nil
	case m.ClientCredentialsArn != "" && b.o.Apps == nil:
		return oauth.App{}, fault.New(fault.Unsupported, "clientCredentialsArn cannot be read here")
	case m.ClientCredentialsArn != "":
		return b.o.Apps.App(ctx, m.ClientCredentialsArn)
	}
	prefix := "WEIR_OAUTH_" + strings.ToUpper(string(p.Connector))
	app := oauth.App{ID: b.o.Getenv(prefix + "_CLIENT_ID"), Secret: b.o.Getenv(prefix + "_CLIENT_SECRET")}
	if app.ID == "" && m.JWT == "" {
		return app, fault.New(fault.Validation, "no OAuth application is known for %s: name one by clientCredentialsArn in the profile, or have the operator set %s_CLIENT_ID and %s_CLIENT_SECRET", p.Connector, prefix, prefix)
	}
	return app, nil
}

// check connects and asks the vendor, where this build can.
func (b *Book) check(ctx context.Context, d *draft) error {
	c := b.o.Connectors.Find(d.profile.Connector)
	if c == nil {
		return nil
	}
	cfg := b.filled(d.profile, d.secret, "")
	if d.secret.Token != nil {
		cfg.Tokens = d
	}
	conn, err := c.Connect(ctx, cfg)
	if err != nil {
		return err
	}
	defer conn.Close()
	if checker, ok := conn.(connector.Checker); ok {
		return checker.Check(ctx)
	}
	return nil
}

// draft is the token source of credentials that are being proved: what it renews is sealed with them.
type draft struct {
	book    *Book
	profile *flow.Profile

	mu     sync.Mutex
	secret *secret
}

func (d *draft) Token(context.Context) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.secret.Token.Access, nil
}

func (d *draft) Renew(ctx context.Context, refused string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.secret.Token.Access != refused {
		return d.secret.Token.Access, nil
	}
	fresh, err := d.book.renewed(ctx, d.profile, d.secret)
	if err != nil {
		return "", err
	}
	d.secret = fresh
	return fresh.Token.Access, nil
}
