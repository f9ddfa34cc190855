package trial

import (
	"context"
	"encoding/json"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// wrongSecret opens nothing anywhere.
const wrongSecret = "weir-trial-wrong-secret"

// wrongToken is a token source without a good token.
type wrongToken struct{}

func (wrongToken) Token(context.Context) (string, error) { return wrongSecret, nil }

func (wrongToken) Renew(context.Context, string) (string, error) {
	return "", fault.New(fault.ConnectorAuth, "there is no other token")
}

// spoiled are credentials in which every secret is another; false when there are none.
func spoiled(given flow.Properties) (flow.Properties, bool) {
	var v map[string]any
	if given.Decode(&v) != nil || len(v) == 0 {
		return given, false
	}
	raw, err := json.Marshal(spoil("", v))
	return raw, err == nil
}

// plain are members that are no secrets, and without which the others cannot be read.
var plain = map[string]bool{"authenticationType": true, "customAuthenticationType": true, "oAuth2GrantType": true}

func spoil(name string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, member := range v {
			out[key] = spoil(key, member)
		}
		return out
	case string:
		if !plain[name] && v != "" {
			return wrongSecret
		}
	}
	return v
}
