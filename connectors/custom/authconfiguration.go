package custom

import (
	"net/url"
	"slices"
	"strings"
)

func (a *answered) checkAuth() string {
	if a.Auth.IsOAuth2 {
		if a.Auth.OAuth2 == nil {
			return "authenticationConfig.oAuth2Defaults is missing; isOAuth2Supported needs it"
		}
		if wrong := a.Auth.OAuth2.check(); wrong != "" {
			return wrong
		}
	}
	if a.Auth.IsCustom && len(a.Auth.Custom) == 0 {
		return "authenticationConfig.customAuthConfig is missing; isCustomAuthSupported needs it"
	}
	if len(a.Auth.Custom) > maxList {
		return "authenticationConfig.customAuthConfig holds more than 200 kinds"
	}
	for i, c := range a.Auth.Custom {
		if !versionText.MatchString(c.Type) || slices.ContainsFunc(a.Auth.Custom[:i], func(o customAuth) bool { return o.Type == c.Type }) {
			return "authenticationConfig.customAuthConfig needs an authenticationType for each kind, without spaces, each another"
		}
		if wrong := checkParameters("authenticationConfig.customAuthConfig.authParameters", c.Parameters); wrong != "" {
			return wrong
		}
	}
	return ""
}

func (o *oAuth2) check() string {
	const at = "authenticationConfig.oAuth2Defaults."
	for _, l := range []struct {
		member string
		list   []string
	}{{"tokenURL", o.TokenURLs}, {"authURL", o.AuthURLs}} {
		if len(l.list) > maxList {
			return at + l.member + " holds more than 200 addresses"
		}
		for _, u := range l.list {
			if !isAddress(u) {
				return at + l.member + " must hold URLs that begin with https://; parts to fill in are written {{NAME}}"
			}
		}
	}
	if len(o.Grants) == 0 {
		return at + "oAuth2GrantTypesSupported is missing"
	}
	if wrong := oneOfEach(at+"oAuth2GrantTypesSupported", o.Grants, grantTypes); wrong != "" {
		return wrong
	}
	if !fits(o.Scopes...) {
		return at + "oAuthScopes holds too much"
	}
	for _, w := range []struct{ member, value, one, other string }{
		{"oAuth2ContentType", o.ContentType, "URL_ENCODED", "APPLICATION_JSON"}, {"oAuth2MethodType", o.Method, "HTTP_POST", "HTTP_GET"},
	} {
		if w.value != "" && w.value != w.one && w.value != w.other {
			return at + w.member + " is " + clip(w.value) + "; known are " + w.one + " and " + w.other
		}
	}
	return checkParameters(at+"oauth2CustomProperties", o.parameters())
}

// parameters are the custom properties, however they are spelled.
func (o *oAuth2) parameters() []parameter {
	if len(o.PropertiesJava) > 0 {
		return o.PropertiesJava
	}
	return o.PropertiesPython
}

func checkParameters(member string, list []parameter) string {
	if len(list) > maxList {
		return member + " holds more than 200 parameters"
	}
	seen := map[string]bool{}
	for _, p := range list {
		switch {
		case !settingKey.MatchString(p.Key):
			return member + " has a key that is not 1 to 128 letters, digits or signs"
		case seen[p.Key]:
			return member + " has the key " + p.Key + " twice"
		case !fits(p.Label, p.About) || !fits(p.Values...):
			return member + " " + p.Key + " has texts that are too long"
		}
		seen[p.Key] = true
	}
	return ""
}

// isAddress reports whether a text is a URL once its placeholders are filled in.
func isAddress(text string) bool {
	if len(text) > maxText {
		return false
	}
	u, err := url.Parse(placeholders.ReplaceAllString(text, "x"))
	return err == nil && u.Host != "" && u.User == nil && (u.Scheme == "https" || u.Scheme == "http" || u.Scheme == "x")
}

// urlKind reads where a custom OAuth property is sent: TOKEN_URL or AUTH_URL, by its name or inside an enum's object.
func urlKind(v any) string {
	switch v := v.(type) {
	case string:
		if s := strings.ToUpper(v); s == "TOKEN_URL" || s == "AUTH_URL" {
			return s
		}
	case map[string]any:
		for _, key := range []string{"name", "_name_", "value", "_value_"} {
			if kind, ok := v[key].(string); ok {
				return urlKind(kind)
			}
		}
	}
	return ""
}
