package cli

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"github.com/spf13/cobra"
)

// flowSummary is a flow as ListFlows and DescribeFlow show it.
type flowSummary struct {
	FlowName        string            `json:"flowName"`
	Description     string            `json:"description,omitempty"`
	FlowStatus      string            `json:"flowStatus"`
	StatusMessage   string            `json:"flowStatusMessage,omitempty"`
	Source          string            `json:"sourceConnectorType,omitempty"`
	Destination     string            `json:"destinationConnectorType,omitempty"`
	Trigger         string            `json:"triggerType,omitempty"`
	Tags            map[string]string `json:"tags,omitempty"`
	LastRun         *lastRun          `json:"lastRunExecutionDetails,omitempty"`
	LastUpdatedAt   epoch             `json:"lastUpdatedAt"`
	TriggerConfig   map[string]any    `json:"triggerConfig,omitempty"`
	SourceConfig    map[string]any    `json:"sourceFlowConfig,omitempty"`
	DestinationList []map[string]any  `json:"destinationFlowConfigList,omitempty"`
	Tasks           []map[string]any  `json:"tasks,omitempty"`
}

type lastRun struct {
	Status  string `json:"mostRecentExecutionStatus"`
	Time    epoch  `json:"mostRecentExecutionTime"`
	Message string `json:"mostRecentExecutionMessage"`
}

func flowsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "flows [NAME]",
		Short:   "List flows, or show one",
		Example: "  weir flows\n  weir flows orders-to-lake --output json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return showFlow(cmd, c, args[0])
			}
			return listFlows(cmd, c)
		},
	}
	clientFlags(cmd)
	return cmd
}

func listFlows(cmd *cobra.Command, c *client) error {
	asJSON, err := wantsJSON(cmd)
	if err != nil {
		return err
	}
	flows, err := allFlows(cmd.Context(), c)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), flows)
	}
	if len(flows) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "No flows. Create one with `weir apply -f FILE`, or see `weir demo`.")
		return nil
	}
	rows := make([][]string, len(flows))
	for i, f := range flows {
		run, when := "-", "-"
		if f.LastRun != nil {
			run, when = f.LastRun.Status, clock(f.LastRun.Time.time())
		}
		rows[i] = []string{f.FlowName, f.FlowStatus, f.Trigger, f.Source + " → " + f.Destination, run, when}
	}
	table(cmd.OutOrStdout(), []string{"NAME", "STATUS", "TRIGGER", "ROUTE", "LAST RUN", "AT"}, rows, 60)
	return nil
}

func allFlows(ctx context.Context, c *client) ([]flowSummary, error) { return listedFlows(ctx, c) }

// listedFlows are all pages of ListFlows.
func listedFlows(ctx context.Context, c caller) ([]flowSummary, error) {
	flows := []flowSummary{}
	in := map[string]any{"maxResults": 100}
	for {
		var page struct {
			Flows     []flowSummary `json:"flows"`
			NextToken *string       `json:"nextToken"`
		}
		if err := c.call(ctx, "ListFlows", in, &page); err != nil {
			return nil, err
		}
		flows = append(flows, page.Flows...)
		if page.NextToken == nil {
			return flows, nil
		}
		in["nextToken"] = *page.NextToken
	}
}

func showFlow(cmd *cobra.Command, c *client, name string) error {
	asJSON, err := wantsJSON(cmd)
	if err != nil {
		return err
	}
	if asJSON {
		var whole map[string]any
		if err := c.call(cmd.Context(), "DescribeFlow", map[string]any{"flowName": name}, &whole); err != nil {
			return err
		}
		return writeJSON(cmd.OutOrStdout(), whole)
	}
	var f flowSummary
	if err := c.call(cmd.Context(), "DescribeFlow", map[string]any{"flowName": name}, &f); err != nil {
		return err
	}
	w := cmd.OutOrStdout()
	line := func(label, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-13s %s\n", label, value)
		}
	}
	line("Flow", f.FlowName)
	line("Description", f.Description)
	line("Status", strings.TrimSpace(f.FlowStatus+"  "+f.StatusMessage))
	line("Trigger", fmt.Sprint(f.TriggerConfig["triggerType"]))
	line("Source", fmt.Sprint(f.SourceConfig["connectorType"]))
	for _, d := range f.DestinationList {
		line("Destination", fmt.Sprint(d["connectorType"]))
	}
	if f.LastRun != nil {
		line("Last run", strings.TrimSpace(f.LastRun.Status+" at "+clock(f.LastRun.Time.time())+"  "+f.LastRun.Message))
	}
	line("Tags", tagLine(f.Tags))
	for i, t := range f.Tasks {
		label := ""
		if i == 0 {
			label = "Tasks"
		}
		fmt.Fprintf(w, "%-13s %s\n", label, taskLine(t))
	}
	return nil
}

func tagLine(tags map[string]string) string {
	parts := make([]string, 0, len(tags))
	for k, v := range tags {
		parts = append(parts, k+"="+v)
	}
	sort.Strings(parts)
	return strings.Join(parts, " ")
}

// taskLine writes a task as people speak of it: Filter EQUAL_TO country, Map id → key.
func taskLine(t map[string]any) string {
	s := fmt.Sprint(t["taskType"])
	if ops, ok := t["connectorOperator"].(map[string]any); ok {
		for _, op := range ops {
			if op != "NO_OP" {
				s += " " + fmt.Sprint(op)
			}
		}
	}
	if fields, ok := t["sourceFields"].([]any); ok {
		for _, f := range fields {
			s += " " + fmt.Sprint(f)
		}
	}
	if d, ok := t["destinationField"]; ok {
		s += " → " + fmt.Sprint(d)
	}
	return s
}

func deleteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete a flow with its history; data at the destination stays",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			force, _ := cmd.Flags().GetBool("force")
			if err := c.call(cmd.Context(), "DeleteFlow", map[string]any{"flowName": args[0], "forceDelete": force}, nil); err != nil {
				return err
			}
			return answer(cmd, map[string]any{"flowName": args[0]}, "Deleted flow %s.", args[0])
		},
	}
	clientFlags(cmd)
	cmd.Flags().Bool("force", false, "delete even while it runs: running executions are canceled first")
	return cmd
}
