package connector

import (
	"context"

	"weir.dev/weir/flow"
)

// AuthKind is one way to prove who a profile is, as the API's AuthenticationType spells it.
type AuthKind string

// Kinds of authentication.
const (
	AuthOAuth2 AuthKind = "OAUTH2"
	AuthAPIKey AuthKind = "APIKEY"
	AuthBasic  AuthKind = "BASIC"
	AuthCustom AuthKind = "CUSTOM"
)

// Grant is a way to get an OAuth 2.0 token, as the API's OAuth2GrantType spells it.
type Grant string

// Grants.
const (
	GrantAuthorizationCode Grant = "AUTHORIZATION_CODE"
	GrantClientCredentials Grant = "CLIENT_CREDENTIALS"
	GrantJWTBearer         Grant = "JWT_BEARER"
)

// Auth is how a connector's profiles authenticate.
type Auth struct {
	Kinds []AuthKind
	OAuth *OAuth // with AuthOAuth2
}

// OAuth is what a connector says of its vendor's authorization server.
type OAuth struct {
	Grants    []Grant
	Scopes    []string
	AuthURLs  []string // as the Describe operations show them; {instanceUrl} and the like stand for a profile's property
	TokenURLs []string
	// Endpoint resolves them for one profile. Override answers the operator's URL for a sub-service ("" for the vendor
	// itself, "AUTH", …) or "" when there is none. Errors are Validation.
	Endpoint func(props flow.Properties, override func(sub string) string) (OAuthEndpoint, error)
}

// OAuthEndpoint is one authorization server, as RFC 6749 needs it. The zero value of a field means the RFC's own way.
type OAuthEndpoint struct {
	AuthURL      string
	TokenURL     string
	Scopes       []string
	Extra        map[string]string // further parameters of the token request
	ClientInBody bool              // client id and secret go into the form; else into a Basic header
	// ClientInHeader puts them into the header, whatever Style and ClientInBody would do.
	ClientInHeader bool
	UsePKCE        bool

	// What vendors do in ways of their own.
	AuthExtra      map[string]string // further parameters of the authorization page, as access_type=offline
	ScopeParam     string            // its parameter for the scopes; "scope"
	ScopeSeparator string            // between scopes; a space
	Style          TokenStyle        // how the token request is sent
	TokenAt        string            // member of the answer that holds the token's members, as Slack's "authed_user"
}

// OAuthRefiner is implemented by a [Connector] whose authorization servers differ in ways that profiles do not hold: custom
// connectors, each of which has declared its own.
type OAuthRefiner interface {
	// RefineOAuth completes what [OAuth.Endpoint] has said, for the custom connector of a label.
	RefineOAuth(ctx context.Context, label string, e OAuthEndpoint) (OAuthEndpoint, error)
}

// TokenStyle is how a token request carries its parameters.
type TokenStyle string

// Styles of token requests.
const (
	TokenByForm  TokenStyle = ""      // POST with a form, as RFC 6749 says
	TokenByJSON  TokenStyle = "JSON"  // POST with a JSON object
	TokenByQuery TokenStyle = "QUERY" // GET with everything in the query, the client too
)

// TokenSource gives the access token of an OAuth profile. Safe for concurrent use. A token is renewed once for its
// expiry, however many workers of however many processes notice it, and a rotated refresh token is stored before the new
// access token is used.
type TokenSource interface {
	// Token returns the stored access token; it may have expired since.
	Token(ctx context.Context) (string, error)
	// Renew returns another token than the one that the vendor has just refused. ConnectorAuth when the vendor gives none.
	Renew(ctx context.Context, refused string) (string, error)
}
