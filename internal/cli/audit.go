package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir.dev/weir/internal/server"
	"weir.dev/weir/internal/store"
)

// auditLook is what `weir audit` is asked for.
type auditLook struct {
	since, until, flow, key, operation, resource string
	errorsOnly, follow                           bool
	limit                                        int
}

func auditCommand() *cobra.Command {
	var look auditLook
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Show who changed what: the newest calls, or all since a time",
		Example: `  weir audit
  weir audit --since 24h --flow orders --errors
  weir audit --since 2026-01-01T00:00:00Z --output cloudtrail-json > records.json
  weir audit --follow --output jsonl`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			return look.show(cmd, c)
		},
	}
	clientFlags(cmd)
	f := cmd.Flags()
	f.Lookup("output").Usage = "table, json, jsonl or cloudtrail-json (CloudTrail's file form)"
	f.StringVar(&look.since, "since", "", "from then on: a time as 2026-01-31T00:00:00Z, or how long ago, as 24h")
	f.StringVar(&look.until, "until", "", "before then")
	f.StringVar(&look.flow, "flow", "", "only calls about this flow")
	f.StringVar(&look.resource, "resource", "", "only calls about this ARN, or the name it ends with")
	f.StringVar(&look.key, "key", "", "only calls with this key: its id or its name")
	f.StringVar(&look.operation, "operation", "", "only this operation, as UpdateFlow")
	f.BoolVar(&look.errorsOnly, "errors", false, "only calls that were refused")
	f.IntVar(&look.limit, "limit", 100, "how many without --since")
	f.BoolVarP(&look.follow, "follow", "f", false, "go on with what comes")
	return cmd
}

func (l *auditLook) show(cmd *cobra.Command, c *client) error {
	query, err := l.query(time.Now())
	if err != nil {
		return err
	}
	output, _ := cmd.Flags().GetString("output")
	w := cmd.OutOrStdout()
	switch output {
	case "cloudtrail-json":
		if l.follow {
			return usage("--follow has no end to close CloudTrail's list; use --output jsonl")
		}
		query.Set("format", "cloudtrail")
	case "table", "", "json", "jsonl":
	default:
		return usage("--output must be table, json, jsonl or cloudtrail-json, not %q", output)
	}
	found, err := l.collect(cmd.Context(), c, query)
	if err != nil {
		return err
	}
	switch {
	case output == "cloudtrail-json":
		return writeJSON(w, map[string]any{"Records": nonNil(found.Records)})
	case output == "json" && !l.follow:
		return writeJSON(w, nonNil(found.Events))
	}
	write := printEvents
	if output == "jsonl" || output == "json" {
		write = printEventLines
	}
	if err := write(w, found.Events); err != nil || !l.follow {
		return err
	}
	return l.goOn(cmd.Context(), c, query, found.Events, func(events []*store.AuditEvent) error { return write(w, events) })
}

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// query is the search as the server takes it.
func (l *auditLook) query(now time.Time) (url.Values, error) {
	q := url.Values{}
	for name, text := range map[string]string{"flow": l.flow, "key": l.key, "operation": l.operation, "resource": l.resource} {
		if text != "" {
			q.Set(name, text)
		}
	}
	if l.errorsOnly {
		q.Set("errors", "true")
	}
	for name, text := range map[string]string{"since": l.since, "until": l.until} {
		if text == "" {
			continue
		}
		if ago, err := time.ParseDuration(text); err == nil {
			text = now.Add(-ago).UTC().Format(time.RFC3339)
		} else if _, err := time.Parse(time.RFC3339, text); err != nil {
			return nil, usage("--%s must be a time as 2026-01-31T00:00:00Z, or how long ago, as 24h", name)
		}
		q.Set(name, text)
	}
	return q, nil
}

// collect reads everything since a time in order, or the newest events; the oldest comes first either way.
func (l *auditLook) collect(ctx context.Context, c *client, query url.Values) (all server.AuditView, err error) {
	isNewest := l.since == ""
	position, left := "after", -1
	if isNewest {
		query.Set("order", "newest")
		position, left = "before", l.limit
	}
	defer query.Del("order")
	defer query.Del(position)
	for left != 0 {
		query.Set("limit", strconv.Itoa(pageOf(left)))
		var page server.AuditView
		if err := c.get(ctx, "/weir/v1/audit?"+query.Encode(), &page); err != nil {
			return all, err
		}
		all.Events, all.Records = append(all.Events, page.Events...), append(all.Records, page.Records...)
		if left > 0 {
			left -= len(page.Events) + len(page.Records)
		}
		if page.Next == 0 {
			break
		}
		query.Set(position, strconv.FormatInt(page.Next, 10))
	}
	if isNewest {
		slices.Reverse(all.Events)
		slices.Reverse(all.Records)
	}
	return all, nil
}

// pageOf is how many events to ask for when so many are left to show; a negative number means all.
func pageOf(left int) int {
	const most = 1000
	if left < 0 {
		return most
	}
	return min(left, most)
}

// followAgain is how far back each look of --follow begins: in a fleet two events of the same moment may become visible in
// either order, and the later one must not hide the other.
const followAgain = 100

// goOn shows new events as they come.
func (l *auditLook) goOn(ctx context.Context, c *client, query url.Values, shown []*store.AuditEvent, show func([]*store.AuditEvent) error) error {
	seen, last := map[int64]bool{}, int64(0)
	for _, e := range shown {
		seen[e.ID], last = true, max(last, e.ID)
	}
	first := last // what was there before is shown, or was not asked for
	query.Set("limit", "1000")
	if last == 0 {
		query.Set("since", time.Now().UTC().Format(time.RFC3339))
	} else {
		query.Del("since")
	}
	for {
		if err := pauseFor(ctx, time.Second); err != nil {
			return err
		}
		if last > 0 {
			query.Set("after", strconv.FormatInt(max(first, last-followAgain), 10))
		}
		var page server.AuditView
		if err := c.get(ctx, "/weir/v1/audit?"+query.Encode(), &page); err != nil {
			return err
		}
		fresh := slices.DeleteFunc(page.Events, func(e *store.AuditEvent) bool { return seen[e.ID] })
		for _, e := range fresh {
			seen[e.ID], last = true, max(last, e.ID)
		}
		for id := range seen {
			if id < last-followAgain {
				delete(seen, id)
			}
		}
		if err := show(fresh); err != nil {
			return err
		}
	}
}

func pauseFor(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func printEventLines(w io.Writer, events []*store.AuditEvent) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, e := range events {
		if err := enc.Encode(e); err != nil {
			return err
		}
	}
	return nil
}

// printEvents shows events in lines of fixed columns, so that those that come later line up.
func printEvents(w io.Writer, events []*store.AuditEvent) error {
	for _, e := range events {
		_, who, _ := strings.Cut(e.Principal, ":user/")
		outcome := "ok"
		if e.ErrorCode != "" {
			outcome = e.ErrorCode + ": " + e.Message
		}
		_, err := fmt.Fprintf(w, "%s  %-24s  %-16s  %-32s  %s\n", clock(e.At), e.Operation, shorten(who, 16), shorten(shortResource(e.Resource), 32), shorten(outcome, 100))
		if err != nil {
			return err
		}
	}
	return nil
}

// shortResource is an ARN's last part.
func shortResource(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[5]
	}
	return arn
}
