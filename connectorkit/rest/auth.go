package rest

import (
	"context"
	"encoding/base64"
	"net/http"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
)

// Auth puts credentials into requests. Safe for concurrent use.
type Auth interface {
	// Apply adds the credential to a request and returns it, for Renew and to keep it out of messages.
	Apply(ctx context.Context, r *http.Request) (used string, err error)
	// Renew is told of a credential that the vendor has refused. It reports whether there is another one by now.
	Renew(ctx context.Context, refused string) (bool, error)
}

// Bearer sends an OAuth token as "Authorization: Bearer …"; another scheme where a vendor has one of its own. A token
// that is refused is renewed, once for its expiry however many notice it: that is the source's promise.
func Bearer(tokens connector.TokenSource, scheme string) Auth {
	if scheme == "" {
		scheme = "Bearer"
	}
	return &bearer{tokens: tokens, scheme: scheme}
}

type bearer struct {
	tokens connector.TokenSource
	scheme string
}

func (b *bearer) Apply(ctx context.Context, r *http.Request) (string, error) {
	token, err := b.tokens.Token(ctx)
	if err != nil {
		return "", fault.Wrap(fault.CodeOf(err), err, "getting the access token")
	}
	r.Header.Set("Authorization", b.scheme+" "+token)
	return token, nil
}

func (b *bearer) Renew(ctx context.Context, refused string) (bool, error) {
	fresh, err := b.tokens.Renew(ctx, refused)
	return err == nil && fresh != refused, err
}

// Basic sends a user and a password.
func Basic(user, password string) Auth {
	return fixed{secret: password, apply: func(r *http.Request) { r.SetBasicAuth(user, password) },
		also: base64.StdEncoding.EncodeToString([]byte(user + ":" + password))}
}

// InHeader sends a key in a header of the vendor's, behind a prefix such as "Token ".
func InHeader(name, prefix, key string) Auth {
	return fixed{secret: key, apply: func(r *http.Request) { r.Header.Set(name, prefix+key) }}
}

// InQuery sends a key as a parameter of the query.
func InQuery(name, key string) Auth {
	return fixed{secret: key, param: name, apply: func(r *http.Request) {
		q := r.URL.Query()
		q.Set(name, key)
		r.URL.RawQuery = q.Encode()
	}}
}

// Together applies several credentials, such as a key and a second half of it. Only the first can be renewed.
func Together(first Auth, more ...Auth) Auth { return together{first, more} }

// fixed is a credential that cannot be renewed.
type fixed struct {
	secret, also string
	param        string // of the query that holds it
	apply        func(*http.Request)
}

func (f fixed) Apply(_ context.Context, r *http.Request) (string, error) {
	f.apply(r)
	return f.secret, nil
}

func (f fixed) Renew(context.Context, string) (bool, error) { return false, nil }

func (f fixed) secrets() []string { return []string{f.secret, f.also} }

type together struct {
	first Auth
	more  []Auth
}

func (t together) Apply(ctx context.Context, r *http.Request) (string, error) {
	used, err := t.first.Apply(ctx, r)
	for _, a := range t.more {
		if err == nil {
			_, err = a.Apply(ctx, r)
		}
	}
	return used, err
}

func (t together) Renew(ctx context.Context, refused string) (bool, error) {
	return t.first.Renew(ctx, refused)
}

func (t together) secrets() (list []string) {
	for _, a := range append([]Auth{t.first}, t.more...) {
		list = append(list, secretsOf(a)...)
	}
	return list
}

// secretsOf are the credentials that are known before a request is made.
func secretsOf(a Auth) []string {
	if s, ok := a.(interface{ secrets() []string }); ok {
		return s.secrets()
	}
	return nil
}
