package cli

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDifferences(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		have, want string
		says       []string
	}{
		"equal":            {`{"a": [1, {"b": null}]}`, `{"a": [1, {"b": null}]}`, nil},
		"member":           {`{"a": {"b": "x", "c": 1}}`, `{"a": {"b": "y", "c": 1}}`, []string{`a.b: "x" → "y"`}},
		"come and go":      {`{"a": {"b": 1}}`, `{"a": {"c": 2}}`, []string{`a.b: - 1`, `a.c: + 2`}},
		"plain list":       {`{"f": ["a", "b"]}`, `{"f": ["b"]}`, []string{`f: ["a","b"] → ["b"]`}},
		"item in front":    {`{"t": [{"n": 1}, {"n": 2}]}`, `{"t": [{"n": 0}, {"n": 1}, {"n": 2}]}`, []string{`t[0]: + {"n":0}`}},
		"item gone":        {`{"t": [{"n": 1}, {"n": 2}, {"n": 3}]}`, `{"t": [{"n": 1}, {"n": 3}]}`, []string{`t[1]: - {"n":2}`}},
		"member of item":   {`{"t": [{"n": 1}, {"n": 2, "p": {"x": "1"}}]}`, `{"t": [{"n": 1}, {"n": 2, "p": {"x": "2"}}]}`, []string{`t[1].p.x: "1" → "2"`}},
		"order":            {`{"t": [{"n": 1}, {"n": 2}]}`, `{"t": [{"n": 2}, {"n": 1}]}`, []string{`t[0]: - {"n":1}`, `t[1]: + {"n":1}`}},
		"first of a list":  {`{"t": []}`, `{"t": [{"n": 1}]}`, []string{`t[0]: + {"n":1}`}},
		"object to list":   {`{"t": {}}`, `{"t": []}`, []string{`t: {} → []`}},
		"null is a value":  {`{"t": null}`, `{"t": 0}`, []string{`t: + 0`}},
		"same many times":  {`{"t": [{"n": 1}, {"n": 1}]}`, `{"t": [{"n": 1}, {"n": 1}, {"n": 1}]}`, []string{`t[2]: + {"n":1}`}},
		"long values":      {`{"t": "` + strings.Repeat("a", 500) + `"}`, `{"t": "b"}`, []string{`t: "` + strings.Repeat("a", 118) + `… → "b"`}},
		"lines and braces": {`{"t": "a\nb"}`, `{"t": "<&>"}`, []string{`t: "a\nb" → "\u003c\u0026\u003e"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var have, want any
			require.NoError(t, json.Unmarshal([]byte(test.have), &have))
			require.NoError(t, json.Unmarshal([]byte(test.want), &want))
			var says []string
			for _, c := range differences("", have, want) {
				says = append(says, c.String())
			}
			require.Equal(t, test.says, says)
		})
	}
}

func TestPlan_ShowsWhatApplyWouldDo(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	text := read(t, orders)
	file := write(t, filepath.Join(t.TempDir(), "flow.json"), text)
	plan := s.at("plan", file)
	require.Equal(t, "+ flow orders\n1 to create, 0 to update, 0 to delete, 0 unchanged\n", done(t, plan...))
	require.Empty(t, decoded[[]flowSummary](t, s.at("flows")...), "a plan changes nothing")

	done(t, s.at("apply", "-f", file)...)
	require.Equal(t, "= flow orders (unchanged)\n0 to create, 0 to update, 0 to delete, 1 unchanged\n", done(t, plan...))
	require.Equal(t, exitDone, weir(t, append(plan, "--detailed-exitcode")...).code)

	changed := strings.NewReplacer(`"MASK_LENGTH": "12"`, `"MASK_LENGTH": "10"`).Replace(strings.Replace(text, "{", `{"description": "all of them", "tags": {"team": "a"},`, 1))
	write(t, file, changed)
	r := weir(t, append(plan, "--detailed-exitcode")...)
	require.Equal(t, exitPartly, r.code)
	require.Empty(t, r.err)
	require.Regexp(t, `^~ flow orders\n    description: \+ "all of them"\n    tasks\[\d\].taskProperties.MASK_LENGTH: "12" → "10"\n    tags.team: \+ "a"\n0 to create, 1 to update,`, r.out)
	steps := decoded[[]step](t, plan...)
	require.Equal(t, "update", steps[0].Action)
	require.Len(t, steps[0].Changes, 3)

	require.Equal(t, "updated flow orders\n", done(t, s.at("apply", "-f", file)...))
	require.Contains(t, done(t, plan...), "1 unchanged")
}

func TestPlan_WhatCannotBe(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	dir := t.TempDir()
	a := write(t, filepath.Join(dir, "a.json"), read(t, orders))
	b := write(t, filepath.Join(dir, "b.json"), read(t, orders))
	r := weir(t, s.at("plan", a, b)...)
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "flow orders is defined twice")

	done(t, s.at("apply", "-f", a)...)
	write(t, a, strings.Replace(read(t, orders), "{", `{"kmsArn": "arn:aws:kms:eu-west-1:111122223333:key/k",`, 1))
	for _, command := range []string{"plan", "apply"} {
		r = weir(t, s.at(command, "-f", a)...)
		require.Equal(t, exitUsage, r.code)
		require.Contains(t, r.err, "kmsArn cannot change")
	}
	r = weir(t, s.at("plan")...)
	require.Equal(t, exitUsage, r.code)
}

// scheduled is a definition of a flow with a schedule, in words of its own.
func scheduled(name, more string) string {
	return `{"flowName": "` + name + `", ` + more + ` "triggerConfig": {"triggerType": "Scheduled", "triggerProperties": {"Scheduled": {"scheduleExpression": "rate(30days)", "scheduleStartTime": "2100-01-01T00:00:00Z"}}},
		"sourceFlowConfig": {"connectorType": "S3", "sourceConnectorProperties": {"S3": {"bucketName": "shop", "bucketPrefix": "orders"}}},
		"destinationFlowConfigList": [{"connectorType": "S3", "destinationConnectorProperties": {"S3": {"bucketName": "lake"}}}],
		"tasks": [{"taskType": "Map_all", "sourceFields": [], "connectorOperator": {"S3": "NO_OP"}, "taskProperties": {}}]}`
}

func TestApply_StatusOfTheFile(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	file := filepath.Join(t.TempDir(), "flow.json")
	status := func() any { return decoded[map[string]any](t, s.at("flows", "nightly")...)["flowStatus"] }
	for i, to := range []struct{ wish, says, is string }{
		{``, "created", "Draft"},
		{`"flowStatus": "Draft",`, "unchanged", "Draft"},
		{`"flowStatus": "Suspended",`, "unchanged", "Draft"}, // what never ran needs no stopping
		{`"flowStatus": "Active",`, "updated", "Active"},
		{`"flowStatus": "Active",`, "unchanged", "Active"},
		{``, "unchanged", "Active"}, // no wish
		{`"flowStatus": "Suspended",`, "updated", "Suspended"},
		{`"flowStatus": "Draft",`, "unchanged", "Suspended"},
		{`"flowStatus": "Active", "description": "again",`, "updated", "Active"},
	} {
		write(t, file, scheduled("nightly", to.wish))
		require.Equal(t, to.says+" flow nightly\n", done(t, s.at("apply", "-f", file)...), i)
		require.Equal(t, to.is, status(), i)
	}
	write(t, file, strings.Replace(scheduled("nightly", `"flowStatus": "Active",`), `"Scheduled", "triggerProperties": {"Scheduled": {"scheduleExpression": "rate(30days)", "scheduleStartTime": "2100-01-01T00:00:00Z"}}`, `"OnDemand"`, 1))
	require.Equal(t, "updated flow nightly\n", done(t, s.at("apply", "-f", file)...))
	require.Equal(t, "unchanged flow nightly\n", done(t, s.at("apply", "-f", file)...))
	write(t, file, scheduled("nightly", `"flowStatus": "Active",`))
	require.Contains(t, done(t, s.at("plan", file)...), `flowStatus: "Active" → "Active"`, "the update makes it a draft, which has to be started")
	require.Equal(t, "updated flow nightly\n", done(t, s.at("apply", "-f", file)...))
	require.Equal(t, "Active", status())
}

func TestApply_PruneDeletesWhatBearsTheTagAlone(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	dir := t.TempDir()
	mine := `"tags": {"by": "infra"}, "flowStatus": "Active",`
	a := write(t, filepath.Join(dir, "a.json"), scheduled("mine-a", mine))
	b := write(t, filepath.Join(dir, "b.json"), scheduled("mine-b", mine))
	other := write(t, filepath.Join(dir, "c.json"), scheduled("others", `"tags": {"by": "hand"},`))
	done(t, s.at("apply", "-f", a, b, other)...)

	for why, args := range map[string][]string{
		"does not bear this tag":   {a, other, "--prune", "by=infra"},
		"takes KEY=VALUE":          {a, "--prune", "by"},
		"does not bear this tag, ": {a, "--prune", "by=typo"},
	} {
		r := weir(t, s.at(append([]string{"apply"}, args...)...)...)
		require.Equal(t, exitUsage, r.code)
		require.Contains(t, r.err, why)
	}
	require.Len(t, decoded[[]flowSummary](t, s.at("flows")...), 3)

	require.Equal(t, "= flow mine-a (unchanged)\n- flow mine-b\n0 to create, 0 to update, 1 to delete, 1 unchanged\n", done(t, s.at("plan", a, "--prune", "by=infra")...))
	require.Equal(t, "unchanged flow mine-a\ndeleted flow mine-b\n", done(t, s.at("apply", a, "--prune", "by=infra")...))
	names := []string{}
	for _, f := range decoded[[]flowSummary](t, s.at("flows")...) {
		names = append(names, f.FlowName)
	}
	require.Equal(t, []string{"mine-a", "others"}, names)
}
