// Package slack is the connector for Slack: the messages of a workspace's channels.
package slack

import (
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
)

const host = "https://slack.com"

var scopes = []string{
	"channels:history", "channels:read", "groups:history", "groups:read", "im:history", "im:read", "mpim:history", "mpim:read",
}

// Spec says what the connector is.
func Spec() *connector.Spec {
	return &connector.Spec{
		Type:         flow.Slack,
		Name:         "Slack",
		Summary:      "Messages of the channels that a user of a Slack workspace can read.",
		DocsURL:      "https://docs.slack.dev/reference/methods/conversations.history",
		CanBeSource:  true,
		NeedsProfile: true,
		Auth: connector.Auth{Kinds: []connector.AuthKind{connector.AuthOAuth2}, OAuth: &connector.OAuth{
			Grants:    []connector.Grant{connector.GrantAuthorizationCode},
			Scopes:    scopes,
			AuthURLs:  []string{host + "/oauth/v2/authorize"},
			TokenURLs: []string{host + "/api/oauth.v2.access"},
			Endpoint:  endpoint,
		}},
		Triggers:       []flow.TriggerType{flow.TriggerOnDemand, flow.TriggerScheduled},
		MinInterval:    time.Minute,
		MinIntervalFor: minInterval,
		Destinations: []flow.ConnectorType{
			flow.CustomerProfiles, flow.Honeycode, flow.Redshift, flow.S3, flow.Marketo, flow.Salesforce, flow.Snowflake, flow.Upsolver,
			flow.Zendesk, flow.CustomConnector,
		},
		Settings: connector.Settings([]connector.Setting{
			connector.ObjectSetting(connector.InSource, "The channel to read, as conversations/C0123456789."),
			connector.InstanceSetting("The workspace's address, such as https://example.slack.com."),
		},
			connector.ClientSettings("", true),
			[]connector.Setting{connector.AccessTokenSetting("")},
			connector.OAuthRequestSettings(""),
		),
		SubServices: []connector.SubService{{Name: "AUTH", Description: "The authorization page and the token method, apart from the other methods."}},
		Limits: []string{
			"Scheduled runs that take everything come at most once a day; incremental ones once a minute.",
			"Slack limits requests per method, and far more strictly for applications that are sold but not in its marketplace.",
		},
	}
}

// endpoint resolves Slack's authorization server. The connector reads as a user, and Slack keeps the user's scopes and
// token apart from those of the application.
func endpoint(_ flow.Properties, override connector.Override) (connector.OAuthEndpoint, error) {
	base, err := connector.AuthBase(override, connector.Fixed(host))
	return connector.OAuthEndpoint{
		AuthURL: base + "/oauth/v2/authorize", TokenURL: base + "/api/oauth.v2.access", Scopes: scopes,
		ClientInBody: true, ScopeParam: "user_scope", ScopeSeparator: ",", TokenAt: "authed_user",
	}, err
}
