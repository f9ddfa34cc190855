// Package googleanalytics is the connector for Google Analytics in its first form, Universal Analytics, which Google has
// ended. Google Analytics 4 is another connector: type CustomConnector, label GoogleAnalytics4.
package googleanalytics

import (
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
)

const (
	scope     = "https://www.googleapis.com/auth/analytics.readonly"
	authHost  = "https://accounts.google.com"
	tokenHost = "https://oauth2.googleapis.com"
)

// Spec says what the connector is.
func Spec() *connector.Spec {
	return &connector.Spec{
		Type:         flow.GoogleAnalytics,
		Name:         "Google Analytics",
		Summary:      "Reports of dimensions and metrics from Google's Universal Analytics.",
		DocsURL:      "https://developers.google.com/analytics/devguides/reporting/core/v4",
		CanBeSource:  true,
		NeedsProfile: true,
		Auth: connector.Auth{Kinds: []connector.AuthKind{connector.AuthOAuth2}, OAuth: &connector.OAuth{
			Grants:    []connector.Grant{connector.GrantAuthorizationCode},
			Scopes:    []string{scope},
			AuthURLs:  []string{authHost + "/o/oauth2/v2/auth"},
			TokenURLs: []string{tokenHost + "/token"},
			Endpoint:  endpoint,
		}},
		Triggers:     []flow.TriggerType{flow.TriggerOnDemand, flow.TriggerScheduled},
		MinInterval:  24 * time.Hour,
		SourceRules:  sourceRules,
		Destinations: []flow.ConnectorType{flow.LookoutMetrics, flow.S3, flow.Upsolver, flow.CustomConnector},
		Settings: connector.Settings(
			[]connector.Setting{connector.ObjectSetting(connector.InSource, "The view (profile) whose report to read.")},
			connector.ClientSettings("", true),
			[]connector.Setting{connector.AccessTokenSetting(""), connector.RefreshTokenSetting("")},
			connector.OAuthRequestSettings(""),
		),
		SubServices: []connector.SubService{{Name: "AUTH", Description: "Google's authorization server."}},
		Limits: []string{
			"A flow may take 9 dimensions and 10 metrics.",
			"Files in S3 and Upsolver have to be JSON.",
			"Tasks carry no operator but PROJECTION and BETWEEN.",
		},
		Retired: "Google ended Universal Analytics in July 2024; use the connector label GoogleAnalytics4.",
	}
}

// endpoint resolves Google's authorization server, whose two addresses have different hosts. access_type and prompt are
// what makes Google give a refresh token.
func endpoint(_ flow.Properties, override connector.Override) (connector.OAuthEndpoint, error) {
	auth, err := connector.AuthBase(override, connector.Fixed(authHost))
	if err != nil {
		return connector.OAuthEndpoint{}, err
	}
	token, err := connector.AuthBase(override, connector.Fixed(tokenHost))
	return connector.OAuthEndpoint{
		AuthURL: auth + "/o/oauth2/v2/auth", TokenURL: token + "/token", Scopes: []string{scope}, ClientInBody: true, UsePKCE: true,
		AuthExtra: map[string]string{"access_type": "offline", "prompt": "consent"},
	}, err
}
