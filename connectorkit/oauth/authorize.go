package oauth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/url"

	"weir.dev/weir/fault"
)

// AuthorizeURL is the page where a person gives consent. State comes back with the code and has to be compared; the
// verifier is the one that Exchange will send, "" without PKCE.
func (c *Client) AuthorizeURL(redirectURI, state, verifier string) (string, error) {
	u, err := url.Parse(c.Endpoint.AuthURL)
	if err != nil || u.Host == "" {
		return "", fault.New(fault.Validation, "the authorization URL is not one: give a whole URL, as https://login.example.com/oauth/authorize")
	}
	q := u.Query()
	q.Set("response_type", "code")
	q.Set("client_id", c.App.ID)
	q.Set("redirect_uri", redirectURI)
	q.Set("state", state)
	if len(c.Endpoint.Scopes) > 0 {
		q.Set(first(c.Endpoint.ScopeParam, "scope"), c.scopes())
	}
	if verifier != "" {
		q.Set("code_challenge", Challenge(verifier))
		q.Set("code_challenge_method", codeChallenge)
	}
	for name, value := range c.Endpoint.AuthExtra {
		q.Set(name, value)
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// NewVerifier makes a random code verifier of RFC 7636; it serves as a state as well.
func NewVerifier() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: the runtime ends the process instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// Challenge is what the authorization page is told of a verifier.
func Challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
