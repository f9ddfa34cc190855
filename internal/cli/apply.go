package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"weir.dev/weir/internal/cli/flowfile"
)

func applyCommand() *cobra.Command {
	var f definitionFlags
	cmd := &cobra.Command{
		Use:   "apply -f FILE...",
		Short: "Create or update flows, profiles and connectors from files",
		Long: `Create or update flows, connector profiles and connector registrations so that they are as the files say. A file holds
requests of CreateFlow, CreateConnectorProfile or RegisterConnector as JSON or YAML, alone, in a list or in a YAML
stream; what the describing operations answer; or a CloudFormation template, such as CDK writes, with resources of
AWS::AppFlow. A folder stands for its files; of CDK's cdk.out the templates are read. What is the same already is left
alone.

Credentials in a profile are written ${env:NAME} or ${file:PATH}, or given with --credentials; they are never shown.
flowStatus (FlowStatus in a template) starts a scheduled or event flow, or stops it.`,
		Example: `  weir apply -f orders.yaml -f template.json --parameter Stage=prod
  weir apply -f cdk.out
  weir apply -f flows/ --prune managed-by=infra`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			defs, err := f.read(c.region, args)
			if err != nil {
				return err
			}
			steps, err := planSteps(cmd.Context(), c, defs, f.options)
			if err != nil {
				return err
			}
			return takeSteps(cmd, c, steps, nil)
		},
	}
	f.add(cmd)
	return cmd
}

// appliedResource is what --output json prints of each definition.
type appliedResource struct {
	Kind     string `json:"kind"`
	Name     string `json:"name"`
	FlowName string `json:"flowName,omitempty"`
	Result   string `json:"result"` // created, updated, deleted, unchanged
}

// results are the words for what was done.
var results = map[string]string{actionCreate: "created", actionUpdate: "updated", actionDelete: "deleted", actionUnchanged: actionUnchanged}

// takeSteps carries a plan out and prints each step when it is done. The first that fails ends it, unless refused takes
// note of it; what was done before stays, and the next apply goes on from there.
func takeSteps(cmd *cobra.Command, c caller, steps []step, refused func(s *step, err error)) error {
	asJSON, err := wantsJSON(cmd)
	if err != nil {
		return err
	}
	for _, s := range steps {
		if s.Blocked != "" {
			return usage("applying %s %s (%s): %s", s.Kind, s.Name, s.def.File, s.Blocked)
		}
	}
	done := []appliedResource{}
	for i := range steps {
		s := &steps[i]
		if err := s.take(cmd.Context(), c); err != nil {
			err = applyFailed(s, err)
			if refused == nil {
				return err
			}
			refused(s, err)
			continue
		}
		a := appliedResource{Kind: s.Kind, Name: s.Name, Result: results[s.Action]}
		if s.Kind == "flow" {
			a.FlowName = s.Name
		}
		done = append(done, a)
		if !asJSON {
			fmt.Fprintf(cmd.OutOrStdout(), "%s %s %s\n", a.Result, a.Kind, a.Name)
		}
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), done)
	}
	return nil
}

// applyFailed marks bad definitions as bad input.
func applyFailed(s *step, err error) error {
	wrapped := fmt.Errorf("applying %s %s (%s): %w", s.Kind, s.Name, s.def.File, err)
	var ee *exitError
	if isAPIError(err, "ValidationException") || errors.As(err, &ee) && ee.code == exitUsage {
		return &exitError{code: exitUsage, err: wrapped}
	}
	return wrapped
}

func fileSettings(region string, parameters []string) (flowfile.Settings, error) {
	s := flowfile.Settings{Region: region, AccountID: "000000000000", Parameters: map[string]string{}}
	for _, p := range parameters {
		name, value, ok := strings.Cut(p, "=")
		if !ok {
			return s, usage("--parameter takes NAME=VALUE, not %q", p)
		}
		s.Parameters[name] = value
	}
	return s, nil
}
