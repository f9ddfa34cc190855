// Package lookoutmetrics describes Amazon Lookout for Metrics, a destination that the detector on its side is set up to read.
// Amazon has ended the service.
package lookoutmetrics

import (
	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
)

// Spec says what the connector is.
func Spec() *connector.Spec {
	return &connector.Spec{
		Type:         flow.LookoutMetrics,
		Name:         "Amazon Lookout for Metrics",
		Summary:      "Measures for an anomaly detector of Amazon Lookout for Metrics.",
		DocsURL:      "https://docs.aws.amazon.com/appflow/latest/userguide/lookout.html",
		CanBeDest:    true,
		DestTriggers: []flow.TriggerType{flow.TriggerScheduled},
		DestRules:    destRules,
		Limits: []string{
			"Only scheduled flows can have this destination, every 5 or 10 minutes, every hour or every day.",
			"The destination has no properties: the detector names the flow, not the flow the detector.",
		},
		Retired: "Amazon ended Lookout for Metrics on 10 October 2025.",
	}
}
