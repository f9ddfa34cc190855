package s3

import (
	"slices"
	"strings"

	"weir.dev/weir/blob"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// sourceProperties are AppFlow's S3SourceProperties.
type sourceProperties struct {
	BucketName   string `json:"bucketName"`
	BucketPrefix string `json:"bucketPrefix"`
	InputFormat  struct {
		FileType string `json:"s3InputFileType"`
	} `json:"s3InputFormatConfig"`
}

// destinationProperties are AppFlow's S3DestinationProperties.
type destinationProperties struct {
	BucketName   string `json:"bucketName"`
	BucketPrefix string `json:"bucketPrefix"`
	OutputFormat struct {
		FileType     string `json:"fileType"`
		PrefixConfig struct {
			PrefixType   string   `json:"prefixType"`
			PrefixFormat string   `json:"prefixFormat"`
			Hierarchy    []string `json:"pathPrefixHierarchy"`
		} `json:"prefixConfig"`
		Aggregation struct {
			Type           string `json:"aggregationType"`
			TargetFileSize int64  `json:"targetFileSize"`
		} `json:"aggregationConfig"`
		KeepTypes bool `json:"preserveSourceDataTyping"`
	} `json:"s3OutputFormatConfig"`
}

const (
	maxPrefix       = 512
	megabyte        = 1 << 20
	maxTargetSizeMB = 5 << 20 // 5 TB, the largest object S3 keeps
)

func readSource(props flow.Properties) (p sourceProperties, err error) {
	if err := props.Decode(&p); err != nil {
		return p, fault.Wrap(fault.Validation, err, "reading the S3 source properties")
	}
	if err := checkPlace("source", p.BucketName, p.BucketPrefix); err != nil {
		return p, err
	}
	if p.BucketPrefix == "" {
		// AppFlow answers so when the flow is created.
		return p, fault.New(fault.ConnectorServer, "the S3 source has no bucketPrefix: files must be in a folder of bucket %q, not at its root", p.BucketName)
	}
	return p, oneOf("source", "s3InputFormatConfig.s3InputFileType", p.InputFormat.FileType, "CSV", "JSON")
}

func readDestination(props flow.Properties) (p destinationProperties, err error) {
	if err := props.Decode(&p); err != nil {
		return p, fault.Wrap(fault.Validation, err, "reading the S3 destination properties")
	}
	if err := checkPlace("destination", p.BucketName, p.BucketPrefix); err != nil {
		return p, err
	}
	o := p.OutputFormat
	for _, c := range []struct {
		name, value string
		allowed     []string
	}{
		{"fileType", o.FileType, []string{"CSV", "JSON", "PARQUET"}},
		{"prefixConfig.prefixType", o.PrefixConfig.PrefixType, []string{"FILENAME", "PATH", "PATH_AND_FILENAME"}},
		{"prefixConfig.prefixFormat", o.PrefixConfig.PrefixFormat, []string{"YEAR", "MONTH", "DAY", "HOUR", "MINUTE"}},
		{"aggregationConfig.aggregationType", o.Aggregation.Type, []string{"None", "SingleFile"}},
	} {
		if err := oneOf("destination", "s3OutputFormatConfig."+c.name, c.value, c.allowed...); err != nil {
			return p, err
		}
	}
	for _, folder := range o.PrefixConfig.Hierarchy {
		if folder == "" {
			folder = " " // an empty one is not an absent one here
		}
		if err := oneOf("destination", "s3OutputFormatConfig.prefixConfig.pathPrefixHierarchy", folder, "EXECUTION_ID", "SCHEMA_VERSION"); err != nil {
			return p, err
		}
	}
	if n := o.Aggregation.TargetFileSize; n < 0 || n > maxTargetSizeMB {
		return p, fault.New(fault.Validation, "the S3 destination's s3OutputFormatConfig.aggregationConfig.targetFileSize is %d; it is a number of megabytes up to %d", n, maxTargetSizeMB)
	}
	return p, nil
}

func checkPlace(where, bucket, prefix string) error {
	if bucket == "" {
		return fault.New(fault.Validation, "the S3 %s has no bucketName", where)
	}
	if err := blob.CheckName(bucket); err != nil {
		return fault.Wrap(fault.Validation, err, "the S3 %s's bucketName", where)
	}
	if len(prefix) > maxPrefix {
		return fault.New(fault.Validation, "the S3 %s's bucketPrefix is longer than %d bytes", where, maxPrefix)
	}
	return nil
}

// oneOf checks an enum; "" stands for an absent member.
func oneOf(where, name, value string, allowed ...string) error {
	if value == "" || slices.Contains(allowed, value) {
		return nil
	}
	return fault.New(fault.Validation, "the S3 %s's %s is %q; it is one of %s", where, name, value, strings.Join(allowed, ", "))
}
