package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/land"
	"weir.dev/weir/internal/plan"
)

// table is how a table of the catalog is to be.
type table struct {
	name       string
	location   string   // s3://bucket/folder/
	columns    []column // what the files hold
	keys       []string // names of the partition keys, outermost first; none for a table without partitions
	partitions []partition
	isLatest   bool // partitions that are not of this run do not belong to it
	plan       *plan.Plan
}

// partition is a folder of files with the values that it stands for, one for each key.
type partition struct {
	values   []string
	location string
}

// maxTableName is the longest name of a table that Glue takes, in bytes.
const maxTableName = 255

// levels are the names of the folders that a date makes.
var levels = []string{"year", "month", "day", "hour", "minute"}

// tablesOf says which tables a run has. It is pure: a repetition gives the same.
func tablesOf(to flow.GlueConfig, flowCreatedAt time.Time, p *plan.Plan, keys []string) ([]table, error) {
	layout, err := land.NewLayout(p)
	if err != nil {
		return nil, err
	}
	var props struct {
		Bucket string `json:"bucketName"`
	}
	if err := p.Dest.Properties.Decode(&props); err != nil || props.Bucket == "" {
		return nil, fault.New(fault.Validation, "cataloguing: the destination names no bucket")
	}
	bucket := "s3://" + props.Bucket + "/"
	folder, base := layout.Folder(), layout.Root()
	version := strconv.FormatInt(p.SchemaVersion, 10)
	if p.Dest.Files.SchemaVersion {
		base += "schemaVersion_" + version + "/"
	}
	columns := columnsOf(p)
	values, names, hasRunFolder := pathKeys(p, strings.TrimPrefix(folder, base))
	own := partitionsOf(bucket, folder, len(p.Program.PartitionBy), keys)

	latest := table{name: latestName(to, flowCreatedAt, p), location: bucket + folder, columns: columns, isLatest: true, plan: p}
	latest.keys, latest.partitions = keyNames(columns, p.Program.PartitionBy), own

	ofVersion := table{name: tableName(to, p, "_"+version), location: bucket + base, columns: columns, plan: p}
	ofVersion.keys = keyNames(columns, append(names, p.Program.PartitionBy...))
	switch {
	case len(ofVersion.keys) == 0 || len(keys) == 0:
	case len(p.Program.PartitionBy) == 0:
		ofVersion.partitions = []partition{{values: values, location: bucket + folder}}
	default:
		for _, q := range own {
			all := append(append([]string{}, values...), q.values...)
			ofVersion.partitions = append(ofVersion.partitions, partition{values: all, location: q.location})
		}
	}
	list := []table{latest, ofVersion}
	if hasRunFolder {
		run := table{name: tableName(to, p, "_"+version+"_"+p.ExecutionID), location: bucket + folder, columns: columns, plan: p}
		run.keys, run.partitions = latest.keys, own
		list = append(list, run)
	}
	return list, nil
}

// pathKeys are the folders between a schema version's folder and those of the Partition task: of the date, then of the run.
func pathKeys(p *plan.Plan, path string) (values, names []string, hasRunFolder bool) {
	for piece := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		switch {
		case piece == "":
		case piece == p.ExecutionID:
			values, names, hasRunFolder = append(values, piece), append(names, "execution_id"), true
		case len(values) < len(levels):
			values, names = append(values, piece), append(names, levels[len(values)])
		}
	}
	return values, names, hasRunFolder
}

// partitionsOf finds the folders of a run's files, each once, in the order of the files.
func partitionsOf(bucket, folder string, depth int, keys []string) []partition {
	if depth == 0 {
		return nil
	}
	var list []partition
	known := map[string]bool{}
	for _, key := range keys {
		rest, ok := strings.CutPrefix(key, folder)
		end := strings.LastIndexByte(rest, '/')
		if !ok || end < 0 || known[rest[:end]] {
			continue
		}
		known[rest[:end]] = true
		q := partition{location: bucket + folder + rest[:end+1]}
		for dir := range strings.SplitSeq(rest[:end], "/") {
			_, value, _ := strings.Cut(dir, "=")
			if plain, err := url.PathUnescape(value); err == nil {
				value = plain
			}
			q.values = append(q.values, value)
		}
		if len(q.values) == depth {
			list = append(list, q)
		}
	}
	return list
}

func latestName(to flow.GlueConfig, flowCreatedAt time.Time, p *plan.Plan) string {
	return tableName(to, p, "_"+strconv.FormatInt(flowCreatedAt.Unix(), 10)+"_latest")
}

// tableName is {prefix}_appflow_{flow}{suffix} in lower case. The flow's name is cut when the whole gets too long.
func tableName(to flow.GlueConfig, p *plan.Plan, suffix string) string {
	prefix, name := strings.ToLower(to.TablePrefix)+"_appflow_", plainName(p.FlowName)
	suffix = strings.ToLower(suffix)
	if room := maxTableName - len(suffix); len(prefix)+len(name) > room {
		sum := sha256.Sum256([]byte(prefix + p.FlowName))
		whole := prefix + name
		name, prefix = whole[:max(0, room-9)]+"_"+hex.EncodeToString(sum[:4]), ""
	}
	return prefix + name + suffix
}

// plainName keeps what every reader of the catalog takes for a name: small letters, digits and underscores.
func plainName(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '_'
	}, s)
}
