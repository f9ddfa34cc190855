// Package datadog is the connector for Datadog: metrics over time and logs, as its query APIs give them.
package datadog

import (
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
)

// Spec says what the connector is.
func Spec() *connector.Spec {
	return &connector.Spec{
		Type:         flow.Datadog,
		Name:         "Datadog",
		Summary:      "Timeseries of metrics, and logs, from Datadog.",
		DocsURL:      "https://docs.datadoghq.com/api/latest/",
		CanBeSource:  true,
		NeedsProfile: true,
		Auth:         connector.Auth{Kinds: []connector.AuthKind{connector.AuthAPIKey}},
		Triggers:     []flow.TriggerType{flow.TriggerOnDemand, flow.TriggerScheduled},
		MinInterval:  time.Minute,
		SourceRules:  sourceRules,
		Destinations: []flow.ConnectorType{
			flow.CustomerProfiles, flow.Honeycode, flow.Redshift, flow.S3, flow.Marketo, flow.Salesforce, flow.Snowflake, flow.Upsolver,
			flow.Zendesk, flow.CustomConnector,
		},
		Settings: []connector.Setting{
			connector.ObjectSetting(connector.InSource, "What to read: metrics-timeseries or log-queries."),
			connector.InstanceSetting("The API host of your Datadog site, such as https://api.datadoghq.com or https://api.datadoghq.eu."),
			{Where: connector.InCredentials, Name: "apiKey", Description: "The API key; it is valid at its own site only.", Required: true, Secret: true},
			{Where: connector.InCredentials, Name: "applicationKey", Description: "The application key, with the scopes to read metrics and logs.", Required: true, Secret: true},
		},
		Limits: []string{"A flow needs a Filter task with the query and one with the time range."},
	}
}
