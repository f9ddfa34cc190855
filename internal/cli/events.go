package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"weir.dev/weir/connectors/webhook"
	"weir.dev/weir/internal/app"
	"weir.dev/weir/internal/server"
)

func eventsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Send events to an event flow, or drop those that wait",
		Long: `Send events to a flow with trigger Event, or drop the events that wait to be moved. How a flow's subscription goes shows
weir listeners. See docs/events.md.`,
	}
	cmd.AddCommand(eventsSendCommand(), eventsDiscardCommand())
	return cmd
}

func eventsSendCommand() *cobra.Command {
	var secretFile, id string
	cmd := &cobra.Command{
		Use:   "send FLOW FILE|-",
		Short: "Send events to a flow: JSON objects from a file or the standard input",
		Long: `Send events to a flow: one JSON object, an array of objects, or objects line by line, from a file or the standard input.
They go out signed with your access key, or with the secret in --secret-file as any other sender's. The command returns
when the server has them safe. A part that the server has no room for is sent again, under the same name, so that
nothing arrives twice.`,
		Example: `  weir events send signups signups.ndjson
  echo '{"id": 1}' | weir events send signups - --secret-file secret.txt`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := newSender(cmd, args[0], secretFile, id)
			if err != nil {
				return err
			}
			in, err := openInput(cmd, args[1])
			if err != nil {
				return err
			}
			defer in.Close()
			if err := s.sendAll(cmd.Context(), in); err != nil {
				return err
			}
			return answer(cmd, s.sum, "Sent %s: %s taken in, %s known from before, %s not about the flow.",
				plural(int64(s.events), "event"), count(int64(s.sum.Accepted)), count(int64(s.sum.Repeated)), count(int64(s.sum.Ignored)))
		},
	}
	clientFlags(cmd)
	cmd.Flags().StringVar(&secretFile, "secret-file", "", "file with the secret of the flow's profile, to sign as Standard Webhooks do")
	cmd.Flags().StringVar(&id, "id", "", "name of what is sent, by which a repetition is recognised (default: a random one)")
	return cmd
}

func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return count(n) + " " + what + "s"
}

func openInput(cmd *cobra.Command, name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(cmd.InOrStdin()), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, usage("reading events: %w", err)
	}
	return f, nil
}

// sender posts events, in parts of a size that every server takes.
type sender struct {
	client *client
	flow   string
	secret []byte // nil signs with the access key
	id     string
	part   int
	events int
	sum    server.Received
}

// partBytes is half of what a server takes at once by default.
const partBytes = 512 << 10

func newSender(cmd *cobra.Command, flowName, secretFile, id string) (*sender, error) {
	s := &sender{flow: flowName, id: id}
	if id == "" {
		s.id = uuid.NewString()
	}
	var err error
	if secretFile == "" {
		s.client, err = newClient(cmd)
		return s, err
	}
	raw, err := os.ReadFile(secretFile)
	if err != nil {
		return nil, usage("reading --secret-file: %w", err)
	}
	if s.secret, err = webhook.ParseSecret(strings.TrimSpace(string(raw))); err != nil {
		return nil, usage("reading --secret-file: %w", err)
	}
	endpoint, _ := cmd.Flags().GetString("endpoint-url")
	region, _ := cmd.Flags().GetString("region")
	s.client = keyedClient(endpoint, region)
	return s, nil
}

