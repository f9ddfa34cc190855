// Package redshift is the connector for Amazon Redshift: rows go as files to a bucket, from where COPY loads them into a table.
package redshift

import (
	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
)

// Spec says what the connector is.
func Spec() *connector.Spec {
	return &connector.Spec{
		Type:            flow.Redshift,
		Name:            "Amazon Redshift",
		Summary:         "Rows loaded into a table of Amazon Redshift, through a bucket.",
		DocsURL:         "https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html",
		CanBeDest:       true,
		NeedsProfile:    true,
		Auth:            connector.Auth{Kinds: []connector.AuthKind{connector.AuthBasic}},
		WriteOperations: []string{"INSERT"},
		Settings: connector.Settings([]connector.Setting{
			connector.ObjectSetting(connector.InDestination, "The table, as schema.table; without a schema it is public."),
			{Where: connector.InDestination, Name: "intermediateBucketName", Description: "The bucket that files wait in until they are loaded.", Required: true},
			{Where: connector.InDestination, Name: "bucketPrefix", Description: "The folder in that bucket."},
		}, connector.ErrorHandlingSettings(), []connector.Setting{
			{Where: connector.InProfile, Name: "databaseUrl", Description: "The JDBC address of the database, for a direct connection with user and password."},
			{Where: connector.InProfile, Name: "databaseName", Description: "The database, for the Data API."},
			{Where: connector.InProfile, Name: "clusterIdentifier", Description: "The provisioned cluster, for the Data API."},
			{Where: connector.InProfile, Name: "workgroupName", Description: "The workgroup of Redshift Serverless, for the Data API."},
			{Where: connector.InProfile, Name: "isRedshiftServerless", Kind: connector.Flag, Description: "Whether the database is Redshift Serverless; workgroupName then names it."},
			{Where: connector.InProfile, Name: "dataApiRoleArn", Description: "The role that calls the Data API."},
			{Where: connector.InProfile, Name: "bucketName", Description: "The bucket that the cluster loads from.", Required: true},
			{Where: connector.InProfile, Name: "bucketPrefix", Description: "The folder in that bucket."},
			{Where: connector.InProfile, Name: "roleArn", Description: "The role with which Redshift reads the bucket.", Required: true},
			{Where: connector.InCredentials, Name: "username", Description: "The database user."},
			{Where: connector.InCredentials, Name: "password", Description: "The password, for a direct connection.", Secret: true},
		}),
		Limits: []string{
			"The table has to exist; records are only inserted.",
			"A profile has either databaseUrl with user and password, or what the Data API needs.",
		},
	}
}
