package fake_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectors/salesforce/fake"
)

type tokens struct {
	AccessToken      string `json:"access_token"`
	RefreshToken     string `json:"refresh_token"`
	InstanceURL      string `json:"instance_url"`
	ID, Scope        string
	ExpiresIn        any `json:"expires_in"`
	Error            string
	ErrorDescription string `json:"error_description"`
}

func (r *rig) token(form ...string) tokens {
	r.t.Helper()
	v := url.Values{}
	for i := 0; i < len(form); i += 2 {
		v.Set(form[i], form[i+1])
	}
	res, err := http.PostForm(r.url+"/services/oauth2/token", v)
	require.NoError(r.t, err)
	defer res.Body.Close()
	var out tokens
	decode(r.t, res, &out)
	require.Equal(r.t, out.Error != "", res.StatusCode == http.StatusBadRequest)
	return out
}

// status is that of a call with a token.
func (r *rig) status(token string) int {
	r.t.Helper()
	res := send(r.t, http.MethodGet, r.base+"/limits", "", "Authorization", "Bearer "+token)
	require.NoError(r.t, res.Body.Close())
	return res.StatusCode
}

func (r *rig) approve(query ...string) url.Values {
	r.t.Helper()
	v := url.Values{}
	for i := 0; i < len(query); i += 2 {
		v.Set(query[i], query[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(r.url + "/services/oauth2/authorize?" + v.Encode())
	require.NoError(r.t, err)
	defer res.Body.Close()
	at, err := res.Location()
	if err != nil {
		return url.Values{"page": {res.Status}}
	}
	return at.Query()
}

func TestOAuth_AuthorizationCodeOnceWithItsVerifier(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{ClientID: "app", ClientSecret: "secret", RedirectURI: "https://weir.example/cb", Token: "none"})
	sum := sha256.Sum256([]byte("verifier"))
	page := []string{"response_type", "code", "client_id", "app", "redirect_uri", "https://weir.example/cb", "state", "s", "code_challenge", base64.RawURLEncoding.EncodeToString(sum[:])}
	exchange := func(code string, more ...string) tokens {
		return r.token(append([]string{"grant_type", "authorization_code", "code", code, "client_id", "app", "client_secret", "secret", "redirect_uri", "https://weir.example/cb", "code_verifier", "verifier"}, more...)...)
	}
	back := r.approve(page...)
	require.Equal(t, "s", back.Get("state"))
	got := exchange(back.Get("code"))
	require.Empty(t, got.Error)
	require.Nil(t, got.ExpiresIn, "Salesforce does not say how long")
	require.Equal(t, r.url, got.InstanceURL)
	require.NotEmpty(t, got.RefreshToken)
	require.True(t, strings.HasPrefix(got.AccessToken, r.OrgID()[:15]+"!"))
	require.Equal(t, http.StatusOK, r.status(got.AccessToken))
	require.Equal(t, "invalid authorization code", exchange(back.Get("code")).ErrorDescription)

	require.Equal(t, "invalid code verifier", exchange(r.approve(page...).Get("code"), "code_verifier", "other").ErrorDescription)
	require.Equal(t, "invalid_client", exchange(r.approve(page...).Get("code"), "client_secret", "x").Error)
	require.Equal(t, "invalid_client_id", exchange("x", "client_id", "other").Error)
	require.Equal(t, "redirect_uri_mismatch", exchange(r.approve(page...).Get("code"), "redirect_uri", "https://other.example").Error)
	late := r.approve(page...).Get("code")
	r.at = r.at.Add(time.Hour)
	require.Equal(t, "expired authorization code", exchange(late).ErrorDescription)
	require.Equal(t, "400 Bad Request", r.approve("response_type", "code", "client_id", "other", "redirect_uri", "https://weir.example/cb").Get("page"))
	require.Equal(t, "400 Bad Request", r.approve("response_type", "code", "client_id", "app", "redirect_uri", "https://thief.example/cb").Get("page"))
	require.Equal(t, "unsupported_grant_type", r.token("grant_type", "magic", "client_id", "app", "client_secret", "secret").Error)
}

func TestOAuth_RefreshRotatesAndIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{ClientID: "app", Token: "first", RotateRefresh: true, InstanceURL: "https://elsewhere.example"})
	r.AddRefreshToken("long-lived")
	require.Equal(t, http.StatusOK, r.status("first"))
	require.Equal(t, http.StatusUnauthorized, r.status("other"))
	r.ExpireTokens()
	status, code, message := r.refused(http.MethodGet, "/limits", "", "Authorization", "Bearer first")
	require.Equal(t, []any{401, "INVALID_SESSION_ID", "Session expired or invalid"}, []any{status, code, message})

	got := r.token("grant_type", "refresh_token", "refresh_token", "long-lived", "client_id", "app")
	require.Equal(t, "https://elsewhere.example", got.InstanceURL)
	require.Equal(t, http.StatusOK, r.status(got.AccessToken))
	require.NotEmpty(t, got.RefreshToken)
	old := r.token("grant_type", "refresh_token", "refresh_token", "long-lived", "client_id", "app")
	require.Equal(t, []string{"invalid_grant", "expired access/refresh token"}, []string{old.Error, old.ErrorDescription}, "a rotated token is of no use")
	r.RefuseRefresh(true)
	require.Equal(t, "invalid_grant", r.token("grant_type", "refresh_token", "refresh_token", got.RefreshToken, "client_id", "app").Error)
	r.RefuseRefresh(false)
	again := r.token("grant_type", "refresh_token", "refresh_token", got.RefreshToken, "client_id", "app")
	require.Empty(t, again.Error)

	res, err := http.PostForm(r.url+"/services/oauth2/revoke", url.Values{"token": {again.RefreshToken}})
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, http.StatusUnauthorized, r.status(again.AccessToken), "a refresh token takes its access tokens with it")
	require.Equal(t, "no client credentials user enabled", r.token("grant_type", "client_credentials", "client_id", "app").ErrorDescription)
}

