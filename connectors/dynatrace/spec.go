// Package dynatrace is the connector for Dynatrace: problems, events and the other collections of its environment API.
package dynatrace

import (
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
)

// Spec says what the connector is.
func Spec() *connector.Spec {
	return &connector.Spec{
		Type:         flow.Dynatrace,
		Name:         "Dynatrace",
		Summary:      "Problems and other records of a Dynatrace environment.",
		DocsURL:      "https://docs.dynatrace.com/docs/dynatrace-api/environment-api",
		CanBeSource:  true,
		NeedsProfile: true,
		Auth:         connector.Auth{Kinds: []connector.AuthKind{connector.AuthAPIKey}},
		Triggers:     []flow.TriggerType{flow.TriggerOnDemand, flow.TriggerScheduled},
		MinInterval:  time.Minute,
		SourceRules:  sourceRules,
		Destinations: []flow.ConnectorType{
			flow.CustomerProfiles, flow.Honeycode, flow.LookoutMetrics, flow.Redshift, flow.S3, flow.Marketo, flow.Salesforce,
			flow.Snowflake, flow.Upsolver, flow.Zendesk, flow.CustomConnector,
		},
		Settings: []connector.Setting{
			connector.ObjectSetting(connector.InSource, "What to read, such as problem."),
			connector.InstanceSetting("The environment's address, such as https://abc12345.live.dynatrace.com, or with its path on a managed cluster."),
			{Where: connector.InCredentials, Name: "apiToken", Description: "An access token with the scopes to read what the flow reads.", Required: true, Secret: true},
		},
		Limits: []string{"A flow needs a Filter task with a time range of at most 30 days."},
	}
}
