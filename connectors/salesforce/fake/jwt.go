package fake

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// byJWT exchanges an assertion that the app's certificate has signed. There is no refresh token.
func (o *Org) byJWT(w http.ResponseWriter, r *http.Request, assertion string) {
	var head struct {
		Alg string `json:"alg"`
	}
	var claims struct {
		Iss, Sub string
		Aud      any
		Exp      json.Number
	}
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 || !decodePart(parts[0], &head) || !decodePart(parts[1], &claims) || head.Alg != "RS256" {
		oauthFail(w, "invalid_grant", "invalid assertion")
		return
	}
	expires, err := claims.Exp.Float64()
	until := time.Unix(int64(expires), 0)
	switch {
	case o.opts.ClientID != "" && claims.Iss != o.opts.ClientID || claims.Iss == "":
		oauthFail(w, "invalid_client_id", "client identifier invalid")
	case !o.signed(parts):
		oauthFail(w, "invalid_grant", "invalid assertion")
	case err != nil || !o.now().Before(until):
		oauthFail(w, "invalid_grant", "assertion is expired")
	case !o.audience(r, claims.Aud):
		oauthFail(w, "invalid_grant", "audience is invalid")
	case claims.Sub != o.opts.Username:
		oauthFail(w, "invalid_grant", "user hasn't approved this consumer")
	case o.mode == LoggedOut || o.refreshRefused:
		oauthFail(w, "invalid_grant", "user hasn't approved this consumer")
	default:
		o.grant(w, r, claims.Iss, "api id", "")
	}
}

// audience: the login hosts, or the host that was called.
func (o *Org) audience(r *http.Request, aud any) bool {
	list, ok := aud.([]any)
	if !ok {
		list = []any{aud}
	}
	return slices.ContainsFunc(list, func(a any) bool {
		s, _ := a.(string)
		return s == "https://login.salesforce.com" || s == "https://test.salesforce.com" || strings.TrimSuffix(s, "/services/oauth2/token") == origin(r)
	})
}

func (o *Org) signed(parts []string) bool {
	if o.opts.Key == nil {
		return true
	}
	signature, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[2], "="))
	if err != nil {
		return false
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	return rsa.VerifyPKCS1v15(o.opts.Key, crypto.SHA256, sum[:], signature) == nil
}

func decodePart(part string, into any) bool {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(part, "="))
	return err == nil && json.Unmarshal(raw, into) == nil
}
