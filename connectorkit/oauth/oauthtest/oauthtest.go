// Package oauthtest is a double of an authorization server with a little API behind it, written from RFC 6749, 7523 and
// 7636: codes are good once and with their verifier, refresh tokens rotate and the old ones die at once, and every
// request is counted. It is for tests.
package oauthtest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"sync"
	"testing"
)

// Server is the double. Its pages:
//
//	GET  /authorize   consents at once and redirects back with a code
//	POST /token       the token endpoint
//	GET  /me          200 with a live access token, else 401
//
// Set the fields before the first request.
type Server struct {
	URL          string
	ClientID     string
	ClientSecret string
	Assertion    string         // the JWT that is accepted
	Prefix       string         // of the codes and tokens that it makes
	KeepRefresh  bool           // refreshing does not rotate the refresh token
	NoRefresh    bool           // no refresh token is given
	ExpiresIn    any            // as the answer says it; nil says nothing
	More         map[string]any // further members of token answers
	// Delay, when set, is called in every token request, outside of the server's lock.
	Delay func()

	mu      sync.Mutex
	n       int
	codes   map[string]grant
	access  map[string]bool // live ones
	refresh map[string]bool
	counts  map[string]int
	refused int
}

type grant struct{ redirect, challenge string }

// New starts a double on a free port of this machine.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{
		ClientID: "app", ClientSecret: "app-secret", Assertion: "aaa.bbb.ccc",
		codes: map[string]grant{}, access: map[string]bool{}, refresh: map[string]bool{}, counts: map[string]int{},
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	s.URL = srv.URL
	return s
}

// Code consents as the authorization page would.
func (s *Server) Code(redirect, challenge string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	code := s.next("code")
	s.codes[code] = grant{redirect, challenge}
	return code
}

// Grant makes a live pair of tokens.
func (s *Server) Grant() (access, refresh string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	access, refresh = s.next("access"), s.next("refresh")
	s.access[access], s.refresh[refresh] = true, true
	return access, refresh
}

// ExpireAll ends the life of all access tokens.
func (s *Server) ExpireAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.access)
}

// RevokeAll ends the life of all refresh tokens.
func (s *Server) RevokeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.refresh)
}

// Count is how many token requests of a grant type came; "me" counts the API.
func (s *Server) Count(grantType string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[grantType]
}

// Refused is how many token requests were refused.
func (s *Server) Refused() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

func (s *Server) next(kind string) string {
	s.n++
	return fmt.Sprintf("%s%s-%04d", s.Prefix, kind, s.n)
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The last part of the path counts: vendors have these pages in all kinds of places.
	switch page := path.Base(r.URL.Path); {
	case strings.HasPrefix(page, "authoriz"):
		s.authorize(w, r)
	case strings.Contains(page, "token") || page == "oauth.v2.access":
		s.token(w, r)
	case page == "me":
		s.mu.Lock()
		s.counts["me"]++
		ok := s.access[bearer(r)]
		s.mu.Unlock()
		if !ok {
			answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_token"})
			return
		}
		answer(w, http.StatusOK, map[string]any{"user": map[string]any{"id": 1}})
	default:
		http.NotFound(w, r)
	}
}

func bearer(r *http.Request) string {
	const scheme = "Bearer "
	if h := r.Header.Get("Authorization"); len(h) > len(scheme) {
		return h[len(scheme):]
	}
	return ""
}

func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || q.Get("client_id") != s.ClientID || q.Get("response_type") != "code" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	values := url.Values{"state": {q.Get("state")}, "code": {s.Code(q.Get("redirect_uri"), q.Get("code_challenge"))}}
	back.RawQuery = values.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	if s.Delay != nil {
		s.Delay()
	}
	params := parameters(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[params.Get("grant_type")]++
	id, secret, isBasic := r.BasicAuth()
	if !isBasic {
		id, secret = params.Get("client_id"), params.Get("client_secret")
	}
	if params.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" && (id != s.ClientID || secret != s.ClientSecret) {
		s.refuse(w, http.StatusUnauthorized, "invalid_client", "client authentication failed")
		return
	}
	switch params.Get("grant_type") {
	case "authorization_code":
		g, ok := s.codes[params.Get("code")]
		delete(s.codes, params.Get("code"))
		sum := sha256.Sum256([]byte(params.Get("code_verifier")))
		if !ok || g.redirect != params.Get("redirect_uri") || (g.challenge != "" && g.challenge != base64.RawURLEncoding.EncodeToString(sum[:])) {
			s.refuse(w, http.StatusBadRequest, "invalid_grant", "the code is not good")
			return
		}
	case "refresh_token":
		old := params.Get("refresh_token")
		if !s.refresh[old] {
			s.refuse(w, http.StatusBadRequest, "invalid_grant", "expired access/refresh token")
			return
		}
		if s.KeepRefresh {
			s.give(w, false)
			return
		}
		delete(s.refresh, old)
		clear(s.access) // as the strictest vendors do: the old access token dies with it
	case "client_credentials":
		s.give(w, false)
		return
	case "urn:ietf:params:oauth:grant-type:jwt-bearer":
		if params.Get("assertion") != s.Assertion {
			s.refuse(w, http.StatusBadRequest, "invalid_grant", "bad assertion")
			return
		}
		s.give(w, false)
		return
	default:
		s.refuse(w, http.StatusBadRequest, "unsupported_grant_type", "")
		return
	}
	s.give(w, !s.NoRefresh)
}

func (s *Server) give(w http.ResponseWriter, withRefresh bool) {
	out := map[string]any{"token_type": "Bearer", "access_token": s.next("access")}
	s.access[out["access_token"].(string)] = true
	if withRefresh {
		out["refresh_token"] = s.next("refresh")
		s.refresh[out["refresh_token"].(string)] = true
	}
	if s.ExpiresIn != nil {
		out["expires_in"] = s.ExpiresIn
	}
	for name, value := range s.More {
		out[name] = value
	}
	answer(w, http.StatusOK, out)
}

func (s *Server) refuse(w http.ResponseWriter, status int, code, description string) {
	s.refused++
	answer(w, status, map[string]any{"error": code, "error_description": description})
}

func answer(w http.ResponseWriter, status int, object map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(object) // the client has gone away; there is nobody to tell
}

// parameters reads a form, a JSON object or a query.
func parameters(r *http.Request) url.Values {
	if r.Header.Get("Content-Type") == "application/json" {
		var object map[string]string
		values := url.Values{}
		if json.NewDecoder(r.Body).Decode(&object) == nil {
			for name, value := range object {
				values.Set(name, value)
			}
		}
		return values
	}
	_ = r.ParseForm() // what cannot be read is missing, and refused for that
	return r.Form
}
