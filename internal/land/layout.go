package land

import (
	"strconv"
	"strings"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/plan"
)

const (
	// maxKey is the longest key S3 accepts, maxName the longest name of a folder that file systems accept, in bytes.
	maxKey  = 1024
	maxName = 255

	splitDigits = 5
	fileDigits  = 6

	// stampFormat is the timestamp of FILENAME types. AppFlow's guide prints it as YYYY-MM-DDThh:mm:sss; prefixFormat does
	// not shorten it here (https://docs.aws.amazon.com/appflow/latest/userguide/s3.html).
	stampFormat = "2006-01-02T15:04:05"
)

// Layout is where a plan's files go. It is pure: the same plan gives the same keys, on any worker.
//
//	{prefix}/{flow}/[schemaVersion_{N}/][date path/][{executionId}/][key=value/…]{file}
//
// Dates are those of the run's start, in UTC.
type Layout struct {
	root   string   // up to and with the flow's name and a slash
	folder string   // root and everything before the partition folders
	keys   []string // escaped names of the partition keys
	limits []int    // longest escaped value of each key, in bytes
	base   string   // the file's name up to its number
	single bool
	tail   string // what follows the number: timestamp and extension
}

// NewLayout lays out the plan's files. It fails with Validation when the prefix and the names of the partition keys leave
// no room for values in a key of 1,024 bytes.
func NewLayout(p *plan.Plan) (*Layout, error) {
	out := p.Dest.Files
	if out == nil {
		return nil, fault.New(fault.Internal, "laying out files: the plan of flow %q has no file destination", p.FlowName)
	}
	l := &Layout{single: isSingle(p), base: p.ExecutionID}
	if prefix := strings.Trim(out.Prefix, "/"); prefix != "" {
		l.root = prefix + "/"
	}
	l.root += p.FlowName + "/"

	started := p.StartedAt.UTC()
	l.folder = l.root
	if out.SchemaVersion {
		l.folder += "schemaVersion_" + strconv.FormatInt(p.SchemaVersion, 10) + "/"
	}
	if out.PrefixType == flow.PrefixPath || out.PrefixType == flow.PrefixPathAndFilename {
		l.folder += datePath(started, out.PrefixFormat)
	}
	if out.ExecutionID || hasDateKey(&p.Program) {
		l.folder += p.ExecutionID + "/"
	}
	if out.PrefixType == flow.PrefixFilename || out.PrefixType == flow.PrefixPathAndFilename {
		l.tail = "-" + started.Format(stampFormat)
	}
	l.tail += extension(out)
	return l, l.limit(p.Program.PartitionBy)
}

// extension is what a file's name ends with. AppFlow gives files of text none; compressed ones must have it, because
// readers (Athena, Spark, DuckDB) tell by it how to open them.
func extension(out *flow.FileOutput) string {
	if out.Type == flow.FileParquet {
		return ".parquet"
	}
	form := ".json"
	if out.Type == flow.FileCSV {
		form = ".csv"
	}
	switch out.Compression {
	case flow.CompressionGzip:
		return form + ".gz"
	case flow.CompressionZstd:
		return form + ".zst"
	}
	return ""
}

// isSingle reports whether the run makes one file per folder, which then needs no number.
func isSingle(p *plan.Plan) bool {
	return p.OneSplit && p.Dest.Files != nil && p.Dest.Files.SingleFile && p.Dest.Files.TargetFileSize == 0
}

// datePath is one folder per unit down to the format's; days when no format is given, as AppFlow seems to do.
func datePath(t time.Time, format flow.PrefixFormat) string {
	switch format {
	case flow.PrefixYear:
		return t.Format("2006/")
	case flow.PrefixMonth:
		return t.Format("2006/01/")
	case flow.PrefixHour:
		return t.Format("2006/01/02/15/")
	case flow.PrefixMinute:
		return t.Format("2006/01/02/15/04/")
	}
	return t.Format("2006/01/02/")
}

// hasDateKey reports whether a partition key is a date in the source or at the destination. Such a key forces the folder
// of the execution, so that a later run never adds to the folder of a day that a reader takes for complete.
func hasDateKey(p *plan.Program) bool {
	isDate := func(t flow.Type) bool { return t == flow.TypeDate || t == flow.TypeDatetime }
	for _, key := range p.PartitionBy {
		for _, o := range p.Outputs {
			if o.Name != key {
				continue
			}
			if isDate(o.Type) {
				return true
			}
			for _, in := range p.Input {
				if in.Name == o.Field && isDate(in.Type) {
					return true
				}
			}
		}
	}
	return false
}

// limit shares what a key of maxKey bytes leaves among the partition folders.
func (l *Layout) limit(keys []string) error {
	const minValue = 2*hashDigits + 4 // a cut value with its hash, and something to recognise it by
	n := len(keys)
	file := len(l.file(0, 0)) + splitDigits + fileDigits // numbers may outgrow their padding
	rest := maxKey - len(l.folder) - file
	for _, key := range keys {
		name := escapeName(key)
		limit := min(maxName, rest/n) - len(name) - len("=/")
		if limit < minValue {
			return fault.New(fault.Validation, "laying out files: bucket prefix, flow name and partition key %q leave no room in a key of %d bytes", key, maxKey)
		}
		l.keys = append(l.keys, name)
		l.limits = append(l.limits, limit)
	}
	if rest < 0 {
		return fault.New(fault.Validation, "laying out files: the bucket prefix leaves no room in a key of %d bytes", maxKey)
	}
	return nil
}

// Root is what every key of the flow starts with.
func (l *Layout) Root() string { return l.root }

// Folder is the folder of the partition with the values, one per key and in their order: Folder() for none.
func (l *Layout) Folder(values ...Value) string {
	if len(values) == 0 {
		return l.folder
	}
	b := make([]byte, 0, len(l.folder)+32*len(values))
	b = append(b, l.folder...)
	for i, v := range values {
		b = append(b, l.keys[i]...)
		b = append(b, '=')
		b = appendValue(b, v, l.limits[i])
		b = append(b, '/')
	}
	return string(b)
}

// Key is the key of the split's n-th file in a folder. The number is left out when the run makes one file per folder.
func (l *Layout) Key(folder string, split int, n int64) string { return folder + l.file(split, n) }

func (l *Layout) file(split int, n int64) string {
	if l.single {
		return l.base + l.tail
	}
	return l.base + "-" + padded(split, splitDigits) + "-" + padded(n, fileDigits) + l.tail
}

func padded[T int | int64](n T, digits int) string {
	s := strconv.FormatInt(int64(n), 10)
	if len(s) >= digits {
		return s
	}
	return strings.Repeat("0", digits-len(s)) + s
}
