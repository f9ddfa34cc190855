package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/server"
)

type executionRecord struct {
	ID        string `json:"executionId"`
	Status    string `json:"executionStatus"`
	StartedAt epoch  `json:"startedAt"`
	UpdatedAt epoch  `json:"lastUpdatedAt"`
	Result    struct {
		Records int64 `json:"recordsProcessed"`
		Read    int64 `json:"bytesProcessed"`
		Written int64 `json:"bytesWritten"`
		Error   *struct {
			Failures int64  `json:"putFailuresCount"`
			Message  string `json:"executionMessage"`
		} `json:"errorInfo,omitempty"`
	} `json:"executionResult"`
}

func executionsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "executions FLOW|ID",
		Short: "List a flow's runs, or show one with its ledger",
		Example: `  weir executions orders-to-lake
  weir executions 3d2b2f0a-5f0c-4c8e-9d70-8a0f2e2f5a11 --rejects`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			if isUUID(args[0]) {
				return showExecution(cmd, c, args[0])
			}
			return listExecutions(cmd, c, args[0])
		},
	}
	clientFlags(cmd)
	cmd.Flags().Int("limit", 20, "how many runs to list, the newest first (1 to 100)")
	cmd.Flags().Bool("rejects", false, "with an ID: show samples of records that did not make it, with reasons")
	cmd.Flags().Bool("outputs", false, "with an ID: show the files it made")
	return cmd
}

// isUUID tells an execution's id from a flow's name, which may have dashes too.
func isUUID(s string) bool { return len(s) == 36 && uuid.Validate(s) == nil }

func listExecutions(cmd *cobra.Command, c *client, name string) error {
	asJSON, err := wantsJSON(cmd)
	if err != nil {
		return err
	}
	limit, _ := cmd.Flags().GetInt("limit")
	var page struct {
		Executions []executionRecord `json:"flowExecutions"`
	}
	if err := c.call(cmd.Context(), "DescribeFlowExecutionRecords", map[string]any{"flowName": name, "maxResults": limit}, &page); err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), page.Executions)
	}
	if len(page.Executions) == 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "Flow %s has not run yet. Start it with `weir start %s --wait`.\n", name, name)
		return nil
	}
	rows := make([][]string, len(page.Executions))
	for i, x := range page.Executions {
		message := ""
		if x.Result.Error != nil {
			message = x.Result.Error.Message
		}
		rows[i] = []string{
			x.ID, x.Status, clock(x.StartedAt.time()), x.UpdatedAt.time().Sub(x.StartedAt.time()).Round(time.Millisecond).String(),
			count(x.Result.Records), size(x.Result.Read), size(x.Result.Written), message,
		}
	}
	table(cmd.OutOrStdout(), []string{"EXECUTION", "STATUS", "STARTED", "TOOK", "RECORDS", "READ", "WRITTEN", "MESSAGE"}, rows, 100)
	return nil
}

func showExecution(cmd *cobra.Command, c *client, id string) error {
	asJSON, err := wantsJSON(cmd)
	if err != nil {
		return err
	}
	if rejects, _ := cmd.Flags().GetBool("rejects"); rejects {
		return showRejects(cmd, c, id, asJSON)
	}
	if outputs, _ := cmd.Flags().GetBool("outputs"); outputs {
		return showOutputs(cmd, c, id, asJSON)
	}
	var v server.ExecutionView
	if err := c.get(cmd.Context(), "/weir/v1/executions/"+id, &v); err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), v)
	}
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "Execution %s of flow %s (version %d), started %s\n", v.ID, v.FlowName, v.FlowVersion, clock(v.StartedAt))
	printOutcome(w, v.Status, v.Totals, v.UpdatedAt.Sub(v.StartedAt))
	if v.Message != "" {
		fmt.Fprintf(w, "%s\n", v.Message)
	}
	rows := make([][]string, len(v.Splits))
	for i, s := range v.Splits {
		rows[i] = []string{fmt.Sprint(s.Index), string(s.State), count(s.Totals.Read), count(s.Totals.Written), fmt.Sprint(s.Attempts), s.Label, s.Message}
	}
	if len(rows) > 0 {
		fmt.Fprintln(w)
		table(w, []string{"SPLIT", "STATE", "READ", "WRITTEN", "RETRIES", "WHAT", "MESSAGE"}, rows, 60)
	}
	return nil
}

// printOutcome writes what a run has come to, with the closed ledger of a successful one.
func printOutcome(w io.Writer, status flow.ExecutionStatus, t flow.Totals, took time.Duration) {
	sum := fmt.Sprintf("%s read = %s filtered + %s rejected + %s written", count(t.Read), count(t.Filtered), count(t.Rejected), count(t.Written))
	if t.Deduplicated > 0 {
		sum += " + " + count(t.Deduplicated) + " recognised"
	}
	fmt.Fprintf(w, "%s %s %s: ", status, timeWord(status), took.Round(time.Millisecond))
	switch {
	case status == flow.ExecutionSuccessful && t.Closes():
		fmt.Fprintf(w, "%s read, %s written\nLedger closes: %s\n", size(t.BytesRead), size(t.BytesWritten), sum)
	case status == flow.ExecutionSuccessful:
		fmt.Fprintf(w, "%s read, %s written\nLEDGER DOES NOT CLOSE: %s\n", size(t.BytesRead), size(t.BytesWritten), sum)
	default:
		fmt.Fprintf(w, "read %s (%s), filtered %s, rejected %s, written %s\n", count(t.Read), size(t.BytesRead), count(t.Filtered), count(t.Rejected), count(t.Written))
	}
}

func timeWord(status flow.ExecutionStatus) string {
	switch status {
	case flow.ExecutionSuccessful:
		return "in"
	case flow.ExecutionInProgress, flow.ExecutionCancelStarted:
		return "for"
	}
	return "after"
}

func showRejects(cmd *cobra.Command, c *client, id string, asJSON bool) error {
	var page struct {
		Rejects []flow.Reject `json:"rejects"`
	}
	if err := c.get(cmd.Context(), "/weir/v1/executions/"+id+"/rejects", &page); err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), page.Rejects)
	}
	rows := make([][]string, len(page.Rejects))
	for i, r := range page.Rejects {
		rows[i] = []string{r.Object, count(r.Record), r.Task, r.Reason}
	}
	table(cmd.OutOrStdout(), []string{"OBJECT", "RECORD", "TASK", "REASON"}, rows, 80)
	return nil
}

// output is a receipt as the extension shows it.
type output struct {
	Split int `json:"split"`
	Data  struct {
		Name  string `json:"name"`
		Rows  int64  `json:"rows"`
		Bytes int64  `json:"bytes"`
		Hash  string `json:"hash"`
	} `json:"data"`
}

func showOutputs(cmd *cobra.Command, c *client, id string, asJSON bool) error {
	list, err := outputsOf(cmd, c, id)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), list)
	}
	rows := make([][]string, len(list))
	for i, o := range list {
		rows[i] = []string{o.Data.Name, count(o.Data.Rows), size(o.Data.Bytes)}
	}
	table(cmd.OutOrStdout(), []string{"NAME", "RECORDS", "SIZE"}, rows, 160)
	return nil
}

func outputsOf(cmd *cobra.Command, c *client, id string) ([]output, error) {
	var page struct {
		Outputs []output `json:"outputs"`
	}
	err := c.get(cmd.Context(), "/weir/v1/executions/"+id+"/outputs", &page)
	return page.Outputs, err
}
