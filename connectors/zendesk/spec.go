// Package zendesk is the connector for Zendesk Support: tickets, users and the other objects of an account, both ways.
package zendesk

import (
	_ "embed" // of the manifest
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectors/manifest"
	"weir.dev/weir/flow"
)

//go:embed zendesk.yaml
var text []byte

// New returns the connector: Zendesk's API is plain, so that a manifest says it all.
func New() connector.Connector { return manifest.New(manifest.Must(text), Spec()) }

var scopes = []string{"read", "write"}

// Spec says what the connector is.
func Spec() *connector.Spec {
	return &connector.Spec{
		Type:         flow.Zendesk,
		Name:         "Zendesk",
		Summary:      "Tickets, users, organizations and the other objects of a Zendesk account, both ways.",
		DocsURL:      "https://developer.zendesk.com/api-reference/",
		CanBeSource:  true,
		CanBeDest:    true,
		NeedsProfile: true,
		Auth: connector.Auth{Kinds: []connector.AuthKind{connector.AuthOAuth2}, OAuth: &connector.OAuth{
			Grants:    []connector.Grant{connector.GrantAuthorizationCode},
			Scopes:    scopes,
			AuthURLs:  []string{"{instanceUrl}/oauth/authorizations/new"},
			TokenURLs: []string{"{instanceUrl}/oauth/tokens"},
			Endpoint:  connector.InstanceOAuth("/oauth/authorizations/new", "/oauth/tokens", connector.OAuthEndpoint{Scopes: scopes, ClientInBody: true, UsePKCE: true}),
		}},
		Triggers:    []flow.TriggerType{flow.TriggerOnDemand, flow.TriggerScheduled},
		MinInterval: time.Minute,
		Destinations: []flow.ConnectorType{
			flow.CustomerProfiles, flow.Honeycode, flow.LookoutMetrics, flow.Redshift, flow.S3, flow.Marketo, flow.Salesforce,
			flow.Snowflake, flow.Upsolver, flow.Zendesk, flow.CustomConnector,
		},
		WriteOperations: []string{"INSERT", "UPSERT", "UPDATE", "DELETE"},
		Settings: connector.Settings([]connector.Setting{
			connector.ObjectSetting(connector.InSource, "The object to read, such as tickets."),
			connector.ObjectSetting(connector.InDestination, "The object to write, such as tickets."),
		},
			connector.WriteSettings("The field that finds records: the id, or an external id; UPSERT goes by the external id, DELETE by the id."),
			connector.ErrorHandlingSettings(),
			[]connector.Setting{connector.InstanceSetting("The account's address, such as https://example.zendesk.com.")},
			connector.ClientSettings("", true),
			[]connector.Setting{connector.AccessTokenSetting("")},
			connector.OAuthRequestSettings(""),
		),
		SubServices: []connector.SubService{{Name: "AUTH", Description: "The account's authorization server."}},
		Limits: []string{
			"The only comparison in a filter is GREATER_THAN.",
			"Zendesk leaves the last minute out of incremental exports, so an incremental run takes the changes up to one minute before it began; the next run takes the rest.",
			"An incremental run shows deleted tickets, with the status deleted; a full run leaves them out.",
			"Zendesk has no UPSERT for tickets: each is looked for by its external id, with a call of its own, and then changed or made. Tickets that were closed months ago are not found.",
			"DELETE takes tickets, users and organizations, by their ids. Deleted tickets can be restored in Zendesk for thirty days.",
			"When Zendesk does not answer to new records, or Weir ends before it does, that batch is sent again and may be there twice; UPDATE and UPSERT have no such moment.",
			"Custom fields of tickets are fields of their own, custom_fields. and the title with underscores for spaces, in both directions; the list custom_fields has them all.",
		},
	}
}
