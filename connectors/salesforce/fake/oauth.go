package fake

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// codeLife is how long a code of the authorization page may be exchanged.
const codeLife = 15 * time.Minute

// session is what an access token stands for.
type session struct {
	ended  bool
	used   time.Time
	scope  string
	client string
}

// grantCode is a code of the authorization page.
type grantCode struct {
	client, redirect, challenge, method, scope string
	made                                       time.Time
}

const allScopes = "api refresh_token openid id profile email"

func (o *Org) oauthRoutes(handle func(pattern string, h http.HandlerFunc)) {
	handle("GET /services/oauth2/authorize", o.authorize)
	handle("POST /services/oauth2/token", o.token)
	handle("GET /services/oauth2/revoke", o.revoke)
	handle("POST /services/oauth2/revoke", o.revoke)
	handle("POST /services/oauth2/introspect", o.introspect)
	handle("GET /services/oauth2/userinfo", o.userInfo)
	handle("POST /services/oauth2/userinfo", o.userInfo)
	handle("GET /id/{org}/{user}", o.userInfo)
}

// Authorized says whether a token may call the org now, and counts that as its use.
func (o *Org) Authorized(token string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if token == "" || o.mode == LoggedOut {
		return false
	}
	s := o.sessions[token]
	if s == nil {
		if o.opts.Token != "" && token != o.opts.Token {
			return false
		}
		s = &session{used: o.now(), scope: allScopes}
		o.sessions[token] = s
	}
	if o.opts.TokenLife > 0 && o.now().Sub(s.used) > o.opts.TokenLife {
		s.ended = true
	}
	s.used = o.now()
	return !s.ended
}

// ExpireTokens ends all sessions that there are: their tokens are refused from now on.
func (o *Org) ExpireTokens() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.opts.Token != "" && o.sessions[o.opts.Token] == nil {
		o.sessions[o.opts.Token] = &session{}
	}
	for _, s := range o.sessions {
		s.ended = true
	}
}

// authorize is the page on which a user approves; here everybody has approved, and is sent back at once.
func (o *Org) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	page := func(code, text string) {
		w.Header().Set("Content-Type", "text/html;charset=UTF-8")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, "<html><body>error=%s&amp;error_description=%s</body></html>", code, text)
	}
	redirect, err := url.Parse(q.Get("redirect_uri"))
	switch {
	case o.opts.ClientID != "" && q.Get("client_id") != o.opts.ClientID || q.Get("client_id") == "":
		page("invalid_client_id", "client identifier invalid")
		return
	case err != nil || !redirect.IsAbs() || o.opts.RedirectURI != "" && q.Get("redirect_uri") != o.opts.RedirectURI:
		page("redirect_uri_mismatch", "redirect_uri must match configuration")
		return
	}
	back := redirect.Query()
	if q.Has("state") {
		back.Set("state", q.Get("state"))
	}
	if q.Get("response_type") != "code" {
		back.Set("error", "unsupported_response_type")
		back.Set("error_description", "response type not supported")
	} else {
		o.mu.Lock()
		code := o.secret("aPrx")
		o.codes[code] = &grantCode{q.Get("client_id"), q.Get("redirect_uri"), q.Get("code_challenge"), q.Get("code_challenge_method"), orDefault(q.Get("scope"), allScopes), o.now()}
		o.mu.Unlock()
		back.Set("code", code)
	}
	redirect.RawQuery = back.Encode()
	http.Redirect(w, r, redirect.String(), http.StatusFound)
}

// secret makes a text that nobody else has got; mu is held.
func (o *Org) secret(prefix string) string {
	o.serial++
	sum := sha256.Sum256(fmt.Appendf(nil, "%d/%d/%d", o.opts.Seed, o.serial, o.random.Uint64()))
	return prefix + base64.RawURLEncoding.EncodeToString(sum[:])
}

func oauthFail(w http.ResponseWriter, code, description string) {
	answer(w, http.StatusBadRequest, Record{"error": code, "error_description": description})
}

