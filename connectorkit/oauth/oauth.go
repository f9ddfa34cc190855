// Package oauth asks an authorization server for tokens as RFC 6749 (codes, client credentials, refresh), RFC 7523 (JWT
// assertions) and RFC 7636 (PKCE) say, and forgives what vendors do differently: answers as forms, lifetimes as text,
// errors with status 200, tokens one level down.
//
// It keeps nothing: tokens go back to the caller, who stores them before using them. Errors carry the vendor's error code
// and description, never a code, token, secret or URL.
//
// golang.org/x/oauth2 is not used: it decides by itself when to renew, reads no such answers, and puts whole answers of
// the vendor into its errors.
package oauth

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/egress"
	"weir.dev/weir/fault"
)

// App is a registered OAuth application. A public client has no secret.
type App struct {
	ID     string
	Secret string
}

// Client asks one authorization server for one application. Safe for concurrent use.
type Client struct {
	HTTP     *http.Client // of package egress
	Endpoint connector.OAuthEndpoint
	App      App
	Now      func() time.Time
}

// Token is what a server granted. It is a secret; it has no String method that would not show it, so never print one.
type Token struct {
	Access      string    `json:"access"`
	Refresh     string    `json:"refresh,omitzero"`     // "" when the answer had none
	ExpiresAt   time.Time `json:"expiresAt,omitzero"`   // zero when the answer did not say
	InstanceURL string    `json:"instanceUrl,omitzero"` // where the vendor serves this account, when it says so (Salesforce)
}

const (
	// patience bounds one exchange with the server.
	patience  = time.Minute
	maxAnswer = 1 << 20
)

// The grants' names on the wire.
const (
	grantCode     = "authorization_code"
	grantClient   = "client_credentials"
	grantRefresh  = "refresh_token"
	grantJWT      = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	codeChallenge = "S256"
)

// Exchange trades an authorization code for tokens. The redirect URI has to be the one that the code was asked for with;
// the verifier is empty without PKCE.
func (c *Client) Exchange(ctx context.Context, code, redirectURI, verifier string) (*Token, error) {
	return c.ask(ctx, "exchanging the authorization code", grantCode, map[string]string{
		"code": code, "redirect_uri": redirectURI, "code_verifier": verifier,
	})
}

// ClientCredentials asks for a token in the application's own name.
func (c *Client) ClientCredentials(ctx context.Context) (*Token, error) {
	return c.ask(ctx, "asking for a token with the client's credentials", grantClient, map[string]string{"scope": c.scopes()})
}

// JWTBearer trades a signed assertion for a token.
func (c *Client) JWTBearer(ctx context.Context, assertion string) (*Token, error) {
	return c.ask(ctx, "asking for a token with a JWT", grantJWT, map[string]string{"assertion": assertion})
}

// Refresh trades a refresh token for new tokens. The answer's Refresh is the one to use from now on: the new one where
// the server rotates them, else the old.
func (c *Client) Refresh(ctx context.Context, refresh string) (*Token, error) {
	t, err := c.ask(ctx, "refreshing the access token", grantRefresh, map[string]string{"refresh_token": refresh})
	if err == nil && t.Refresh == "" {
		t.Refresh = refresh
	}
	return t, err
}

func (c *Client) scopes() string {
	separator := c.Endpoint.ScopeSeparator
	if separator == "" {
		separator = " "
	}
	return strings.Join(c.Endpoint.Scopes, separator)
}

// ask sends a token request. Parameters without a value are left out.
func (c *Client) ask(ctx context.Context, doing, grant string, params map[string]string) (*Token, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := c.request(ctx, grant, params)
	if err != nil {
		return nil, fault.Wrap(fault.CodeOf(err), err, "%s", doing)
	}
	res, err := egress.Do(c.HTTP, r) //nolint:bodyclose // ReadAll closes it
	if err != nil {
		return nil, fault.Wrap(fault.CodeOf(err), err, "%s", doing)
	}
	body, err := egress.ReadAll(res, maxAnswer)
	if err != nil {
		return nil, fault.Wrap(fault.CodeOf(err), err, "%s", doing)
	}
	t, err := Parse(Answer{
		Status: res.StatusCode, ContentType: res.Header.Get("Content-Type"), RetryAfter: res.Header.Get("Retry-After"), Body: body,
	}, c.Endpoint.TokenAt, c.Now())
	if err != nil {
		hide := []string{c.App.Secret, params["code"], params["code_verifier"], params["assertion"], params["refresh_token"]}
		return nil, fault.Wrap(fault.CodeOf(err), redact(err, hide), "%s at %s", doing, r.URL.Host)
	}
	return t, nil
}

func (c *Client) request(ctx context.Context, grant string, params map[string]string) (*http.Request, error) {
	u, err := url.Parse(c.Endpoint.TokenURL)
	if err != nil || u.Host == "" {
		return nil, fault.New(fault.Validation, "the token URL is not one: give a whole URL, as https://login.example.com/oauth/token")
	}
	form := url.Values{"grant_type": {grant}}
	for name, value := range params {
		if value != "" {
			form.Set(name, value)
		}
	}
	for name, value := range c.Endpoint.Extra {
		form.Set(name, value)
	}
	inBody := !c.Endpoint.ClientInHeader && (c.Endpoint.ClientInBody || c.Endpoint.Style != connector.TokenByForm) || c.App.Secret == ""
	if inBody && c.App.ID != "" {
		form.Set("client_id", c.App.ID)
		if c.App.Secret != "" {
			form.Set("client_secret", c.App.Secret)
		}
	}
	r, err := styled(ctx, c.Endpoint.Style, u, form)
	if err != nil {
		return nil, err
	}
	if !inBody {
		// RFC 6749, 2.3.1: both are form-encoded before they become a Basic header.
		r.SetBasicAuth(url.QueryEscape(c.App.ID), url.QueryEscape(c.App.Secret))
	}
	r.Header.Set("Accept", "application/json")
	return r, nil
}

func styled(ctx context.Context, style connector.TokenStyle, u *url.URL, form url.Values) (*http.Request, error) {
	switch style {
	case connector.TokenByQuery:
		query := u.Query()
		maps.Copy(query, form)
		u.RawQuery = query.Encode()
		return http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	case connector.TokenByJSON:
		object := map[string]string{}
		for name := range form {
			object[name] = form.Get(name)
		}
		body, err := json.Marshal(object)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, err, "writing the token request")
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
		if err == nil {
			r.Header.Set("Content-Type", "application/json")
		}
		return r, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), strings.NewReader(form.Encode()))
	if err == nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r, err
}

// redact keeps what was sent out of an answer that repeats it.
func redact(err error, secrets []string) error {
	text := err.Error()
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		for _, form := range []string{secret, url.QueryEscape(secret)} {
			text = strings.ReplaceAll(text, form, "…")
		}
	}
	retry, after := fault.RetryOf(err)
	return &fault.Error{Code: fault.CodeOf(err), Retry: retry, RetryAfter: after, Message: text}
}
