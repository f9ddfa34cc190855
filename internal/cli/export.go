package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"weir.dev/weir/internal/cli/flowfile"
)

func exportCommand() *cobra.Command {
	var format, file string
	cmd := &cobra.Command{
		Use:   "export [NAME...]",
		Short: "Write flows, profiles and connectors as files that apply, Terraform or CloudFormation read",
		Long: `Write definitions as apply reads them (json, yaml), as configuration for Terraform's AWS provider, or as a
CloudFormation template. Without names everything is written; with names those flows, and the profiles and connectors
they use.

Credentials are never written: a profile refers to environment variables (json, yaml), variables (terraform) or
parameters (cloudformation) that have to be given when it is applied. What a form cannot express is named on standard
error.`,
		Example: "  weir export > flows.yaml\n  weir export orders --format terraform --file orders.tf",
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(flowfile.Formats, flowfile.Format(format)) {
				return usage("--format must be one of %q, not %q", flowfile.Formats, format)
			}
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			defs, err := exported(cmd.Context(), c, args)
			if err != nil {
				return err
			}
			return writeExport(cmd, flowfile.Format(format), file, defs)
		},
	}
	clientFlags(cmd)
	_ = cmd.Flags().MarkHidden("output") // --format says it here
	cmd.Flags().StringVar(&format, "format", string(flowfile.YAML), "json, yaml, terraform or cloudformation")
	cmd.Flags().StringVar(&file, "file", "", "file to write; standard output when empty")
	return cmd
}

// writeExport writes definitions to a file or to standard output, and notes to standard error.
func writeExport(cmd *cobra.Command, format flowfile.Format, file string, defs []flowfile.Definition) error {
	out := cmd.OutOrStdout()
	var f *os.File
	if file != "" {
		var err error
		if f, err = os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644); err != nil { //nolint:gosec // no secrets in it
			return err
		}
		out = f
	}
	notes, err := flowfile.Write(out, format, defs)
	if f != nil {
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return err
	}
	for _, n := range notes {
		fmt.Fprintln(cmd.ErrOrStderr(), "note: "+n)
	}
	return nil
}

// exported are the definitions of a server in the order in which they depend on each other.
func exported(ctx context.Context, c caller, names []string) ([]flowfile.Definition, error) {
	flows, err := exportedFlows(ctx, c, names)
	if err != nil {
		return nil, err
	}
	var only map[string]bool
	if len(names) > 0 {
		only = usedProfiles(flows)
	}
	profiles, err := exportedProfiles(ctx, c, only)
	if err != nil {
		return nil, err
	}
	if len(names) > 0 {
		only = usedConnectors(profiles)
	}
	connectors, err := exportedConnectors(ctx, c, only)
	return slices.Concat(connectors, profiles, flows), err
}

func exportedFlows(ctx context.Context, c caller, names []string) ([]flowfile.Definition, error) {
	if len(names) == 0 {
		flows, err := listedFlows(ctx, c)
		if err != nil {
			return nil, err
		}
		for _, f := range flows {
			names = append(names, f.FlowName)
		}
	}
	defs := make([]flowfile.Definition, 0, len(names))
	for _, name := range names {
		var m map[string]any
		if err := c.call(ctx, "DescribeFlow", map[string]any{"flowName": name}, &m); err != nil {
			return nil, fmt.Errorf("reading flow %s: %w", name, err)
		}
		d, _, err := describedFlow(m)
		if err != nil {
			return nil, err
		}
		defs = append(defs, d)
	}
	return defs, nil
}

// describedFlow makes a definition of what DescribeFlow answered, and tells the flow's status. A flow on demand is always
// active, and one that failed or is deprecated does not run, so only Active and Suspended are worth keeping.
func describedFlow(m map[string]any) (flowfile.Definition, string, error) {
	status, _ := m["flowStatus"].(string)
	delete(m, "flowStatus")
	if tags, ok := m["tags"].(map[string]any); ok && len(tags) == 0 {
		delete(m, "tags")
	}
	d, err := flowfile.Answer(m)
	if err == nil && triggerType(m) != "OnDemand" {
		switch status {
		case "Active":
			d.Status = "Active"
		case "Suspended", "Errored", "Deprecated":
			d.Status = "Suspended"
		}
	}
	return d, status, err
}