// sendAll reads objects and posts them.
func (s *sender) sendAll(ctx context.Context, in io.Reader) error {
	buffered := bufio.NewReader(in)
	dec := json.NewDecoder(buffered)
	isArray, err := beginsArray(buffered)
	if err != nil {
		return usage("reading events: %w", err)
	}
	if isArray {
		if _, err := dec.Token(); err != nil {
			return usage("reading events: %w", err)
		}
	}
	var body bytes.Buffer
	for dec.More() {
		var event json.RawMessage
		if err := dec.Decode(&event); err != nil {
			return usage("reading event %d: %w", s.events+1, err)
		}
		if body.Len() > 0 && body.Len()+len(event) > partBytes {
			if err := s.post(ctx, body.Bytes()); err != nil {
				return err
			}
			body.Reset()
		}
		if err := json.Compact(&body, event); err != nil {
			return usage("reading event %d: %w", s.events+1, err)
		}
		body.WriteByte('\n')
		s.events++
	}
	if _, err := dec.Token(); err != nil && !errors.Is(err, io.EOF) {
		return usage("reading events: %w", err)
	}
	if body.Len() == 0 {
		return nil
	}
	return s.post(ctx, body.Bytes())
}

// beginsArray looks at the first character that is no space.
func beginsArray(in *bufio.Reader) (bool, error) {
	for {
		c, err := in.ReadByte()
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if strings.ContainsRune(" \t\r\n", rune(c)) {
			continue
		}
		return c == '[', in.UnreadByte()
	}
}

const (
	sendTries = 8
	firstWait = time.Second
)

