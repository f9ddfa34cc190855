package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// applySettings fills flags that the command line left alone from the environment, then from the configuration file.
func applySettings(cmd *cobra.Command) error {
	file, err := readSettings(cmd)
	if err != nil {
		return err
	}
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if failed != nil || f.Changed || f.Name == "help" || f.Name == "config" {
			return
		}
		if v, ok := os.LookupEnv(envName(f.Name)); ok && v != "" {
			failed = set(cmd, f, envValues(f, v), envName(f.Name))
			return
		}
		if v, ok := file[f.Name]; ok {
			failed = set(cmd, f, v, "setting "+f.Name)
		}
	})
	return failed
}

// envName is a flag's twin in the environment.
func envName(flag string) string {
	return "WEIR_" + strings.ToUpper(strings.NewReplacer("-", "_").Replace(flag))
}

// envValues splits the twin of a repeatable flag at its commas.
func envValues(f *pflag.Flag, v string) []string {
	if isRepeatable(f) {
		return strings.Split(v, ",")
	}
	return []string{v}
}

func isRepeatable(f *pflag.Flag) bool {
	_, ok := f.Value.(pflag.SliceValue)
	return ok
}

func set(cmd *cobra.Command, f *pflag.Flag, values []string, from string) error {
	if len(values) > 1 && !isRepeatable(f) {
		return usage("reading %s: one value is expected, %d were given", from, len(values))
	}
	for _, v := range values {
		if err := cmd.Flags().Set(f.Name, v); err != nil {
			return usage("reading %s: %w", from, err)
		}
	}
	return nil
}

// readSettings reads the configuration file: a map of flag names to a value or a list of values. A name that no command
// has is an error, because it is a misspelt one.
func readSettings(cmd *cobra.Command) (map[string][]string, error) {
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return nil, err
	}
	if path == "" {
		path = os.Getenv("WEIR_CONFIG")
	}
	if path == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, usage("reading the configuration file: %w", err)
	}
	var values map[string]any
	if err := yaml.Unmarshal(raw, &values); err != nil {
		return nil, usage("reading the configuration file %q: %w", path, err)
	}
	known := map[string]bool{}
	var learn func(c *cobra.Command)
	learn = func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) { known[f.Name] = true })
		for _, sub := range c.Commands() {
			learn(sub)
		}
	}
	learn(cmd.Root())
	out := map[string][]string{}
	for name, v := range values {
		if !known[name] {
			return nil, usage("reading the configuration file %q: no command has a setting %q", path, name)
		}
		if out[name], err = settingValues(v); err != nil {
			return nil, usage("reading the configuration file %q: setting %q: %w", path, name, err)
		}
	}
	return out, nil
}

// settingValues writes a setting as its flag takes it.
func settingValues(v any) (values []string, err error) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, item := range list {
		switch item.(type) {
		case string, bool, int, int64, uint64, float64:
			values = append(values, fmt.Sprint(item))
		default:
			return nil, errors.New("a value or a list of values is expected")
		}
	}
	return values, nil
}
