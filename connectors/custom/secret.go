package custom

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Keeper puts secrets where functions read them: a Secrets Manager. Safe for concurrent use.
type Keeper interface {
	// Keep makes the newest value readable and returns the secret's ARN. The value may be read until drop is called;
	// where other processes use the secret, too, drop may leave it.
	Keep(ctx context.Context, k Kept) (arn string, drop func(), err error)
}

// Kept is a secret to keep: that of one profile, for the function of one connector.
type Kept struct {
	Label       string
	Profile     string
	FunctionARN string
	Value       []byte // a flat JSON object
}

// secret is what the function finds: a flat object, in the words of
// https://github.com/awslabs/aws-appflow-custom-connector-java/blob/main/AuthenticationType.md.
type secret struct {
	kind    string // as connectorContext names it
	members map[string]string
}

// kinds are the names of one kind of authentication in the API and in the protocol.
var kinds = map[string]string{"OAUTH2": "OAuth2", "APIKEY": "ApiKey", "BASIC": "BasicAuth", "CUSTOM": "CustomAuth"}

// readSecret makes the function's secret of a profile's credentials; nil for a profile without. No error quotes it.
func readSecret(given flow.Properties, token string) (*secret, error) {
	var p struct {
		Kind  string `json:"authenticationType"`
		Basic *struct {
			Username string `json:"username"`
			Password string `json:"password"`
		} `json:"basic"`
		OAuth *struct {
			AccessToken string `json:"accessToken"`
		} `json:"oauth2"`
		APIKey *struct {
			Key    string `json:"apiKey"`
			Secret string `json:"apiSecretKey"`
		} `json:"apiKey"`
		Custom *struct {
			Kind        string            `json:"customAuthenticationType"`
			Credentials map[string]string `json:"credentialsMap"`
		} `json:"custom"`
	}
	unreadable := fault.New(fault.Validation, "the credentials of the profile are not of the form that custom connectors take")
	if given.Decode(&p) != nil {
		return nil, unreadable
	}
	s := &secret{kind: kinds[p.Kind], members: map[string]string{}}
	switch {
	case p.Kind == "":
		return nil, nil
	case p.Kind == "OAUTH2":
		if token == "" && p.OAuth != nil {
			token = p.OAuth.AccessToken
		}
		s.members["accessToken"] = token
	case p.Kind == "APIKEY" && p.APIKey != nil:
		s.members["apiKey"] = p.APIKey.Key
		if p.APIKey.Secret != "" {
			s.members["apiSecretKey"] = p.APIKey.Secret
		}
	case p.Kind == "BASIC" && p.Basic != nil:
		s.members["username"], s.members["password"] = p.Basic.Username, p.Basic.Password
	case p.Kind == "CUSTOM" && p.Custom != nil:
		maps.Copy(s.members, p.Custom.Credentials)
		s.members["customAuthenticationType"] = p.Custom.Kind
	default:
		return nil, unreadable
	}
	return s, nil
}

// document is the secret as the function reads it.
func (s *secret) document() ([]byte, error) {
	all := maps.Clone(s.members)
	all["authenticationType"] = s.kind
	text, err := json.Marshal(all)
	if err != nil {
		return nil, fault.New(fault.Internal, "a secret cannot be written")
	}
	return text, nil
}

// values are the texts to hide, the longest first. Short ones would blot out everything, and protect nothing.
func (s *secret) values() []string {
	const shortest = 4
	var list []string
	for name, v := range s.members {
		if len(v) >= shortest && name != "customAuthenticationType" && name != "username" {
			list = append(list, v)
		}
	}
	slices.SortFunc(list, func(a, b string) int { return len(b) - len(a) })
	return list
}
