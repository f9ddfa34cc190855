// Package veeva is the connector for Veeva Vault: objects, and documents with their files.
package veeva

import (
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
)

// Spec says what the connector is.
func Spec() *connector.Spec {
	return &connector.Spec{
		Type:           flow.Veeva,
		Name:           "Veeva",
		Summary:        "Objects and documents of a Veeva Vault.",
		DocsURL:        "https://developer.veevavault.com/api/",
		CanBeSource:    true,
		NeedsProfile:   true,
		Auth:           connector.Auth{Kinds: []connector.AuthKind{connector.AuthBasic}},
		Triggers:       []flow.TriggerType{flow.TriggerOnDemand, flow.TriggerScheduled},
		MinInterval:    time.Minute,
		MinIntervalFor: minInterval,
		SourceRules:    sourceRules,
		Transfers:      []connector.Transfer{connector.TransferRecords, connector.TransferFiles},
		Destinations: []flow.ConnectorType{
			flow.CustomerProfiles, flow.Honeycode, flow.LookoutMetrics, flow.Redshift, flow.S3, flow.Marketo, flow.Salesforce,
			flow.Snowflake, flow.Upsolver, flow.Zendesk, flow.CustomConnector,
		},
		Settings: []connector.Setting{
			connector.ObjectSetting(connector.InSource, "The object to read, or documents."),
			{Where: connector.InSource, Name: "documentType", Description: "The type of the documents to read."},
			{Where: connector.InSource, Name: "includeSourceFiles", Kind: connector.Flag, Default: "false", Description: "Whether the documents' files are copied, besides their metadata."},
			{Where: connector.InSource, Name: "includeRenditions", Kind: connector.Flag, Default: "false", Description: "Whether the files' renditions are copied, too."},
			{Where: connector.InSource, Name: "includeAllVersions", Kind: connector.Flag, Default: "false", Description: "Whether all versions are taken, and not the latest alone."},
			connector.InstanceSetting("The vault's address, such as https://myvault.veevavault.com."),
			{Where: connector.InCredentials, Name: "username", Description: "A user who may use the API.", Required: true},
			{Where: connector.InCredentials, Name: "password", Description: "The user's password.", Required: true, Secret: true},
		},
		Limits: []string{
			"Documents go to S3 only, at most once an hour, and without Arithmetic, Mask, Merge, Truncate and Validate tasks.",
			"Users who sign in by single sign-on only cannot be used.",
		},
	}
}
