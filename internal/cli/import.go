package cli

import (
	"fmt"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"weir.dev/weir/internal/cli/flowfile"
)

// importSettings are the flags of import.
type importSettings struct {
	account     accountOptions
	patterns    []string
	credentials string
	dryRun      bool
	activate    bool
	format      string
	fromAWS     bool
}

func importCommand() *cobra.Command {
	var s importSettings
	cmd := &cobra.Command{
		Use:   "import --from-aws",
		Short: "Copy flows, profiles and connectors from an AWS account",
		Long: `Copy the flows of Amazon AppFlow, with the connector profiles and custom connectors that they use, from an AWS account
to this server. The account is only read. It is found as by every AWS tool: environment, profiles, roles. What the
server has already is updated where it differs, so import can be repeated.

AppFlow shows no credentials. Those of the profiles are taken from a file, --credentials, with a member per profile:

  crm: {Salesforce: {accessToken: "${env:SF_TOKEN}", refreshToken: "${env:SF_REFRESH}"}}

Profiles that the file lacks are not created, nor are the flows that use them; both are listed, with what is missing.

Scheduled and event flows come as drafts, so that no record is moved twice while they still run in AWS; --activate
starts those that are active there. How far an incremental flow has read is not shown by AppFlow: its first run here
reads as a new flow's does.`,
		Example: "  weir import --from-aws --aws-region eu-west-1 --dry-run\n  weir import --from-aws --flows 'orders-*' --credentials credentials.yaml\n  weir import --from-aws --format yaml > flows.yaml",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runImport(cmd, s) },
	}
	clientFlags(cmd)
	cmd.Flags().BoolVar(&s.fromAWS, "from-aws", false, "read an AWS account")
	cmd.Flags().StringVar(&s.account.region, "aws-region", "", "region of the account (AWS_REGION when empty)")
	cmd.Flags().StringVar(&s.account.profile, "profile-name", "", "profile of AWS's configuration files to sign in with")
	cmd.Flags().StringVar(&s.account.endpoint, "aws-endpoint-url", "", "endpoint of the account's AppFlow, if not AWS's own")
	cmd.Flags().StringArrayVar(&s.patterns, "flows", nil, "names of the flows to copy, * and ? as in file names (repeatable); all when empty")
	cmd.Flags().StringVar(&s.credentials, "credentials", "", "file with the credentials of profiles")
	cmd.Flags().BoolVar(&s.dryRun, "dry-run", false, "show what would be done, and change nothing")
	cmd.Flags().BoolVar(&s.activate, "activate", false, "start flows that are active in the account")
	cmd.Flags().StringVar(&s.format, "format", "", "write the definitions as json, yaml, terraform or cloudformation instead of copying them")
	return cmd
}

func runImport(cmd *cobra.Command, s importSettings) error {
	if !s.fromAWS {
		return usage("where from? weir import --from-aws copies from an AWS account")
	}
	for _, p := range s.patterns {
		if _, err := path.Match(p, ""); err != nil {
			return usage("--flows %s: %w", p, err)
		}
	}
	ctx := cmd.Context()
	from, err := openAccount(ctx, s.account)
	if err != nil {
		return err
	}
	names, err := matching(cmd, from, s.patterns)
	if err != nil {
		return err
	}
	defs, err := exported(ctx, from, names)
	if err != nil {
		return err
	}
	credentials, err := readCredentials(s.credentials)
	if err != nil {
		return err
	}
	for i := range defs {
		if err := credentials.Add(&defs[i]); err != nil {
			return err
		}
		defs[i].File = "AWS account"
		if s.credentials != "" {
			defs[i].File = s.credentials // references to files are relative to it
		}
		if !s.activate && s.format == "" {
			defs[i].Status = ""
		}
	}
	if s.format != "" {
		return writeExport(cmd, flowfile.Format(s.format), "", defs)
	}
	return copyAll(cmd, s, defs)
}

// matching are the names of the account's flows that fit the patterns; none means all, but an account without flows
// still has profiles.
func matching(cmd *cobra.Command, from caller, patterns []string) ([]string, error) {
	if len(patterns) == 0 {
		return nil, nil
	}
	flows, err := listedFlows(cmd.Context(), from)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range flows {
		for _, p := range patterns {
			if ok, _ := path.Match(p, f.FlowName); ok {
				names = append(names, f.FlowName)
				break
			}
		}
	}
	if len(names) == 0 {
		return nil, usage("no flow of the account fits --flows %s; it has %s", strings.Join(patterns, ", "), number(int64(len(flows)), "flow"))
	}
	return names, nil
}

// copyAll brings definitions to the server, but for profiles that cannot be made for lack of credentials and for the flows
// that need them.
func copyAll(cmd *cobra.Command, s importSettings, defs []flowfile.Definition) error {
	c, err := newClient(cmd)
	if err != nil {
		return err
	}
	steps, err := planSteps(cmd.Context(), c, defs, planOptions{})
	if err != nil {
		return err
	}
	ready, waiting := split(steps)
	if s.dryRun {
		err = showSteps(cmd, ready)
	} else {
		err = takeSteps(cmd, c, ready, func(s *step, err error) { waiting = append(waiting, fmt.Sprintf("%s %s: %v", s.Kind, s.Name, err)) })
	}
	if err != nil || len(waiting) == 0 {
		return err
	}
	for _, w := range waiting {
		fmt.Fprintln(cmd.ErrOrStderr(), "not copied: "+w)
	}
	return &exitError{code: exitPartly, err: fmt.Errorf("%s not copied; mend what is said above, give missing credentials with --credentials FILE, and import again", number(int64(len(waiting)), "definition"))}
}

// split tells what can be done from what waits for credentials.
func split(steps []step) (ready []step, waiting []string) {
	missing := map[string]bool{}
	for _, s := range steps {
		if s.Kind == "profile" && s.Action == actionCreate && !s.Credentials {
			missing[s.Name] = true
			waiting = append(waiting, fmt.Sprintf("profile %s: %s", s.Name, flowfile.WantedCredentials(&s.def)))
			continue
		}
		lacks := ""
		if s.Kind == "flow" {
			for name := range usedProfiles([]flowfile.Definition{s.def}) {
				if missing[name] {
					lacks = name
				}
			}
		}
		if lacks != "" {
			waiting = append(waiting, fmt.Sprintf("flow %s: it uses profile %s", s.Name, lacks))
			continue
		}
		ready = append(ready, s)
	}
	return ready, waiting
}
