package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// addition is a member that newer SDKs send and the pinned revision of the model lacks. Its own shape carries
// constraints that are wider than any real value, because the newer model's are not at hand.
type addition struct {
	structure, member, shape string
	traits                   traits
}

var additions = []addition{
	// The verifier of OAuth's proof key for code exchange; RFC 7636 allows 128 characters.
	{"ConnectorOAuthRequest", "codeVerifier", "CodeVerifier", traits{
		"sensitive": json.RawMessage(`{}`),
		"length":    json.RawMessage(`{"min": 0, "max": 4096}`),
		"pattern":   json.RawMessage(`"^\\S+$"`),
	}},
	// A PEM block, hence with line breaks, for Snowflake's key-pair authentication.
	{"SnowflakeConnectorProfileCredentials", "privateKey", "PrivateKey", traits{
		"sensitive": json.RawMessage(`{}`),
		"length":    json.RawMessage(`{"min": 0, "max": 16384}`),
	}},
}

// alsoSensitive are shapes that hold secrets (Key holds Infor Nexus's, the last one token-endpoint parameters) and that
// the model does not mark as sensitive. Their values must not come back in errors either.
var alsoSensitive = []string{"ApiToken", "ApplicationKey", "AuthCode", "CustomPropertyValue", "Key", "RefreshToken"}

// overlay lays the additions over the model. With a private key a Snowflake profile needs no password.
func (m *model) overlay() error {
	for _, a := range additions {
		s := m.shapes[a.structure]
		if s == nil || s.member(a.member) != nil || m.shapes[a.shape] != nil {
			return fmt.Errorf("adding %s.%s: the structure is missing, or the model has the member by now", a.structure, a.member)
		}
		m.shapes[a.shape] = &shape{name: a.shape, kind: "string", traits: a.traits}
		s.members = append(s.members, &member{name: a.member, target: a.shape, traits: traits{}})
		slices.SortFunc(s.members, func(a, b *member) int { return strings.Compare(a.name, b.name) })
	}
	for _, name := range alsoSensitive {
		s := m.shapes[name]
		if s == nil || s.traits.has("sensitive") {
			return fmt.Errorf("marking %s as sensitive: the shape is missing, or the model marks it by now", name)
		}
		s.traits["sensitive"] = json.RawMessage(`{}`)
	}
	password := m.shapes["SnowflakeConnectorProfileCredentials"].member("password")
	delete(password.traits, "required")
	password.traits["requiredUnless"] = json.RawMessage(`"privateKey"`)
	return nil
}
