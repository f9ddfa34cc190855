package s3

import (
	"context"
	"slices"
	"strings"

	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
)

// Target resolves the bucket and reads the layout. It does not reach the bucket.
func (c *connection) Target(ctx context.Context, props flow.Properties) (connector.Target, error) {
	p, err := readDestination(props)
	if err != nil {
		return connector.Target{}, err
	}
	bucket, err := c.buckets.OpenBucket(ctx, p.BucketName)
	if err != nil {
		return connector.Target{}, classify(ctx, err, "opening the S3 destination")
	}
	return connector.Target{Bucket: bucket, Name: p.BucketName, Output: p.output()}, nil
}

// output translates the properties and fills in the defaults.
func (p destinationProperties) output() flow.FileOutput {
	o := p.OutputFormat
	out := flow.FileOutput{
		Prefix:         strings.TrimRight(p.BucketPrefix, "/"),
		Type:           flow.FileJSON,
		PrefixType:     flow.PrefixType(o.PrefixConfig.PrefixType),
		PrefixFormat:   flow.PrefixFormat(o.PrefixConfig.PrefixFormat),
		SchemaVersion:  slices.Contains(o.PrefixConfig.Hierarchy, "SCHEMA_VERSION"),
		ExecutionID:    slices.Contains(o.PrefixConfig.Hierarchy, "EXECUTION_ID"),
		SingleFile:     o.Aggregation.Type == "SingleFile",
		TargetFileSize: o.Aggregation.TargetFileSize * megabyte,
	}
	if o.FileType != "" {
		out.Type = flow.FileType(o.FileType)
	}
	if out.PrefixFormat == "" && (out.PrefixType == flow.PrefixPath || out.PrefixType == flow.PrefixPathAndFilename) {
		out.PrefixFormat = flow.PrefixDay
	}
	out.KeepTypes = o.KeepTypes && out.Type == flow.FileParquet
	return out
}
