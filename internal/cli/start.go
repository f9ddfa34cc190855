package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/server"
)

func startCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "start NAME",
		Short: "Run an on-demand flow, or activate a scheduled one",
		Example: "  weir start orders-to-lake --wait\n" +
			"  weir start orders-to-lake --incremental\n" +
			"  weir start orders-to-lake --from 2026-11-01 --to 2026-11-08",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			asJSON, err := wantsJSON(cmd)
			if err != nil {
				return err
			}
			var out struct {
				ExecutionID string `json:"executionId,omitempty"`
				FlowStatus  string `json:"flowStatus"`
			}
			window, err := runWindow(cmd)
			switch {
			case err != nil:
				return err
			case window != nil:
				err = c.send(cmd.Context(), http.MethodPost, "/weir/v1/flows/"+url.PathEscape(args[0])+"/runs", window, &out)
			default:
				err = c.call(cmd.Context(), "StartFlow", map[string]any{"flowName": args[0], "clientToken": uuid.NewString()}, &out)
			}
			if err != nil {
				return err
			}
			wait, _ := cmd.Flags().GetBool("wait")
			strict, _ := cmd.Flags().GetBool("strict")
			if wait && out.ExecutionID != "" {
				v, err := follow(cmd.Context(), cmd, c, out.ExecutionID)
				if err != nil {
					return err
				}
				return conclude(cmd, v, asJSON, strict)
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), out)
			}
			if out.ExecutionID == "" {
				fmt.Fprintf(cmd.OutOrStdout(), "Flow %s is %s.\n", args[0], out.FlowStatus)
				return nil
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Started execution %s. Follow it with `weir logs -f %s`.\n", out.ExecutionID, args[0])
			return nil
		},
	}
	clientFlags(cmd)
	cmd.Flags().Bool("incremental", false, "run now, over what changed since the last incremental run")
	cmd.Flags().String("from", "", "with --to: run now over changes in this span of time; moves no position")
	cmd.Flags().String("to", "", "end of the span, not included")
	cmd.Flags().Bool("wait", false, "follow the run to its end and answer with its outcome")
	cmd.Flags().Bool("strict", false, "with --wait: exit code 3 when records were rejected")
	return cmd
}

// pollEvery is how often a running execution is looked at.
const pollEvery = 100 * time.Millisecond

// follow draws a run's progress until it ends.
func follow(ctx context.Context, cmd *cobra.Command, c *client, id string) (*server.ExecutionView, error) {
	bar := newProgress(cmd.ErrOrStderr())
	for {
		var v server.ExecutionView
		if err := c.get(ctx, "/weir/v1/executions/"+id, &v); err != nil {
			bar.breakOff()
			return nil, err
		}
		if v.Status.Done() {
			bar.finish(v.Totals)
			return &v, nil
		}
		bar.show(v.Totals, bytesTotal(&v))
		if err := pause(ctx); err != nil {
			bar.breakOff()
			return nil, err
		}
	}
}

// bytesTotal is the estimate of the source data: what the engine says, else what the splits add up to.
func bytesTotal(v *server.ExecutionView) int64 {
	if v.Live != nil && v.Live.BytesTotal > 0 {
		return v.Live.BytesTotal
	}
	var n int64
	for _, s := range v.Splits {
		n += s.Bytes
	}
	return n
}

// conclude prints a finished run and picks the exit code.
func conclude(cmd *cobra.Command, v *server.ExecutionView, asJSON, strict bool) error {
	if asJSON {
		if err := writeJSON(cmd.OutOrStdout(), v); err != nil {
			return err
		}
	} else {
		printOutcome(cmd.OutOrStdout(), v.Status, v.Totals, v.UpdatedAt.Sub(v.StartedAt))
	}
	switch {
	case v.Status == flow.ExecutionError:
		return &exitError{code: exitFailed, err: fmt.Errorf("the run failed: %s", v.Message)}
	case v.Status == flow.ExecutionCanceled:
		return &exitError{code: exitFailed, err: fmt.Errorf("the run was canceled")}
	case strict && v.Totals.Rejected > 0:
		return &exitError{code: exitPartly, err: fmt.Errorf("%s rejected; see `weir executions %s --rejects`", records(v.Totals.Rejected), v.ID)}
	}
	return nil
}

func stopCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "stop NAME",
		Short: "Cancel an on-demand flow's runs, or deactivate a scheduled flow",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			var f flowSummary
			if err := c.call(cmd.Context(), "DescribeFlow", map[string]any{"flowName": args[0]}, &f); err != nil {
				return err
			}
			if f.TriggerConfig["triggerType"] != string(flow.TriggerOnDemand) {
				var out struct {
					FlowStatus string `json:"flowStatus"`
				}
				if err := c.call(cmd.Context(), "StopFlow", map[string]any{"flowName": args[0]}, &out); err != nil {
					return err
				}
				return answer(cmd, out, "Flow %s is %s.", args[0], out.FlowStatus)
			}
			if err := c.call(cmd.Context(), "CancelFlowExecutions", map[string]any{"flowName": args[0]}, nil); err != nil {
				return err
			}
			return answer(cmd, map[string]any{"flowStatus": f.FlowStatus}, "Canceling what runs of flow %s.", args[0])
		},
	}
	clientFlags(cmd)
	return cmd
}
