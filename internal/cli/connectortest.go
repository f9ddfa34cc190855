package cli

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"weir.dev/weir/internal/app"
	"weir.dev/weir/internal/trial"
)

func connectorTestCommand() *cobra.Command {
	var cfg app.Config
	var o app.TrialOptions
	cmd := &cobra.Command{
		Use:   "test {MANIFEST.yaml|LABEL|TYPE}",
		Short: "Put a connector to the test against its vendor, or a stand-in of it",
		Long: `Put a connector to the test with a profile: against the vendor's own endpoint, or one that stands for it. What is
examined is what can be seen from outside: credentials, right and wrong; entities and fields, and whether the records are
what they are said to be; pages, their size, and going on in the middle; a window of changes; filters that the vendor
applies. It reads a few pages for each check, and writes nothing. No value of a record is shown.

The connector is a manifest's file, a label in the folder --connectors, or a connector type of this build. Exit code 1 when
a check failed.`,
		Example: `  weir connector test shop.yaml --profile profile.yaml
  weir connector test shop.yaml --profile profile.yaml --entity orders --output json
  weir simulate zendesk > profile.yaml & weir connector test zendesk --profile profile.yaml --stand-in --allow-network 127.0.0.0/8`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			asJSON, err := wantsJSON(cmd)
			if err != nil {
				return err
			}
			o.Connector = args[0]
			findings, err := app.Try(cmd.Context(), cfg, o, slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn})))
			if err != nil {
				return &exitError{code: exitUsage, err: err}
			}
			return showTrial(cmd, findings, asJSON)
		},
	}
	f := cmd.Flags()
	f.StringVar(&cfg.ProfileFile, "profile", "", "file with the profile, as CreateConnectorProfile has it, as JSON or YAML")
	f.StringVar(&o.Profile, "profile-name", "", "which of the file's profiles (default: the only one for the connector)")
	f.StringVar(&cfg.Connectors, "connectors", "", "folder of manifests, of which LABEL is one")
	f.StringVar(&o.Entity, "entity", "", "entity to read (default: the first that can be read)")
	f.IntVar(&o.Pages, "pages", 5, "pages that are read at most for a check")
	f.BoolVar(&o.IsStandIn, "stand-in", false, "the endpoint stands for the vendor and takes any credentials, as those of weir simulate do")
	outboundFlags(cmd, &cfg)
	f.StringP("output", "o", "table", "table or json")
	return cmd
}

// showTrial prints the report.
func showTrial(cmd *cobra.Command, findings []trial.Finding, asJSON bool) error {
	failed := 0
	for _, x := range findings {
		if x.Outcome == trial.Failed {
			failed++
		}
	}
	if asJSON {
		if err := writeJSON(cmd.OutOrStdout(), map[string]any{"findings": findings, "failed": failed}); err != nil {
			return err
		}
	} else {
		for _, x := range findings {
			line := fmt.Sprintf("%-8s %s", x.Outcome, x.Check)
			if x.Detail != "" {
				line += ": " + x.Detail
			}
			fmt.Fprintln(cmd.OutOrStdout(), line)
		}
	}
	if failed > 0 {
		return &exitError{code: exitFailed, err: fmt.Errorf("%d of %d checks failed", failed, len(findings))}
	}
	return nil
}
