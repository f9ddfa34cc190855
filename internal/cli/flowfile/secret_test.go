package flowfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/internal/cli/flowfile"
)

func profileWith(t *testing.T, key string) flowfile.Definition {
	t.Helper()
	defs, err := flowfile.Parse([]byte(`{"connectorProfileName":"p","connectorType":"Singular","connectionMode":"Public","connectorProfileConfig":{
		"connectorProfileProperties":{"Singular":{}},"connectorProfileCredentials":{"Singular":{"apiKey":"`+key+`"}}}}`), settings)
	require.NoError(t, err)
	return defs[0]
}

func TestResolved_FollowsReferences(t *testing.T) {
	t.Setenv("FLOWFILE_TEST_KEY", "s3cr3t")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "key"), []byte("from file\n"), 0o600))
	for key, want := range map[string]string{
		"${env:FLOWFILE_TEST_KEY}":         "s3cr3t",
		"a-${env:FLOWFILE_TEST_KEY}-b":     "a-s3cr3t-b",
		"${file:key}":                      "from file",
		"$${env:FLOWFILE_TEST_KEY}":        "${env:FLOWFILE_TEST_KEY}",
		"${other} $1 {{mustache}} ${env:}": "",
		"plain":                            "plain",
	} {
		d := profileWith(t, key)
		d.File = filepath.Join(dir, "profile.yaml")
		got, err := d.Resolved()
		if want == "" {
			require.ErrorContains(t, err, "environment variable  is not set")
			continue
		}
		require.NoError(t, err)
		require.Contains(t, string(got), `"apiKey":"`+want+`"`)
		require.NotContains(t, string(d.Request), "s3cr3t", "the request as it is kept and shown holds the reference")
	}
}

func TestResolved_NamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"${env:FLOWFILE_NOT_SET}":           "profile p: connectorProfileConfig.connectorProfileCredentials.Singular.apiKey: environment variable FLOWFILE_NOT_SET is not set",
		"${file:not-there}":                 "no such file",
		"{{resolve:secretsmanager:arn::x}}": "a reference that only AWS can follow",
	} {
		d := profileWith(t, key)
		_, err := d.Resolved()
		require.ErrorContains(t, err, want)
	}
}

func TestParseCredentials(t *testing.T) {
	t.Parallel()
	c, err := flowfile.ParseCredentials([]byte("p: {Singular: {apiKey: new}}\nother: {Singular: {apiKey: x}}\n"))
	require.NoError(t, err)
	d := profileWith(t, "old")
	require.NoError(t, c.Add(&d))
	require.Contains(t, string(d.Request), `"apiKey":"new"`)

	for doc, want := range map[string]string{"p: hunter2": `credentials of profile "p" must be an object`, "[hunter2]": "is an object", "a: b: hunter2": "JSON or YAML"} {
		_, err := flowfile.ParseCredentials([]byte(doc))
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "hunter2")
	}
}
