package connector

import (
	"net/url"
	"strings"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Override answers an operator's URL for a sub-service, or "": the second argument of [OAuth.Endpoint].
type Override = func(sub string) string

// InstanceURL reads a profile's instanceUrl: an address with scheme and host, without query, fragment or credentials, and
// no slash at its end. A missing scheme means https. Errors are Validation.
func InstanceURL(props flow.Properties) (string, error) {
	var p struct {
		InstanceURL string `json:"instanceUrl"`
	}
	if err := props.Decode(&p); err != nil {
		return "", fault.Wrap(fault.Validation, err, "reading the profile's properties")
	}
	return BaseURL("instanceUrl", p.InstanceURL)
}

// BaseURL reads an address that others are made from by appending a path. The name is the member's, for the message.
func BaseURL(name, text string) (string, error) {
	if text == "" {
		return "", fault.New(fault.Validation, "%s is missing; give the address of the account, such as https://example.com", name)
	}
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil: // its text would repeat the address, which may hold a password
		return "", fault.New(fault.Validation, "%s is not a URL; write for instance https://example.com", name)
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Opaque != "":
		return "", fault.New(fault.Validation, "%s must begin with https:// and a host name", name)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return "", fault.New(fault.Validation, "%s must be a plain address, without credentials, query or fragment", name)
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// AuthBase is where a profile's authorization server is: the operator's URL for AUTH, else for the vendor, else what
// the profile says.
func AuthBase(override Override, otherwise func() (string, error)) (string, error) {
	if override != nil {
		for _, sub := range []string{"AUTH", ""} {
			if base := override(sub); base != "" {
				return strings.TrimRight(base, "/"), nil
			}
		}
	}
	return otherwise()
}

// Fixed is the answer of a vendor whose host is the same for everyone.
func Fixed(base string) func() (string, error) { return func() (string, error) { return base, nil } }

// InstanceOAuth resolves an authorization server that stands at fixed paths below the profile's instanceUrl. The form has
// everything but the two addresses.
func InstanceOAuth(authPath, tokenPath string, form OAuthEndpoint) func(flow.Properties, Override) (OAuthEndpoint, error) {
	return func(props flow.Properties, override Override) (OAuthEndpoint, error) {
		base, err := AuthBase(override, func() (string, error) { return InstanceURL(props) })
		if err != nil {
			return OAuthEndpoint{}, err
		}
		e := form
		if authPath != "" {
			e.AuthURL = base + authPath
		}
		e.TokenURL = base + tokenPath
		return e, nil
	}
}
