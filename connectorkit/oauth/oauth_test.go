package oauth_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/egress"
	"weir.dev/weir/connectorkit/oauth"
	"weir.dev/weir/connectorkit/oauth/oauthtest"
	"weir.dev/weir/fault"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func client(t testing.TB, endpoint connector.OAuthEndpoint, app oauth.App) *oauth.Client {
	t.Helper()
	policy, err := egress.NewPolicy([]string{"127.0.0.0/8"})
	require.NoError(t, err)
	return &oauth.Client{HTTP: egress.NewClient(egress.Options{Policy: policy}), Endpoint: endpoint, App: app, Now: func() time.Time { return now }}
}

func TestClient_SpeaksEveryGrantInEveryStyle(t *testing.T) {
	t.Parallel()
	for name, shape := range map[string]connector.OAuthEndpoint{
		"Basic header": {},
		"form":         {ClientInBody: true},
		"JSON":         {Style: connector.TokenByJSON},
		"query":        {Style: connector.TokenByQuery},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := oauthtest.New(t)
			s.ClientSecret, s.ExpiresIn = "sec ret+&/=", "3600"
			shape.TokenURL, shape.AuthURL = s.URL+"/token", s.URL+"/authorize"
			c := client(t, shape, oauth.App{ID: s.ClientID, Secret: s.ClientSecret})
			if name == "Basic header" { // the double does not undo the form encoding inside of the header
				s.ClientSecret = url.QueryEscape(s.ClientSecret)
			}
			verifier := oauth.NewVerifier()
			first, err := c.Exchange(t.Context(), s.Code("http://here/", oauth.Challenge(verifier)), "http://here/", verifier)
			require.NoError(t, err)
			require.NotEmpty(t, first.Refresh)
			require.Equal(t, now.Add(time.Hour), first.ExpiresAt)
			second, err := c.Refresh(t.Context(), first.Refresh)
			require.NoError(t, err)
			require.NotEqual(t, first.Access, second.Access)
			require.NotEqual(t, first.Refresh, second.Refresh, "it rotates")
			_, err = c.ClientCredentials(t.Context())
			require.NoError(t, err)
			_, err = c.JWTBearer(t.Context(), s.Assertion)
			require.NoError(t, err)
			require.Zero(t, s.Refused())
		})
	}
}

func TestExchange_NeedsItsVerifierAndIsGoodOnce(t *testing.T) {
	t.Parallel()
	s := oauthtest.New(t)
	c := client(t, connector.OAuthEndpoint{TokenURL: s.URL + "/token"}, oauth.App{ID: s.ClientID, Secret: s.ClientSecret})
	code := s.Code("http://here/", oauth.Challenge("the verifier"))
	_, err := c.Exchange(t.Context(), code, "http://here/", "another verifier")
	require.True(t, fault.Is(err, fault.ConnectorAuth))
	_, err = c.Exchange(t.Context(), code, "http://here/", "the verifier")
	require.EqualError(t, err, "exchanging the authorization code at "+strings.TrimPrefix(s.URL, "http://")+": the vendor refused: invalid_grant: the code is not good")
}

func TestRefresh_KeepsARefreshTokenThatDoesNotRotate(t *testing.T) {
	t.Parallel()
	s := oauthtest.New(t)
	s.KeepRefresh = true
	c := client(t, connector.OAuthEndpoint{TokenURL: s.URL + "/token"}, oauth.App{ID: s.ClientID, Secret: s.ClientSecret})
	_, refresh := s.Grant()
	got, err := c.Refresh(t.Context(), refresh)
	require.NoError(t, err)
	require.Equal(t, refresh, got.Refresh)
	require.True(t, got.ExpiresAt.IsZero(), "the answer did not say")
}

// A vendor that repeats what it was sent puts no secret into an error; neither does one that cannot be reached.
func TestClient_ErrorsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"error":"bad","error_description":"`+string(body)+` canary secret"}`)
	}))
	t.Cleanup(echo.Close)
	app := oauth.App{ID: "id", Secret: "canary secret"}
	for _, shape := range []connector.OAuthEndpoint{
		{TokenURL: echo.URL, ClientInBody: true},
		{TokenURL: "http://127.0.0.1:1/", Style: connector.TokenByQuery},
		{TokenURL: "http://10.0.0.1/", Style: connector.TokenByQuery},
		{TokenURL: "::canary", Style: connector.TokenByQuery},
	} {
		_, err := client(t, shape, app).Refresh(t.Context(), "canary/refresh")
		require.Error(t, err)
		require.NotContains(t, err.Error(), "canary")
	}
}

func TestAuthorizeURL(t *testing.T) {
	t.Parallel()
	c := client(t, connector.OAuthEndpoint{
		AuthURL: "https://vendor.example.com/authorize?tenant=1", Scopes: []string{"a", "b"}, ScopeParam: "user_scope", ScopeSeparator: ",",
		AuthExtra: map[string]string{"access_type": "offline"},
	}, oauth.App{ID: "app"})
	got, err := c.AuthorizeURL("http://127.0.0.1:1/cb", "s", "v")
	require.NoError(t, err)
	u, err := url.Parse(got)
	require.NoError(t, err)
	require.Equal(t, url.Values{
		"tenant": {"1"}, "response_type": {"code"}, "client_id": {"app"}, "redirect_uri": {"http://127.0.0.1:1/cb"}, "state": {"s"},
		"user_scope": {"a,b"}, "access_type": {"offline"}, "code_challenge": {oauth.Challenge("v")}, "code_challenge_method": {"S256"},
	}, u.Query())
	// RFC 7636, appendix B.
	require.Equal(t, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", oauth.Challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"))
}
