package cli

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"weir.dev/weir/internal/server"
)

func keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "List, create and revoke access keys",
		Args:  cobra.NoArgs,
		RunE:  listKeys,
	}
	clientFlags(cmd)
	create := &cobra.Command{
		Use: "create NAME", Short: "Make a key for somebody or something; its secret is shown this once", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			body, err := json.Marshal(map[string]string{"name": args[0]})
			if err != nil {
				return err
			}
			var key server.KeyView
			if err := c.send(cmd.Context(), http.MethodPost, "/weir/v1/keys", body, &key); err != nil {
				return err
			}
			return answer(cmd, key, "export AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=%s", key.ID, key.Secret)
		},
	}
	change := func(use, short, method, suffix, done string) *cobra.Command {
		return &cobra.Command{
			Use: use + " ID", Short: short, Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				c, err := newClient(cmd)
				if err != nil {
					return err
				}
				if err := c.send(cmd.Context(), method, "/weir/v1/keys/"+url.PathEscape(args[0])+suffix, nil, nil); err != nil {
					return err
				}
				return answer(cmd, map[string]any{"id": args[0]}, "%s key %s.", done, args[0])
			},
		}
	}
	for _, sub := range []*cobra.Command{
		create,
		change("disable", "Switch a key off", http.MethodPost, "/disable", "Disabled"),
		change("enable", "Switch a key on again", http.MethodPost, "/enable", "Enabled"),
		change("delete", "Remove a key for good", http.MethodDelete, "", "Deleted"),
	} {
		clientFlags(sub)
		cmd.AddCommand(sub)
	}
	return cmd
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
	if err := c.get(cmd.Context(), "/weir/v1/keys", &page); err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), page.Keys)
	}
	rows := make([][]string, len(page.Keys))
	for i, k := range page.Keys {
		state := "active"
		if k.Disabled {
			state = "disabled"
		}
		rows[i] = []string{k.ID, k.Name, state, clock(time.Unix(k.CreatedAt, 0))}
	}
	table(cmd.OutOrStdout(), []string{"KEY", "NAME", "STATE", "CREATED"}, rows, 64)
	return nil
}