func TestOAuth_SessionsEndWithoutUse(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{TokenLife: time.Hour})
	for range 3 {
		require.Equal(t, http.StatusOK, r.status("a"))
		r.at = r.at.Add(50 * time.Minute)
	}
	r.at = r.at.Add(20 * time.Minute)
	require.Equal(t, http.StatusUnauthorized, r.status("a"))
	require.Equal(t, http.StatusUnauthorized, r.status(""))
	require.Equal(t, http.StatusOK, r.status("b"))
}

func TestOAuth_JWT(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	r := newRig(t, fake.Options{ClientID: "app", Key: &key.PublicKey, Username: "integration@example.com", Token: "none"})
	exchange := func(change func(head, claims record)) tokens {
		head, claims := record{"alg": "RS256"}, record{"iss": "app", "sub": "integration@example.com", "aud": "https://login.salesforce.com", "exp": r.at.Add(3 * time.Minute).Unix()}
		change(head, claims)
		part := func(v any) string {
			text, err := json.Marshal(v)
			require.NoError(t, err)
			return base64.RawURLEncoding.EncodeToString(text)
		}
		signed := part(head) + "." + part(claims)
		sum := sha256.Sum256([]byte(signed))
		signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		require.NoError(t, err)
		if head["forged"] != nil {
			signature[0] ^= 1
		}
		return r.token("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion", signed+"."+base64.RawURLEncoding.EncodeToString(signature))
	}
	good := exchange(func(_, _ record) {})
	require.Empty(t, good.Error)
	require.Empty(t, good.RefreshToken, "there is none with a JWT")
	require.Equal(t, http.StatusOK, r.status(good.AccessToken))
	for want, change := range map[string]func(head, claims record){
		"invalid assertion":                  func(head, _ record) { head["forged"] = true },
		"assertion is expired":               func(_, claims record) { claims["exp"] = r.at.Unix() },
		"audience is invalid":                func(_, claims record) { claims["aud"] = "https://thief.example" },
		"user hasn't approved this consumer": func(_, claims record) { claims["sub"] = "nobody" },
		"client identifier invalid":          func(_, claims record) { claims["iss"] = "other" },
	} {
		require.Equal(t, want, exchange(change).ErrorDescription)
	}
	require.Equal(t, "invalid assertion", exchange(func(head, _ record) { head["alg"] = "none" }).ErrorDescription)
}

func TestOAuth_WhoIsIt(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{})
	var who record
	ask(t, http.MethodGet, r.url+"/services/oauth2/userinfo", "", &who)
	require.Equal(t, []any{r.OrgID(), r.UserID(), "admin@example.com"}, []any{who["organization_id"], who["user_id"], who["preferred_username"]})
	ask(t, http.MethodGet, r.url+"/id/"+r.OrgID()+"/"+r.UserID(), "", &who)
	require.Equal(t, r.UserID(), who["user_id"])
	var state record
	form := func(token string) record {
		res, err := http.PostForm(r.url+"/services/oauth2/introspect", url.Values{"token": {token}})
		require.NoError(t, err)
		defer res.Body.Close()
		state = record{}
		decode(t, res, &state)
		return state
	}
	require.Equal(t, true, form("sample")["active"])
	r.ExpireTokens()
	require.Equal(t, record{"active": false}, form("sample"))
	res := send(t, http.MethodGet, r.url+"/services/oauth2/userinfo", "")
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, []any{403, "Bad_OAuth_Token"}, []any{res.StatusCode, string(text)})
}
