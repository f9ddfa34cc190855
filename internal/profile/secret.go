package profile

import (
	"encoding/json"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/oauth"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// secret is what is sealed of a profile.
type secret struct {
	// Credentials are those that were given, under the connector's member name, without the used-up authorization code.
	Credentials flow.Properties `json:"credentials,omitzero"`
	// Token is the current grant of an OAuth profile; it counts, not the tokens inside of Credentials.
	Token *oauth.Token `json:"token,omitzero"`
}

// No error of these quotes what it could not read.

func readSecret(name string, text []byte) (*secret, error) {
	s := &secret{}
	if json.Unmarshal(text, s) != nil {
		return nil, fault.New(fault.Internal, "opening the credentials of profile %q: they are of a form that this build does not know", name)
	}
	return s, nil
}

func (s *secret) write() ([]byte, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fault.New(fault.Internal, "the credentials cannot be written")
	}
	return text, nil
}

// with is the same secret with another grant. A vendor names the account's address with every token or never.
func (s *secret) with(t *oauth.Token) *secret {
	fresh := *t
	if fresh.InstanceURL == "" && s.Token != nil {
		fresh.InstanceURL = s.Token.InstanceURL
	}
	return &secret{Credentials: s.Credentials, Token: &fresh}
}

// properties are a profile's, with the instanceUrl that the authorization server has named in place of the given one:
// Salesforce's tokens are good at that address only.
func (s *secret) properties(given flow.Properties) flow.Properties {
	if s.Token == nil || s.Token.InstanceURL == "" {
		return given
	}
	members := map[string]any{}
	if given.Decode(&members) != nil || members == nil {
		return given
	}
	members["instanceUrl"] = s.Token.InstanceURL
	out, err := json.Marshal(members)
	if err != nil {
		return given
	}
	return out
}

// oauthMembers are the members that the OAuth credentials of all connectors share.
type oauthMembers struct {
	ClientID     string `json:"clientId"`
	ClientSecret string `json:"clientSecret"`
	AccessToken  string `json:"accessToken"`
	RefreshToken string `json:"refreshToken"`
	Request      struct {
		AuthCode     string `json:"authCode"`
		RedirectURI  string `json:"redirectUri"`
		CodeVerifier string `json:"codeVerifier"`
	} `json:"oAuthRequest"`
	ClientCredentialsArn string          `json:"clientCredentialsArn"`
	GrantType            connector.Grant `json:"oAuth2GrantType"`
	JWT                  string          `json:"jwtToken"`
}

// nestedAt are the members that hold the OAuth credentials of connectors that can do without.
var nestedAt = map[flow.ConnectorType]string{
	flow.ServiceNow: "oAuth2Credentials", flow.SAPOData: "oAuthCredentials", flow.CustomConnector: "oauth2",
}

// MemberOf is the member of a connector's credentials that holds those for OAuth; "" when they are the credentials
// themselves.
func MemberOf(t flow.ConnectorType) string { return nestedAt[t] }

// readOAuth finds the OAuth part of credentials; nil when they are of another kind.
func readOAuth(spec *connector.Spec, credentials flow.Properties) (*oauthMembers, error) {
	if spec.Auth.OAuth == nil || credentials == nil {
		return nil, nil
	}
	unreadable := fault.New(fault.Validation, "the credentials are not of the form that %s takes", spec.Name)
	part := json.RawMessage(credentials)
	if nested := nestedAt[spec.Type]; nested != "" {
		var all map[string]json.RawMessage
		if json.Unmarshal(part, &all) != nil {
			return nil, unreadable
		}
		if part = all[nested]; part == nil {
			return nil, nil
		}
	}
	m := &oauthMembers{}
	if json.Unmarshal(part, m) != nil {
		return nil, unreadable
	}
	return m, nil
}

// withoutCode drops the authorization code, which is good once, and its verifier.
func withoutCode(t flow.ConnectorType, credentials flow.Properties) flow.Properties {
	var all map[string]json.RawMessage
	if json.Unmarshal(credentials, &all) != nil || all == nil {
		return credentials
	}
	if nested := nestedAt[t]; nested != "" && all[nested] != nil {
		all[nested] = json.RawMessage(withoutCode("", flow.Properties(all[nested])))
	} else {
		delete(all, "oAuthRequest")
	}
	out, err := json.Marshal(all)
	if err != nil {
		return credentials
	}
	return out
}
