package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/spf13/cobra"

	"weir.dev/weir/internal/cli/flowfile"
)

func applyCommand() *cobra.Command {
	var files, parameters []string
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Create or update flows from files",
		Long: `Create or update flows so that they are as the files say. A file holds a CreateFlow request as JSON or YAML,
several in one YAML stream, or a CloudFormation template with AWS::AppFlow::Flow resources. A flow that is the same
already is left alone.`,
		Example: "  weir apply -f orders.yaml -f template.json --parameter Stage=prod",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(files) == 0 {
				return usage("give at least one file: weir apply -f FILE")
			}
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			settings, err := fileSettings(c.region, parameters)
			if err != nil {
				return err
			}
			asJSON, err := wantsJSON(cmd)
			if err != nil {
				return err
			}
			applied := []appliedFlow{}
			for _, file := range files {
				defs, err := flowfile.Read(file, settings)
				if err != nil {
					return &exitError{code: exitUsage, err: err}
				}
				for _, d := range defs {
					what, err := applyOne(cmd.Context(), c, d)
					if err != nil {
						return applyFailed(file, d.Name, err)
					}
					applied = append(applied, appliedFlow{d.Name, what})
					if !asJSON {
						fmt.Fprintf(cmd.OutOrStdout(), "%s flow %s\n", what, d.Name)
					}
				}
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), applied)
			}
			return nil
		},
	}
	clientFlags(cmd)
	cmd.Flags().StringArrayVarP(&files, "file", "f", nil, "file to read, - for standard input (repeatable)")
	cmd.Flags().StringArrayVar(&parameters, "parameter", nil, "NAME=VALUE of a CloudFormation parameter (repeatable)")
	return cmd
}

// appliedFlow is what --output json prints of each flow.
type appliedFlow struct {
	FlowName string `json:"flowName"`
	Result   string `json:"result"` // created, updated, unchanged
}

// applyFailed marks bad definitions as bad input.
func applyFailed(file, name string, err error) error {
	wrapped := fmt.Errorf("applying %s (%s): %w", name, file, err)
	var ae *apiError
	if errors.As(err, &ae) && ae.Type == "ValidationException" {
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

// applyOne brings one flow to what the file says and tells what that took.
func applyOne(ctx context.Context, c *client, d flowfile.Definition) (string, error) {
	var want map[string]any
	if err := json.Unmarshal(d.Request, &want); err != nil {
		return "", err
	}
	var have map[string]any
	err := c.call(ctx, "DescribeFlow", map[string]any{"flowName": d.Name}, &have)
	var ae *apiError
	what := "unchanged"
	switch {
	case errors.As(err, &ae) && ae.Type == "ResourceNotFoundException":
		what = "created"
		err = c.call(ctx, "CreateFlow", want, nil)
	case err != nil:
		return "", err
	case differs(want, have):
		what = "updated"
		err = c.call(ctx, "UpdateFlow", without(want, "tags", "kmsArn"), nil)
	}
	if err != nil {
		return "", err
	}
	retagged, err := applyTags(ctx, c, d.Name, want)
	if retagged && what == "unchanged" {
		what = "updated"
	}
	if err != nil {
		return "", err
	}
	return what, applyStatus(ctx, c, d)
}

// definitionMembers are what UpdateFlow replaces.
var definitionMembers = []string{"description", "triggerConfig", "sourceFlowConfig", "destinationFlowConfigList", "tasks", "metadataCatalogConfig"}

// differs compares what the file says with what the server echoes, which is exactly what it was sent.
func differs(want, have map[string]any) bool {
	for _, m := range definitionMembers {
		if !reflect.DeepEqual(want[m], have[m]) {
			return true
		}
	}
	return false
}

func without(m map[string]any, names ...string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	for _, n := range names {
		delete(out, n)
	}
	return out
}

// applyTags makes the tags of an existing flow those of the file; a file without tags leaves them alone.
func applyTags(ctx context.Context, c *client, name string, want map[string]any) (bool, error) {
	tags, ok := want["tags"].(map[string]any)
	if !ok {
		return false, nil
	}
	var have struct {
		ARN  string         `json:"flowArn"`
		Tags map[string]any `json:"tags"`
	}
	if err := c.call(ctx, "DescribeFlow", map[string]any{"flowName": name}, &have); err != nil {
		return false, err
	}
	if reflect.DeepEqual(tags, have.Tags) || len(tags)+len(have.Tags) == 0 {
		return false, nil
	}
	return true, c.retag(ctx, have.ARN, tags, have.Tags)
}

// applyStatus starts or stops a scheduled flow as a CloudFormation resource asks.
func applyStatus(ctx context.Context, c *client, d flowfile.Definition) error {
	var f flowSummary
	if d.Status == "" {
		return nil
	}
	if err := c.call(ctx, "DescribeFlow", map[string]any{"flowName": d.Name}, &f); err != nil {
		return err
	}
	if f.TriggerConfig["triggerType"] == "OnDemand" || f.FlowStatus == d.Status {
		return nil
	}
	switch d.Status {
	case "Active":
		return c.call(ctx, "StartFlow", map[string]any{"flowName": d.Name}, nil)
	case "Suspended":
		return c.call(ctx, "StopFlow", map[string]any{"flowName": d.Name}, nil)
	}
	return nil
}
