package flow

// FileOutput is how a destination of files lays them out: the bucket prefix and AppFlow's s3OutputFormatConfig
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_S3OutputFormatConfig.html).
type FileOutput struct {
	Prefix         string       `json:"prefix"` // bucketPrefix, slashes at the end removed
	Type           FileType     `json:"type"`
	PrefixType     PrefixType   `json:"prefixType,omitzero"`
	PrefixFormat   PrefixFormat `json:"prefixFormat,omitzero"`
	SchemaVersion  bool         `json:"schemaVersion,omitzero"` // a folder schemaVersion_N
	ExecutionID    bool         `json:"executionId,omitzero"`   // a folder named with the execution
	SingleFile     bool         `json:"singleFile,omitzero"`
	TargetFileSize int64        `json:"targetFileSize,omitzero"` // bytes; 0 when none was given
	KeepTypes      bool         `json:"keepTypes,omitzero"`      // preserveSourceDataTyping: Parquet only
	Compression    Compression  `json:"compression,omitzero"`    // an option of the flow's, not of the destination's properties
}

// FileType is a format of output files.
type FileType string

// File types. JSON, one object a line, is the default.
const (
	FileCSV     FileType = "CSV"
	FileJSON    FileType = "JSON"
	FileParquet FileType = "PARQUET"
)

// PrefixType says where the date goes.
type PrefixType string

// Prefix types.
const (
	PrefixFilename        PrefixType = "FILENAME"
	PrefixPath            PrefixType = "PATH"
	PrefixPathAndFilename PrefixType = "PATH_AND_FILENAME"
)

// PrefixFormat is how fine the date folders are.
type PrefixFormat string

// Prefix formats, from coarse to fine.
const (
	PrefixYear   PrefixFormat = "YEAR"
	PrefixMonth  PrefixFormat = "MONTH"
	PrefixDay    PrefixFormat = "DAY"
	PrefixHour   PrefixFormat = "HOUR"
	PrefixMinute PrefixFormat = "MINUTE"
)
