// Package s3 is the connector for Amazon S3, and for every store of objects that a bucket's URL can name: it reads files
// of CSV, JSON and Parquet under a prefix, and lends its bucket to the room that writes files.
//
// It has no profile: which store a bucket name leads to, and with what credentials, is the operator's configuration.
// See README.md beside this file for what it does where AppFlow's documentation is silent.
package s3

import (
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
)

// Connector is Amazon S3.
type Connector struct{}

var _ connector.Connector = Connector{}

// New returns the connector.
func New() Connector { return Connector{} }

// filterOperators are what a Filter task may do with a field. They are applied to parsed records: S3 filters nothing.
var filterOperators = []flow.Operator{
	flow.OpEqualTo, flow.OpNotEqualTo, flow.OpLessThan, flow.OpLessThanOrEqualTo, flow.OpGreaterThan, flow.OpGreaterThanOrEqualTo, flow.OpBetween,
}

// Spec says what the connector is.
func (Connector) Spec() *connector.Spec {
	return &connector.Spec{
		Type:            flow.S3,
		Name:            "Amazon S3",
		Summary:         "Files of CSV, JSON and Parquet in Amazon S3, in a store that speaks its protocol, or in a local folder.",
		DocsURL:         "https://docs.aws.amazon.com/appflow/latest/userguide/s3.html",
		CanBeSource:     true,
		CanBeDest:       true,
		Triggers:        []flow.TriggerType{flow.TriggerOnDemand, flow.TriggerScheduled},
		MinInterval:     time.Minute,
		WriteOperations: []string{"INSERT"},
		Destinations: []flow.ConnectorType{
			flow.CustomerProfiles, flow.Honeycode, flow.Redshift, flow.S3, flow.Marketo, flow.Salesforce, flow.SAPOData,
			flow.Snowflake, flow.Upsolver, flow.Zendesk, flow.CustomConnector,
		},
		Settings: connector.Settings([]connector.Setting{
			{Where: connector.InSource, Name: "bucketName", Description: "The bucket to read from.", Required: true},
			{Where: connector.InSource, Name: "bucketPrefix", Description: "Objects whose key begins with this text are read; end it with a slash to mean a folder. It may not be empty."},
			{
				Where: connector.InSource, Name: "s3InputFormatConfig.s3InputFileType", Values: []string{"CSV", "JSON"}, Default: "CSV",
				Description: "The format of the files; a file that is Parquet is read as Parquet whatever is set here.",
			},
			{Where: connector.InDestination, Name: "bucketName", Description: "The bucket to write to.", Required: true},
			{Where: connector.InDestination, Name: "bucketPrefix", Description: "The folder that the flow's folder is made in."},
		}, connector.FileOutputSettings(false)),
		Limits: []string{
			"A run reads at most 1,000,000 objects.",
			"A file may be of any size; AppFlow's limit of 125 MB does not hold here.",
			"CSV needs a header line, and every file under the prefix must have the columns that the flow uses.",
			"An event flow, which the tag weir:events=object-created allows, takes the objects created since it was started; see docs/events.md.",
			"An incremental run takes the objects last modified within its window.",
			"Compressed files (gzip, Zstandard, bzip2) and Parquet are read too, which AppFlow does not do.",
		},
	}
}
