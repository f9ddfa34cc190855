package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// accountAt is a server that stands for an AWS account.
func accountAt(t *testing.T) (flags []string) {
	t.Helper()
	from := filled(t)
	text, err := os.ReadFile(filepath.Join(from.data, "credentials"))
	require.NoError(t, err)
	for line := range strings.SplitSeq(string(text), "\n") {
		name, value, _ := strings.Cut(line, "=")
		switch strings.TrimSpace(name) {
		case "aws_access_key_id":
			t.Setenv("AWS_ACCESS_KEY_ID", strings.TrimSpace(value))
		case "aws_secret_access_key":
			t.Setenv("AWS_SECRET_ACCESS_KEY", strings.TrimSpace(value))
		}
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	return []string{"import", "--from-aws", "--aws-endpoint-url", from.url, "--aws-region", "eu-west-1"}
}

// withOwnKey makes the commands that talk to s use its key, though the environment has the account's.
func withOwnKey(t *testing.T) *served {
	t.Helper()
	t.Setenv("WEIR_ACCESS_KEY_ID", "WEIRIMPORTTEST")
	t.Setenv("WEIR_SECRET_ACCESS_KEY", "only-for-this-test")
	return serve(t, "")
}

func TestImport_CopiesAnAccount(t *testing.T) {
	flags := accountAt(t)
	s := withOwnKey(t)

	r := weir(t, s.at(append(flags, "--dry-run")...)...)
	require.Equal(t, exitPartly, r.code, r.err)
	require.Contains(t, r.out, "+ flow tick-tock\n")
	require.Contains(t, r.err, "not copied: profile ads/one: its credentials are missing (usually apiKey)\nnot copied: flow ads-to-lake: it uses profile ads/one\n")
	require.Empty(t, decoded[[]flowSummary](t, s.at("flows")...))

	credentials := write(t, filepath.Join(t.TempDir(), "credentials.yaml"), `"ads/one": {Singular: {apiKey: "${file:key}"}}`)
	write(t, filepath.Join(filepath.Dir(credentials), "key"), "key-of-a-test\n")
	out := done(t, s.at(append(flags, "--credentials", credentials)...)...)
	require.Contains(t, out, "created profile ads/one\n")
	require.Contains(t, out, "created flow ads-to-lake\n")
	ticking := decoded[map[string]any](t, s.at("flows", "tick-tock")...)
	require.Equal(t, "Draft", ticking["flowStatus"], "it still runs in the account")
	require.Equal(t, map[string]any{"n": "01"}, ticking["tags"])

	out = done(t, s.at(append(flags, "--credentials", credentials)...)...)
	require.NotContains(t, out, "created")
	require.NotContains(t, out, "updated")
	require.Equal(t, "updated flow tick-tock\n", done(t, s.at(append(flags, "--flows", "tick*", "--activate")...)...))
	require.Equal(t, "Active", decoded[map[string]any](t, s.at("flows", "tick-tock")...)["flowStatus"])
}

func TestImport_WritesFiles(t *testing.T) {
	flags := accountAt(t)
	s := withOwnKey(t)
	out := done(t, s.at(append(flags, "--flows", "tick-tock", "--format", "yaml")...)...)
	file := write(t, filepath.Join(t.TempDir(), "flows.yaml"), out)
	require.Equal(t, "created flow tick-tock\n", done(t, s.at("apply", file)...))
	require.Equal(t, out, done(t, s.at("export", "tick-tock")...))
}

func TestImport_SaysWhatIsWrong(t *testing.T) {
	flags := accountAt(t)
	s := withOwnKey(t)
	for says, args := range map[string][]string{
		"where from?":                         {"import"},
		"no flow of the account fits --flows": append(flags, "--flows", "x*"),
		"--flows [":                           append(flags, "--flows", "["),
		"which region of the AWS account":     {"import", "--from-aws"},
		"no such file":                        append(flags, "--credentials", "not-there"),
	} {
		r := weir(t, s.at(args...)...)
		require.Equal(t, exitUsage, r.code, r.err)
		require.Contains(t, r.err, says)
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong")
	r := weir(t, s.at(flags...)...)
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.err, "asking the AWS account for ListFlows (it needs the permission appflow:ListFlows)")
}