// token is the token endpoint.
func (o *Org) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		oauthFail(w, "invalid_request", "the request is no form")
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	f := r.PostForm
	client, secret := f.Get("client_id"), f.Get("client_secret")
	if id, s, ok := r.BasicAuth(); ok {
		client, secret = id, s
	}
	grant := f.Get("grant_type")
	if grant == "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		o.byJWT(w, r, f.Get("assertion"))
		return
	}
	switch {
	case client == "" || o.opts.ClientID != "" && client != o.opts.ClientID:
		oauthFail(w, "invalid_client_id", "client identifier invalid")
	case o.opts.ClientSecret != "" && secret != o.opts.ClientSecret && (grant != "refresh_token" || secret != ""):
		oauthFail(w, "invalid_client", "invalid client credentials")
	case grant == "authorization_code":
		o.byCode(w, r, client)
	case grant == "refresh_token":
		o.byRefresh(w, r, client)
	case grant == "client_credentials" && o.opts.ClientCredentials:
		o.grant(w, r, client, "api", "")
	case grant == "client_credentials":
		oauthFail(w, "invalid_grant", "no client credentials user enabled")
	case grant == "":
		oauthFail(w, "invalid_request", "grant type not supplied")
	default:
		oauthFail(w, "unsupported_grant_type", "grant type not supported")
	}
}

func (o *Org) byCode(w http.ResponseWriter, r *http.Request, client string) {
	f := r.PostForm
	c := o.codes[f.Get("code")]
	delete(o.codes, f.Get("code")) // once only
	switch {
	case c == nil:
		oauthFail(w, "invalid_grant", "invalid authorization code")
	case o.now().Sub(c.made) > codeLife:
		oauthFail(w, "invalid_grant", "expired authorization code")
	case c.client != client:
		oauthFail(w, "invalid_client_id", "client identifier invalid")
	case c.redirect != f.Get("redirect_uri"):
		oauthFail(w, "redirect_uri_mismatch", "redirect_uri must match configuration")
	case !verified(c, f.Get("code_verifier")):
		oauthFail(w, "invalid_grant", "invalid code verifier")
	default:
		refresh := ""
		if strings.Contains(c.scope, "refresh_token") || strings.Contains(c.scope, "offline_access") {
			refresh = o.secret("5Aep861")
			o.refresh[refresh] = client
		}
		o.grant(w, r, client, c.scope, refresh)
	}
}

// verified checks PKCE. A challenge without a method is the SHA-256, which is all that Salesforce takes.
func verified(c *grantCode, verifier string) bool {
	if c.challenge == "" {
		return true
	}
	sum := sha256.Sum256([]byte(verifier))
	want := strings.TrimRight(c.challenge, "=")
	return verifier != "" && subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(want)) == 1
}

func (o *Org) byRefresh(w http.ResponseWriter, r *http.Request, client string) {
	old := r.PostForm.Get("refresh_token")
	of, known := o.refresh[old]
	anyToken := o.opts.ClientID == "" && old != "" && of != revoked
	if o.refreshRefused || o.mode == LoggedOut || of == revoked || !known && !anyToken || known && of != client && of != "" {
		oauthFail(w, "invalid_grant", "expired access/refresh token")
		return
	}
	fresh := ""
	if o.opts.RotateRefresh {
		fresh = o.secret("5Aep861")
		o.refresh[fresh], o.refresh[old] = client, revoked
	}
	o.grant(w, r, client, allScopes, fresh)
}

// revoked stands in the place of a refresh token's client once it is of no use.
const revoked = "\x00revoked"

// AddRefreshToken makes a refresh token that is taken, as from an approval long ago.
func (o *Org) AddRefreshToken(token string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refresh[token] = ""
}

// grant answers with a new access token. Salesforce says nowhere how long it lives.
func (o *Org) grant(w http.ResponseWriter, r *http.Request, client, scope, refresh string) {
	access := o.orgID[:shortID] + "!" + o.secret("AQ")
	o.sessions[access] = &session{used: o.now(), scope: scope, client: client}
	id := o.identity(r)
	issued := strconv.FormatInt(o.now().UnixMilli(), 10)
	mac := hmac.New(sha256.New, []byte(o.opts.ClientSecret))
	mac.Write([]byte(id + issued))
	body := Record{
		"access_token": access, "instance_url": o.instance(r), "id": id, "token_type": "Bearer", "issued_at": issued, "scope": scope,
		"signature": base64.StdEncoding.EncodeToString(mac.Sum(nil)),
	}
	if refresh != "" {
		body["refresh_token"] = refresh
	}
	answer(w, http.StatusOK, body)
}
