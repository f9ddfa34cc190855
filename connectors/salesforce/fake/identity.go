package fake

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

func (o *Org) instance(r *http.Request) string { return orDefault(o.opts.InstanceURL, origin(r)) }

func origin(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func (o *Org) identity(r *http.Request) string {
	return origin(r) + "/id/" + o.orgID + "/" + o.userID
}

// revoke ends a token; a refresh token takes all access tokens of its client with it.
func (o *Org) revoke(w http.ResponseWriter, r *http.Request) {
	token := r.FormValue("token")
	o.mu.Lock()
	defer o.mu.Unlock()
	if client, ok := o.refresh[token]; ok && client != revoked {
		o.refresh[token] = revoked
		for _, s := range o.sessions {
			if s.client == client {
				s.ended = true
			}
		}
	} else if s := o.sessions[token]; s != nil && !s.ended {
		s.ended = true
	} else if o.opts.Token == "" && token != "" && s == nil && !ok {
		o.sessions[token] = &session{ended: true} // any token is one; this is one no more
	} else {
		oauthFail(w, "invalid_token", "invalid token: "+token)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func (o *Org) introspect(w http.ResponseWriter, r *http.Request) {
	token := r.FormValue("token")
	active := o.Authorized(token)
	o.mu.Lock()
	defer o.mu.Unlock()
	if client, ok := o.refresh[token]; ok {
		answer(w, http.StatusOK, Record{"active": client != revoked, "client_id": client, "username": o.opts.Username, "sub": o.identity(r), "token_type": "refresh_token"})
		return
	}
	if !active {
		answer(w, http.StatusOK, Record{"active": false})
		return
	}
	s := o.sessions[token]
	answer(w, http.StatusOK, Record{
		"active": true, "scope": s.scope, "client_id": s.client, "username": o.opts.Username, "sub": o.identity(r), "token_type": "access_token",
		"iat": s.used.Unix(), "exp": s.used.Add(2 * time.Hour).Unix(), "nbf": s.used.Unix(),
	})
}

// userInfo tells whose token it is; the id URL tells nearly the same.
func (o *Org) userInfo(w http.ResponseWriter, r *http.Request) {
	token := bearer(r)
	if token == "" {
		token = r.FormValue("access_token")
	}
	if !o.Authorized(token) {
		w.Header().Set("Content-Type", "text/html;charset=UTF-8")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, "Bad_OAuth_Token")
		return
	}
	if org := r.PathValue("org"); org != "" && (org != o.orgID || r.PathValue("user") != o.userID) {
		fail(w, http.StatusNotFound, "NOT_FOUND", "The requested resource does not exist")
		return
	}
	urls := Record{}
	for _, name := range []string{"rest", "sobjects", "query"} {
		urls[name] = o.instance(r) + "/services/data/v{version}/" + strings.TrimPrefix(name, "rest")
	}
	answer(w, http.StatusOK, Record{
		"sub": o.identity(r), "id": o.identity(r), "user_id": o.userID, "organization_id": o.orgID, "preferred_username": o.opts.Username, "username": o.opts.Username,
		"name": "Admin User", "display_name": "Admin User", "email": "admin@example.com", "user_type": "STANDARD", "active": true, "urls": urls,
	})
}