// post sends one part until the server has it, or will never take it.
func (s *sender) post(ctx context.Context, body []byte) error {
	s.part++
	id := s.id
	if s.part > 1 {
		id += "/" + strconv.Itoa(s.part)
	}
	for try := 1; ; try++ {
		wait, err := s.try(ctx, id, body)
		if err == nil || wait == 0 || try == sendTries {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// try sends one part once. The wait is how long to wait before the next try; 0 when none would help.
func (s *sender) try(ctx context.Context, id string, body []byte) (time.Duration, error) {
	req, err := s.request(ctx, id, body)
	if err != nil {
		return 0, err
	}
	res, err := s.client.http.Do(req)
	if err != nil {
		return 0, s.client.unreachable(ctx, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	switch {
	case err != nil:
		return firstWait, fmt.Errorf("reading the answer: %w", err) // what was sent may have been taken in
	case res.StatusCode == http.StatusTooManyRequests, res.StatusCode == http.StatusServiceUnavailable:
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		return max(firstWait, time.Duration(seconds)*time.Second), refusal(res, text)
	case res.StatusCode != http.StatusOK:
		return 0, refusal(res, text)
	}
	var got server.Received
	if err := json.Unmarshal(text, &got); err != nil {
		return 0, fmt.Errorf("reading the answer: %w", err)
	}
	s.sum.Accepted += got.Accepted
	s.sum.Repeated += got.Repeated
	s.sum.Ignored += got.Ignored
	return 0, nil
}

func (s *sender) request(ctx context.Context, id string, body []byte) (*http.Request, error) {
	path := "/weir/v1/flows/" + url.PathEscape(s.flow) + "/events"
	if s.secret == nil {
		req, err := s.client.signed(ctx, http.MethodPost, path, body)
		if err == nil {
			req.Header.Set(webhook.HeaderID, id)
		}
		return req, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.client.endpoint+path, bytes.NewReader(body))
	if err != nil {
		return nil, usage("reading --endpoint-url: %w", err)
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "weir/"+app.Version)
	req.Header.Set(webhook.HeaderID, id)
	req.Header.Set(webhook.HeaderTimestamp, at)
	req.Header.Set(webhook.HeaderSignature, webhook.Sign(s.secret, id, at, body))
	return req, nil
}

func eventsDiscardCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "discard FLOW",
		Short: "Drop the events of a flow that wait to be moved; they are lost",
		Long: `Drop the events that wait in a flow's inbox. They are lost: it is for events that no delivery will ever take. Stop the flow
first, so that nothing is being moved.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			if sure, _ := cmd.Flags().GetBool("yes"); !sure {
				return usage("the events are lost for good; say that you mean it with --yes")
			}
			var out struct {
				Discarded int64 `json:"discarded"`
			}
			if err := c.send(cmd.Context(), http.MethodDelete, "/weir/v1/flows/"+url.PathEscape(args[0])+"/events", nil, &out); err != nil {
				return err
			}
			return answer(cmd, out, "Dropped %s of flow %s.", plural(out.Discarded, "event"), args[0])
		},
	}
	clientFlags(cmd)
	cmd.Flags().Bool("yes", false, "the events may be lost")
	return cmd
}

func listenersCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "listeners [FLOW]",
		Short: "Show how event flows listen, and what waits to be moved",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return showListener(cmd, c, args[0])
			}
			return listListeners(cmd, c)
		},
	}
	clientFlags(cmd)
	return cmd
}

func listListeners(cmd *cobra.Command, c *client) error {
	asJSON, err := wantsJSON(cmd)
	if err != nil {
		return err
	}
	var page struct {
		Listeners []server.ListenerView `json:"listeners"`
	}
	if err := c.get(cmd.Context(), "/weir/v1/listeners", &page); err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), page.Listeners)
	}
	if len(page.Listeners) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "No flow listens to events. Start one with `weir start FLOW`; see docs/events.md.")
		return nil
	}
	rows := make([][]string, len(page.Listeners))
	for i, l := range page.Listeners {
		rows[i] = []string{
			l.FlowName, string(l.FlowStatus), string(l.State), moment(l.Since), moment(l.LastAt), count(l.WaitingEvents), size(l.WaitingBytes),
			count(l.Counts.Received), count(l.Counts.Delivered), trouble(&l),
		}
	}
	table(cmd.OutOrStdout(), []string{"FLOW", "STATUS", "STATE", "SINCE", "LAST EVENT", "WAITING", "SIZE", "RECEIVED", "DELIVERED", "MESSAGE"}, rows, 80)
	return nil
}

// moment is a time that may be missing.
func moment(seconds *float64) string {
	if seconds == nil {
		return "-"
	}
	return showTime(*seconds)
}

// trouble is the most urgent of what there is to say of a listener.
func trouble(l *server.ListenerView) string {
	switch {
	case l.Message != "":
		return l.Message
	case l.Notice != "":
		return l.Notice
	case l.Gap != "":
		return "events may be missing: " + l.Gap
	}
	return ""
}

func showListener(cmd *cobra.Command, c *client, flowName string) error {
	asJSON, err := wantsJSON(cmd)
	if err != nil {
		return err
	}
	var l server.ListenerView
	if err := c.get(cmd.Context(), "/weir/v1/flows/"+url.PathEscape(flowName)+"/events", &l); err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), l)
	}
	w := cmd.OutOrStdout()
	line := func(label, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-12s %s\n", label, value)
		}
	}
	line("Flow", fmt.Sprintf("%s (%s)", l.FlowName, l.FlowStatus))
	line("State", fmt.Sprintf("%s since %s", l.State, moment(l.Since)))
	line("Last event", moment(l.LastAt))
	line("Waiting", fmt.Sprintf("%s (%s), the oldest since %s", plural(l.WaitingEvents, "event"), size(l.WaitingBytes), moment(l.WaitingSince)))
	line("Received", fmt.Sprintf("%s (%s); %s known from before, %s not about the flow", count(l.Counts.Received), size(l.Counts.Bytes), count(l.Counts.Repeated), count(l.Counts.Ignored)))
	line("Delivered", count(l.Counts.Delivered))
	if l.Counts.Discarded > 0 {
		line("Discarded", count(l.Counts.Discarded))
	}
	if l.FailedDeliveries > 0 {
		held := ""
		if l.IsHeld {
			held = "; they wait until the flow is started again"
		} else if l.RetryAt != nil {
			held = "; the next at " + moment(l.RetryAt)
		}
		line("Failures", fmt.Sprintf("%d deliveries in a row%s", l.FailedDeliveries, held))
	}
	line("Message", l.Message)
	line("To do", l.Notice)
	if l.Gap != "" {
		line("Gap", fmt.Sprintf("%s (%s)", l.Gap, moment(l.GapAt)))
	}
	return nil
}
