package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// idle makes a command line whose commands do nothing but take their settings.
func idle() *cobra.Command {
	root := newRoot()
	walk(root, func(c *cobra.Command) {
		c.Args, c.PreRun = nil, nil
		c.RunE = func(*cobra.Command, []string) error { return nil }
	})
	return root
}

func walk(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, sub := range c.Commands() {
		walk(sub, visit)
	}
}

// settle runs an idle command and returns its flags.
func settle(t *testing.T, args ...string) (*pflag.FlagSet, error) {
	t.Helper()
	root := idle()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(t.Context())
	return cmd.Flags(), err
}

// sample is a value of a flag that is not its default.
func sample(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "bool":
		return "true"
	case "int", "int64", "float64":
		return "7"
	case "duration":
		return "7s"
	}
	return "seven"
}

func TestSettings_EveryFlagHasATwin(t *testing.T) {
	flags := 0
	walk(newRoot(), func(c *cobra.Command) {
		if !c.HasParent() || !c.Runnable() {
			return
		}
		args := strings.Fields(c.CommandPath())[1:]
		c.InheritedFlags() // merges those of the root in
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Name == "config" || f.Name == "help" {
				return
			}
			flags++
			t.Run(strings.Join(args, "_")+"/"+f.Name, func(t *testing.T) {
				t.Setenv(envName(f.Name), sample(f))
				got, err := settle(t, args...)
				require.NoError(t, err)
				require.Equal(t, strings.Trim(got.Lookup(f.Name).Value.String(), "[]"), sample(f))
			})
		})
	})
	require.Greater(t, flags, 60)
}

func TestSettings_FlagThenEnvironmentThenFile(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "weir.yaml"), "listen: file:1\nthreads: 3\nbucket: [a=file:///a, b=file:///b]\nstrict: true\n")
	t.Setenv("WEIR_CONFIG", file)
	listen := func(args ...string) string {
		f, err := settle(t, append([]string{"serve"}, args...)...)
		require.NoError(t, err)
		require.Equal(t, "3", f.Lookup("threads").Value.String())
		return f.Lookup("listen").Value.String()
	}
	require.Equal(t, "file:1", listen())
	t.Setenv("WEIR_LISTEN", "env:2")
	require.Equal(t, "env:2", listen())
	require.Equal(t, "flag:3", listen("--listen", "flag:3"))
	t.Setenv("WEIR_LISTEN", "") // as good as not set
	require.Equal(t, "file:1", listen())

	buckets := func(args ...string) []string {
		f, err := settle(t, append([]string{"serve"}, args...)...)
		require.NoError(t, err)
		list, err := f.GetStringArray("bucket")
		require.NoError(t, err)
		return list
	}
	require.Equal(t, []string{"a=file:///a", "b=file:///b"}, buckets())
	t.Setenv("WEIR_BUCKET", "c=file:///c,d=file:///d")
	require.Equal(t, []string{"c=file:///c", "d=file:///d"}, buckets())
	require.Equal(t, []string{"e=file:///e"}, buckets("--bucket", "e=file:///e"))

	t.Setenv("WEIR_CONFIG", filepath.Join(t.TempDir(), "missing"))
	require.Equal(t, "file:1", listen("--config", file), "the flag wins over WEIR_CONFIG")
}

func TestSettings_MistakesAreRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ file, says string }{
		"misspelt name":    {"lissten: x", `no command has a setting "lissten"`},
		"not YAML":         {"a: [", "reading the configuration file"},
		"a list for one":   {"listen: [a, b]", "one value is expected, 2 were given"},
		"a map":            {"bucket: {shop: file:///srv/shop}", `setting "bucket": a value or a list of values is expected`},
		"nothing":          {"data:", `setting "data": a value or a list of values is expected`},
		"not a number":     {"threads: many", "setting threads"},
		"not even a table": {"- listen", "reading the configuration file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := weir(t, "serve", "--config", write(t, filepath.Join(t.TempDir(), "weir.yaml"), test.file))
			require.Equal(t, exitUsage, r.code)
			require.Contains(t, r.err, test.says)
		})
	}
	r := weir(t, "serve", "--config", filepath.Join(t.TempDir(), "missing"))
	require.Equal(t, exitUsage, r.code)
	r = process(t, []string{"WEIR_THREADS=many"}, "serve")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "reading WEIR_THREADS")
}
