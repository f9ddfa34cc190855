// Package snowflake is the connector for Snowflake: rows go as files to the bucket behind an external stage, from where COPY
// loads them into a table.
package snowflake

import (
	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
)

// Spec says what the connector is.
func Spec() *connector.Spec {
	return &connector.Spec{
		Type:            flow.Snowflake,
		Name:            "Snowflake",
		Summary:         "Rows loaded into a table of Snowflake, through an external stage.",
		DocsURL:         "https://docs.snowflake.com/en/sql-reference/sql/copy-into-table",
		CanBeDest:       true,
		NeedsProfile:    true,
		PrivateLink:     true,
		Auth:            connector.Auth{Kinds: []connector.AuthKind{connector.AuthBasic, connector.AuthCustom}},
		WriteOperations: []string{"INSERT"},
		Settings: connector.Settings([]connector.Setting{
			connector.ObjectSetting(connector.InDestination, "The table, as DATABASE.SCHEMA.TABLE."),
			{Where: connector.InDestination, Name: "intermediateBucketName", Required: true, Description: "The bucket behind the stage, where files wait until they are loaded."},
			{Where: connector.InDestination, Name: "bucketPrefix", Description: "The folder in that bucket."},
		}, connector.ErrorHandlingSettings(), []connector.Setting{
			{Where: connector.InProfile, Name: "warehouse", Required: true, Description: "The warehouse that loads."},
			{Where: connector.InProfile, Name: "stage", Required: true, Description: "The external stage, as DATABASE.SCHEMA.STAGE."},
			{Where: connector.InProfile, Name: "bucketName", Required: true, Description: "The bucket that the stage stands for."},
			{Where: connector.InProfile, Name: "bucketPrefix", Description: "The folder that the stage stands for."},
			{Where: connector.InProfile, Name: "privateLinkServiceName", Description: "The endpoint service, for connection mode Private."},
			{Where: connector.InProfile, Name: "accountName", Description: "The account, the first part of its address."},
			{Where: connector.InProfile, Name: "region", Description: "The account's region."},
			{Where: connector.InCredentials, Name: "username", Required: true, Description: "The user."},
			{Where: connector.InCredentials, Name: "password", Secret: true, Description: "The password or programmatic access token; needed unless there is a private key."},
			{Where: connector.InCredentials, Name: "privateKey", Secret: true, Description: "The private key of key-pair authentication, instead of a password."},
		}),
		Limits: []string{
			"The table and the stage have to exist; records are only inserted.",
			"The flow's bucket and folder have to be those that the stage stands for.",
		},
	}
}
