package flow

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOptionsOf_ReadsTags(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tags     map[string]string
		want     Options
		problems string
	}{
		"none":         {},
		"others' tags": {tags: map[string]string{"team": "data", "weird": "x"}},
		"all": {
			tags: map[string]string{TagDrift: "quarantine-row", TagCompression: "zstd", TagErrors: "bad/in/here/", TagVerify: "full"},
			want: Options{Drift: DriftQuarantineRow, Compression: CompressionZstd, ErrorBucket: "bad", ErrorPrefix: "in/here", Verify: VerifyFull},
		},
		"bucket alone": {tags: map[string]string{TagErrors: "bad"}, want: Options{ErrorBucket: "bad"}},
		"no bucket": {
			tags:     map[string]string{TagErrors: "/prefix"},
			want:     Options{ErrorPrefix: "prefix"},
			problems: `tag "weir:errors" has the value "/prefix"; allowed is a bucket's name, or bucket/prefix (at tags.weir:errors)`,
		},
		"unknown value": {
			tags: map[string]string{TagDrift: "Evolve"},
			problems: `tag "weir:drift" has the value "Evolve"; allowed are appflow, evolve, freeze, quarantine-value, quarantine-row, fail` +
				` (at tags.weir:drift)`,
		},
		"unknown tag": {
			tags: map[string]string{"weir:drfit": "evolve"},
			problems: `tag "weir:drfit" with value "evolve" is no option of Weir's; tags that begin with "weir:" are` +
				` weir:compression, weir:drift, weir:errors, weir:verify (at tags.weir:drfit)`,
		},
	} {
		got, problems := OptionsOf(c.tags)
		require.Equal(t, c.want, got, name)
		require.Equal(t, c.problems, problems.String(), name)
	}
}

func TestCheckTags_CompressionGoesWithTheFileType(t *testing.T) {
	t.Parallel()
	files := func(fileType string) *Definition {
		return &Definition{Destinations: []Destination{{Connector: S3, Properties: Properties(`{"bucketName":"b","s3OutputFormatConfig":{` + fileType + `}}`)}}}
	}
	rows := &Definition{Destinations: []Destination{{Connector: Salesforce}}}
	for _, c := range []struct {
		def   *Definition
		value string
		says  string
	}{
		{files(`"fileType":"PARQUET"`), "snappy", ""},
		{files(`"fileType":"PARQUET"`), "none", ""},
		{files(`"fileType":"CSV"`), "gzip", ""},
		{files(`"fileType":"CSV"`), "snappy", "for CSV allowed are none, gzip, zstd"},
		{files(``), "snappy", "for JSON allowed are none, gzip, zstd"},
		{rows, "gzip", "it goes with destinations of files, and Salesforce is none"},
	} {
		problems := c.def.CheckTags(map[string]string{TagCompression: c.value})
		if c.says == "" {
			require.Empty(t, problems)
			continue
		}
		require.Contains(t, problems.String(), c.says)
		require.Contains(t, problems.String(), c.value)
	}
}
