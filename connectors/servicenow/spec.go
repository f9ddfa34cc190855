// Package servicenow is the connector for ServiceNow: the tables of an instance.
package servicenow

import (
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
)

// Spec says what the connector is.
func Spec() *connector.Spec {
	return &connector.Spec{
		Type:         flow.ServiceNow,
		Name:         "ServiceNow",
		Summary:      "Tables of a ServiceNow instance, custom ones included.",
		DocsURL:      "https://www.servicenow.com/docs/bundle/zurich-api-reference/page/integrate/inbound-rest/concept/c_TableAPI.html",
		CanBeSource:  true,
		NeedsProfile: true,
		Auth: connector.Auth{Kinds: []connector.AuthKind{connector.AuthBasic, connector.AuthOAuth2}, OAuth: &connector.OAuth{
			Grants:    []connector.Grant{connector.GrantAuthorizationCode},
			Scopes:    []string{"useraccount"},
			AuthURLs:  []string{"{instanceUrl}/oauth_auth.do"},
			TokenURLs: []string{"{instanceUrl}/oauth_token.do"},
			// The user's own scope is what an application gets that asks for none; older releases refuse the parameter.
			Endpoint: connector.InstanceOAuth("/oauth_auth.do", "/oauth_token.do", connector.OAuthEndpoint{ClientInBody: true}),
		}},
		Triggers:    []flow.TriggerType{flow.TriggerOnDemand, flow.TriggerScheduled},
		MinInterval: time.Minute,
		Destinations: []flow.ConnectorType{
			flow.CustomerProfiles, flow.Honeycode, flow.LookoutMetrics, flow.Redshift, flow.S3, flow.Marketo, flow.Salesforce,
			flow.Snowflake, flow.Upsolver, flow.Zendesk, flow.CustomConnector,
		},
		Settings: connector.Settings([]connector.Setting{
			connector.ObjectSetting(connector.InSource, "The table to read, such as incident."),
			connector.InstanceSetting("The instance's address, such as https://dev1.service-now.com."),
			{Where: connector.InCredentials, Name: "username", Description: "The user, with basic authentication."},
			{Where: connector.InCredentials, Name: "password", Secret: true, Description: "The user's password."},
		},
			connector.ClientSettings("oAuth2Credentials.", false),
			[]connector.Setting{connector.AccessTokenSetting("oAuth2Credentials."), connector.RefreshTokenSetting("oAuth2Credentials.")},
			connector.OAuthRequestSettings("oAuth2Credentials."),
		),
		SubServices: []connector.SubService{{Name: "AUTH", Description: "The instance's authorization server."}},
		Limits: []string{
			"AppFlow moves 100,000 records in a run; Weir has no limit of its own.",
			"Incremental runs go by sys_updated_on.",
			"The user needs read access to the dictionary tables sys_db_object, sys_dictionary and sys_glide_object.",
		},
	}
}
