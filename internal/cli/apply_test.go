package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestApply_CreatesLeavesAloneUpdates(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	for _, form := range []string{orders, "testdata/orders.yaml", "testdata/orders.template.yaml"} {
		t.Run(filepath.Base(form), func(t *testing.T) {
			name := strings.ReplaceAll(filepath.Base(form), ".", "-")
			text := strings.NewReplacer(`"flowName": "orders"`, `"flowName": "`+name+`"`, "flowName: orders", "flowName: "+name, "FlowName: orders", "FlowName: "+name).Replace(read(t, form))
			file := write(t, filepath.Join(t.TempDir(), filepath.Base(form)), text)
			apply := s.at("apply", "-f", file)
			require.Equal(t, "created flow "+name+"\n", done(t, apply...))
			require.Equal(t, "unchanged flow "+name+"\n", done(t, apply...))
			require.Equal(t, "unchanged flow "+name+"\n", done(t, apply...))
			write(t, file, strings.Replace(text, "12", "10", 1)) // a shorter mask; templates begin with a year
			want := "updated flow " + name + "\n"
			if strings.HasPrefix(text, "AWSTemplate") {
				write(t, file, strings.Replace(text, `"12"`, `"10"`, 1))
			}
			require.Equal(t, want, done(t, apply...))
			require.Equal(t, "unchanged flow "+name+"\n", done(t, apply...))
		})
	}
	require.Len(t, decoded[[]flowSummary](t, s.at("flows")...), 3)
}

func TestApply_Tags(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	file := filepath.Join(t.TempDir(), "flow.json")
	apply := func(tags string) string {
		write(t, file, strings.Replace(read(t, orders), "{", "{"+tags, 1))
		return done(t, s.at("apply", "-f", file)...)
	}
	tags := func() map[string]any {
		got, _ := decoded[map[string]any](t, s.at("flows", "orders")...)["tags"].(map[string]any)
		return got
	}
	require.Equal(t, "created flow orders\n", apply(`"tags": {"team": "a", "old": "x"},`))
	require.Equal(t, "updated flow orders\n", apply(`"tags": {"team": "b"},`))
	require.Equal(t, map[string]any{"team": "b"}, tags())
	require.Equal(t, "unchanged flow orders\n", apply(``), "a file without tags leaves them alone")
	require.Equal(t, map[string]any{"team": "b"}, tags())
	require.Equal(t, "updated flow orders\n", apply(`"tags": {},`))
	require.Empty(t, tags())
}

func TestApply_ManyFlowsAndParameters(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	one := read(t, "testdata/orders.yaml")
	two := write(t, filepath.Join(t.TempDir(), "two.yaml"), one+"---\n"+strings.Replace(one, "flowName: orders", "flowName: returns", 1))
	require.Equal(t, "created flow orders\ncreated flow returns\n", done(t, s.at("apply", "-f", two)...))
	require.Equal(t, "updated flow orders\n", done(t, s.at("apply", "-f", "testdata/orders.template.yaml", "--parameter", "Bucket=outlet")...))
	require.Contains(t, done(t, s.at("flows", "orders", "-o", "json")...), `"bucketName": "outlet"`)
}

func TestApply_RefusalsAreTheServersWords(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	for name, test := range map[string]struct {
		edit []string
		args []string
		says string
	}{
		"bad value":         {[]string{`"Mask"`, `"Hide"`}, nil, "ValidationException: .*Hide"},
		"unmapped field":    {[]string{`"MASK_LENGTH": "12"`, `"MASK_LENGTH": "x"`}, nil, "ValidationException: .*MASK_LENGTH"},
		"no connector":      {[]string{`"connectorType": "S3", "source`, `"connectorType": "FTP", "source`}, nil, "ValidationException: .*FTP"},
		"bad parameter":     {nil, []string{"--parameter", "Bucket"}, "--parameter takes NAME=VALUE"},
		"not a definition":  {[]string{`{`, ``}, nil, "flow.json"},
		"no name":           {[]string{`"flowName": "orders",`, ``}, nil, "flowName"},
		"unknown parameter": {[]string{`{`, `Resources: {F: {Type: "AWS::AppFlow::Flow", Properties: {FlowName: !Ref Nobody}}} #`}, nil, "--parameter Nobody=VALUE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := read(t, orders)
			if test.edit != nil {
				text = strings.Replace(text, test.edit[0], test.edit[1], 1)
			}
			if name == "unknown parameter" {
				text = strings.SplitN(text, "#", 2)[0]
			}
			r := weir(t, s.at(append([]string{"apply", "-f", write(t, filepath.Join(t.TempDir(), "flow.json"), text)}, test.args...)...)...)
			require.Equal(t, exitUsage, r.code, r.err)
			require.Regexp(t, "^weir: .*"+test.says, r.err)
		})
	}
	r := weir(t, s.at("apply")...)
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "weir apply -f FILE")
}
