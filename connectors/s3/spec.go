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
		Settings: settings,
		Limits: []string{
			"A run reads at most 1,000,000 objects.",
			"A file may be of any size; AppFlow's limit of 125 MB does not hold here.",
			"CSV needs a header line, and every file under the prefix must have the columns that the flow uses.",
			"An incremental run takes the objects last modified within its window.",
			"Compressed files (gzip, Zstandard, bzip2) and Parquet are read too, which AppFlow does not do.",
		},
	}
}

var settings = []connector.Setting{
	{Where: "source", Name: "bucketName", Description: "The bucket to read from.", Required: true},
	{Where: "source", Name: "bucketPrefix", Description: "Objects whose key begins with this text are read; end it with a slash to mean a folder.", Required: true},
	{
		Where: "source", Name: "s3InputFormatConfig.s3InputFileType", Values: []string{"CSV", "JSON"}, Default: "CSV",
		Description: "The format of the files; a file that is Parquet is read as Parquet whatever is set here.",
	},
	{Where: "destination", Name: "bucketName", Description: "The bucket to write to.", Required: true},
	{Where: "destination", Name: "bucketPrefix", Description: "The folder that the flow's folder is made in."},
	{Where: "destination", Name: "s3OutputFormatConfig.fileType", Description: "The format of the files; JSON is one object per line.", Values: []string{"CSV", "JSON", "PARQUET"}, Default: "JSON"},
	{
		Where: "destination", Name: "s3OutputFormatConfig.prefixConfig.prefixType", Values: []string{"FILENAME", "PATH", "PATH_AND_FILENAME"},
		Description: "Where the time of the run goes: into the names of files, of folders, or both.",
	},
	{
		Where: "destination", Name: "s3OutputFormatConfig.prefixConfig.prefixFormat", Values: []string{"YEAR", "MONTH", "DAY", "HOUR", "MINUTE"},
		Description: "How fine the folders of time are; DAY when there are such folders and nothing is set.",
	},
	{
		Where: "destination", Name: "s3OutputFormatConfig.prefixConfig.pathPrefixHierarchy", Values: []string{"EXECUTION_ID", "SCHEMA_VERSION"},
		Description: "Which of the two further folders there are; the order does not matter.",
	},
	{
		Where: "destination", Name: "s3OutputFormatConfig.aggregationConfig.aggregationType", Values: []string{"None", "SingleFile"}, Default: "None",
		Description: "Whether a run's rows go into one file, for each partition.",
	},
	{Where: "destination", Name: "s3OutputFormatConfig.aggregationConfig.targetFileSize", Description: "The size that files should have, in units of 1,048,576 bytes."},
	{
		Where: "destination", Name: "s3OutputFormatConfig.preserveSourceDataTyping", Values: []string{"true", "false"}, Default: "false",
		Description: "Whether Parquet columns keep the source's types; else they are all text.",
	},
}
