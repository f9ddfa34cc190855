package cli

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"weir.dev/weir/connectors/manifest"
)

func connectorNewCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "new NAME",
		Short:   "Write a manifest to begin with to NAME.yaml",
		Example: "  weir connector new shop && weir connector lint shop.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := strings.TrimSuffix(args[0], ".yaml")
			if !regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]*$`).MatchString(name) {
				return usage("%q is no name; it has letters, digits, dots and dashes", args[0])
			}
			f, err := os.OpenFile(name+".yaml", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) // never over somebody's work
			if err != nil {
				return &exitError{code: exitUsage, err: err}
			}
			if _, err := io.WriteString(f, strings.ReplaceAll(manifest.Example, "EXAMPLE", name)); err != nil {
				f.Close()
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "wrote %s.yaml\n", name)
			return f.Close()
		},
	}
}

func connectorLintCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "lint FILE...",
		Short: "Check manifests, and say where they are wrong",
		Long: `Check manifests. Every problem is one line: file, line, column, and what is wrong. The exit code is 2 when there is one;
- is standard input.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			bad := 0
			for _, path := range args {
				text, err := readManifest(cmd, path)
				if err != nil {
					return &exitError{code: exitUsage, err: err}
				}
				_, problems := manifest.Parse(text)
				for _, p := range problems {
					fmt.Fprintf(cmd.OutOrStdout(), "%s:%s\n", path, p)
				}
				bad += len(problems)
			}
			if bad > 0 {
				return usage("%d problems were found", bad)
			}
			return nil
		},
	}
}

func readManifest(cmd *cobra.Command, path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(io.LimitReader(cmd.InOrStdin(), 2<<20))
	}
	return os.ReadFile(path)
}

func connectorSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON schema of manifests, for editors",
		Example: `  weir connector schema > manifest.schema.json
  # and in a manifest's first line:
  # yaml-language-server: $schema=manifest.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(manifest.Schema())
			return err
		},
	}
}
