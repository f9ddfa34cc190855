// Package amplitude is the connector for Amplitude: the events of a project, as its Export API gives them.
package amplitude

import (
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
)

// Spec says what the connector is.
func Spec() *connector.Spec {
	return &connector.Spec{
		Type:         flow.Amplitude,
		Name:         "Amplitude",
		Summary:      "Events of an Amplitude project, by the Export API.",
		DocsURL:      "https://amplitude.com/docs/apis/analytics/export",
		CanBeSource:  true,
		NeedsProfile: true,
		Auth:         connector.Auth{Kinds: []connector.AuthKind{connector.AuthAPIKey}},
		Triggers:     []flow.TriggerType{flow.TriggerOnDemand, flow.TriggerScheduled},
		MinInterval:  24 * time.Hour,
		Destinations: []flow.ConnectorType{flow.LookoutMetrics, flow.S3, flow.CustomConnector},
		Settings: []connector.Setting{
			connector.ObjectSetting(connector.InSource, "What to read: Events."),
			{Where: connector.InCredentials, Name: "apiKey", Description: "The project's API key.", Required: true, Secret: true},
			{Where: connector.InCredentials, Name: "secretKey", Description: "The project's secret key.", Required: true, Secret: true},
		},
		Limits: []string{
			"AppFlow moves 25 MB in a run; Weir has no limit of its own.",
			"Tasks of a flow from Amplitude carry no operator but BETWEEN, which chooses the time range.",
			"Projects with data residency in the EU have another host; the operator names it.",
		},
	}
}