// usedProfiles are the profiles that flows name.
func usedProfiles(flows []flowfile.Definition) map[string]bool {
	used := map[string]bool{}
	for _, d := range flows {
		type end struct {
			Name string `json:"connectorProfileName"`
		}
		var m struct {
			Source       end   `json:"sourceFlowConfig"`
			Destinations []end `json:"destinationFlowConfigList"`
		}
		if json.Unmarshal(d.Request, &m) != nil {
			continue
		}
		for _, e := range append(m.Destinations, m.Source) {
			used[e.Name] = true
		}
	}
	return used
}

// usedConnectors are the labels that profiles name.
func usedConnectors(profiles []flowfile.Definition) map[string]bool {
	used := map[string]bool{}
	for _, d := range profiles {
		var m struct {
			Label string `json:"connectorLabel"`
		}
		if json.Unmarshal(d.Request, &m) == nil {
			used[m.Label] = true
		}
	}
	return used
}

// pages calls a listing operation until it has no more pages.
func pages(ctx context.Context, c caller, operation, member string, in map[string]any) ([]map[string]any, error) {
	var all []map[string]any
	for {
		var page map[string]json.RawMessage
		if err := c.call(ctx, operation, in, &page); err != nil {
			return nil, err
		}
		var items []map[string]any
		if raw, ok := page[member]; ok {
			if err := json.Unmarshal(raw, &items); err != nil {
				return nil, fmt.Errorf("reading the answer of %s: %w", operation, err)
			}
		}
		all = append(all, items...)
		var token *string
		if raw, ok := page["nextToken"]; ok {
			if err := json.Unmarshal(raw, &token); err != nil {
				return nil, fmt.Errorf("reading the answer of %s: %w", operation, err)
			}
		}
		if token == nil || *token == "" {
			return all, nil
		}
		in["nextToken"] = *token
	}
}

// exportedProfiles reads all profiles, or those of a set.
func exportedProfiles(ctx context.Context, c caller, only map[string]bool) ([]flowfile.Definition, error) {
	items, err := pages(ctx, c, "DescribeConnectorProfiles", "connectorProfileDetails", map[string]any{"maxResults": 100})
	if err != nil {
		return nil, fmt.Errorf("reading the connector profiles: %w", err)
	}
	var defs []flowfile.Definition
	for _, m := range items {
		d, err := flowfile.Answer(m)
		if err != nil {
			return nil, err
		}
		if only == nil || only[d.Name] {
			defs = append(defs, d)
		}
	}
	return defs, nil
}

// exportedConnectors reads all connector registrations, or those of a set.
func exportedConnectors(ctx context.Context, c caller, only map[string]bool) ([]flowfile.Definition, error) {
	items, err := pages(ctx, c, "ListConnectors", "connectors", map[string]any{"maxResults": 100})
	if err != nil {
		return nil, fmt.Errorf("reading the connectors: %w", err)
	}
	var defs []flowfile.Definition
	for _, m := range items {
		label, _ := m["connectorLabel"].(string)
		if label == "" || only != nil && !only[label] {
			continue
		}
		var answer struct {
			Config map[string]any `json:"connectorConfiguration"`
		}
		if err := c.call(ctx, "DescribeConnector", map[string]any{"connectorType": "CustomConnector", "connectorLabel": label}, &answer); err != nil {
			return nil, fmt.Errorf("reading connector %s: %w", label, err)
		}
		if answer.Config["connectorProvisioningConfig"] == nil { // comes with the server
			continue
		}
		d, err := flowfile.Answer(answer.Config)
		if err != nil {
			return nil, err
		}
		defs = append(defs, d)
	}
	return defs, nil
}
