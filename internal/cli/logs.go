package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"weir.dev/weir/internal/server"
	"weir.dev/weir/internal/store"
)

func logsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "logs FLOW|ID",
		Short: "Tell what happened in a run; -f follows it to its end",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			id := args[0]
			if !isUUID(id) {
				if id, err = newestExecution(cmd.Context(), c, id); err != nil {
					return err
				}
			}
			followIt, _ := cmd.Flags().GetBool("follow")
			return tell(cmd, c, id, followIt)
		},
	}
	clientFlags(cmd)
	cmd.Flags().BoolP("follow", "f", false, "go on until the run ends")
	return cmd
}

func newestExecution(ctx context.Context, c *client, name string) (string, error) {
	var page struct {
		Executions []executionRecord `json:"flowExecutions"`
	}
	if err := c.call(ctx, "DescribeFlowExecutionRecords", map[string]any{"flowName": name, "maxResults": 1}, &page); err != nil {
		return "", err
	}
	if len(page.Executions) == 0 {
		return "", fmt.Errorf("flow %s has not run yet; start it with `weir start %s --wait`", name, name)
	}
	return page.Executions[0].ID, nil
}

// teller prints what is new in a run since it was last looked at.
type teller struct {
	cmd    *cobra.Command
	at     time.Time // of what is being told
	seen   bool
	splits map[int]server.SplitView
	waits  string
}

func tell(cmd *cobra.Command, c *client, id string, followIt bool) error {
	asJSON, err := wantsJSON(cmd)
	if err != nil {
		return err
	}
	t := &teller{cmd: cmd, splits: map[int]server.SplitView{}}
	for {
		var v server.ExecutionView
		if err := c.get(cmd.Context(), "/weir/v1/executions/"+id, &v); err != nil {
			return err
		}
		if asJSON {
			if v.Status.Done() || !followIt {
				return writeJSON(cmd.OutOrStdout(), v)
			}
			if err := pause(cmd.Context()); err != nil {
				return err
			}
			continue
		}
		t.look(&v)
		if v.Status.Done() {
			printOutcome(cmd.OutOrStdout(), v.Status, v.Totals, v.UpdatedAt.Sub(v.StartedAt))
			if v.Message != "" {
				fmt.Fprintln(cmd.OutOrStdout(), v.Message)
			}
			if v.Totals.Rejected > 0 {
				fmt.Fprintf(cmd.OutOrStdout(), "See why records were rejected: weir executions %s --rejects\n", v.ID)
			}
			return nil
		}
		if !followIt {
			printOutcome(cmd.OutOrStdout(), v.Status, v.Totals, time.Since(v.StartedAt))
			return nil
		}
		if err := pause(cmd.Context()); err != nil {
			return err
		}
	}
}

// pause waits until it is time to look again.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pollEvery):
		return nil
	}
}

func (t *teller) say(format string, args ...any) {
	fmt.Fprintf(t.cmd.OutOrStdout(), "%s  "+format+"\n", append([]any{t.at.Local().Format("15:04:05.000")}, args...)...)
}

func (t *teller) look(v *server.ExecutionView) {
	t.at = time.Now()
	if v.Status.Done() {
		t.at = v.UpdatedAt
	}
	if !t.seen {
		t.seen = true
		fmt.Fprintf(t.cmd.OutOrStdout(), "%s  execution %s of flow %s (version %d) started\n", v.StartedAt.Local().Format("15:04:05.000"), v.ID, v.FlowName, v.FlowVersion)
	}
	for _, s := range v.Splits {
		before, known := t.splits[s.Index]
		if known && before == s {
			continue
		}
		t.splits[s.Index] = s
		switch {
		case s.State == store.SplitDone:
			t.say("split %d done: read %s, written %s  (%s)", s.Index, count(s.Totals.Read), count(s.Totals.Written), s.Label)
		case s.Message != "" && s.Message != before.Message:
			t.say("split %d: attempt %d ended: %s", s.Index, s.Attempts, s.Message)
		case !known:
			t.say("split %d planned: %s  (%s)", s.Index, size(s.Bytes), s.Label)
		case s.Totals.Read > before.Totals.Read:
			t.say("split %d checkpoint: read %s", s.Index, count(s.Totals.Read))
		}
	}
	if v.Live != nil && v.Live.Waits != t.waits {
		if t.waits = v.Live.Waits; t.waits != "" {
			t.say("waits: %s", t.waits)
		}
	}
}
