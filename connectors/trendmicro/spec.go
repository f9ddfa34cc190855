// Package trendmicro is the connector for Trend Micro's workload security: computers, policies and the other collections of
// its API.
package trendmicro

import (
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
)

// Spec says what the connector is.
func Spec() *connector.Spec {
	return &connector.Spec{
		Type:         flow.Trendmicro,
		Name:         "Trend Micro",
		Summary:      "Computers, policies and rules of Trend Micro's workload security.",
		DocsURL:      "https://cloudone.trendmicro.com/docs/workload-security/api-reference/",
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
			connector.ObjectSetting(connector.InSource, "The collection to read, such as computers."),
			{Where: connector.InCredentials, Name: "apiSecretKey", Description: "The secret key of an API key.", Required: true, Secret: true},
		},
		Limits: []string{"The API names no host: the vendor's cloud manager is asked unless the operator names another, such as one on premises."},
	}
}
