// Package singular is the connector for Singular: aggregated marketing reports.
package singular

import (
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
)

// Spec says what the connector is.
func Spec() *connector.Spec {
	return &connector.Spec{
		Type:         flow.Singular,
		Name:         "Singular",
		Summary:      "Aggregated marketing reports from Singular.",
		DocsURL:      "https://support.singular.net/hc/en-us/articles/360045245692",
		CanBeSource:  true,
		NeedsProfile: true,
		PrivateLink:  true,
		Auth:         connector.Auth{Kinds: []connector.AuthKind{connector.AuthAPIKey}},
		Triggers:     []flow.TriggerType{flow.TriggerOnDemand, flow.TriggerScheduled},
		MinInterval:  time.Hour,
		Destinations: []flow.ConnectorType{
			flow.CustomerProfiles, flow.Honeycode, flow.LookoutMetrics, flow.Redshift, flow.S3, flow.Marketo, flow.Salesforce,
			flow.Snowflake, flow.Upsolver, flow.Zendesk, flow.CustomConnector,
		},
		Settings: []connector.Setting{
			connector.ObjectSetting(connector.InSource, "The report to read, such as Reporting."),
			{Where: connector.InCredentials, Name: "apiKey", Description: "The key of the Reporting API.", Required: true, Secret: true},
		},
		Limits: []string{"A run covers at most 30 days and 100,000 records."},
	}
}
