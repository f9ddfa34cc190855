// Package eventbridge is the connector for Amazon EventBridge: every record becomes an event of a partner event source.
package eventbridge

import (
	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
)

// Spec says what the connector is.
func Spec() *connector.Spec {
	return &connector.Spec{
		Type:         flow.EventBridge,
		Name:         "Amazon EventBridge",
		Summary:      "One event on a bus for each change event of the source.",
		DocsURL:      "https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html",
		CanBeDest:    true,
		DestTriggers: []flow.TriggerType{flow.TriggerEvent},
		Settings: connector.Settings(
			[]connector.Setting{connector.ObjectSetting(connector.InDestination, "The partner event source, such as aws.partner/appflow/salesforce.com/111122223333/orders.")},
			connector.ErrorHandlingSettings(),
		),
		Limits: []string{
			"Only flows with trigger type Event can have this destination.",
			"An event larger than 256 KB is put into the bucket of the error handling, and the event points to it.",
		},
	}
}
