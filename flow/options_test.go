package flow

import (
	"testing"
	"time"

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
			tags: map[string]string{TagDrift: "quarantine-row", TagCompression: "zstd", TagErrors: "bad/in/here/", TagVerify: "full", TagEvents: "object-created", TagEventDelay: "90s"},
			want: Options{Events: EventsObjectCreated, EventDelay: 90 * time.Second, Drift: DriftQuarantineRow, Compression: CompressionZstd, ErrorBucket: "bad", ErrorPrefix: "in/here", Verify: VerifyFull},
		},
		"bucket alone":  {tags: map[string]string{TagErrors: "bad"}, want: Options{ErrorBucket: "bad"}},
		"retries":       {tags: map[string]string{TagRetries: "3"}, want: Options{Retries: 3, RetryDelay: time.Minute}},
		"retries after": {tags: map[string]string{TagRetries: "100/24h"}, want: Options{Retries: 100, RetryDelay: 24 * time.Hour}},
		"too many retries": {
			tags: map[string]string{TagRetries: "101/5m"},
			problems: `tag "weir:retries" has the value "101/5m"; allowed is a number from 1 to 100, alone or with the first delay from 1s to 24h` +
				` behind a slash, as 3 or 3/5m (at tags.weir:retries)`,
		},
		"no bucket": {
			tags:     map[string]string{TagErrors: "/prefix"},
			want:     Options{ErrorPrefix: "prefix"},
			problems: `tag "weir:errors" has the value "/prefix"; allowed is a bucket's name, or bucket/prefix (at tags.weir:errors)`,
		},
		"too long a delay": {
			tags:     map[string]string{TagEventDelay: "2h"},
			want:     Options{EventDelay: 2 * time.Hour},
			problems: `tag "weir:event-delay" has the value "2h"; allowed is a time from 1s to 1h, as 30s or 5m (at tags.weir:event-delay)`,
		},
		"unknown value": {
			tags: map[string]string{TagDrift: "Evolve"},
			problems: `tag "weir:drift" has the value "Evolve"; allowed are appflow, evolve, freeze, quarantine-value, quarantine-row, fail` +
				` (at tags.weir:drift)`,
		},
		"unknown tag": {
			tags: map[string]string{"weir:drfit": "evolve"},
			problems: `tag "weir:drfit" with value "evolve" is no option of Weir's; tags that begin with "weir:" are` +
				` weir:compression, weir:drift, weir:errors, weir:event-delay, weir:events, weir:retries, weir:verify (at tags.weir:drfit)`,
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

func TestCheckTags_EventsGoWithTheTrigger(t *testing.T) {
	t.Parallel()
	def := func(source ConnectorType, trigger TriggerType) *Definition {
		return &Definition{Trigger: Trigger{Type: trigger}, Source: Source{Connector: source}}
	}
	objects, delay := map[string]string{TagEvents: "object-created"}, map[string]string{TagEventDelay: "5s"}
	for _, c := range []struct {
		def  *Definition
		tags map[string]string
		says string
	}{
		{def(S3, TriggerEvent), nil, "S3 as a source does not support trigger type Event; it supports OnDemand, Scheduled, and with the tag weir:events=object-created also Event"},
		{def(S3, TriggerEvent), delay, "S3 as a source does not support trigger type Event"},
		{def(S3, TriggerEvent), objects, ""},
		{def(S3, TriggerOnDemand), objects, "it goes with source S3 and trigger type Event"},
		{def(Salesforce, TriggerEvent), objects, "it goes with source S3 and trigger type Event"},
		{def(Salesforce, TriggerEvent), delay, ""},
		{def(Salesforce, TriggerScheduled), delay, "it goes with trigger type Event"},
	} {
		problems := c.def.CheckTags(c.tags).String()
		if c.says == "" {
			require.Empty(t, problems)
			continue
		}
		require.Contains(t, problems, c.says)
	}
}
