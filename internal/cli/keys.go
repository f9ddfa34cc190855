package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir.dev/weir/internal/access/policy"
	"weir.dev/weir/internal/server"
)

const keysPath = "/weir/v1/keys"

func keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "List, create, rotate and revoke access keys, and say what they may do",
		Args:  cobra.NoArgs,
		RunE:  listKeys,
	}
	clientFlags(cmd)
	for _, sub := range []*cobra.Command{
		createKeyCommand(), rotateKeyCommand(), keyPolicyCommand(),
		changeKeyCommand("disable", "Switch a key off", http.MethodPost, "/disable", "Disabled"),
		changeKeyCommand("enable", "Switch a key on again", http.MethodPost, "/enable", "Enabled"),
		changeKeyCommand("delete", "Remove a key for good", http.MethodDelete, "", "Deleted"),
	} {
		clientFlags(sub)
		cmd.AddCommand(sub)
	}
	cmd.AddCommand(rotateMasterCommand())
	return cmd
}

func createKeyCommand() *cobra.Command {
	var name, policyFlag string
	cmd := &cobra.Command{
		Use:   "create [NAME]",
		Short: "Make a key for somebody or something; its secret is shown this once",
		Example: `  weir keys create ci --policy operator
  weir keys create --name reports --policy policy.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				name = args[0]
			}
			if name == "" {
				return usage("say whom the key is for: weir keys create NAME")
			}
			document, err := readPolicy(policyFlag)
			if err != nil {
				return err
			}
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			body, err := json.Marshal(map[string]any{"name": name, "policy": document})
			if err != nil {
				return err
			}
			var key server.KeyView
			if err := c.send(cmd.Context(), http.MethodPost, keysPath, body, &key); err != nil {
				return err
			}
			return showSecret(cmd, key)
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "whom or what the key stands for")
	cmd.Flags().StringVar(&policyFlag, "policy", "", policyHelp()+" (default: it may do everything)")
	return cmd
}

func policyHelp() string {
	return "file of an IAM policy, or one of " + strings.Join(policy.Names(), ", ")
}

// readPolicy reads what --policy names: a predefined policy, or a file. Mistakes are told with their place in the file; the
// server checks again. Nothing named is no policy.
func readPolicy(from string) (json.RawMessage, error) {
	if from == "" {
		return nil, nil
	}
	if slices.Contains(policy.Names(), from) {
		return json.Marshal(from)
	}
	document, err := os.ReadFile(from)
	if errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(from, "./") {
		return nil, usage("%q is neither a file nor a predefined policy; those are %s", from, strings.Join(policy.Names(), ", "))
	}
	if err != nil {
		return nil, usage("reading the policy: %w", err)
	}
	if _, err := policy.Parse(document); err != nil {
		return nil, usage("reading the policy %s: %w", from, err)
	}
	return document, nil
}

func showSecret(cmd *cobra.Command, key server.KeyView) error {
	return answer(cmd, key, "export AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=%s", key.ID, key.Secret)
}

func rotateKeyCommand() *cobra.Command {
	var overlap time.Duration
	cmd := &cobra.Command{
		Use:   "rotate ID",
		Short: "Make a key in another's place, with its name and policy; the old one works for the overlap",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			body, err := json.Marshal(map[string]string{"overlap": overlap.String()})
			if err != nil {
				return err
			}
			var key server.KeyView
			if err := c.send(cmd.Context(), http.MethodPost, keyPath(args[0])+"/rotate", body, &key); err != nil {
				return err
			}
			return showSecret(cmd, key)
		},
	}
	cmd.Flags().DurationVar(&overlap, "overlap", 24*time.Hour, "how long the old key goes on working; 0s ends it now")
	return cmd
}

func keyPolicyCommand() *cobra.Command {
	var from string
	var everything bool
	cmd := &cobra.Command{
		Use:   "policy ID",
		Short: "Show what a key may do, or change it",
		Example: `  weir keys policy WEIR…
  weir keys policy WEIR… --set policy.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			if from == "" && !everything {
				return showPolicy(cmd, c, args[0])
			}
			document := json.RawMessage("null")
			if from != "" {
				if document, err = readPolicy(from); err != nil {
					return err
				}
			}
			if err := c.send(cmd.Context(), http.MethodPut, keyPath(args[0])+"/policy", document, nil); err != nil {
				return err
			}
			return answer(cmd, map[string]any{"id": args[0]}, "Changed the policy of key %s.", args[0])
		},
	}
	cmd.Flags().StringVar(&from, "set", "", policyHelp())
	cmd.Flags().BoolVar(&everything, "allow-everything", false, "take the policy away")
	cmd.MarkFlagsMutuallyExclusive("set", "allow-everything")
	return cmd
}

func showPolicy(cmd *cobra.Command, c *client, id string) error {
	var key server.KeyView
	if err := c.get(cmd.Context(), keyPath(id), &key); err != nil {
		return err
	}
	asJSON, err := wantsJSON(cmd)
	if err != nil || asJSON {
		return errors.Join(err, writeJSON(cmd.OutOrStdout(), key.Policy))
	}
	if key.Policy == nil {
		_, err = fmt.Fprintln(cmd.OutOrStdout(), "Key", id, "has no policy: it may do everything.")
		return err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, key.Policy, "", "  "); err != nil {
		return fmt.Errorf("reading the policy of key %s: %w", id, err)
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), pretty.String())
	return err
}

func keyPath(id string) string { return keysPath + "/" + url.PathEscape(id) }

func changeKeyCommand(use, short, method, suffix, done string) *cobra.Command {
	return &cobra.Command{
		Use: use + " ID", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			if err := c.send(cmd.Context(), method, keyPath(args[0])+suffix, nil, nil); err != nil {
				return err
			}
			return answer(cmd, map[string]any{"id": args[0]}, "%s key %s.", done, args[0])
		},
	}
}

func listKeys(cmd *cobra.Command, _ []string) error {
	c, err := newClient(cmd)
	if err != nil {
		return err
	}
	asJSON, err := wantsJSON(cmd)
	if err != nil {
		return err
	}
	var page struct {
		Keys []server.KeyView `json:"keys"`
	}
	if err := c.get(cmd.Context(), keysPath, &page); err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), page.Keys)
	}
	rows := make([][]string, len(page.Keys))
	for i, k := range page.Keys {
		rows[i] = []string{k.ID, k.Name, keyState(k, time.Now()), clock(time.Unix(k.CreatedAt, 0)), policyName(k.Policy)}
	}
	table(cmd.OutOrStdout(), []string{"KEY", "NAME", "STATE", "CREATED", "POLICY"}, rows, 64)
	return nil
}

func keyState(k server.KeyView, now time.Time) string {
	switch {
	case k.Disabled:
		return "disabled"
	case k.ExpiresAt == 0:
		return "active"
	case now.Before(time.Unix(k.ExpiresAt, 0)):
		return "active until " + clock(time.Unix(k.ExpiresAt, 0))
	}
	return "expired"
}

// policyName is a policy in a word.
func policyName(document json.RawMessage) string {
	var name string
	switch {
	case document == nil:
		return "everything"
	case json.Unmarshal(document, &name) == nil:
		return name
	}
	return "custom"
}
