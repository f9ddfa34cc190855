package custom_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectors/custom"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

func TestRefineOAuth_TokensAreAskedForAsDeclared(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]connector.OAuthEndpoint{
		`{}`: {},
		`{"authenticationConfig":{"oAuth2Defaults":{"oauthScopes":["a","b"]}}}`:                       {Scopes: []string{"a", "b"}},
		`{"authenticationConfig":{"oAuth2Defaults":{"oAuth2ContentType":"APPLICATION_JSON"}}}`:        {Style: connector.TokenByJSON},
		`{"authenticationConfig":{"oAuth2Defaults":{"oAuth2MethodType":"HTTP_GET"}}}`:                 {Style: connector.TokenByQuery},
		`{"authenticationConfig":{"oAuth2Defaults":{"addBasicAuthHeader":true}}}`:                     {ClientInHeader: true},
		`{"authenticationConfig":{"oAuth2Defaults":{"oAuth2MethodType":"HTTP_POST","x":["unread"]}}}`: {},
	} {
		c := custom.New(custom.Options{Find: func(_ context.Context, label string) (*flow.Registration, error) {
			if label != "shop" {
				return nil, fault.New(fault.NotFound, "none")
			}
			return &flow.Registration{Label: label, Config: flow.Properties(config)}, nil
		}})
		got, err := c.RefineOAuth(t.Context(), "shop", connector.OAuthEndpoint{})
		require.NoError(t, err)
		require.Equal(t, want, got, config)
		_, err = c.RefineOAuth(t.Context(), "another", connector.OAuthEndpoint{})
		require.NoError(t, err)
	}
}
