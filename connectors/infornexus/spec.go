// Package infornexus is the connector for Infor Nexus: the documents of its supply chain network, by its Data API.
package infornexus

import (
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
)

// Spec says what the connector is.
func Spec() *connector.Spec {
	return &connector.Spec{
		Type:         flow.InforNexus,
		Name:         "Infor Nexus",
		Summary:      "Documents of the Infor Nexus network, by its Data API.",
		DocsURL:      "https://developer.infornexus.com/api",
		CanBeSource:  true,
		NeedsProfile: true,
		Auth:         connector.Auth{Kinds: []connector.AuthKind{connector.AuthCustom}},
		Triggers:     []flow.TriggerType{flow.TriggerOnDemand, flow.TriggerScheduled},
		MinInterval:  time.Minute,
		Destinations: []flow.ConnectorType{
			flow.CustomerProfiles, flow.Honeycode, flow.LookoutMetrics, flow.Redshift, flow.S3, flow.Marketo, flow.Salesforce,
			flow.Snowflake, flow.Upsolver, flow.Zendesk, flow.CustomConnector,
		},
		Settings: []connector.Setting{
			connector.ObjectSetting(connector.InSource, "The type of document to read, such as OrderDetail."),
			connector.InstanceSetting("The network's address, such as https://network.infornexus.com."),
			{Where: connector.InCredentials, Name: "accessKeyId", Description: "The id of the key that signs requests.", Required: true, Secret: true},
			{Where: connector.InCredentials, Name: "secretAccessKey", Description: "The key that signs requests.", Required: true, Secret: true},
			{Where: connector.InCredentials, Name: "userId", Description: "The user that the key belongs to.", Required: true},
			{Where: connector.InCredentials, Name: "datakey", Description: "The data key of the application.", Required: true, Secret: true},
		},
		Limits: []string{"Every request is signed with the time of day, so the clock has to be right."},
	}
}
