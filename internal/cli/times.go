package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"weir.dev/weir/internal/server"
)

func scheduleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "schedule NAME",
		Short:   "Show when a scheduled flow runs next, and which times passed without a run",
		Example: "  weir schedule orders-hourly",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			asJSON, err := wantsJSON(cmd)
			if err != nil {
				return err
			}
			var v server.ScheduleView
			if err := c.get(cmd.Context(), "/weir/v1/flows/"+url.PathEscape(args[0])+"/schedule", &v); err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), v)
			}
			printSchedule(cmd.OutOrStdout(), &v)
			return nil
		},
	}
	clientFlags(cmd)
	return cmd
}

func printSchedule(w io.Writer, v *server.ScheduleView) {
	state := "not active; start it with `weir start " + v.FlowName + "`"
	if v.IsActive {
		state = "active"
	}
	fmt.Fprintf(w, "%s  %s\n", v.Expression, state)
	if v.Last != nil {
		fmt.Fprintf(w, "last   %s\n", showTime(*v.Last))
	}
	for i, at := range v.Upcoming {
		label := "then"
		if i == 0 {
			label = "next"
		}
		fmt.Fprintf(w, "%s   %s\n", label, showTime(at))
	}
	if v.IsActive && len(v.Upcoming) == 0 {
		fmt.Fprintln(w, "next   never: the schedule is over")
	}
	for _, p := range v.Passed {
		fmt.Fprintf(w, "passed %s  ×%d  %s\n", showTime(p.At), p.Count, p.Reason)
	}
}

func positionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "position NAME",
		Short: "Show or set how far a flow's incremental runs have come",
		Example: "  weir position orders-hourly\n" +
			"  weir position orders-hourly --set 2026-11-01T00:00:00Z\n" +
			"  weir position orders-hourly --undo",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := positionChange(cmd)
			if err != nil {
				return err
			}
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			asJSON, err := wantsJSON(cmd)
			if err != nil {
				return err
			}
			method := http.MethodGet
			if body != nil {
				method = http.MethodPut
			}
			var v server.PositionView
			if err := c.send(cmd.Context(), method, "/weir/v1/flows/"+url.PathEscape(args[0])+"/position", body, &v); err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), v)
			}
			printPosition(cmd.OutOrStdout(), &v)
			return nil
		},
	}
	clientFlags(cmd)
	cmd.Flags().String("set", "", "take changes from this time on in the next incremental run, as 2026-11-01T00:00:00Z")
	cmd.Flags().Bool("clear", false, "let the next incremental run be the first again")
	cmd.Flags().Bool("undo", false, "take back the last --set or --clear")
	cmd.MarkFlagsMutuallyExclusive("set", "clear", "undo")
	return cmd
}

// positionChange is the body that asks for what the flags say; nil when they only ask to look.
func positionChange(cmd *cobra.Command) ([]byte, error) {
	set, _ := cmd.Flags().GetString("set")
	clearIt, _ := cmd.Flags().GetBool("clear")
	undo, _ := cmd.Flags().GetBool("undo")
	switch {
	case undo:
		return []byte(`{"undo":true}`), nil
	case clearIt:
		return []byte(`{"changedUntil":null}`), nil
	case set == "":
		return nil, nil
	}
	at, err := readTime("--set", set)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]float64{"changedUntil": at})
}

func printPosition(w io.Writer, v *server.PositionView) {
	if v.ChangedUntil == nil {
		fmt.Fprintf(w, "Flow %s has no position: the next incremental run is the first.\n", v.FlowName)
	} else {
		fmt.Fprintf(w, "Flow %s has all changes before %s.\n", v.FlowName, showTime(*v.ChangedUntil))
	}
	if v.EditedBy != "" {
		before := "none"
		if v.Previous != nil {
			before = showTime(*v.Previous)
		}
		fmt.Fprintf(w, "Set by %s; before that: %s.\n", v.EditedBy, before)
	}
}

// runWindow is the body of a run with a window of its own; nil when no flag asks for one.
func runWindow(cmd *cobra.Command) ([]byte, error) {
	incremental, _ := cmd.Flags().GetBool("incremental")
	from, _ := cmd.Flags().GetString("from")
	to, _ := cmd.Flags().GetString("to")
	switch {
	case incremental && from+to != "":
		return nil, usage("--incremental goes from the last position until now; it does not go with --from and --to")
	case incremental:
		return []byte(`{"pull":"Incremental"}`), nil
	case from+to == "":
		return nil, nil
	case from == "" || to == "":
		return nil, usage("--from and --to go together")
	}
	begin, err := readTime("--from", from)
	if err != nil {
		return nil, err
	}
	end, err := readTime("--to", to)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]float64{"from": begin, "to": end})
}

// readTime reads a moment or a day, in UTC unless it says otherwise, as seconds since 1970.
func readTime(flag, text string) (float64, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return float64(at.UnixMilli()) / 1000, nil
		}
	}
	return 0, usage("reading %s: %q is no time; write 2026-11-01 or 2026-11-01T00:00:00Z", flag, text)
}

func showTime(seconds float64) string {
	return time.UnixMilli(int64(seconds * 1000)).UTC().Format("2006-01-02 15:04:05Z")
}
